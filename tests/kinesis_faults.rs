//! The Kinesis source and sink behind a proxy that makes trouble. A failure names its seed; the same seed makes the same
//! dice, though not always the same order of calls.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/kinesis_proxy.rs"]
mod kinesis_proxy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::KinesisSource;
use anabranch::source::{Source, Start};
use anabranch::{Error, ErrorKind, Message};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use futures::{SinkExt, TryStreamExt};
use kinesis_proxy::{Call, Deed, proxy};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const STREAM: &str = "flights";
const SENT: usize = 5_000;

async fn cloud(shards: u32) -> LocalCloud {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, shards).await.unwrap();
    cloud
}

async fn put(config: &SdkConfig) -> Result<(), Error> {
    let mut sink = KinesisSink::builder(STREAM).sdk_config(config.clone()).build().await?;
    for n in 0..SENT {
        sink.feed(Message { key: (n % 97).to_string().into(), data: n.to_string().into() }).await?;
    }
    sink.close().await
}

/// How often each message is there.
async fn read(config: &SdkConfig) -> Result<BTreeMap<usize, usize>, Error> {
    let source = KinesisSource::builder(STREAM).sdk_config(config.clone()).build().await?;
    let mut times = BTreeMap::new();
    for listed in source.partitions().await? {
        let mut flow = source.read(&listed.partition, Start::Beginning);
        let mut last = None;
        while let Some(batch) = flow.try_next().await? {
            for record in batch.records {
                assert!(last < Some(record.position()), "positions grow");
                last = Some(record.position());
                let n: usize = std::str::from_utf8(record.data()).unwrap().parse().unwrap();
                *times.entry(n).or_default() += 1;
            }
            if batch.behind == Some(Duration::ZERO) {
                break;
            }
        }
    }
    Ok(times)
}

/// Throws dice for each call to the stream's data.
fn dice(seed: u64, lost_answers: bool) -> impl Fn(&Call) -> Deed + Send + Sync + 'static {
    let random = std::sync::Mutex::new(StdRng::seed_from_u64(seed));
    move |call| {
        let mut random = random.lock().unwrap();
        match (&*call.operation, random.random_range(0..20)) {
            (_, 0) => Deed::Refuse(500, "InternalFailure"),
            (_, 1) => Deed::Refuse(400, "ProvisionedThroughputExceededException"),
            ("GetRecords", 2) => Deed::Refuse(400, "ExpiredIteratorException"),
            (_, 2) => Deed::Refuse(503, "ServiceUnavailable"),
            ("PutRecords", 3..8) => Deed::RefuseEntries(random.random()),
            (_, 8) => Deed::Hangup,
            (_, 9) if lost_answers => Deed::LoseAnswer,
            _ => Deed::Pass,
        }
    }
}

/// Runs all seeds at once, as most of the time goes by in waiting to try again.
async fn for_each<F: Future<Output = ()>>(seeds: &[u64], run: impl Fn(u64) -> F) {
    futures::future::join_all(seeds.iter().map(|&seed| run(seed))).await;
}

#[tokio::test]
async fn refused_calls_and_entries_lose_nothing_and_double_nothing() {
    for_each(&[1, 2], |seed| async move {
        let cloud = cloud(2).await;
        let config = proxy(&cloud, dice(seed, false)).await;
        put(&config).await.unwrap();
        let times = read(&config).await.unwrap();
        assert_eq!(times.len(), SENT, "seed {seed}");
        assert!(times.values().all(|times| *times == 1), "seed {seed}");
    })
    .await;
}

#[tokio::test]
async fn lost_answers_lose_nothing() {
    for_each(&[3, 4], |seed| async move {
        let cloud = cloud(2).await;
        let config = proxy(&cloud, dice(seed, true)).await;
        put(&config).await.unwrap();
        let times = read(&config).await.unwrap();
        assert_eq!(times.len(), SENT, "seed {seed}");
        assert_eq!(times, read(&cloud.sdk_config()).await.unwrap(), "seed {seed}: reading doubles nothing");
    })
    .await;
}

#[tokio::test]
async fn a_shard_that_is_gone_is_named_and_no_stream_is_to_be_made() {
    for operation in ["GetShardIterator", "GetRecords"] {
        let cloud = cloud(1).await;
        let gone = move |call: &Call| match call.operation == operation {
            true => Deed::Refuse(400, "ResourceNotFoundException"),
            false => Deed::Pass,
        };
        let error = read(&proxy(&cloud, gone).await).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.contains("shardId-000000000000") && text.contains("a closed shard is gone"), "{text}");
        assert!(!text.contains("create-stream"), "{text}");
    }
}

#[tokio::test]
async fn refusals_for_good_are_said_at_once_with_their_cure() {
    for (code, says) in [
        ("AccessDeniedException", "IAM policy"),
        ("ExpiredTokenException", "expired"),
        ("UnrecognizedClientException", "credentials"),
        ("KMSAccessDeniedException", "encryption key"),
    ] {
        let cloud = cloud(1).await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let config = proxy(&cloud, move |call| {
            if ["PutRecords", "GetRecords"].contains(&&*call.operation) {
                counted.fetch_add(1, Ordering::Relaxed);
                return Deed::Refuse(400, code);
            }
            Deed::Pass
        })
        .await;
        let written = KinesisSink::builder(STREAM).sdk_config(config.clone()).build().await;
        let mut written = written.unwrap();
        let sent = written.send(Message { key: "k".into(), data: "{}".into() }).await.unwrap_err();
        let read = read(&config).await.unwrap_err();
        assert_eq!((sent.kind(), read.kind()), (ErrorKind::Denied, ErrorKind::Denied), "{code}");
        assert_eq!(calls.load(Ordering::Relaxed), 2, "{code} is not tried again");
        let text = read.to_string();
        assert!(text.contains(says) && text.contains("stream flights at http://"), "{text}");
        assert!(text.contains("cannot read shardId-000000000000"), "{text}");
        assert!(format!("{sent:?}").contains(says), "{sent:?}");
    }
}

#[tokio::test]
async fn a_page_token_is_sent_without_the_streams_name() {
    let cloud = cloud(7).await;
    // The server's own pages need the name beside the token, which Kinesis refuses: the proxy stands between.
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    let config = proxy(&cloud, move |call| {
        if call.operation != "ListShards" {
            return Deed::Pass;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        let mut body = call.body.clone();
        let fields = body.as_object_mut().unwrap();
        fields.insert("MaxResults".into(), 3.into());
        if let Some(token) = fields.remove("NextToken") {
            if fields.contains_key("StreamName") || fields.contains_key("StreamARN") {
                return Deed::Refuse(400, "InvalidArgumentException");
            }
            fields.insert("StreamName".into(), STREAM.into());
            fields.insert("ExclusiveStartShardId".into(), token);
        }
        Deed::Replace(body)
    })
    .await;
    let source = KinesisSource::builder(STREAM).sdk_config(config).build().await.unwrap();
    let listed = source.partitions().await.unwrap();
    let names: Vec<String> = listed.iter().map(|listed| listed.partition.to_string()).collect();
    assert_eq!(names, (0..7).map(|n| format!("{STREAM}/shardId-{n:012}")).collect::<Vec<_>>());
    assert_eq!(pages.load(Ordering::Relaxed), 3);
}

/// The embedded server knows no token without its stream; Kinesis refuses the two together. So the proxy answers for
/// Kinesis: it turns a token into where the page before ended.
#[tokio::test]
async fn more_shards_than_a_page_has_are_all_listed() {
    let cloud = LocalCloud::builder().shard_limit(3_000).start().unwrap();
    cloud.create_stream(STREAM, 2_101).await.unwrap();
    let pages = AtomicUsize::new(0);
    let config = proxy(&cloud, move |call| {
        if call.operation != "ListShards" {
            return Deed::Pass;
        }
        let page = pages.fetch_add(1, Ordering::Relaxed);
        let has = |name: &str| call.body.get(name).is_some();
        let named = has("StreamName") || has("StreamARN");
        if has("NextToken") == named || has("NextToken") != (page > 0) {
            return Deed::Refuse(400, "InvalidArgumentException");
        }
        match page {
            0 => Deed::Pass,
            _ => Deed::Replace(serde_json::json!({
                "StreamName": STREAM,
                "MaxResults": 1_000,
                "ExclusiveStartShardId": format!("shardId-{:012}", page * 1_000 - 1),
            })),
        }
    });
    let source = KinesisSource::builder(STREAM).sdk_config(config.await).build().await.unwrap();
    let listed = source.partitions().await.unwrap();
    let names: std::collections::BTreeSet<_> = listed.into_iter().map(|listed| listed.partition).collect();
    assert_eq!(names.len(), 2_101);
}
