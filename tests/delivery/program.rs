//! The program as a user runs it: as a process, killed at any time, while its stream splits and merges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::Message;
use anabranch::epoch;
use anabranch::store::{S3Store, Store};
use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use futures::{SinkExt, TryStreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::board::Board;
use crate::example::example;
use crate::model::Event;
use crate::workload::{Workload, sink};
use crate::{are_same, batch, workload};

const STREAM: &str = "orders";
const BUCKET: &str = "delivery";

/// The example with these arguments, away from whatever this machine has for AWS.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(example("delivery"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn well(output: Output) -> String {
    assert!(output.status.success(), "{output:#?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The servers, the events, and what is told to every process.
struct Place {
    cloud: LocalCloud,
    workload: Workload,
    events: Vec<Event>,
}

impl Place {
    async fn new(workload: Workload) -> Self {
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream(STREAM, 2).await.unwrap();
        cloud.create_bucket(BUCKET).unwrap();
        Self { cloud, events: workload.make().unwrap(), workload }
    }

    fn command(&self, more: &[&str]) -> Command {
        let Workload { events, seed, orders, drivers, faults } = &self.workload;
        let mut command = command(more);
        command.args([format!("--seed={seed}"), format!("--drivers={drivers}"), format!("--faults={faults}")]);
        command.args([format!("--orders={}", orders.unwrap()), format!("--events={events:?}").to_lowercase()]);
        command.envs(self.cloud.env());
        command
    }

    fn counting(&self, more: &[&str]) -> Command {
        let ends = ["--source=kinesis:orders?idle_ms=20", "--sink=s3://delivery/figures", "--epoch=60ms"];
        self.command(&[&ends, more].concat())
    }

    /// These are few events for their time: as many on their way as the program has could be overtaken by too much of it, when
    /// the server turns them away.
    async fn put(&self, messages: impl IntoIterator<Item = Message>) {
        let mut sink = sink(STREAM).budget(20_000).sdk_config(self.cloud.sdk_config()).build().await.unwrap();
        for message in messages {
            sink.feed(message).await.unwrap();
        }
        sink.close().await.unwrap();
    }

    async fn put_events(&self, events: std::ops::Range<usize>) {
        self.put(self.events[events].iter().map(|event| Message {
            key: event.order.to_string().into(),
            data: serde_json::to_vec(event).unwrap().into(),
        }))
        .await;
    }

    async fn store(&self) -> Arc<dyn Store> {
        let store = S3Store::builder(BUCKET, "figures").sdk_config(self.cloud.sdk_config()).build();
        Arc::new(store.await.unwrap())
    }

    /// How many epochs have been committed.
    fn objects(&self) -> usize {
        files(&self.cloud.bucket_dir(BUCKET)).iter().filter(|file| file.to_str().unwrap().contains("/dt=")).count()
    }

    async fn check(&self) -> Board {
        let mut board = Board::new(self.workload.rules());
        board.refresh(&self.store().await).await.unwrap();
        are_same(&board.figures(), &batch::figures(&self.events, &self.workload.rules()));
        board
    }

    /// The sums of the rows, as any program would make them: of one column, and how many rows there are.
    async fn sum(&self, column: &str) -> (u64, usize) {
        let (mut sum, mut rows) = (0, 0);
        let mut epochs = epoch::committed(self.store().await);
        while let Some(epoch) = epochs.try_next().await.unwrap() {
            for row in epoch.rows::<serde_json::Value>() {
                sum += row.unwrap()[column].as_u64().unwrap_or(0);
                rows += 1;
            }
        }
        (sum, rows)
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

async fn until_active(client: &Client) {
    loop {
        let summary = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        if *summary.stream_description_summary().unwrap().stream_status() == StreamStatus::Active {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn split(client: &Client, shard: u32) {
    let shards = client.list_shards().stream_name(STREAM).send().await.unwrap();
    let name = format!("shardId-{shard:012}");
    let found = shards.shards().iter().find(|found| found.shard_id() == name).unwrap();
    let keys = found.hash_key_range().unwrap();
    let ends = [keys.starting_hash_key(), keys.ending_hash_key()].map(|key| key.parse::<u128>().unwrap());
    let middle = (ends[0] + (ends[1] - ends[0]) / 3).to_string();
    client.split_shard().stream_name(STREAM).shard_to_split(name).new_starting_hash_key(middle).send().await.unwrap();
    until_active(client).await;
}

async fn merge(client: &Client, one: u32, two: u32) {
    let [one, two] = [one, two].map(|shard| format!("shardId-{shard:012}"));
    client.merge_shards().stream_name(STREAM).shard_to_merge(one).adjacent_shard_to_merge(two).send().await.unwrap();
    until_active(client).await;
}

/// Waits until the process has committed something, mostly, and kills it. Says whether it was in time.
async fn kill(mut child: Child, place: &Place, dice: &mut StdRng) -> bool {
    let (before, begin) = (place.objects(), Instant::now());
    let more = if dice.random_bool(0.8) { dice.random_range(1..4) } else { 0 };
    while place.objects() < before + more && begin.elapsed() < Duration::from_secs(3) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_micros(dice.random_range(0..60_000))).await;
    child.kill().unwrap();
    child.wait().unwrap();
    place.objects() > before
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_over_a_split_and_a_merge_every_figure_is_that_of_the_batch() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let place = Place::new(workload(seed)).await;
    let client = Client::new(&place.cloud.sdk_config());
    let (pieces, all) = (9, place.events.len());
    let mut kills = 0;
    for piece in 0..pieces {
        let child = place.counting(&[]).spawn().unwrap();
        match piece {
            3 => split(&client, 0).await,
            6 => merge(&client, 3, 1).await,
            _ => {}
        }
        place.put_events(all * piece / pieces..all * (piece + 1) / pieces).await;
        kills += u32::from(kill(child, &place, &mut dice).await);
    }
    println!("{kills} of {pieces} were killed behind a commit");
    assert!(kills > 0);
    let out = well(place.counting(&["--once", "--check"]).output().unwrap());
    assert!(out.contains("Checked: all figures of"), "{out}");
    assert!(out.contains("shards read: 2 open, 3 closed"), "{out}");
    let board = place.check().await;
    assert_eq!(board.partitions(), (5, 3));
    // The rows are the same another way: what the epochs have brought adds up to what the states hold.
    let (completed, rows) = place.sum("completed").await;
    assert_eq!(completed, board.figures().all.completed);
    assert!(rows > board.figures().regions.len());
    let again = well(place.counting(&["--once", "--check"]).output().unwrap());
    assert!(again.contains("Checked: all figures of"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_sends_another_counts_and_a_wrong_seed_is_seen() {
    let place = Place::new(workload(rand::random())).await;
    let sent = well(place.command(&["--produce", STREAM, "--rate", "1500"]).output().unwrap());
    assert_eq!(sent, format!("{} events sent to {STREAM}\n", place.events.len()));
    let out = well(place.counting(&["--once", "--check"]).output().unwrap());
    assert!(out.contains("Checked: all figures of") && out.contains("| created to assigned"), "{out}");
    place.check().await;
    let other = Place { workload: workload(place.workload.seed ^ 1), ..place };
    let wrong = other.counting(&["--once", "--check"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    let err = String::from_utf8(wrong.stderr).unwrap();
    assert!(err.contains("differs in all: ") && err.contains("not those of the list of events"), "{err}");
    assert!(err.contains(" counted ") && err.contains(", expected ") && !err.contains("Figure {"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_more_than_once_is_named_as_a_cause() {
    let place = Place::new(workload(rand::random())).await;
    // As of a sender that is killed and started again.
    place.put_events(0..place.events.len() / 2).await;
    place.put_events(0..place.events.len()).await;
    let checked = place.counting(&["--once", "--check"]).output().unwrap();
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let err = String::from_utf8(checked.stderr).unwrap();
    assert!(err.contains("repeated counted ") && err.contains("were sent more than once"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_set_aside() {
    let place = Place::new(workload(rand::random())).await;
    let good = serde_json::to_string(&place.events[0]).unwrap();
    let key = place.events[0].order.to_string();
    let bad = [
        (good.as_str(), "another key"),
        ("nonsense", "x"),
        (&good.replace("\"sent\":", "\"sent\":-"), &key),
        (&good.replace("\"region\":\"", "\"region\":\"9"), &key),
    ];
    place.put(bad.map(|(data, key)| Message { key: key.into(), data: data.to_owned().into() })).await;
    place.put_events(0..place.events.len()).await;
    let out = well(place.counting(&["--once", "--check"]).output().unwrap());
    assert!(out.contains("\n4 records that are no events of orders are set aside"), "{out}");
    assert_eq!(place.check().await.set_aside(), 4);
    let store = place.store().await;
    let headers: Vec<_> = epoch::headers(Arc::clone(&store)).try_collect().await.unwrap();
    let mut reasons = Vec::new();
    for (_, header) in headers {
        reasons.extend(epoch::dead_letters(&*store, &header).await.unwrap().into_iter().map(|letter| letter.reason));
    }
    reasons.sort();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert_eq!(reasons[..2], ["its key is not its order", "its times cannot be"]);
    assert!(reasons[2..].iter().all(|reason| reason.starts_with("not an event: ")), "{reasons:?}");
}

/// What the example prints without a source; what it leaves is removed.
fn demonstrated(more: &[&str]) -> String {
    let out = well(command(&[more, &["--rate", "20000", "--epoch", "200ms"]].concat()).output().unwrap());
    let place = out.split("The objects are files in ").nth(1).unwrap().split(". Rows are").next().unwrap();
    let state = PathBuf::from(place).ancestors().nth(3).unwrap().to_owned();
    assert!(state.file_name().unwrap().to_str().unwrap().starts_with("anabranch-"));
    fs::remove_dir_all(state).unwrap();
    assert!(out.contains("Checked: all figures of"), "{out}");
    out
}

#[test]
fn the_demonstration() {
    for more in [["--events", "random", "--orders", "800"], ["--events", "flights", "--orders", "2000"]] {
        assert!(!demonstrated(&more).contains("shards split"));
    }
}

#[test]
fn the_demonstration_whose_shards_follow_the_traffic() {
    let out = demonstrated(&["--auto-reshard", "--orders", "4000"]);
    let (_, told) = out.rsplit_once("shards split: ").unwrap();
    let splits: u32 = told.split(',').next().unwrap().parse().unwrap();
    assert!(splits > 0, "{out}");
}

#[test]
fn what_keeps_nothing_is_refused() {
    let output = command(&["--source", "kinesis:x", "--sink", "console:"]).output().unwrap();
    assert_ne!(output.status.code(), Some(0));
    let output = command(&["--source", "random:?count=1", "--sink", "console:"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
