//! A controller beside a producer and a pipeline, on the embedded Kinesis.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anabranch::Message;
use anabranch::epoch::{Every, Ledger, SourceExt, committed};
use anabranch::reshard::{Change, Event, Limits, Policy, Reshard, Status, Traffic, hash_of, journal};
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::{DirStore, Store};
use anabranch_local_cloud::LocalCloud;
use compact_str::CompactString;
use futures::{SinkExt, TryStreamExt};
use tokio::time::{Instant, sleep, timeout};

const STREAM: &str = "flights";
/// Shards that are full with little, so that the test is short.
const LIMITS: Limits = Limits { bytes: 40_000.0, records: 400.0, read_bytes: 800_000.0 };
const POLICY: Policy = Policy {
    window: Duration::from_millis(500),
    split_above: 0.75,
    split_after: 3,
    merge_below: 0.5,
    merge_after: 5,
    rest: Duration::from_secs(1),
    min_shards: 1,
    max_shards: 6,
    limits: LIMITS,
};

/// Keys that all belong to the lowest sixteenth of the hash keys: the middle of the range tells them not apart.
fn keys() -> Vec<String> {
    (0..).map(|n| format!("key {n}")).filter(|key| hash_of(key) >> 124 == 0).take(40).collect()
}

/// Puts messages of the keys by turns, so many a second, until that is none; how many. Each is its number among those of
/// its key.
async fn produce(cloud: &LocalCloud, traffic: &Traffic, rate: &AtomicUsize) -> usize {
    let builder = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).rate_limit(None);
    let mut sink = builder.linger(Duration::from_millis(20)).traffic(traffic.clone()).build().await.unwrap();
    let (keys, mut sent) = (keys(), 0);
    let mut last = Instant::now();
    loop {
        sleep(Duration::from_millis(50)).await;
        let rate = rate.load(Ordering::Relaxed);
        if rate == 0 {
            sink.close().await.unwrap();
            return sent;
        }
        // Whatever the machine does, the rate is kept.
        let due = rate as f64 * last.elapsed().as_secs_f64();
        if due < 1.0 {
            continue;
        }
        last = Instant::now();
        for _ in 0..due as usize {
            let data = format!("{:<90}", sent / keys.len());
            sink.feed(Message { key: keys[sent % keys.len()].as_str().into(), data: data.into() }).await.unwrap();
            sent += 1;
        }
        sink.flush().await.unwrap();
    }
}

/// Counts how often each key comes, exactly, until all that was sent is committed.
async fn count(cloud: &LocalCloud, store: Arc<dyn Store>, shutdown: impl Future<Output = ()> + Send) {
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config());
    let source = source.idle(Duration::from_millis(200)).build().await.unwrap();
    let pipeline = source.epochs(Every::secs(1)).commit_to(Ledger::new(store, "keys"), |records, _dead| {
        records.map(|record| {
            let number: u64 = std::str::from_utf8(record.data()).unwrap().trim().parse().unwrap();
            (record.key().to_owned(), number)
        })
    });
    pipeline.run(shutdown).await.unwrap();
}

async fn controller(cloud: &LocalCloud, traffic: &Traffic, store: &Arc<dyn Store>) -> Reshard {
    let builder = Reshard::builder(STREAM, traffic.clone()).store(Arc::clone(store)).policy(POLICY);
    builder.tell(|entry| println!("{entry}")).sdk_config(cloud.sdk_config()).build().await.unwrap()
}

/// How many records are committed.
async fn records(rows: &Arc<dyn Store>) -> u64 {
    let epochs: Vec<_> = committed(Arc::clone(rows)).try_collect().await.unwrap();
    epochs.iter().map(|epoch| epoch.header.records).sum()
}

/// Waits until the stream has so many shards, as the controller sees it.
async fn until(status: &Status, what: &str, shards: impl Fn(usize) -> bool + Send + Sync) {
    let seen = async {
        while !shards(status.view().shards.len()) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), seen).await.unwrap_or_else(|_| panic!("never {what}: {:?}", status.view()));
}

/// Waits until a journal has a plan that is not done.
async fn until_planned(store: &Arc<dyn Store>) {
    let planned = async {
        while journal(store, STREAM).await.unwrap().last().is_none_or(|last| last.left.is_empty()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), planned).await.expect("nothing was planned");
}

#[tokio::test]
async fn hot_shards_are_split_at_the_median_cold_ones_merged_and_a_running_pipeline_stays_exact() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, 1).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let [journals, rows] =
        ["journal", "rows"].map(|name| Arc::new(DirStore::new(dir.path().join(name))) as Arc<dyn Store>);
    let (traffic, rate) = (Traffic::new(), AtomicUsize::new(1_000));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();

    let reshard = async {
        // The first controller dies when it has decided and may have begun.
        let first = controller(&cloud, &traffic, &journals).await;
        tokio::select! {
            end = first.run(std::future::pending()) => panic!("it ended: {end:?}"),
            () = until_planned(&journals) => {}
        }
        // The next goes on with it, splits until no shard is hot, and merges when there is little.
        let next = controller(&cloud, &traffic, &journals).await;
        let status = next.status();
        let load = async {
            until(&status, "split", |shards| shards >= 3).await;
            rate.store(20, Ordering::Relaxed);
            until(&status, "merged", |shards| shards == 1).await;
        };
        next.run(load).await.unwrap();
        rate.store(0, Ordering::Relaxed);
    };
    let all = async {
        let ((), sent) = futures::join!(reshard, produce(&cloud, &traffic, &rate));
        let counted = async {
            while records(&rows).await < sent as u64 {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(60), counted).await.expect("something is missing");
        drop(stop);
        sent
    };
    let (sent, ()) = futures::join!(all, count(&cloud, Arc::clone(&rows), async { stopped.await.unwrap_or_default() }));

    // The first cut is where half of the bytes of the keys are, in the lowest sixteenth of the range.
    let events: Vec<_> = journal(&journals, STREAM).await.unwrap().into_iter().map(|entry| entry.event).collect();
    let first = events.iter().find_map(|event| match event {
        Event::Done { change: Change::Split { at, .. } } => Some(*at),
        _ => None,
    });
    let first = first.expect("a shard was split");
    let below = keys().iter().filter(|key| hash_of(key) < first).count();
    assert!((10..=30).contains(&below), "{below} of 40 keys are below the cut");
    let begun = events.iter().filter(|event| **event == Event::Began).count();
    assert_eq!(begun, 2, "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Done { change: Change::Merge { .. } })), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Ended));

    // Each record once, whatever happened to its shard: the numbers of each key have no hole and no double.
    let epochs: Vec<_> = committed(rows).try_collect().await.unwrap();
    let partitions: BTreeSet<_> = epochs.iter().map(|epoch| epoch.header.partition.clone()).collect();
    assert!(partitions.len() >= 4, "{partitions:?}");
    let mut numbers = BTreeMap::<CompactString, Vec<u64>>::new();
    for row in epochs.iter().flat_map(|epoch| epoch.rows::<(CompactString, u64)>()) {
        let (key, number) = row.unwrap();
        numbers.entry(key).or_default().push(number);
    }
    let keys = keys();
    for (n, key) in keys.iter().enumerate() {
        let seen = numbers.get_mut(key.as_str()).expect("each key was seen");
        seen.sort_unstable();
        assert_eq!(*seen, (0..(sent - n).div_ceil(keys.len()) as u64).collect::<Vec<_>>(), "{key}");
    }
}
