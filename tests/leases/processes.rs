//! Workers as processes of the example: stopped, continued, killed and asked to end, over the embedded servers.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::epoch;
use anabranch::lease::{Checkpoint, DynamoDbTable, Lease, LeaseTable};
use anabranch::store::Store;
use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use futures::TryStreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use tempfile::TempDir;

use crate::example::example;
use crate::{dir, store};

const STREAM: &str = "flights";
const TABLE: &str = "workers";
const SHARDS: u32 = 4;
const FAILOVER: Duration = Duration::from_secs(3);

type Cells = BTreeMap<(String, String), u64>;

struct Bed {
    cloud: LocalCloud,
    client: Client,
    table: DynamoDbTable,
    out: TempDir,
    logs: TempDir,
    truth: Cells,
    random: StdRng,
    /// Since when nobody who runs has had the lease of a shard, and the longest of these times.
    orphans: BTreeMap<String, Instant>,
    longest: Duration,
}

/// A process that is killed when it goes out of scope.
struct Process {
    child: Child,
    name: String,
    /// Stopped.
    sleeps: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "type")]
    kind: String,
    minute: String,
    count: u64,
}

impl Bed {
    async fn new(seed: u64) -> Self {
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream(STREAM, SHARDS).await.unwrap();
        Self {
            client: Client::new(&cloud.sdk_config()),
            table: DynamoDbTable::builder(TABLE).sdk_config(cloud.sdk_config()).build().await.unwrap(),
            cloud,
            out: dir(),
            logs: dir(),
            truth: Cells::new(),
            random: StdRng::seed_from_u64(seed),
            orphans: BTreeMap::new(),
            longest: Duration::ZERO,
        }
    }

    /// Starts a worker.
    fn start(&self, name: &str) -> Process {
        let log = File::create(self.logs.path().join(name)).unwrap();
        let mut command = Command::new(example("per_minute_count"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
            command.env_remove(name);
        }
        let sink = format!("dir:{}", self.out.path().display());
        command
            .args(["--source", &format!("kinesis:{STREAM}?idle_ms=200"), "--sink", &sink, "--epoch", "300ms"])
            .args(["--workers-table", TABLE, "--failover", &format!("{}s", FAILOVER.as_secs())])
            .envs(self.cloud.env())
            .env("HOME", "/nonexistent")
            // Which a worker's name begins with.
            .env("HOSTNAME", name)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Process { child: command.spawn().unwrap(), name: format!("{name}:"), sleeps: false }
    }

    /// Puts so many events into the stream.
    async fn put(&mut self, events: usize) {
        let mut left: Vec<_> = (0..events)
            .map(|_| {
                let kind = format!("K{}", self.random.random_range(0..9));
                let minute = self.random.random_range(0..60);
                *self.truth.entry((kind.clone(), format!("2013010110{minute:02}"))).or_default() += 1;
                let event =
                    serde_json::json!({ "carrier": kind, "departed_at": format!("2013-01-01T10:{minute:02}:07Z") });
                let key = format!("key {}", self.random.random::<u32>());
                let data = Blob::new(event.to_string());
                PutRecordsRequestEntry::builder().partition_key(key).data(data).build().unwrap()
            })
            .collect();
        while !left.is_empty() {
            let now = left.split_off(left.len().saturating_sub(400));
            let put = self.client.put_records().stream_name(STREAM).set_records(Some(now)).send().await.unwrap();
            assert_eq!(put.failed_record_count, Some(0));
        }
    }

    /// Looks at the table once: its rows that are not at their end.
    async fn look(&mut self, processes: &[&Process]) -> Vec<Lease> {
        let mut rows = self.table.list().await.unwrap_or_default();
        rows.retain(|row| row.checkpoint != Checkpoint::End);
        for row in &rows {
            let owner = row.owner.clone().unwrap_or_default();
            if processes.iter().any(|process| !process.sleeps && owner.starts_with(&process.name)) {
                self.orphans.remove(&row.key);
            } else {
                let since = *self.orphans.entry(row.key.clone()).or_insert_with(Instant::now);
                self.longest = self.longest.max(since.elapsed());
            }
        }
        rows
    }

    /// Waits until the processes that run share the shards evenly; how long that took.
    async fn even(&mut self, what: &str, processes: &[&Process]) -> Duration {
        let began = Instant::now();
        loop {
            let rows = self.look(processes).await;
            let load = |process: &&Process| {
                rows.iter()
                    .filter(|row| row.owner.as_ref().is_some_and(|owner| owner.starts_with(&process.name)))
                    .count()
            };
            let loads: Vec<_> = processes.iter().filter(|process| !process.sleeps).map(load).collect();
            let even = loads.iter().max().zip(loads.iter().min()).is_some_and(|(most, least)| most - least <= 1);
            if rows.len() == SHARDS as usize && loads.iter().sum::<usize>() == rows.len() && even {
                println!("{what}: even after {:?}", began.elapsed());
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{what}: {rows:?}\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn said(&self) -> String {
        let logs = std::fs::read_dir(self.logs.path()).unwrap().map(|log| log.unwrap().path());
        logs.map(|log| format!("{}:\n{}\n", log.display(), std::fs::read_to_string(&log).unwrap())).collect()
    }

    /// What is counted.
    async fn counted(&self) -> Cells {
        let store: Arc<dyn Store> = store(&self.out);
        let mut cells = Cells::new();
        for epoch in epoch::committed(store).try_collect::<Vec<_>>().await.unwrap() {
            for row in epoch.rows::<Row>() {
                let Row { kind, minute, count } = row.unwrap();
                *cells.entry((kind, minute)).or_default() += count;
            }
        }
        cells
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_continued_killed_and_asked_to_end_they_count_every_event_once() {
    let seed: u64 = std::env::var("ANABRANCH_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ANABRANCH_SEED={seed}");
    let mut bed = Bed::new(seed).await;
    bed.put(2_000).await;
    let mut one = bed.start("one");
    let two = bed.start("two");
    bed.even("two workers begin", &[&one, &two]).await;

    bed.put(1_000).await;
    one.signal("-STOP");
    one.sleeps = true;
    let took = bed.even("one of them is stopped", &[&one, &two]).await;
    assert!(took <= FAILOVER * 2, "{took:?}");
    bed.put(1_000).await;
    one.signal("-CONT");
    one.sleeps = false;
    bed.even("and goes on", &[&one, &two]).await;

    bed.put(1_000).await;
    drop(two);
    let took = bed.even("the other is killed", &[&one]).await;
    assert!(took <= FAILOVER * 2, "{took:?}");
    let mut three = bed.start("three");
    bed.put(1_000).await;
    bed.even("a third comes", &[&one, &three]).await;

    one.signal("-TERM");
    let took = bed.even("the first is asked to end", &[&three]).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(one.child.wait().unwrap().success(), "{}", bed.said());

    bed.put(500).await;
    let all: u64 = bed.truth.values().sum();
    let began = Instant::now();
    while bed.counted().await.values().sum::<u64>() < all {
        assert!(began.elapsed() < Duration::from_secs(120), "{}", bed.said());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    three.signal("-TERM");
    assert!(three.child.wait().unwrap().success(), "{}", bed.said());
    assert_eq!(bed.counted().await, bed.truth);
    let said = bed.said();
    assert!(said.contains("took a lease") && said.contains("a lease is lost"), "{said}");
    println!("{all} events, once each; no shard was without a worker that runs for longer than {:?}", bed.longest);
    assert!(bed.longest <= FAILOVER * 2, "{:?}", bed.longest);
    let rows = bed.table.list().await.unwrap();
    assert!(rows.iter().all(|row| row.owner.is_none()), "{rows:?}");
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let refused = |args: &[&str], says: &str| {
        let output =
            Command::new(example("per_minute_count")).args(["--source", "random:"]).args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(says), "{error}");
    };
    refused(&["--sink", "console:", "--workers-table", "workers"], "leave out --workers-table");
    refused(&["--sink", "dir:/nonexistent", "--workers-table", "workers", "--once"], "--once");
    refused(&["--sink", "dir:/nonexistent", "--failover", "3s"], "--workers-table");
    let no_table = ["--sink", "dir:/nonexistent", "--workers-table", "a/b"];
    refused(&no_table, "this is not the name of a DynamoDB table");
}
