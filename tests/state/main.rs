//! State that outlives an epoch, and groups that are carried in it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(unreachable_pub, dead_code)]
#[path = "../support/faulty.rs"]
mod faulty;
#[allow(unreachable_pub, dead_code)]
#[path = "../support/scripted.rs"]
mod scripted;

mod carried;
mod family;
mod kept;
#[cfg(feature = "kinesis")]
mod kinesis;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anabranch::Error;
use anabranch::create::FromResults;
use anabranch::epoch::{self, Epoch, EpochRecords, Every, Ledger};
use anabranch::store::{DirStore, Store};
use futures::TryStreamExt;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

type Records = anabranch::Flow<FromResults<EpochRecords>>;

const SECOND: Duration = Duration::from_secs(1);

fn dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::Builder::new();
    if memory.is_dir() { dir.tempdir_in(memory).unwrap() } else { dir.tempdir().unwrap() }
}

fn store(dir: &TempDir) -> Arc<dyn Store> {
    Arc::new(DirStore::new(dir.path()))
}

fn ledger(store: &Arc<dyn Store>) -> Ledger {
    Ledger::new(Arc::clone(store), "test")
}

fn records(records: u64) -> Every {
    Every::secs(60).or_records(records.try_into().unwrap())
}

/// The clock is paused, so that waiting for ever takes no time.
async fn done<T>(run: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(24 * 60 * 60), run).await.expect("the pipeline hangs")
}

/// The epochs of each partition, in order, each continuing the one before.
async fn chains(store: &Arc<dyn Store>) -> BTreeMap<String, Vec<Epoch>> {
    let epochs: Vec<Epoch> = epoch::committed(Arc::clone(store)).try_collect().await.unwrap();
    let mut chains = BTreeMap::<String, Vec<Epoch>>::new();
    for epoch in epochs {
        chains.entry(epoch.header.partition.to_string()).or_default().push(epoch);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|epoch| epoch.header.n);
        for (before, epoch) in chain.iter().zip(&chain[1..]) {
            assert_eq!((&before.header.next, &before.header.to), (&epoch.key, &epoch.header.from));
        }
    }
    chains
}

async fn state<S: DeserializeOwned>(store: &Arc<dyn Store>, epoch: &Epoch) -> S {
    epoch::saved_state(&**store, &epoch.header).await.unwrap().expect("the epoch has a state")
}

/// The state behind the last epoch of a partition.
async fn last<S: DeserializeOwned>(store: &Arc<dyn Store>, partition: &str) -> S {
    let chains = chains(store).await;
    state(store, chains[partition].last().unwrap()).await
}

fn refused(result: Result<epoch::Report, Error>, because: &str) {
    let error = result.unwrap_err().to_string();
    assert!(error.contains(because), "{error}");
}
