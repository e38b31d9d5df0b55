//! [`Stats`]: what a source has done, and how far behind it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::Label;

use super::client::{Answer, Raw};
use super::read::{Shared, Target};
use crate::aws::retry::{Class, Trouble};
use crate::aws::traffic::{Traffic, Usage};
use crate::codec::kpl::{Aggregate, hash_of};
use crate::metrics::{Metric, kinesis, label};
use crate::{Counter, Partition, Position};

/// A reader that is further behind than this tells nothing about what is written now.
const LATE: Duration = Duration::from_secs(60);

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

/// The hash key of a record, or of the first in an aggregate, whose own key says nothing. An explicit one is not given to
/// readers: what the key gives then is mostly outside of the shard's range, where it tells nothing.
fn hash(raw: &Raw) -> u128 {
    let aggregate = Aggregate::parse(&raw.data).ok().flatten();
    aggregate.and_then(|aggregate| aggregate.hash(0)).unwrap_or_else(|| hash_of(&raw.key))
}

/// Counts what happens to one shard, for [`Stats`] and for the recorder of metrics.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    stats: Stats,
    partition: Partition,
    stream: [Label; 1],
    shard: [Label; 2],
    traffic: Option<(Traffic, String)>,
}

impl Meter {
    pub(super) fn new(shared: &Shared, stream: &str, target: &Target) -> Self {
        let name = label("stream", stream);
        Self {
            stats: shared.stats.clone(),
            partition: target.partition.clone(),
            stream: [name.clone()],
            shard: [name, label("shard", &*target.shard)],
            traffic: shared.traffic.clone().map(|traffic| (traffic, target.shard.clone())),
        }
    }

    /// Tells what came of the shard, for who looks at its load.
    pub(super) fn measure(&self, answer: &Answer) {
        let Some((traffic, shard)) = &self.traffic else { return };
        let size = |raw: &Raw| (raw.data.len() + raw.key.len()) as u64;
        let bytes = answer.records.iter().map(size).sum();
        let late = answer.behind.is_none_or(|behind| behind > LATE);
        if late {
            traffic.read_late(shard);
        } else {
            traffic.read(shard, Usage { bytes, records: answer.records.len() as u64, throttled: 0 });
            traffic.keys(shard, answer.records.iter().map(|raw| (size(raw), raw)), hash);
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
            Class::Busy => {
                self.add(&self.stats.busy, &kinesis::BUSY, 1);
                if let Some((traffic, shard)) = &self.traffic {
                    traffic.read(shard, Usage { throttled: 1, ..Usage::default() });
                }
            }
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
