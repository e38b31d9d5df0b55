//! Records that the embedded Kinesis drops before they are read. A proxy sets the service's clock forward, since streams
//! keep records for a day at least.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anabranch::epoch::{self, AtGaps, Every, Ledger, Report, SourceExt};
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::{InitialPosition, KinesisSource};
use anabranch::store::{DirStore, Store};
use anabranch::{Error, Message};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{SinkExt, TryStreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const STREAM: &str = "flights";

/// A stream, its clock, and a directory for results.
struct World {
    cloud: LocalCloud,
    config: SdkConfig,
    /// How many hours the service's clock is ahead.
    ahead: Arc<AtomicI64>,
    dir: TempDir,
}

impl World {
    async fn new() -> Self {
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream(STREAM, 1).await.unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let config = proxy(&cloud, Arc::clone(&ahead)).await;
        Self { cloud, config, ahead, dir: tempfile::tempdir().unwrap() }
    }

    /// The service's clock is so many hours ahead from now on.
    fn later(&self, hours: i64) {
        self.ahead.store(hours, Ordering::Relaxed);
    }

    async fn put(&self, texts: &[&str]) {
        let mut sink = KinesisSink::builder(STREAM).sdk_config(self.cloud.sdk_config()).build().await.unwrap();
        for text in texts {
            sink.feed(Message { key: "k".into(), data: (*text).to_owned().into() }).await.unwrap();
        }
        sink.close().await.unwrap();
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(DirStore::new(self.dir.path()))
    }

    /// Reads what is there.
    async fn run(&self, at_gaps: AtGaps) -> Result<Report, Error> {
        let source = KinesisSource::builder(STREAM).start(InitialPosition::TrimHorizon).sdk_config(self.config.clone());
        let ledger = Ledger::new(self.store(), "test");
        let rows = |records: anabranch::Flow<_>, _| {
            records.map(|record: anabranch::Record| String::from_utf8_lossy(record.data()).into_owned())
        };
        let pipeline = source.build().await?.epochs(Every::secs(60)).commit_to(ledger, rows);
        pipeline.once(true).at_gaps(at_gaps).run(std::future::pending()).await
    }

    /// All rows, and the gaps in hours from now.
    async fn committed(&self) -> (Vec<String>, Vec<(i64, i64)>) {
        let (mut rows, mut gaps) = (Vec::new(), Vec::new());
        let epochs: Vec<epoch::Epoch> = epoch::committed(self.store()).try_collect().await.unwrap();
        let hours = |time: DateTime<Utc>| ((time - Utc::now()).num_minutes() as f64 / 60.0).round() as i64;
        for epoch in epochs {
            rows.extend(epoch.rows().map(Result::<String, _>::unwrap));
            gaps.extend(epoch.header.gap.map(|gap| (hours(gap.after.unwrap()), hours(gap.until))));
        }
        (rows, gaps)
    }
}

/// Leads to the server, and sets the date of its answers forward.
async fn proxy(cloud: &LocalCloud, ahead: Arc<AtomicI64>) -> SdkConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = cloud.kinesis_url().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // It ends when either side does.
            tokio::spawn(carry(client, upstream.clone(), Arc::clone(&ahead)));
        }
    });
    cloud.sdk_config_at(url)
}

async fn carry(client: TcpStream, upstream: String, ahead: Arc<AtomicI64>) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async move {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(from_server.read_u8().await?);
            }
            let head = String::from_utf8(head).map_err(std::io::Error::other)?;
            let value = |line: &str, name: &str| {
                line.split_once(": ").filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|it| it.1.to_owned())
            };
            let length =
                head.lines().find_map(|line| value(line, "content-length")).map_or(0, |it| it.parse().unwrap());
            let mut body = vec![0; length];
            from_server.read_exact(&mut body).await?;
            let hours = TimeDelta::hours(ahead.load(Ordering::Relaxed));
            let shifted = |line: &str| match value(line, "date") {
                Some(date) => {
                    let date = DateTime::parse_from_rfc2822(&date).unwrap().to_utc() + hours;
                    format!("date: {}\r\n", date.format("%a, %d %b %Y %H:%M:%S GMT"))
                }
                None => format!("{line}\r\n"),
            };
            to_client.write_all(head.lines().map(shifted).collect::<String>().as_bytes()).await?;
            to_client.write_all(&body).await?;
        }
    };
    tokio::select! {
        done = up => done.map(drop),
        done = down => done,
    }
}

#[tokio::test]
async fn an_idle_shard_whose_last_position_was_trimmed_has_lost_nothing() {
    let world = World::new().await;
    world.put(&["a", "b"]).await;
    world.run(AtGaps::Stop).await.unwrap();
    world.cloud.trim(STREAM).await.unwrap();
    world.later(23);
    let report = world.run(AtGaps::Stop).await.unwrap();
    assert_eq!((report.records, report.gaps), (0, 0));
    world.put(&["c"]).await;
    assert_eq!(world.run(AtGaps::Stop).await.unwrap().records, 1);
    assert_eq!(world.committed().await, (vec!["a".to_owned(), "b".into(), "c".into()], vec![]));
}

#[tokio::test]
async fn what_was_trimmed_while_nobody_read_is_a_gap_from_when_to_when() {
    let world = World::new().await;
    world.put(&["a"]).await;
    world.run(AtGaps::GoOn).await.unwrap();
    world.put(&["lost"]).await;
    world.cloud.trim(STREAM).await.unwrap();
    world.later(72);
    let error = world.run(AtGaps::Stop).await.unwrap_err();
    assert!(error.to_string().contains("flights/shardId-000000000000, what arrived from"), "{error}");
    assert_eq!(world.run(AtGaps::GoOn).await.unwrap().gaps, 1);
    world.put(&["b"]).await;
    assert_eq!(world.run(AtGaps::Stop).await.unwrap().gaps, 0, "it is told once");
    assert_eq!(world.committed().await, (vec!["a".to_owned(), "b".into()], vec![(0, 48)]));
}

#[tokio::test]
async fn a_shard_that_was_never_read_begins_with_what_there_is() {
    let world = World::new().await;
    world.put(&["before"]).await;
    world.cloud.trim(STREAM).await.unwrap();
    world.put(&["a"]).await;
    world.later(72);
    assert_eq!(world.run(AtGaps::Stop).await.unwrap().gaps, 0);
    assert_eq!(world.committed().await, (vec!["a".to_owned()], vec![]));
}
