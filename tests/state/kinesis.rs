//! State and carried groups over a split and a merge of the embedded Kinesis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anabranch::Message;
use anabranch::epoch::{Carry, DeadLetters, Every, OpenGroups, SourceExt, State};
use anabranch::group::Until;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::Source;
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::Store;
use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use compact_str::CompactString;
use futures::SinkExt;
use serde::{Deserialize, Serialize};

use crate::{Records, chains, dir, last, ledger, state, store};

const STREAM: &str = "flights";

/// How often each key came, and the groups of keys that are open.
#[derive(Default, Serialize, Deserialize)]
struct Keys {
    counts: BTreeMap<CompactString, u64>,
    open: OpenGroups<CompactString, usize>,
}

async fn put(cloud: &LocalCloud, numbers: std::ops::Range<u64>) {
    let mut sink = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
    for n in numbers {
        sink.feed(Message { key: format!("key {}", n % 97).into(), data: format!("{n}").into() }).await.unwrap();
    }
    sink.close().await.unwrap();
}

async fn source(cloud: &LocalCloud) -> KinesisSource {
    let builder = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config());
    builder.idle(Duration::from_millis(1)).build().await.unwrap()
}

async fn run(cloud: &LocalCloud, store: &Arc<dyn Store>) {
    let chain = |records: Records, _: DeadLetters, state: State<Keys>| {
        let open = state.groups(|keys: &mut Keys| &mut keys.open);
        let counted = records.inspect(move |record| {
            state.with(|keys| *keys.counts.entry(record.key().into()).or_default() += 1);
        });
        let until = Until::idle(Duration::from_secs(600));
        counted.group_until(|record| CompactString::from(record.key()), until).count_each().carried(open).boxed()
    };
    let carry = Carry::new(1, Keys::default).inherit(|parents, keys| {
        assert!(parents.iter().all(|parent| parent.state.open.is_empty()), "the end mark closes all groups");
        let keys = keys.unwrap();
        let all = parents.into_iter().flat_map(|parent| parent.state.counts);
        Keys { counts: all.filter(|(key, _)| keys.contains_key(key)).collect(), ..Keys::default() }
    });
    let every = Every::secs(60).or_records(100.try_into().unwrap());
    let pipeline = source(cloud).await.epochs(every).commit_to_with_state(ledger(store), carry, chain);
    pipeline.once(true).run(std::future::pending()).await.unwrap();
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

fn expected(all: u64) -> BTreeMap<CompactString, u64> {
    let mut counts = BTreeMap::new();
    for n in 0..all {
        *counts.entry(format!("key {}", n % 97).into()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn the_state_of_each_key_follows_it_through_a_split_and_a_merge() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, 1).await.unwrap();
    let client = Client::new(&cloud.sdk_config());
    let dir = dir();
    let place = store(&dir);
    let shard = |n: u32| format!("shardId-{n:012}");

    put(&cloud, 0..1_000).await;
    run(&cloud, &place).await;
    let half = (1_u128 << 127).to_string();
    client.split_shard().stream_name(STREAM).shard_to_split(shard(0)).new_starting_hash_key(half).send().await.unwrap();
    until_active(&client).await;
    put(&cloud, 1_000..2_000).await;
    run(&cloud, &place).await;
    for listed in source(&cloud).await.partitions().await.unwrap() {
        let keys: Keys = last(&place, listed.partition.as_str()).await;
        assert!(keys.counts.keys().all(|key| listed.keys.unwrap().contains_key(key)), "{}", listed.partition);
    }
    let merge = client.merge_shards().stream_name(STREAM).shard_to_merge(shard(1)).adjacent_shard_to_merge(shard(2));
    merge.send().await.unwrap();
    until_active(&client).await;
    put(&cloud, 2_000..3_000).await;
    run(&cloud, &place).await;

    let mut rows = BTreeMap::<CompactString, u64>::new();
    let chains = chains(&place).await;
    assert_eq!(chains.len(), 4);
    for chain in chains.values() {
        assert!(state::<Keys>(&place, chain.last().unwrap()).await.open.is_empty());
        for row in chain.iter().flat_map(|epoch| epoch.rows::<(CompactString, u64)>()) {
            let (key, count) = row.unwrap();
            *rows.entry(key).or_default() += count;
        }
    }
    assert_eq!(rows, expected(3_000));
    let merged: Keys = last(&place, &format!("{STREAM}/{}", shard(3))).await;
    assert_eq!(merged.counts, expected(3_000));
}
