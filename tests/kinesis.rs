//! The Kinesis source and sink against the embedded server, through the SDK's clients.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(unreachable_pub)]
#[path = "support/sink_suite.rs"]
mod sink_suite;
#[allow(unreachable_pub)]
#[path = "support/source_suite.rs"]
mod source_suite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::{InitialPosition, KinesisSource};
use anabranch::source::{Batch, Listed, Source, Start};
use anabranch::{ErrorKind, Layout, Message, Partition, Record};
use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ShardIteratorType, StreamStatus};
use futures::{SinkExt, TryStreamExt};

const STREAM: &str = "flights";

async fn cloud(shards: u32) -> LocalCloud {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, shards).await.unwrap();
    cloud
}

async fn source(cloud: &LocalCloud) -> KinesisSource {
    KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap()
}

async fn sink(cloud: &LocalCloud) -> KinesisSink {
    KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap()
}

fn messages(numbers: std::ops::Range<usize>) -> impl Iterator<Item = Message> {
    numbers.map(|n| Message { key: format!("key {}", n % 97).into(), data: format!("{{\"n\":{n}}}").into() })
}

async fn put(sink: &mut KinesisSink, messages: impl IntoIterator<Item = Message>) {
    for message in messages {
        sink.feed(message).await.unwrap();
    }
    sink.close().await.unwrap();
}

/// Reads to the tip, or to the end of a closed shard.
async fn read(source: &KinesisSource, partition: &Partition, start: Start) -> Vec<Batch> {
    let mut flow = source.read(partition, start);
    let mut batches = Vec::new();
    while let Some(batch) = flow.try_next().await.unwrap() {
        let at_tip = batch.behind == Some(Duration::ZERO);
        batches.push(batch);
        if at_tip {
            break;
        }
    }
    batches
}

async fn read_all(source: &KinesisSource) -> BTreeMap<Partition, Vec<Record>> {
    let mut all = BTreeMap::new();
    for listed in source.partitions().await.unwrap() {
        let batches = read(source, &listed.partition, Start::Beginning).await;
        all.insert(listed.partition, batches.into_iter().flat_map(|batch| batch.records).collect());
    }
    all
}

fn as_messages<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = records.into_iter().map(|record| (record.key().to_owned(), record.data().to_vec())).collect();
    all.sort();
    all
}

fn sorted(messages: impl IntoIterator<Item = Message>) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> =
        messages.into_iter().map(|message| (message.key.to_string(), message.data.to_vec())).collect();
    all.sort();
    all
}

async fn until_active(client: &Client) {
    loop {
        let answer = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        if answer.stream_description_summary.unwrap().stream_status == StreamStatus::Active {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The server's clock is the machine's, and what it says about time is to the second.
async fn next_second() {
    let now = chrono::Utc::now().timestamp();
    while chrono::Utc::now().timestamp() == now {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_source_behaves() {
    let cloud = cloud(2).await;
    put(&mut sink(&cloud).await, messages(0..1_000)).await;
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).idle(Duration::ZERO);
    source_suite::behaves(Arc::new(source.build().await.unwrap())).await;
}

#[tokio::test]
async fn the_sink_behaves() {
    for suite in ["flush", "close"] {
        let cloud = cloud(2).await;
        let (sink, source) = (Box::pin(sink(&cloud).await), source(&cloud).await);
        let arrived = async || read_all(&source).await.into_values().flatten().map(|record| record.bytes()).collect();
        match suite {
            "flush" => sink_suite::all_is_delivered_after_a_flush(sink, arrived).await,
            _ => sink_suite::all_is_delivered_after_a_close(sink, arrived).await,
        }
    }
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, 1).await.unwrap();
    let builder = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config());
    // Each message counts with 256 bytes more than it has.
    let sink = builder.budget(2_500 * 256).build().await.unwrap();
    drop(cloud);
    sink_suite::holds_its_caller_back(Box::pin(sink), 2_500).await;
}

#[tokio::test]
async fn what_was_put_is_read_from_all_shards_once_and_in_order() {
    let cloud = cloud(4).await;
    let sent = 30_000;
    put(&mut sink(&cloud).await, messages(0..sent)).await;

    let source = source(&cloud).await;
    let shards = read_all(&source).await;
    assert_eq!(shards.len(), 4);
    assert_eq!(as_messages(shards.values().flatten()), sorted(messages(0..sent)));
    let mut home = BTreeMap::new();
    for (partition, records) in &shards {
        assert!(!records.is_empty(), "{partition}");
        assert!(records.is_sorted_by(|a, b| a.position() < b.position()), "{partition}");
        for record in records {
            assert_eq!((record.partition(), record.layout()), (partition, &Layout::Json));
            assert_eq!(*home.entry(record.key().to_owned()).or_insert(partition), partition, "a key has one shard");
        }
    }
    let again = read_all(&source).await;
    for (partition, records) in &shards {
        let positions = |records: &[Record]| records.iter().map(Record::position).collect::<Vec<_>>();
        assert_eq!(positions(records), positions(&again[partition]), "the same records at the same positions");
    }
}

#[tokio::test]
async fn reading_goes_on_behind_a_position() {
    let cloud = cloud(1).await;
    put(&mut sink(&cloud).await, messages(0..100)).await;
    let source = source(&cloud).await;
    let shard = source.partitions().await.unwrap().remove(0).partition;
    let all: Vec<Record> =
        read(&source, &shard, Start::Beginning).await.into_iter().flat_map(|batch| batch.records).collect();
    for n in [0, 1, 50, 98, 99] {
        let after = Start::After(all[n].position().to_string().parse().unwrap());
        let rest: Vec<Record> =
            read(&source, &shard, after).await.into_iter().flat_map(|batch| batch.records).collect();
        let positions: Vec<_> = rest.iter().map(Record::position).collect();
        assert_eq!(positions, all[n + 1..].iter().map(Record::position).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn an_empty_shard_is_at_its_tip() {
    let cloud = cloud(1).await;
    let source = source(&cloud).await;
    let shard = source.partitions().await.unwrap().remove(0);
    assert_eq!(shard.partition.as_str(), "flights/shardId-000000000000");
    let batches = read(&source, &shard.partition, Start::Beginning).await;
    assert_eq!(batches.len(), 1);
    assert!(batches[0].records.is_empty() && !batches[0].closed);
}

fn find<'a>(listed: &'a [Listed], shard: &str) -> &'a Listed {
    let name = format!("{STREAM}/{shard}");
    listed.iter().find(|listed| listed.partition.as_str() == name).expect("the shard is listed")
}

fn parents(listed: &[Listed], shard: &str) -> BTreeSet<String> {
    find(listed, shard).parents.iter().map(|parent| parent.as_str().replace("flights/", "")).collect()
}

#[tokio::test]
async fn shards_that_were_split_and_merged_end_and_are_their_childrens_parents() {
    let cloud = cloud(1).await;
    let client = Client::new(&cloud.sdk_config());
    let (a, b, c, d) = ("shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "shardId-000000000003");

    put(&mut sink(&cloud).await, messages(0..1_000)).await;
    let half = (1_u128 << 127).to_string();
    client.split_shard().stream_name(STREAM).shard_to_split(a).new_starting_hash_key(half).send().await.unwrap();
    until_active(&client).await;
    put(&mut sink(&cloud).await, messages(1_000..2_000)).await;
    client.merge_shards().stream_name(STREAM).shard_to_merge(b).adjacent_shard_to_merge(c).send().await.unwrap();
    until_active(&client).await;
    put(&mut sink(&cloud).await, messages(2_000..3_000)).await;

    let source = source(&cloud).await;
    let listed = source.partitions().await.unwrap();
    assert_eq!(listed.len(), 4);
    assert_eq!(parents(&listed, a), BTreeSet::new());
    assert_eq!(parents(&listed, b), BTreeSet::from([a.to_owned()]));
    assert_eq!(parents(&listed, c), BTreeSet::from([a.to_owned()]));
    assert_eq!(parents(&listed, d), BTreeSet::from([b.to_owned(), c.to_owned()]));

    let mut counts = BTreeMap::new();
    let mut all = Vec::new();
    for listed in &listed {
        let batches = read(&source, &listed.partition, Start::Beginning).await;
        let is_open = listed.partition.as_str().ends_with(d);
        assert_eq!(batches.last().unwrap().closed, !is_open, "{}", listed.partition);
        let records: Vec<Record> = batches.into_iter().flat_map(|batch| batch.records).collect();
        counts.insert(listed.partition.to_string(), records.len());
        all.extend(records);
    }
    assert_eq!(as_messages(&all), sorted(messages(0..3_000)));
    assert_eq!(counts[&format!("{STREAM}/{a}")], 1_000);
    assert_eq!(counts[&format!("{STREAM}/{d}")], 1_000);
}

#[tokio::test]
async fn a_split_while_reading_ends_the_flow_with_its_last_batch() {
    let cloud = cloud(1).await;
    let client = Client::new(&cloud.sdk_config());
    let source = KinesisSource::builder(STREAM)
        .sdk_config(cloud.sdk_config())
        .idle(Duration::from_millis(1))
        .build()
        .await
        .unwrap();
    let shard = source.partitions().await.unwrap().remove(0).partition;
    let mut flow = source.read(&shard, Start::Beginning);
    assert!(!flow.try_next().await.unwrap().unwrap().closed);
    put(&mut sink(&cloud).await, messages(0..10)).await;
    let half = (1_u128 << 127).to_string();
    let id = "shardId-000000000000";
    client.split_shard().stream_name(STREAM).shard_to_split(id).new_starting_hash_key(half).send().await.unwrap();
    let batches: Vec<Batch> = flow.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.records.len()).sum::<usize>(), 10);
    let closed: Vec<bool> = batches.iter().map(|batch| batch.closed).collect();
    assert_eq!(closed.iter().filter(|closed| **closed).count(), 1);
    assert_eq!(closed.last(), Some(&true));
}

#[tokio::test]
async fn latest_means_the_second_in_which_the_ledger_began() {
    let cloud = cloud(1).await;
    put(&mut sink(&cloud).await, messages(0..10)).await;
    next_second().await;
    let source = KinesisSource::builder(STREAM)
        .sdk_config(cloud.sdk_config())
        .start(InitialPosition::Latest)
        .build()
        .await
        .unwrap();
    let description = source.describe().await.unwrap();
    let shard = source.partitions().await.unwrap().remove(0).partition;
    assert!(read(&source, &shard, description.start.clone()).await.iter().all(|batch| batch.records.is_empty()));
    put(&mut sink(&cloud).await, messages(10..20)).await;
    let records: Vec<Record> =
        read(&source, &shard, description.start).await.into_iter().flat_map(|batch| batch.records).collect();
    assert_eq!(as_messages(&records), sorted(messages(10..20)));
}

#[tokio::test]
async fn a_stream_is_recognised_until_it_is_made_again() {
    let cloud = cloud(1).await;
    let source = source(&cloud).await;
    let description = source.describe().await.unwrap();
    assert_eq!(description.start, Start::Beginning);
    assert_eq!(description.identity["kind"], "kinesis");
    assert!(description.identity["stream"].ends_with(":stream/flights"), "{description:?}");
    source.recognise(&description).await.unwrap();

    let client = Client::new(&cloud.sdk_config());
    client.delete_stream().stream_name(STREAM).send().await.unwrap();
    while client.describe_stream_summary().stream_name(STREAM).send().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    next_second().await;
    cloud.create_stream(STREAM, 1).await.unwrap();
    let error = source.recognise(&description).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("made again"), "{error}");
}

#[tokio::test]
async fn a_stream_is_found_by_its_arn() {
    let cloud = cloud(1).await;
    let arn = source(&cloud).await.describe().await.unwrap().identity["stream"].clone();
    let mut sink = KinesisSink::builder(&*arn).sdk_config(cloud.sdk_config()).build().await.unwrap();
    put(&mut sink, messages(0..10)).await;
    let source = KinesisSource::builder(&*arn).sdk_config(cloud.sdk_config()).build().await.unwrap();
    assert_eq!(as_messages(read_all(&source).await.values().flatten()), sorted(messages(0..10)));
}

#[tokio::test]
async fn a_missing_stream_is_said_with_the_cure() {
    let cloud = LocalCloud::start().unwrap();
    let source = source(&cloud).await;
    let sink = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await;
    for error in [source.describe().await.unwrap_err(), source.partitions().await.unwrap_err(), sink.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.contains("stream flights at http://127.0.0.1:"), "{text}");
        assert!(text.contains("aws kinesis create-stream --stream-name flights"), "{text}");
        assert!(!format!("{error:?}").contains("local-secret"));
    }
    let mut flow = source.read(&Partition::new("flights/shardId-000000000000"), Start::Beginning);
    assert_eq!(flow.try_next().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_unreachable_endpoint_is_said_within_15_seconds() {
    let (config, url) = {
        let cloud = LocalCloud::start().unwrap();
        (cloud.sdk_config(), cloud.kinesis_url().to_owned())
    };
    let begun = Instant::now();
    let source = KinesisSource::builder(STREAM).sdk_config(config.clone()).build().await.unwrap();
    let sink = KinesisSink::builder(STREAM).sdk_config(config);
    let (described, built) = tokio::join!(source.describe(), sink.build());
    for error in [described.unwrap_err(), built.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        assert!(text.contains(&url), "{text}");
        assert!(text.contains("AWS_ENDPOINT_URL_KINESIS"), "{text}");
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn missing_credentials_and_a_missing_region_are_said_at_once() {
    let cloud = cloud(1).await;
    let config = cloud.sdk_config().into_builder().region(None).build();
    let error = KinesisSource::builder(STREAM).sdk_config(config).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("AWS_REGION"), "{error}");

    let mut config = cloud.sdk_config().into_builder();
    config.set_credentials_provider(None);
    let source = KinesisSource::builder(STREAM).sdk_config(config.build()).build().await.unwrap();
    let begun = Instant::now();
    let error = source.describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn throttled_writes_arrive_all() {
    let cloud = LocalCloud::builder().enforce_limits(true).start().unwrap();
    cloud.create_stream(STREAM, 2).await.unwrap();
    let begun = Instant::now();
    // 2,000 records a second are let in.
    put(&mut sink(&cloud).await, messages(0..5_000)).await;
    assert!(begun.elapsed() > Duration::from_secs(1), "nothing was throttled");
    let source = source(&cloud).await;
    assert_eq!(as_messages(read_all(&source).await.values().flatten()), sorted(messages(0..5_000)));
}

#[tokio::test]
async fn large_messages_arrive_whole() {
    let cloud = cloud(2).await;
    // The embedded server takes 2 MB a request; where requests are cut is tested on the batcher.
    let large = |n: u8| Message { key: n.to_string().into(), data: vec![b'a' + n; 100_000].into() };
    put(&mut sink(&cloud).await, (0..14).map(large)).await;
    let source = source(&cloud).await;
    assert_eq!(as_messages(read_all(&source).await.values().flatten()), sorted((0..14).map(large)));
}

/// What the code goes by where the server differs from Kinesis; if this fails, the server has become better.
#[tokio::test]
async fn the_embedded_server_differs_from_kinesis_as_we_know() {
    let cloud = cloud(1).await;
    put(&mut sink(&cloud).await, messages(0..20)).await;
    let client = Client::new(&cloud.sdk_config());
    let iterator = client
        .get_shard_iterator()
        .stream_name(STREAM)
        .shard_id("shardId-000000000000")
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .unwrap();
    let answer = client.get_records().set_shard_iterator(iterator.shard_iterator).limit(10).send().await.unwrap();
    assert_eq!((answer.records.len(), answer.millis_behind_latest), (10, Some(0)), "10 more are there");
    let token = client.list_shards().next_token("shardId-000000000000").send().await;
    assert!(token.is_err(), "a page token does not stand for its stream");
}

/// A process of its own, since the environment belongs to all tests of this one.
#[tokio::test]
async fn another_process_finds_the_server_by_its_environment() {
    let cloud = cloud(2).await;
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_and_reads_by_uri", "--ignored"])
        .envs(cloud.env())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(as_messages(read_all(&source(&cloud).await).await.values().flatten()), sorted(messages(0..10)));
}

#[tokio::test]
#[ignore = "needs the environment that another test gives it"]
async fn writes_and_reads_by_uri() {
    let mut sink = anabranch::sink::open("kinesis:flights?linger_ms=0").await.unwrap();
    for message in messages(0..10) {
        sink.feed(message).await.unwrap();
    }
    sink.close().await.unwrap();
    let source = anabranch::source::open("kinesis:flights?start=trim_horizon&idle_ms=200").await.unwrap();
    let mut count = 0;
    for listed in source.partitions().await.unwrap() {
        count += source_suite::to_the_tip(source.read(&listed.partition, Start::Beginning)).await.unwrap().len();
    }
    assert_eq!(count, 10);
}
