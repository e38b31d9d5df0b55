//! [`Horizon`]: whether a source may have dropped records before they were read. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::header::Gap;
use crate::source::Batch;
use crate::{Error, ErrorKind, Partition};

/// What a pipeline does when records may be lost, because its source had them no more when they were to be read.
///
/// A source such as a Kinesis stream keeps records for a while, and says nothing of those that it has dropped. So there is
/// a gap when reading goes on later than that after the last time of which everything is known: the last arrival that was
/// read, or the last time that nothing more was there. A partition in which nothing arrives has no gap while it is read,
/// nor behind a stop that was short of it: see [`heartbeat`](super::Pipeline::heartbeat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtGaps {
    /// Goes on with the oldest record that there is. The gap stands in the [header](super::Header::gap) of the next epoch,
    /// in the report and the metrics, and is logged as an error.
    #[default]
    GoOn,
    /// Commits what was read before it, and stops with an error that says from when to when.
    Stop,
}

impl AtGaps {
    /// Says that there is a gap, in the log or as an error.
    pub(super) fn meet(self, partition: &Partition, gap: &Gap) -> Result<(), Error> {
        match self {
            Self::GoOn => {
                tracing::error!(
                    %partition, after = ?gap.after, until = %gap.until,
                    "records may be lost: the source had them no more when they were to be read"
                );
                Ok(())
            }
            Self::Stop => {
                let after = gap.after.map_or_else(|| "its beginning".to_owned(), |after| after.to_string());
                Err(Error::new(
                    ErrorKind::NotFound,
                    "records may be lost: the source had them no more when they were to be read",
                )
                .at(format!("{partition}, what arrived from {after} to {}", gap.until))
                .cure(
                    "to go on with the oldest record that there is, and with the gap written down, do not stop at gaps; to \
                     have more time another time, lengthen the source's retention",
                ))
            }
        }
    }
}

/// Knows until when nothing of a partition is lost, and compares that with how long its source keeps records.
#[derive(Debug)]
pub(super) struct Horizon {
    /// Everything that arrived until then was read; unset before anything is known.
    seen: Option<DateTime<Utc>>,
}

impl Horizon {
    pub(super) const fn new(seen: Option<DateTime<Utc>>) -> Self {
        Self { seen }
    }

    /// What may be lost between what was read before and this batch.
    pub(super) fn look(&mut self, batch: &Batch) -> Option<Gap> {
        let retention = batch.retention?;
        let (first, last) = batch.records.arrivals().unzip();
        let horizon = retention.horizon();
        let gap = self.seen.and_then(|after| {
            // A source may keep records a little longer than it says.
            let until = first.map_or(horizon, |first| first.min(horizon));
            (until > after).then_some(Gap { after: Some(after), until })
        });
        let behind = batch.behind.and_then(|behind| TimeDelta::from_std(behind).ok());
        let reached = behind.and_then(|behind| retention.now.checked_sub_signed(behind));
        let until = gap.as_ref().map(|gap| gap.until);
        self.seen = self.seen.max(reached).max(last).max(until);
        gap
    }
}

/// One span of time for two.
pub(super) fn both(earlier: Option<Gap>, later: Gap) -> Gap {
    Gap { after: earlier.map_or(later.after, |earlier| earlier.after), until: later.until }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::source::Retention;
    use crate::{Layout, Origin, Position, Record, RecordParts};

    fn at(hour: f64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds((hour * 3600.0) as i64)
    }

    /// A batch that was given at an hour, from a source that keeps records for a day.
    fn batch(now: f64, behind: Option<f64>, arrived: &[f64]) -> Batch {
        let origin = Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json });
        let record = |hour: &f64| RecordParts {
            data: "".into(),
            origin: Arc::clone(&origin),
            position: Position::new(1, 0),
            arrived: at(*hour),
            key: "".into(),
        };
        Batch {
            records: arrived.iter().map(record).map(Record::from).collect(),
            behind: behind.map(|hours| Duration::from_secs_f64(hours * 3600.0)),
            closed: false,
            retention: Some(Retention { now: at(now), period: Duration::from_secs(24 * 3600) }),
        }
    }

    /// The gaps in these batches, when everything until `seen` is known to be read.
    fn gaps(seen: Option<f64>, batches: &[Batch]) -> Vec<(f64, f64)> {
        let mut horizon = Horizon::new(seen.map(at));
        let hours = |time: DateTime<Utc>| time.timestamp() as f64 / 3600.0;
        let gaps = batches.iter().filter_map(|batch| horizon.look(batch));
        gaps.map(|gap| (hours(gap.after.unwrap()), hours(gap.until))).collect()
    }

    #[test]
    fn an_idle_partition_that_is_read_has_no_gap_however_long_it_is_idle() {
        let idle: Vec<Batch> = (100..200).map(|hour| batch(f64::from(hour), Some(0.0), &[])).collect();
        assert_eq!(gaps(Some(99.0), &idle), []);
        assert_eq!(gaps(None, &idle), []);
    }

    #[test]
    fn who_comes_back_within_the_retention_has_missed_nothing() {
        assert_eq!(gaps(Some(100.0), &[batch(124.0, Some(23.0), &[101.0, 102.0])]), []);
        assert_eq!(gaps(Some(100.0), &[batch(124.0, Some(0.0), &[])]), []);
    }

    #[test]
    fn who_comes_back_later_may_have_missed_what_is_older_than_the_horizon() {
        assert_eq!(gaps(Some(100.0), &[batch(130.0, Some(23.0), &[107.0])]), [(100.0, 106.0)]);
        assert_eq!(gaps(Some(100.0), &[batch(130.0, Some(0.0), &[])]), [(100.0, 106.0)]);
        // A server that drops late.
        assert_eq!(gaps(Some(100.0), &[batch(130.0, Some(23.0), &[103.0])]), [(100.0, 103.0)]);
        assert_eq!(gaps(Some(100.0), &[batch(130.0, Some(23.0), &[99.9])]), []);
    }

    #[test]
    fn a_gap_is_told_once() {
        let batches = [batch(130.0, Some(0.0), &[]), batch(130.1, Some(0.0), &[]), batch(150.0, Some(0.0), &[])];
        assert_eq!(gaps(Some(100.0), &batches), [(100.0, 106.0)]);
    }

    #[test]
    fn a_lag_at_or_beyond_the_retention_without_records_is_no_knowledge() {
        let batches = [batch(100.0, Some(0.0), &[]), batch(120.0, Some(30.0), &[]), batch(125.0, Some(24.0), &[])];
        assert_eq!(gaps(None, &batches), [(100.0, 101.0)]);
    }

    #[test]
    fn records_that_are_trimmed_under_the_reader_are_a_gap() {
        let batches = [
            batch(100.0, Some(20.0), &[80.0]),
            batch(102.0, Some(21.0), &[81.0]),
            // It took five hours to be read.
            batch(107.0, Some(23.0), &[84.0]),
            batch(107.5, Some(20.0), &[87.0]),
        ];
        assert_eq!(gaps(None, &batches), [(81.0, 83.0)]);
    }

    #[test]
    fn a_retention_that_is_shortened_counts_at_once() {
        let mut short = batch(110.0, Some(0.0), &[]);
        short.retention = short.retention.map(|it| Retention { period: Duration::from_secs(3600), ..it });
        assert_eq!(gaps(None, &[batch(100.0, Some(0.0), &[]), short]), [(100.0, 109.0)]);
    }

    #[test]
    fn a_source_that_keeps_everything_has_no_gaps() {
        let mut batch = batch(1000.0, Some(0.0), &[]);
        batch.retention = None;
        assert_eq!(gaps(Some(1.0), &[batch]), []);
    }

    #[test]
    fn two_gaps_are_one_span() {
        let gap = |after, until| Gap { after: Some(at(after)), until: at(until) };
        assert_eq!(both(Some(gap(1.0, 2.0)), gap(5.0, 6.0)), gap(1.0, 6.0));
        assert_eq!(both(None, gap(5.0, 6.0)), gap(5.0, 6.0));
    }
}
