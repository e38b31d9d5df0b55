//! Enhanced fan-out on the embedded server, through connections that break and fall silent.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anabranch::Message;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::{KinesisSource, Stats};
use anabranch::source::{Source, Start};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use futures::{SinkExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STREAM: &str = "flights";

/// What becomes of a connection so long after a subscription has begun on it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It breaks.
    Break(Duration),
    /// It falls silent and stays open; the first one alone.
    Silence(Duration),
}

/// Leads to the server, byte by byte.
async fn proxy(cloud: &LocalCloud, fate: Fate) -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = cloud.kinesis_url().replace("http://", "");
    let silenced = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A connection that breaks is what this is for.
            tokio::spawn(carry(client, upstream.clone(), fate, Arc::clone(&silenced)));
        }
    });
    cloud.sdk_config_at(url)
}

async fn carry(client: TcpStream, upstream: String, fate: Fate, silenced: Arc<AtomicBool>) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let (subscribed, mut is_subscribed) = tokio::sync::watch::channel(false);
    let up = async move {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let n = from_client.read(&mut bytes).await?;
            if n == 0 {
                return Ok::<_, std::io::Error>(());
            }
            if bytes[..n].windows(16).any(|window| window == b"SubscribeToShard") {
                subscribed.send_replace(true);
            }
            to_server.write_all(&bytes[..n]).await?;
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    let over = async move {
        is_subscribed.wait_for(|is| *is).await.unwrap();
        match fate {
            Fate::Break(after) => tokio::time::sleep(after).await,
            Fate::Silence(after) if !silenced.swap(true, Ordering::Relaxed) => tokio::time::sleep(after).await,
            Fate::Silence(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        done = up => done,
        done = down => done.map(drop),
        () = over => match fate {
            Fate::Break(_) => Ok(()),
            // Both ends stay open, and nothing passes.
            Fate::Silence(_) => std::future::pending().await,
        },
    }
}

async fn cloud(shards: u32) -> LocalCloud {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, shards).await.unwrap();
    cloud
}

async fn put(cloud: &LocalCloud, numbers: std::ops::Range<usize>) {
    let mut sink = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
    for n in numbers {
        sink.feed(Message { key: (n % 97).to_string().into(), data: n.to_string().into() }).await.unwrap();
    }
    sink.close().await.unwrap();
}

async fn source(config: SdkConfig) -> KinesisSource {
    KinesisSource::builder(STREAM).consumer("test").sdk_config(config).build().await.unwrap()
}

/// Reads all shards by subscriptions until so many records have come, or the shards have ended; how often each is there.
async fn read(source: &KinesisSource, records: usize) -> BTreeMap<usize, usize> {
    let mut times = BTreeMap::new();
    let mut flows = futures::stream::SelectAll::new();
    for listed in source.partitions().await.unwrap() {
        flows.push(TryStreamExt::into_stream(source.read(&listed.partition, Start::Beginning)));
    }
    let mut left = records;
    while left > 0
        && let Some(batch) = flows.try_next().await.unwrap()
    {
        for record in batch.records.clone() {
            let n: usize = std::str::from_utf8(record.data()).unwrap().parse().unwrap();
            *times.entry(n).or_default() += 1;
        }
        left = left.saturating_sub(batch.records.len());
    }
    times
}

fn is_exact(times: &BTreeMap<usize, usize>, sent: usize) {
    assert_eq!(times.len(), sent);
    assert!(times.values().all(|times| *times == 1));
}

fn polled(stats: &Stats) -> u64 {
    stats.answers.get()
}

#[tokio::test]
async fn records_are_pushed_and_polled_for_never() {
    let cloud = cloud(3).await;
    put(&cloud, 0..5_000).await;
    let source = source(cloud.sdk_config()).await;
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        put(&cloud, 5_000..6_000).await;
    };
    let (times, ()) = tokio::join!(read(&source, 6_000), later);
    is_exact(&times, 6_000);
    assert_eq!((polled(&source.stats()), source.stats().subscribed.get()), (0, 3));
    // The consumer is there, and is used again.
    is_exact(&read(&self::source(cloud.sdk_config()).await, 6_000).await, 6_000);
}

#[tokio::test]
async fn connections_that_break_every_few_seconds_lose_nothing_and_double_nothing() {
    let cloud = cloud(2).await;
    let source = source(proxy(&cloud, Fate::Break(Duration::from_millis(1_500))).await).await;
    let later = async {
        for round in 0..12 {
            put(&cloud, round * 250..(round + 1) * 250).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (times, ()) = tokio::join!(read(&source, 3_000), later);
    is_exact(&times, 3_000);
    let subscribed = source.stats().subscribed.get();
    assert!(subscribed >= 4, "{subscribed} subscriptions to 2 shards");
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    let cloud = cloud(1).await;
    put(&cloud, 0..100).await;
    let source = source(proxy(&cloud, Fate::Silence(Duration::from_millis(700))).await).await;
    let later = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        put(&cloud, 100..200).await;
    };
    let begun = Instant::now();
    let (times, ()) = tokio::join!(read(&source, 200), later);
    is_exact(&times, 200);
    assert_eq!(source.stats().stalled.get(), 1);
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

/// The server never says that a shard is at its end, as Kinesis does, but it names the children.
#[tokio::test]
async fn a_shard_that_was_split_is_read_to_its_end() {
    let cloud = cloud(1).await;
    put(&cloud, 0..1_000).await;
    let client = Client::new(&cloud.sdk_config());
    let half = (1_u128 << 127).to_string();
    let split = client.split_shard().stream_name(STREAM).shard_to_split("shardId-000000000000");
    split.new_starting_hash_key(half).send().await.unwrap();
    let source = source(cloud.sdk_config()).await;
    let listed = source.partitions().await.unwrap();
    let batches: Vec<_> = source.read(&listed[0].partition, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.records.len()).sum::<usize>(), 1_000);
    assert!(batches.last().unwrap().closed);
}
