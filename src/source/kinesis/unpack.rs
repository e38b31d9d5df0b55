//! [`Unpacker`]: the records of an answer, those in aggregates one by one.

use std::sync::Arc;
use std::vec;

use super::client::Raw;
use super::shards::HashRange;
use super::stats::Meter;
use crate::codec::kpl::{Aggregate, is_aggregate};
use crate::record::Packer;
use crate::source::Start;
use crate::{Layout, Origin, Partition, Position, Record, RecordParts};

/// Which records of aggregates are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    All,
    /// Aggregates of which all records belong into this range.
    Whole(HashRange),
    /// Records that belong into this range.
    Each(HashRange),
}

/// Takes aggregates apart, with no more than one of them in parts at a time.
///
/// The position of a record in an aggregate is the sequence number of the whole and the index in it, so reading can be
/// resumed in the middle; what was dropped has an index too.
#[derive(Debug)]
pub(super) struct Unpacker {
    plain: Arc<Origin>,
    corrupt: Arc<Origin>,
    meter: Meter,
    /// What lies before this has been asked for by nobody; the beginning once something has come that does not.
    ///
    /// Kinesis gives nothing of it but the records of an aggregate before the one to go on with. Other servers start
    /// further back when nothing has arrived since the instant asked for. Arrival times are not quite in order, so
    /// this is asked until the first record that is not early, and then no more.
    from: Start,
    /// What lies up to this has been given before; unset once something has come that does not. Whoever goes on after a
    /// pause may be given it again.
    before: Option<Position>,
    keep: Keep,
    raws: vec::IntoIter<Raw>,
    open: Option<Open>,
}

/// An aggregate of which records are left.
#[derive(Debug)]
struct Open {
    whole: Raw,
    aggregate: Aggregate,
    next: usize,
}

impl Unpacker {
    pub(super) fn new(partition: &Partition, from: Start, meter: Meter) -> Self {
        let origin = |layout| Arc::new(Origin { partition: partition.clone(), layout });
        Self {
            plain: origin(Layout::Json),
            corrupt: origin(Layout::Aggregate),
            meter,
            from,
            before: None,
            keep: Keep::All,
            raws: Vec::new().into_iter(),
            open: None,
        }
    }

    /// The records of the next answer, as far as they are behind `before`. Those of the last must have been taken.
    pub(super) fn put(&mut self, raws: Vec<Raw>, keep: Keep, before: Option<Position>) {
        self.keep = keep;
        self.before = before;
        self.raws = raws.into_iter();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.raws.as_slice().is_empty()
    }

    /// Up to `limit` records; fewer only if no more are left.
    pub(super) fn take(&mut self, limit: usize) -> Vec<Record> {
        let mut records = Packer::new(&self.plain, limit.min(self.raws.len()));
        let mut subs = 0;
        while records.len() < limit {
            if let Some(open) = &mut self.open {
                match open.next(self.keep, &self.meter) {
                    Some(sub) => {
                        subs += 1;
                        records.push(sub);
                    }
                    None => {
                        // Whoever keeps a record keeps its aggregate, and is not to keep others.
                        records.close();
                        self.open = None;
                    }
                }
                continue;
            }
            let Some(raw) = self.raws.next() else { break };
            match self.first_wanted(&raw) {
                Some(first) if is_aggregate(&raw.data) => self.open(raw, first, &mut records),
                Some(_) => records.push(raw),
                None => {}
            }
        }
        let records = records.finish();
        self.meter.given(records.len() as u64, subs);
        records
    }

    /// The index of the first record in `raw` that was asked for, if any can be.
    fn first_wanted(&mut self, raw: &Raw) -> Option<u64> {
        if self.before.as_ref().is_some_and(|before| raw.position <= *before) {
            return None;
        }
        self.before = None;
        let first = match &self.from {
            Start::Beginning => return Some(0),
            Start::At(time) if raw.arrived < *time => return None,
            Start::At(_) => 0,
            Start::After(position) if raw.position > *position => 0,
            Start::After(position) => {
                let same = raw.position == position.clone().with_minor(0) && is_aggregate(&raw.data);
                return if same { position.minor().checked_add(1) } else { None };
            }
        };
        self.from = Start::Beginning;
        Some(first)
    }

    /// Opens an aggregate, or drops it. One that cannot be taken apart is a record.
    fn open(&mut self, raw: Raw, first: u64, records: &mut Packer) {
        let aggregate = match Aggregate::parse(&raw.data) {
            Ok(Some(aggregate)) => aggregate,
            Ok(None) => return records.push(raw),
            // What came after it was not in parts either when it was read before.
            Err(_) if first > 0 => return,
            Err(problem) => {
                tracing::warn!(
                    partition = %self.plain.partition, position = %raw.position, %problem,
                    "an aggregate cannot be taken apart, and is given as it came"
                );
                self.meter.corrupt();
                let Raw { data, position, arrived, key } = raw;
                let origin = Arc::clone(&self.corrupt);
                return records.push_alone(RecordParts { data, origin, position, arrived, key }.into());
            }
        };
        let belongs = |range: HashRange| (0..aggregate.len()).all(|index| is_in(&aggregate, index, range));
        if let Keep::Whole(range) = self.keep
            && !belongs(range)
        {
            return self.meter.dropped(&raw.position, aggregate.len() as u64);
        }
        self.open = Some(Open { whole: raw, aggregate, next: usize::try_from(first).unwrap_or(usize::MAX) });
    }
}

impl Open {
    fn next(&mut self, keep: Keep, meter: &Meter) -> Option<Raw> {
        loop {
            let index = self.next;
            let sub = self.aggregate.get(index)?;
            self.next += 1;
            let position = self.whole.position.clone().with_minor(index as u64);
            if let Keep::Each(range) = keep
                && !is_in(&self.aggregate, index, range)
            {
                meter.dropped(&position, 1);
                continue;
            }
            return Some(Raw { data: sub.data, position, arrived: self.whole.arrived, key: sub.key });
        }
    }
}

fn is_in(aggregate: &Aggregate, index: usize, range: HashRange) -> bool {
    aggregate.hash(index).is_some_and(|hash| range.contains(hash))
}

/// Where a shard iterator begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Start(Start),
    /// Behind a record that was read to its end, the records in it included.
    Behind(Position),
    /// With what stands at this position or behind it. What a subscription ended with is such a one, and need be no
    /// record's.
    With(Position),
}

impl Cursor {
    /// Whether it is a position, and not a time or the beginning.
    pub(super) const fn is_position(&self) -> bool {
        matches!(self, Self::Start(Start::After(_)) | Self::Behind(_) | Self::With(_))
    }
}
