//! [`Stats`]: what a source has done, and how far behind it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::aws::retry::{Class, Trouble};
use crate::{Counter, Partition, Position};

/// What a [`KinesisSource`](super::KinesisSource) has done so far, over all its shards, to be read meanwhile. Clones
/// share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Records given, those out of aggregates one by one.
    pub records: Counter,
    /// Bytes of the records in answers, aggregates as they came.
    pub bytes: Counter,
    /// `GetRecords` calls that were answered.
    pub answers: Counter,
    /// Calls that the service had no room for: throttled, or answered with a 5xx. They were made again.
    pub busy: Counter,
    /// Calls that failed otherwise and may have been made again: no answer, no credentials.
    pub failed: Counter,
    /// Shard iterators that had expired and were made anew.
    pub renewed: Counter,
    /// Records that came in aggregates.
    pub sub_records: Counter,
    /// Records in aggregates that were dropped, because they, or others in their aggregate, do not belong to the shard:
    /// see [`Aggregates`](super::Aggregates). Those that are read again count again.
    pub dropped: Counter,
    /// Aggregates that could not be taken apart, and were given as they came.
    pub corrupt: Counter,
    lag: Arc<Mutex<BTreeMap<Partition, Duration>>>,
}

impl Stats {
    /// How far behind its tip each shard is that is being read, as its last answer said (`MillisBehindLatest`). A shard
    /// that has not answered yet, or is read no more, is not in it.
    pub fn lag(&self) -> BTreeMap<Partition, Duration> {
        self.lag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_lag(&self, partition: &Partition, lag: Option<Duration>) {
        let mut all = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        match lag {
            Some(lag) => drop(all.insert(partition.clone(), lag)),
            None => drop(all.remove(partition)),
        }
    }

    pub(super) fn note(&self, trouble: &Trouble) {
        match trouble.class {
            Class::Busy => self.busy.add(1),
            Class::Stale => self.renewed.add(1),
            Class::Unreachable | Class::Unsigned | Class::Fatal => self.failed.add(1),
        }
    }

    pub(super) fn drop(&self, partition: &Partition, position: &Position, records: u64) {
        if self.dropped.get() == 0 {
            tracing::warn!(
                %partition, %position, records,
                "records in an aggregate do not belong to its shard and are dropped; more of that is only counted"
            );
        }
        self.dropped.add(records);
    }
}
