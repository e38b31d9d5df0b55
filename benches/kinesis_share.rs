//! What the engine costs behind Kinesis, beside what the SDK costs that reads the stream.
//!
//! The server runs in this process, and the worker in another, so that only the worker's time counts. It reads the same
//! records in three ways: by calls of `GetRecords` whose answers are dropped, through the engine's source, and through the
//! job of the `per_minute_count` example. What counts is the time that its one thread has spent on the processor; the source
//! keeps the pace that a real stream asks for, the calls do not. Run it with `cargo bench --bench kinesis_share`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::env;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder};
use anabranch::group::Until;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::{Error, Message, source};
use anabranch_local_cloud::LocalCloud;
use aws_config::BehaviorVersion;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon;
use futures::SinkExt;
use tokio::runtime::Runtime;

const STREAM: &str = "events";
const SHARDS: u32 = 8;
const RECORDS: usize = 400_000;
const RUNS: usize = 5;

/// Set for the worker.
const WORKER: &str = "KINESIS_SHARE_WORKER";

/// A record of 100 bytes.
fn message(number: usize) -> Message {
    let kind = number % 50;
    let start = format!(r#"{{"departed_at":"2013-01-01T10:{:02}:00Z","carrier":"k{kind:02}","note":""#, number / 8000);
    let data = format!("{start}{}\"}}", "-".repeat(98 - start.len()));
    Message { key: format!("key {}", number % 1000).into(), data: data.into() }
}

/// Calls and drops, with nothing of the engine.
async fn by_calls(client: &Client) -> usize {
    let mut count = 0;
    for shard in client.list_shards().stream_name(STREAM).send().await.unwrap().shards.unwrap() {
        let begin = client.get_shard_iterator().stream_name(STREAM).shard_id(shard.shard_id);
        let mut iterator = begin.shard_iterator_type(TrimHorizon).send().await.unwrap().shard_iterator;
        while let Some(from) = iterator {
            let answer = client.get_records().shard_iterator(from).send().await.unwrap();
            count += answer.records.len();
            // The embedded server says that it has no more before it has given all.
            iterator = answer.next_shard_iterator.filter(|_| !answer.records.is_empty());
        }
    }
    count
}

async fn by_source() -> Result<usize, Error> {
    let records = source::records(source::open(&format!("kinesis:{STREAM}")).await?);
    records.take(RECORDS).count().await.map(|count| count as usize)
}

async fn by_job() -> Result<usize, Error> {
    let records = source::records(source::open(&format!("kinesis:{STREAM}")).await?);
    let events = records.take(RECORDS).map(EventDecoder::new("departed_at", "carrier").to_fn()).filter_map(Result::ok);
    let key = |event: &Event| (event.kind.clone(), event.minute());
    let counts = events.group_until(key, Until::idle(Duration::from_secs(10))).count_each();
    counts.fold(0, |sum, (_, count)| sum + count).await
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

fn work() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async { Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await) });
    let (mut calls, mut source, mut job) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let mut spent = [0.0; 3];
        for (way, spent) in spent.iter_mut().enumerate() {
            let before = processor_time();
            let count = match way {
                0 => runtime.block_on(by_calls(&client)),
                1 => runtime.block_on(by_source()).unwrap(),
                _ => runtime.block_on(by_job()).unwrap(),
            };
            assert_eq!(count, RECORDS);
            *spent = (processor_time() - before).as_secs_f64();
        }
        // The first run warms up.
        if run > 0 {
            calls.push(spent[0] * 1e9 / RECORDS as f64);
            source.push(100.0 * (spent[1] / spent[0] - 1.0));
            job.push(100.0 * (spent[2] / spent[0] - 1.0));
        }
    }
    println!(
        "GetRecords alone {:.0} ns of the processor a record; through the source and counted {:+.1} %; decoded, grouped and counted {:+.1} %",
        median(calls),
        median(source),
        median(job),
    );
}

fn main() {
    if env::var_os(WORKER).is_some() {
        return work();
    }
    let runtime = Runtime::new().unwrap();
    let cloud = LocalCloud::start().unwrap();
    runtime.block_on(async {
        cloud.create_stream(STREAM, SHARDS).await.unwrap();
        let mut sink = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
        for number in 0..RECORDS {
            sink.feed(message(number)).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    let worker = Command::new(env::current_exe().unwrap()).env(WORKER, "1").envs(cloud.env()).status().unwrap();
    assert!(worker.success(), "the worker failed");
}
