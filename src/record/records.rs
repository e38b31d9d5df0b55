//! [`Records`]: the records of a batch, which are made as they are taken.

use std::sync::Arc;
use std::vec;

use chrono::{DateTime, Utc};

use super::{Line, Lines, Position, Record};

/// Records of one partition, in order: an iterator that gives each of them once.
///
/// A source makes it of a `Vec`, or collects into it. The lines of a file become records only when they are taken, so that they do
/// not go through memory on their way from the source to the first operator.
///
/// ```
/// # use anabranch::{Layout, Origin, Partition, Position, Record, RecordParts, Records};
/// # let origin = std::sync::Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json });
/// # let record = |n| Record::from(RecordParts {
/// #     data: "{}".into(), origin: origin.clone(), position: Position::new(n, 0),
/// #     arrived: Default::default(), key: Default::default(),
/// # });
/// let mut records = Records::from(vec![record(1), record(2), record(3)]);
/// assert_eq!(records.next().unwrap().position(), Position::new(1, 0));
/// assert_eq!(records.len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "iterators do nothing unless consumed"]
pub struct Records(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// With the positions of those that are in the run, and how many were left when it began.
    Made { records: vec::IntoIter<Record>, run: Vec<Position>, left: usize },
    /// Of one block.
    Lines { lines: Arc<Lines>, places: Vec<Line>, given: usize },
}

/// What some of the records have in common, and count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) records: usize,
    pub(crate) bytes: u64,
    pub(crate) last_arrival: Option<DateTime<Utc>>,
}

impl Records {
    pub(crate) const fn of_lines(lines: Arc<Lines>, places: Vec<Line>) -> Self {
        Self(Kind::Lines { lines, places, given: 0 })
    }

    /// Whether all have been taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first and the last of those that are left arrived.
    pub(crate) fn arrivals(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match &self.0 {
            Kind::Made { records, .. } => {
                let records = records.as_slice();
                Some((records.first()?.arrived(), records.last()?.arrived()))
            }
            Kind::Lines { lines, .. } => (!self.is_empty()).then_some((lines.arrived, lines.arrived)),
        }
    }

    /// Looks at what is next: so many records at most, up to the one with which they have so many bytes.
    pub(crate) fn begin_run(&mut self, most: usize, bytes: u64) -> Run {
        let mut next = Run { records: 0, bytes: 0, last_arrival: None };
        match &mut self.0 {
            Kind::Made { records, run, left } => {
                run.clear();
                *left = records.len();
                for record in records.as_slice().iter().take(most) {
                    next.bytes += record.data().len() as u64;
                    next.last_arrival = next.last_arrival.max(Some(record.arrived()));
                    run.push(record.position());
                    if next.bytes >= bytes {
                        break;
                    }
                }
                next.records = run.len();
            }
            Kind::Lines { lines, places, given } => {
                next.last_arrival = Some(lines.arrived);
                for line in places[*given..].iter().take(most) {
                    next.bytes += u64::from(line.len);
                    next.records += 1;
                    if next.bytes >= bytes {
                        break;
                    }
                }
            }
        }
        next
    }

    /// The position of the record of the run that was taken last.
    pub(crate) fn last_of_run(&self) -> Option<Position> {
        match &self.0 {
            Kind::Made { records, run, left } => run.get((left - records.len()).checked_sub(1)?).cloned(),
            Kind::Lines { lines, places, given } => Some(lines.position(*places.get(given.checked_sub(1)?)?)),
        }
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self::Made { records: Vec::new().into_iter(), run: Vec::new(), left: 0 }
    }
}

impl From<Vec<Record>> for Records {
    fn from(records: Vec<Record>) -> Self {
        Self(Kind::Made { left: records.len(), records: records.into_iter(), run: Vec::new() })
    }
}

impl FromIterator<Record> for Records {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        Vec::from_iter(records).into()
    }
}

impl Iterator for Records {
    type Item = Record;

    #[inline]
    fn next(&mut self) -> Option<Record> {
        match &mut self.0 {
            Kind::Made { records, .. } => records.next(),
            Kind::Lines { lines, places, given } => {
                let line = *places.get(*given)?;
                *given += 1;
                Some(Record::of_line(lines, line))
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Kind::Made { records, .. } => records.len(),
            Kind::Lines { places, given, .. } => places.len() - given,
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Records {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{Layout, Origin, Partition};

    /// Lines of these lengths, with a line feed behind each.
    fn lines(lengths: &[u8]) -> Records {
        let bytes: usize = lengths.iter().map(|len| usize::from(*len) + 1).sum();
        let lines = Arc::new(Lines {
            text: Bytes::from(vec![b'x'; bytes]),
            origin: Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json }),
            arrived: DateTime::UNIX_EPOCH,
            offset: 100,
            first: 7,
            unquoted: true,
        });
        let mut start = 0;
        let line = |(below, len): (u32, &u8)| {
            let line = Line { start, len: u32::from(*len), below };
            start += line.len + 1;
            line
        };
        Records::of_lines(lines, (0..).zip(lengths).map(line).collect())
    }

    proptest! {
        #[test]
        fn lines_are_what_the_records_made_of_them_are(
            lengths in prop::collection::vec(0_u8..9, 0..40),
            runs in prop::collection::vec((1_usize..12, 1_u64..40, 0_usize..14), 0..12),
        ) {
            let mut lines = lines(&lengths);
            let mut made = lines.clone().collect::<Records>();
            for (most, bytes, taken) in runs {
                prop_assert_eq!(lines.len(), made.len());
                prop_assert_eq!(lines.arrivals(), made.arrivals());
                if lines.is_empty() {
                    break;
                }
                let run = lines.begin_run(most, bytes);
                prop_assert_eq!(run, made.begin_run(most, bytes));
                prop_assert!((1..=most.min(lines.len())).contains(&run.records));
                let mut last = None;
                for _ in 0..taken.min(run.records) {
                    let (line, record) = (lines.next().unwrap(), made.next().unwrap());
                    prop_assert_eq!((line.position(), line.data()), (record.position(), record.data()));
                    last = Some(line.position());
                }
                if last.is_some() {
                    prop_assert_eq!(lines.last_of_run(), last.clone());
                    prop_assert_eq!(made.last_of_run(), last);
                }
            }
        }
    }

    #[test]
    fn a_run_ends_with_the_record_that_fills_it() {
        let run = |most, bytes| lines(&[3, 4, 5]).begin_run(most, bytes);
        let of = |records, bytes| Run { records, bytes, last_arrival: Some(DateTime::UNIX_EPOCH) };
        assert_eq!([run(2, 100), run(9, 100), run(9, 3), run(9, 4)], [of(2, 7), of(3, 12), of(1, 3), of(2, 7)]);
        let nothing = Records::default().begin_run(9, 100);
        assert_eq!(nothing, Run { records: 0, bytes: 0, last_arrival: None });
    }
}
