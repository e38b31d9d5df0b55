//! Shards that follow the traffic, on a Kinesis within this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt, committed};
use anabranch::reshard::{Limits, Policy, Reshard, Status, Traffic, hash_of};
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::{DirStore, Store};
use anabranch::{Error, ErrorKind, Message};
use anabranch_local_cloud::LocalCloud;
use futures::{SinkExt, TryStreamExt, try_join};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::output::say;
use crate::{table, told};

const STREAM: &str = "events";
const KEYS: usize = 40;

/// A day in half a minute: shards that are full with little, and windows of half a second.
fn policy() -> Policy {
    Policy {
        window: Duration::from_millis(500),
        split_after: 3,
        merge_after: 6,
        rest: Duration::from_secs(3),
        max_shards: 8,
        limits: Limits { bytes: 40_000.0, records: 400.0, read_bytes: 800_000.0 },
        ..Policy::default()
    }
}

pub(crate) async fn run() -> Result<(), Error> {
    let local = |error| Error::new(ErrorKind::Unavailable, "the embedded servers cannot be started").because(error);
    let cloud = LocalCloud::start().map_err(local)?;
    cloud.create_stream(STREAM, 1).await.map_err(local)?;
    let dir = tempfile::tempdir().map_err(local)?;
    let store: Arc<dyn Store> = Arc::new(DirStore::new(dir.path()));

    let (traffic, rate) = (Traffic::new(), AtomicUsize::new(800));
    let builder = Reshard::builder(STREAM, traffic.clone()).store(Arc::clone(&store)).policy(policy()).tell(told);
    let reshard = builder.sdk_config(cloud.sdk_config()).build().await?;
    let status = reshard.status();
    let day = async {
        say!("\n800 records a second, of {KEYS} keys in the lowest sixteenth of the hash keys; a shard takes 400.\n");
        until(&status, |shards| shards >= 3).await;
        sleep(policy().window * 4).await;
        say!("\n{}\nNow 100 a second.\n", table(&status.view()));
        rate.store(100, Ordering::Relaxed);
        until(&status, |shards| shards == 1).await;
        say!("\n{}", table(&status.view()));
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let producing = async {
        let produced = async {
            reshard.run(day).await?;
            rate.store(0, Ordering::Relaxed);
            Ok(())
        };
        let ((), sent) = try_join!(produced, produce(&cloud, &traffic, &rate))?;
        while counted(&store).await?.values().sum::<usize>() < sent.values().sum() {
            sleep(Duration::from_millis(200)).await;
        }
        drop(stop);
        Ok(sent)
    };
    let (sent, ()) = try_join!(producing, count(&cloud, Arc::clone(&store), stopped))?;
    if counted(&store).await? != sent {
        return Err(Error::new(ErrorKind::Invalid, "the counts are not what was sent").at(dir.path().display()));
    }
    say!("{} records of {} keys were sent, and each was counted once.", sent.values().sum::<usize>(), sent.len());
    Ok(())
}

/// Waits until there are so many shards.
async fn until(status: &Status, shards: impl Fn(usize) -> bool + Send + Sync) {
    while !shards(status.view().shards.len()) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends messages of the keys by turns, so many a second, until that is none; how many of each.
async fn produce(cloud: &LocalCloud, traffic: &Traffic, rate: &AtomicUsize) -> Result<BTreeMap<String, usize>, Error> {
    let builder = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).traffic(traffic.clone());
    let mut sink = builder.linger(Duration::from_millis(20)).build().await?;
    let keys = (0..).map(|n| format!("key {n}")).filter(|key| hash_of(key) >> 124 == 0).take(KEYS);
    let mut sent: BTreeMap<String, usize> = keys.map(|key| (key, 0)).collect();
    let mut last = Instant::now();
    loop {
        sleep(Duration::from_millis(20)).await;
        let rate = rate.load(Ordering::Relaxed);
        if rate == 0 {
            sink.close().await?;
            return Ok(sent);
        }
        if last.elapsed() < Duration::from_secs_f64(KEYS as f64 / rate as f64) {
            continue;
        }
        last = Instant::now();
        for (key, count) in &mut sent {
            sink.feed(Message { key: key.as_str().into(), data: format!("{count:<60}").into() }).await?;
            *count += 1;
        }
    }
}

/// Counts the records of each key, each once, in epochs of a second.
async fn count(cloud: &LocalCloud, store: Arc<dyn Store>, stop: oneshot::Receiver<()>) -> Result<(), Error> {
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).build().await?;
    let pipeline = source.epochs(Every::secs(1)).commit_to(Ledger::new(store, "keys"), |records, _dead| {
        records.group_until(|record| record.key().to_owned(), anabranch::group::Until::end()).count_each()
    });
    pipeline.run(async { stop.await.unwrap_or_default() }).await?;
    Ok(())
}

/// What was committed of each key.
async fn counted(store: &Arc<dyn Store>) -> Result<BTreeMap<String, usize>, Error> {
    let mut counts = BTreeMap::new();
    let mut epochs = committed(Arc::clone(store));
    while let Some(epoch) = epochs.try_next().await? {
        for row in epoch.rows::<(String, usize)>() {
            let (key, count) = row?;
            *counts.entry(key).or_default() += count;
        }
    }
    Ok(counts)
}
