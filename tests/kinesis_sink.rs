//! The Kinesis sink against the embedded server, behind a proxy that makes trouble. A failure names its seed; the same
//! seed makes the same dice, though not always the same order of calls.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unreachable_pub)]
#[path = "support/kinesis_proxy.rs"]
mod kinesis_proxy;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anabranch::codec::kpl::is_aggregate;
use anabranch::sink::kinesis::{KinesisSink, KinesisSinkBuilder};
use anabranch::sink::{self, dead_file};
use anabranch::source::kinesis::KinesisSource;
use anabranch::source::{Source, Start};
use anabranch::{ErrorKind, Message};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ShardIteratorType, StreamStatus};
use futures::{SinkExt, TryStreamExt};
use kinesis_proxy::{Call, Deed, proxy};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const STREAM: &str = "flights";

async fn cloud(shards: u32) -> LocalCloud {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, shards).await.unwrap();
    cloud
}

fn sink(config: &SdkConfig) -> KinesisSinkBuilder {
    KinesisSink::builder(STREAM).sdk_config(config.clone())
}

fn message(n: usize) -> Message {
    Message { key: format!("key {}", n % 97).into(), data: n.to_string().into() }
}

/// The numbers that a source reads, by key and in order.
async fn read(cloud: &LocalCloud) -> BTreeMap<String, Vec<usize>> {
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
    let mut by_key = BTreeMap::<String, Vec<usize>>::new();
    // Parents are listed before their children.
    for listed in source.partitions().await.unwrap() {
        let mut flow = source.read(&listed.partition, Start::Beginning);
        while let Some(batch) = flow.try_next().await.unwrap() {
            for record in batch.records {
                let n = str::from_utf8(record.data()).unwrap().parse().unwrap();
                by_key.entry(record.key().to_owned()).or_default().push(n);
            }
            if batch.behind == Some(Duration::ZERO) {
                break;
            }
        }
    }
    by_key
}

fn sorted(by_key: &BTreeMap<String, Vec<usize>>) -> Vec<usize> {
    let mut all: Vec<usize> = by_key.values().flatten().copied().collect();
    all.sort_unstable();
    all
}

/// The records of a shard as they are there, with their keys.
async fn raw(cloud: &LocalCloud, shard: &str) -> Vec<(String, Vec<u8>)> {
    let client = Client::new(&cloud.sdk_config());
    let begin = client.get_shard_iterator().stream_name(STREAM).shard_id(shard);
    let begin = begin.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let answer = client.get_records().set_shard_iterator(begin.shard_iterator).send().await.unwrap();
    answer.records.into_iter().map(|it| (it.partition_key.unwrap_or_default(), it.data.into_inner())).collect()
}

/// One record in five is turned away, and three calls in ten.
fn trouble(seed: u64) -> impl Fn(&Call) -> Deed + Send + Sync + 'static {
    let random = Mutex::new(StdRng::seed_from_u64(seed));
    move |call| {
        let mut random = random.lock().unwrap();
        match (&*call.operation, random.random_range(0..10)) {
            ("PutRecords", 0..3) => Deed::Refuse(400, "ProvisionedThroughputExceededException"),
            // A third of the entries of six calls in ten.
            ("PutRecords", 3..9) => Deed::RefuseEntries(random.random()),
            _ => Deed::Pass,
        }
    }
}

#[tokio::test]
async fn the_messages_of_a_key_arrive_in_order_though_records_and_calls_are_turned_away() {
    let runs = [(11, false), (12, false), (13, true)].map(|(seed, aggregate)| async move {
        const SENT: usize = 1_500;
        let cloud = cloud(3).await;
        let config = proxy(&cloud, trouble(seed)).await;
        let builder = sink(&config).ordered_per_key(true).linger(Duration::from_millis(5));
        let builder = if aggregate { builder.aggregate_bytes(200).batch_records(20) } else { builder };
        let mut sink = builder.build().await.unwrap();
        let stats = sink.stats();
        for n in 0..SENT {
            sink.feed(message(n)).await.unwrap();
        }
        sink.close().await.unwrap();

        let by_key = read(&cloud).await;
        println!("seed {seed}: {stats:?}");
        assert!(by_key.values().all(|of_key| of_key.is_sorted()), "seed {seed}: a message overtook another");
        assert_eq!(sorted(&by_key), (0..SENT).collect::<Vec<_>>(), "seed {seed}");
        assert!(stats.failed.get() > 0 && stats.retries.get() > 0, "seed {seed}: nothing was turned away");
        assert_eq!((stats.messages.get(), stats.held()), (SENT as u64, 0), "seed {seed}");
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn aggregates_lie_in_the_shards_of_their_messages_and_are_read_back() {
    const SENT: usize = 20_000;
    let cloud = cloud(4).await;
    let mut sink = sink(&cloud.sdk_config()).aggregate(true).build().await.unwrap();
    let stats = sink.stats();
    for n in 0..SENT {
        sink.feed(message(n)).await.unwrap();
    }
    sink.close().await.unwrap();
    // The source reads as the Kinesis Client Library does: an aggregate that lies elsewhere would be dropped.
    assert_eq!(sorted(&read(&cloud).await), (0..SENT).collect::<Vec<_>>());
    assert_eq!(stats.messages.get(), SENT as u64);
    assert!(stats.records.get() < 100, "{stats:?}");
}

#[tokio::test]
async fn a_message_that_is_alone_is_not_aggregated() {
    let cloud = cloud(1).await;
    let mut sink = sink(&cloud.sdk_config()).aggregate(true).build().await.unwrap();
    sink.send(message(1)).await.unwrap();
    sink.feed(message(2)).await.unwrap();
    sink.feed(message(3)).await.unwrap();
    sink.close().await.unwrap();
    let records = raw(&cloud, "shardId-000000000000").await;
    assert_eq!(records[0], ("key 1".to_owned(), b"1".to_vec()));
    assert!(records[1].0 == "a" && is_aggregate(&records[1].1) && records.len() == 2);
}

#[tokio::test]
async fn shards_that_are_split_and_merged_while_aggregates_are_written_lose_nothing() {
    let cloud = cloud(1).await;
    let client = Client::new(&cloud.sdk_config());
    let active = async || {
        loop {
            let answer = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
            if answer.stream_description_summary.unwrap().stream_status == StreamStatus::Active {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let builder = sink(&cloud.sdk_config()).aggregate(true).ordered_per_key(true).linger(Duration::ZERO);
    let mut sink = builder.build().await.unwrap();
    let stats = sink.stats();
    let mut sent = 0;
    for change in 0..3 {
        // Until the sink has seen the last change, and for some messages more.
        let enough = sent + 1_000;
        while stats.refreshes.get() < change || sent < enough {
            sink.feed(message(sent)).await.unwrap();
            sent += 1;
            if sent % 50 == 0 {
                sink.flush().await.unwrap();
            }
        }
        match change {
            0 => {
                let half = (1_u128 << 127).to_string();
                let split = client.split_shard().stream_name(STREAM).shard_to_split("shardId-000000000000");
                split.new_starting_hash_key(half).send().await.unwrap();
            }
            1 => {
                let merge = client.merge_shards().stream_name(STREAM).shard_to_merge("shardId-000000000001");
                merge.adjacent_shard_to_merge("shardId-000000000002").send().await.unwrap();
            }
            _ => sink.close().await.unwrap(),
        }
        active().await;
    }
    println!("{sent} messages: {stats:?}");
    let by_key = read(&cloud).await;
    assert_eq!(sorted(&by_key), (0..sent).collect::<Vec<_>>());
    assert!(by_key.values().all(|of_key| of_key.is_sorted()));
    assert!((2..=3).contains(&stats.refreshes.get()), "{stats:?}");
    // How many depends on how long the sink did not know the shards, when it packs nothing.
    assert!(stats.records.get() < stats.messages.get(), "{stats:?}");
}

#[tokio::test]
async fn an_explicit_hash_key_chooses_the_shard() {
    let cloud = cloud(2).await;
    for aggregate in [false, true] {
        let builder = sink(&cloud.sdk_config()).aggregate(aggregate);
        let mut sink = builder.hash_key(|message| (message.key != "key 0").then_some(u128::MAX)).build().await.unwrap();
        for n in 0..100 {
            sink.feed(message(n)).await.unwrap();
        }
        sink.close().await.unwrap();
    }
    let (low, high) = (raw(&cloud, "shardId-000000000000").await, raw(&cloud, "shardId-000000000001").await);
    // Each time, 98 messages go where they are told. The 2 of "key 0" go by its MD5, which is in the lower half.
    assert_eq!((low.len(), high.len()), (3, 99), "two messages and an aggregate, 98 and an aggregate");
    assert_eq!(sorted(&read(&cloud).await).len(), 200);
}

#[tokio::test]
async fn with_its_own_rate_limit_a_sink_is_seldom_turned_away() {
    const SENT: usize = 3_000;
    let throttles = |percent| async move {
        let cloud = LocalCloud::builder().enforce_limits(true).start().unwrap();
        cloud.create_stream(STREAM, 2).await.unwrap();
        let begun = Instant::now();
        let mut sink = sink(&cloud.sdk_config()).rate_limit(percent).build().await.unwrap();
        let stats = sink.stats();
        for n in 0..SENT {
            sink.feed(message(n)).await.unwrap();
        }
        sink.close().await.unwrap();
        // Half of what two shards take is 1,000 a second.
        assert!(percent.is_none() || begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(sorted(&read(&cloud).await), (0..SENT).collect::<Vec<_>>());
        stats.throttles.get()
    };
    let (limited, unlimited) = futures::join!(throttles(Some(50)), throttles(None));
    println!("{limited} records were turned away with a rate limit, {unlimited} without");
    assert!(2 * limited < unlimited, "{limited} of {unlimited}");
}

#[tokio::test]
async fn what_kinesis_would_never_take_is_appended_to_a_file() {
    let cloud = cloud(1).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dead.jsonl");
    for _ in 0..2 {
        let builder = sink(&cloud.sdk_config()).dead_messages(dead_file(&path).await.unwrap());
        let mut sink = builder.build().await.unwrap();
        let large = Message { key: "k".into(), data: vec![0xff; 1 << 20].into() };
        for message in [Message { key: "".into(), data: "{}".into() }, message(1), large] {
            sink.feed(message).await.unwrap();
        }
        sink.close().await.unwrap();
        assert_eq!(sink.stats().dead.get(), 2);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0]["key"].as_str(), lines[0]["text"].as_str()), (Some(""), Some("{}")));
    assert_eq!(lines[0]["reason"], "the partition key is empty");
    assert!(lines[1]["reason"].as_str().unwrap().contains("a record of 1048577 bytes"), "{}", lines[1]["reason"]);
    assert!(lines[1]["base64"].as_str().unwrap().starts_with("/////") && lines[1].get("text").is_none());
    assert_eq!(sorted(&read(&cloud).await), [1, 1]);

    let nowhere = dead_file(dir.path().join("no/such/dir")).await.err().unwrap();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    assert!(nowhere.to_string().contains("name a file in a directory that is there"), "{nowhere}");
}

#[tokio::test]
async fn the_limit_of_a_record_is_the_streams_own() {
    let cloud = cloud(1).await;
    let mut sink = sink(&cloud.sdk_config()).build().await.unwrap();
    let error = sink.send(Message { key: "k".into(), data: vec![0; 1 << 20].into() }).await.unwrap_err();
    assert!(error.to_string().contains("the stream's limit of 1048576"), "{error}");
    sink.send(message(1)).await.unwrap();
}

#[tokio::test]
async fn a_sink_that_needs_no_shard_map_asks_for_none() {
    let cloud = cloud(1).await;
    let config = proxy(&cloud, |call| match &*call.operation {
        "ListShards" => Deed::Refuse(400, "AccessDeniedException"),
        _ => Deed::Pass,
    });
    let config = config.await;
    let denied = sink(&config).build().await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    assert!(denied.to_string().contains("cannot list the shards"), "{denied}");
    let mut sink = sink(&config).rate_limit(None).build().await.unwrap();
    sink.send(message(1)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_said_at_once_with_what_was_not_delivered() {
    let cloud = cloud(1).await;
    let mut sink = sink(&cloud.sdk_config()).build().await.unwrap();
    sink.send(message(1)).await.unwrap();
    let client = Client::new(&cloud.sdk_config());
    client.delete_stream().stream_name(STREAM).send().await.unwrap();
    while client.describe_stream_summary().stream_name(STREAM).send().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sink.feed(message(2)).await.unwrap();
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("1 message was not known to be delivered: stream flights at http://"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_option_is_said_before_the_stream_is_looked_for() {
    for (options, says) in [
        ("linger_ms=-1", "a whole number of milliseconds"),
        ("batch_records=0", "a whole number, from 1"),
        ("batch_bytes=x", "a whole number, from 1"),
        ("budget_bytes=0", "a whole number, from 1"),
        ("in_flight=0", "a whole number, from 1"),
        ("ordered_per_key=yes", "true or false"),
        ("aggregate=yes", "kpl or off"),
        ("aggregate_bytes=1000", "add aggregate=kpl"),
        ("rate_limit=0", "percent, from 1, or off"),
        ("dead_letters=x", "there is no option \"dead_letters\""),
    ] {
        let error = sink::open(&format!("kinesis:flights?{options}")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
