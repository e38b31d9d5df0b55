//! What the engine costs behind Kinesis, beside what the SDK costs that reads the stream.
//!
//! The server runs in this process, and the worker in another, so that only the worker's time counts. It reads the same
//! records in four ways. Two have nothing of the engine: calls of `GetRecords` whose answers are dropped, and the same with
//! a loop that reads each record's JSON with serde and counts in a hash map. Two are those of the engine: its source, and
//! the job of the `per_minute_count` example. All ask all shards at the same time, keep the pace that a real stream asks
//! for, and have made their connection before anything counts. Two things count: the time that the worker's one thread has
//! spent on the processor, and its instructions, if there is valgrind: what a stream of 60,000 records takes more than one
//! of 20,000. Run it with `cargo bench --bench kinesis_share`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::env;
use std::fs;
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder};
use anabranch::group::Until;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::Source;
use anabranch::{Error, Message, source};
use anabranch_local_cloud::LocalCloud;
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon;
use aws_sdk_kinesis::types::{Record, Shard};
use compact_str::CompactString;
use futures::SinkExt;
use futures::future::join_all;
use hashbrown::HashMap;
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep_until};

const SHARDS: u32 = 8;
const RUNS: usize = 7;

/// A stream, and how many records it has.
type Stream = (&'static str, usize);

const TIMED: Stream = ("timed", 160_000);
/// Of which instructions are counted.
const COUNTED: [Stream; 2] = [("few", 20_000), ("many", 60_000)];

/// What is asked of the worker: nothing to measure times, or one way and the index of a counted stream.
const WORKER: &str = "KINESIS_SHARE_WORKER";

/// What Kinesis allows a reader of a shard.
const SPACING: Duration = Duration::from_millis(200);
const BYTES_A_SECOND: usize = 2 << 20;

#[derive(Clone, Copy)]
enum Way {
    Calls,
    Source,
    ByHand,
    Job,
}

/// Each with the index of the way that it is held against.
const WAYS: [(&str, Way, usize); 4] =
    [("calls", Way::Calls, 0), ("source", Way::Source, 0), ("hand", Way::ByHand, 0), ("job", Way::Job, 2)];

/// A record of 100 bytes.
fn message(number: usize) -> Message {
    let kind = number % 50;
    let start = format!(r#"{{"departed_at":"2013-01-01T10:{:02}:00Z","carrier":"k{kind:02}","note":""#, number / 8000);
    let data = format!("{start}{}\"}}", "-".repeat(98 - start.len()));
    Message { key: format!("key {}", number % 1000).into(), data: data.into() }
}

/// Calls, with nothing of the engine.
async fn by_calls(
    client: &Client,
    shards: &[Shard],
    (name, records): Stream,
    look: impl Fn(&[Record]) + Send + Sync,
) -> usize {
    let count = AtomicUsize::new(0);
    let (count, look) = (&count, &look);
    join_all(shards.iter().map(async |shard| {
        let begin = client.get_shard_iterator().stream_name(name).shard_id(&shard.shard_id);
        let mut iterator = begin.shard_iterator_type(TrimHorizon).send().await.unwrap().shard_iterator;
        while let Some(from) = iterator.filter(|_| count.load(Relaxed) < records) {
            let answer = client.get_records().shard_iterator(from).limit(10_000).send().await.unwrap();
            let bytes: usize = answer.records.iter().map(|record| record.data.as_ref().len()).sum();
            let owed = Duration::from_secs_f64(bytes as f64 / BYTES_A_SECOND as f64);
            let next = Instant::now() + owed.max(SPACING);
            count.fetch_add(answer.records.len(), Relaxed);
            iterator = answer.next_shard_iterator;
            look(&answer.records);
            drop(answer.records);
            if count.load(Relaxed) < records {
                sleep_until(next).await;
            }
        }
    }))
    .await;
    count.load(Relaxed)
}

/// Calls, and counts as the job does, without an eye on time.
async fn by_hand(client: &Client, shards: &[Shard], stream: Stream) -> usize {
    #[derive(Deserialize)]
    struct Line<'a> {
        departed_at: &'a str,
        carrier: &'a str,
    }
    let counts = Mutex::new(HashMap::<(CompactString, CompactString), usize>::new());
    let count = |records: &[Record]| {
        let mut counts = counts.lock().unwrap();
        for record in records {
            let line: Line<'_> = serde_json::from_slice(record.data.as_ref()).unwrap();
            let minute = line.departed_at.get(.."2013-01-01T10:00".len()).unwrap();
            *counts.entry((line.carrier.into(), minute.into())).or_default() += 1;
        }
    };
    by_calls(client, shards, stream, count).await;
    counts.into_inner().unwrap().into_values().sum()
}

async fn by_source(source: Arc<dyn Source>, records: usize) -> Result<usize, Error> {
    source::records(source).take(records).count().await
}

async fn by_job(source: Arc<dyn Source>, records: usize) -> Result<usize, Error> {
    let records = source::records(source).take(records);
    let events = records.map(EventDecoder::new("departed_at", "carrier").to_fn()).filter_map(Result::ok);
    let key = |event: &Event| (event.kind.clone(), event.minute());
    let counts = events.group_until(key, Until::idle(Duration::from_secs(10))).count_each();
    counts.fold(0, |sum, (_, count)| sum + count).await
}

/// How long one way takes of the processor.
async fn measured(way: Way, stream: Stream) -> Duration {
    let (name, records) = stream;
    let (before, count) = match way {
        Way::Calls | Way::ByHand => {
            let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
            let shards = client.list_shards().stream_name(name).send().await.unwrap().shards.unwrap();
            let before = processor_time();
            let count = match way {
                Way::Calls => by_calls(&client, &shards, stream, |_| ()).await,
                _ => by_hand(&client, &shards, stream).await,
            };
            (before, count)
        }
        Way::Source | Way::Job => {
            let source = source::open(&format!("kinesis:{name}")).await.unwrap();
            source.describe().await.unwrap();
            let before = processor_time();
            let count = match way {
                Way::Source => by_source(source, records).await,
                _ => by_job(source, records).await,
            };
            (before, count.unwrap())
        }
    };
    let spent = processor_time() - before;
    assert_eq!(count, records);
    spent
}

/// The time that the processor has spent on this process's first thread, which does all the work.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(stat.split_whitespace().next().unwrap().parse().unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn work(task: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some((way, stream)) = task.split_once(' ') {
        let (_, way, _) = WAYS.into_iter().find(|(name, ..)| *name == way).unwrap();
        runtime.block_on(measured(way, COUNTED[stream.parse::<usize>().unwrap()]));
        return;
    }
    let mut spans = WAYS.map(|_| Vec::new());
    for run in 0..=RUNS {
        for ((_, way, _), spans) in WAYS.into_iter().zip(&mut spans) {
            let spent = runtime.block_on(measured(way, TIMED)).as_secs_f64() * 1e9 / TIMED.1 as f64;
            // The first run warms up.
            if run > 0 {
                spans.push(spent);
            }
        }
    }
    for ((name, _, beside), own) in WAYS.into_iter().zip(&spans) {
        let more = own.iter().zip(&spans[beside]).map(|(own, beside)| 100.0 * (own / beside - 1.0));
        let (each, more) = (median(own.clone()), median(more.collect()));
        println!("{name}: {each:.0} ns of the processor a record, {more:+.1} % beside {}", WAYS[beside].0);
    }
}

/// The instructions of one way, if valgrind is there to count them.
fn instructions(cloud: &LocalCloud, way: &str, stream: usize) -> Option<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe().unwrap());
    let output = command.env(WORKER, format!("{way} {stream}")).envs(cloud.env()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

fn count(cloud: &LocalCloud) -> Option<()> {
    let [(_, few), (_, many)] = COUNTED;
    let mut counted = Vec::new();
    for (name, _, beside) in WAYS {
        let more = instructions(cloud, name, 1)? - instructions(cloud, name, 0)?;
        let each = more / (many - few) as f64;
        counted.push(each);
        let share = 100.0 * (each / counted[beside] - 1.0);
        println!("{name}: {each:.0} instructions a record, {share:+.1} % beside {}", WAYS[beside].0);
    }
    Some(())
}

fn main() {
    if let Ok(task) = env::var(WORKER) {
        return work(&task);
    }
    let runtime = Runtime::new().unwrap();
    let cloud = LocalCloud::start().unwrap();
    runtime.block_on(async {
        for (stream, records) in [TIMED].into_iter().chain(COUNTED) {
            cloud.create_stream(stream, SHARDS).await.unwrap();
            let mut sink = KinesisSink::builder(stream).sdk_config(cloud.sdk_config()).build().await.unwrap();
            for number in 0..records {
                sink.feed(message(number)).await.unwrap();
            }
            sink.close().await.unwrap();
        }
    });
    if count(&cloud).is_none() {
        println!("instructions were not counted: valgrind is not installed");
    }
    let worker = Command::new(env::current_exe().unwrap()).env(WORKER, "").envs(cloud.env()).status().unwrap();
    assert!(worker.success(), "the worker failed");
}
