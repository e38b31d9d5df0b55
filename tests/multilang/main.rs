//! The example `per_minute_count` as a record processor: a driver in the place of the MultiLangDaemon starts it for each shard,
//! and holds it to the rules of the protocol.
#![cfg(all(feature = "kinesis", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod daemon;
mod disagreements;
#[path = "../support/example.rs"]
mod example;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::KinesisSource;
use anabranch::source::{Source, Start};
use anabranch::store::{self, Store};
use anabranch::{Message, Record};
use anabranch_local_cloud::LocalCloud;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{SinkExt, TryStreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::daemon::{Child, Lease, Said};
use self::example::example;

const STREAM: &str = "flights";

/// How many events of a type there are in a minute.
type Cells = BTreeMap<(String, String), u64>;

#[derive(Deserialize)]
struct Count {
    #[serde(rename = "type")]
    kind: String,
    minute: String,
    count: u64,
}

/// A stream, and a directory for the counts.
struct Place {
    cloud: LocalCloud,
    dir: TempDir,
}

impl Place {
    async fn new(shards: u32) -> Self {
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream(STREAM, shards).await.unwrap();
        Self { cloud, dir: tempfile::tempdir().unwrap() }
    }

    fn sink(&self) -> String {
        format!("dir:{}", self.out().display())
    }

    fn out(&self) -> &Path {
        self.dir.path()
    }

    /// The example on the stream, with short epochs.
    fn command(&self, more: &[&str]) -> Command {
        self.command_with("30ms", more)
    }

    fn command_with(&self, epoch: &str, more: &[&str]) -> Command {
        let mut command = Command::new(example("per_minute_count"));
        command.env("HOME", "/nonexistent").envs(self.cloud.env());
        command.args(["--source", &format!("kinesis:{STREAM}"), "--sink", &self.sink(), "--epoch", epoch]).args(more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A child, as the daemon starts it.
    fn child(&self) -> Child {
        Child::start(self.command(&["--multilang"]))
    }

    async fn cells(&self) -> Cells {
        let store: Arc<dyn Store> = store::open(&self.sink(), store::Options::default()).await.unwrap();
        let mut cells = Cells::new();
        let mut epochs = epoch::committed(store);
        while let Some(epoch) = epochs.next().await.unwrap() {
            for row in epoch.rows() {
                let Count { kind, minute, count } = row.unwrap();
                *cells.entry((kind, minute)).or_default() += count;
            }
        }
        cells
    }
}

/// Every cell is as it should be.
#[track_caller]
fn are_same(found: &Cells, expected: &Cells) {
    let all = found.keys().chain(expected.keys());
    let wrong: Vec<_> = all
        .filter(|cell| found.get(*cell) != expected.get(*cell))
        .map(|cell| (cell, found.get(cell), expected.get(cell)))
        .take(5)
        .collect();
    assert!(wrong.is_empty(), "found, expected: {wrong:#?}");
}

/// Puts events into the stream, and says what their cells are.
async fn fill(cloud: &LocalCloud, events: std::ops::Range<usize>, aggregate: bool, dice: &mut StdRng) -> Cells {
    let builder = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config());
    let mut sink = builder.aggregate(aggregate).aggregate_bytes(2_000).build().await.unwrap();
    let mut cells = Cells::new();
    for n in events {
        let (kind, minute) = (format!("K{}", dice.random_range(0..20)), dice.random_range(0..60));
        *cells.entry((kind.clone(), format!("2013010110{minute:02}"))).or_default() += 1;
        let event = json!({ "carrier": kind, "departed_at": format!("2013-01-01T10:{minute:02}:11Z"), "n": n });
        let message = Message { key: format!("{n}").into(), data: event.to_string().into() };
        sink.feed(message).await.unwrap();
    }
    sink.close().await.unwrap();
    cells
}

/// The records of each shard, as the daemon reads them.
async fn shards(cloud: &LocalCloud) -> BTreeMap<String, Vec<Record>> {
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
    let mut shards = BTreeMap::new();
    for listed in source.partitions().await.unwrap() {
        let mut batches = source.read(&listed.partition, Start::Beginning);
        let mut records = Vec::new();
        while let Some(batch) = batches.try_next().await.unwrap() {
            records.extend(batch.records);
            if batch.behind == Some(Duration::ZERO) {
                break;
            }
        }
        let shard = listed.partition.as_str().rsplit('/').next().unwrap().to_owned();
        shards.insert(shard, records);
    }
    shards
}

/// As the daemon gives a record.
fn given(record: &Record) -> Value {
    json!({
        "action": "record",
        "data": BASE64_STANDARD.encode(record.data()),
        "partitionKey": record.key(),
        "sequenceNumber": record.position().major_digits(),
        "approximateArrivalTimestamp": record.arrived().timestamp_millis(),
        "subSequenceNumber": record.position().minor(),
    })
}

/// The call by which the daemon gives records.
fn process(records: &[Record]) -> Value {
    let records: Vec<_> = records.iter().map(given).collect();
    json!({ "action": "processRecords", "millisBehindLatest": 0, "records": records })
}

/// The life of one child: it is killed at some time, or told to stop in one of the ways that there are.
fn live(place: &Place, lease: &mut Lease, records: &[Record], killed: bool, dice: &mut StdRng) {
    let mut child = place.child();
    assert_eq!(child.initialize(lease), Said::Status);
    let mut next = lease.begin_at(records);
    for _ in 0..dice.random_range(1..30) {
        let many = dice.random_range(0..80).min(records.len() - next);
        let batch = &records[next..next + many];
        next += many;
        let call = process(batch);
        let permitted = next.checked_sub(1).map(|last| records[last].position());
        assert_eq!(child.call(&call, lease, permitted.as_ref()), Said::Status);
    }
    if killed {
        child.kill();
        return;
    }
    if dice.random_bool(0.5) {
        let permitted = next.checked_sub(1).map(|last| records[last].position());
        assert_eq!(child.call(&json!({ "action": "shutdownRequested" }), lease, permitted.as_ref()), Said::Status);
        assert_eq!(
            lease.position().map(ToString::to_string),
            permitted.as_ref().map(ToString::to_string),
            "all is committed"
        );
    }
    assert_eq!(child.call(&json!({ "action": "leaseLost" }), lease, None), Said::Status);
    child.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn children_that_are_killed_and_stopped_count_once_and_the_program_alone_goes_on() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let place = Place::new(2).await;
    let mut expected = fill(&place.cloud, 0..4_000, true, &mut dice).await;
    let shards = shards(&place.cloud).await;
    assert_eq!(shards.len(), 2);
    assert!(shards.values().flatten().any(|record| record.position().minor() > 3), "no aggregates");
    for (shard, records) in &shards {
        let mut lease = Lease::new(shard);
        for n in 0..6 {
            live(&place, &mut lease, records, n % 2 == 0, &mut dice);
        }
        println!("{shard}: {:?} of {}", lease.position().map(ToString::to_string), records.len());
    }
    // Without a daemon, on the same ledger.
    for (kind, more) in fill(&place.cloud, 4_000..4_500, true, &mut dice).await {
        *expected.entry(kind).or_default() += more;
    }
    let alone = place.command(&["--once"]).output().unwrap();
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    are_same(&place.cells().await, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_end_of_a_shard_is_committed_and_then_marked() {
    let mut dice = StdRng::seed_from_u64(1);
    let place = Place::new(1).await;
    let expected = fill(&place.cloud, 0..500, false, &mut dice).await;
    let (shard, records) = shards(&place.cloud).await.pop_first().unwrap();
    let mut lease = Lease::new(&shard);
    for _ in 0..2 {
        // The second time, the ledger has the end, and the daemon has lost it.
        let mut child = place.child();
        assert_eq!(child.initialize(&lease), Said::Status);
        let last = records.last().map(|record| record.position());
        assert_eq!(child.call(&process(&records), &mut lease, last.as_ref()), Said::Status);
        assert!(!lease.is_ended());
        assert_eq!(child.call(&json!({ "action": "shardEnded" }), &mut lease, last.as_ref()), Said::Status);
        assert!(lease.is_ended());
        child.end();
        are_same(&place.cells().await, &expected);
        lease = Lease::new(&shard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_epoch_lets_no_call_wait() {
    let mut dice = StdRng::seed_from_u64(1);
    let place = Place::new(1).await;
    let expected = fill(&place.cloud, 0..1_000, true, &mut dice).await;
    let (shard, records) = shards(&place.cloud).await.pop_first().unwrap();
    let mut lease = Lease::new(&shard);
    let mut child = Child::start(place.command_with("1h", &["--multilang"]));
    assert_eq!(child.initialize(&lease), Said::Status);
    for batch in records.chunks(100) {
        // Nothing is committed yet, so no checkpoint is permitted.
        assert_eq!(child.call(&process(batch), &mut lease, None), Said::Status);
        assert_eq!(child.call(&process(&[]), &mut lease, None), Said::Status);
    }
    let last = records.last().map(|record| record.position());
    assert_eq!(child.call(&json!({ "action": "shutdownRequested" }), &mut lease, last.as_ref()), Said::Status);
    assert_eq!(lease.position(), last.as_ref());
    assert_eq!(child.call(&json!({ "action": "leaseLost" }), &mut lease, None), Said::Status);
    child.end();
    are_same(&place.cells().await, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_children_of_one_shard_count_it_once() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let place = Place::new(1).await;
    let expected = fill(&place.cloud, 0..3_000, false, &mut dice).await;
    let (shard, records) = shards(&place.cloud).await.pop_first().unwrap();
    // One of them has lost its lease and does not know yet: each loses epochs to the other, and goes on.
    let mut children: Vec<_> = (0..2).map(|_| (place.child(), Lease::new(&shard), 0)).collect();
    for (child, lease, _) in &mut children {
        assert_eq!(child.initialize(lease), Said::Status);
    }
    while children.iter().any(|(_, _, next)| *next < records.len()) {
        let (child, lease, next) = &mut children[dice.random_range(0..2)];
        let batch = &records[*next..records.len().min(*next + dice.random_range(0..60))];
        *next += batch.len();
        let last = next.checked_sub(1).map(|last| records[last].position());
        assert_eq!(child.call(&process(batch), lease, last.as_ref()), Said::Status);
    }
    let last = records.last().map(|record| record.position());
    for (mut child, mut lease, _) in children {
        assert_eq!(child.call(&json!({ "action": "shardEnded" }), &mut lease, last.as_ref()), Said::Status);
        assert!(lease.is_ended());
        child.end();
    }
    are_same(&place.cells().await, &expected);
}
