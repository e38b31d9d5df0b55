//! [`Stats`]: what a source has done, and how far behind it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::Label;

use crate::aws::retry::{Class, Trouble};
use crate::metrics::{Metric, kinesis, label};
use crate::{Counter, Partition, Position};

/// What a [`KinesisSource`](super::KinesisSource) has done so far, over all its shards, to be read meanwhile. Clones
/// share the numbers. A recorder of [`metrics`](crate::metrics) sees the same ones.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Records given, those out of aggregates one by one.
    pub records: Counter,
    /// Bytes of the records in answers, aggregates as they came.
    pub bytes: Counter,
    /// `GetRecords` calls that were answered.
    pub answers: Counter,
    /// Events of subscriptions, if there is a [consumer](super::KinesisSourceBuilder::consumer).
    pub events: Counter,
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
    /// Subscriptions to shards that were begun, if there is a consumer.
    pub subscribed: Counter,
    /// Subscriptions that were given up because nothing came.
    pub stalled: Counter,
    /// How often a shard was polled for a while because it could not be subscribed to.
    pub fell_back: Counter,
    lag: Arc<Mutex<BTreeMap<Partition, Duration>>>,
}

impl Stats {
    /// How far behind its tip each shard is that is being read, as its last answer said (`MillisBehindLatest`). A shard
    /// that has not answered yet, or is read no more, is not in it.
    pub fn lag(&self) -> BTreeMap<Partition, Duration> {
        self.lag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_lag(&self, partition: &Partition, lag: Option<Duration>) {
        let mut all = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        match lag {
            Some(lag) => drop(all.insert(partition.clone(), lag)),
            None => drop(all.remove(partition)),
        }
    }
}

/// Counts what happens to one shard, for [`Stats`] and for the recorder of metrics.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    stats: Stats,
    partition: Partition,
    stream: [Label; 1],
    shard: [Label; 2],
}

impl Meter {
    pub(super) fn new(stats: &Stats, stream: &str, shard: &str, partition: &Partition) -> Self {
        let name = label("stream", stream);
        Self {
            stats: stats.clone(),
            partition: partition.clone(),
            stream: [name.clone()],
            shard: [name, label("shard", shard)],
        }
    }

    /// Something came of the shard, by polling or, as an event, by a subscription.
    pub(super) fn answered(&self, event: bool, bytes: u64, behind: Option<Duration>, now: DateTime<Utc>) {
        if event {
            self.add(&self.stats.events, &kinesis::EVENTS, 1);
        } else {
            self.add(&self.stats.answers, &kinesis::ANSWERS, 1);
        }
        self.stats.bytes.add(bytes);
        kinesis::BYTES.add(&self.shard, bytes);
        kinesis::ANSWERED.set(&self.shard, now.timestamp_millis() as f64 / 1e3);
        self.stats.set_lag(&self.partition, behind);
        if let Some(behind) = behind {
            kinesis::LAG.set(&self.shard, behind.as_secs_f64());
        }
    }

    /// The shard was read to its end.
    pub(super) fn ended(&self) {
        kinesis::LAG.set(&self.shard, 0.0);
        self.gone();
    }

    /// The shard is read no more.
    pub(super) fn gone(&self) {
        self.stats.set_lag(&self.partition, None);
    }

    pub(super) fn given(&self, records: u64, sub_records: u64) {
        self.stats.records.add(records);
        kinesis::RECORDS.add(&self.shard, records);
        self.add(&self.stats.sub_records, &kinesis::SUB_RECORDS, sub_records);
    }

    pub(super) fn dropped(&self, position: &Position, records: u64) {
        if self.stats.dropped.get() == 0 {
            tracing::warn!(
                partition = %self.partition, %position, records,
                "records in an aggregate do not belong to its shard and are dropped; more of that is only counted"
            );
        }
        self.add(&self.stats.dropped, &kinesis::DROPPED, records);
    }

    pub(super) fn corrupt(&self) {
        self.add(&self.stats.corrupt, &kinesis::CORRUPT, 1);
    }

    pub(super) fn note<T>(&self, answer: &Result<T, Trouble>) {
        let Err(trouble) = answer else { return };
        match trouble.class {
            Class::Busy => self.add(&self.stats.busy, &kinesis::BUSY, 1),
            Class::Stale => self.add(&self.stats.renewed, &kinesis::RENEWED, 1),
            Class::Unreachable | Class::Unsigned | Class::Fatal => self.add(&self.stats.failed, &kinesis::FAILED, 1),
        }
    }

    pub(super) fn subscribed(&self) {
        self.add(&self.stats.subscribed, &kinesis::SUBSCRIBED, 1);
    }

    pub(super) fn stalled(&self) {
        self.add(&self.stats.stalled, &kinesis::STALLED, 1);
    }

    pub(super) fn fell_back(&self) {
        self.add(&self.stats.fell_back, &kinesis::FELL_BACK, 1);
    }

    fn add(&self, counter: &Counter, metric: &Metric, n: u64) {
        counter.add(n);
        metric.add(&self.stream, n);
    }
}
