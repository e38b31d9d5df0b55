//! The ledger: what it writes, what it refuses, and that it counts every record once, whatever happens.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[allow(unreachable_pub)]
#[path = "../support/faulty.rs"]
mod faulty;
#[allow(unreachable_pub)]
#[path = "../support/scripted.rs"]
mod scripted;

mod anything;
mod children;
mod dead;
mod epochs;
mod faults;
mod form;
mod gaps;
mod hint;
mod hours;
mod metrics;
mod patience;
mod pipelined;
mod root;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anabranch::create::FromResults;
use anabranch::epoch::{self, DeadLetters, Epoch, EpochRecords, Every, Ledger, Report, SourceExt};
use anabranch::source::Source;
use anabranch::store::{DirStore, Store};
use anabranch::{BoxFlow, Error, Flow};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use self::scripted::{Scripted, number};

/// A row for each record, so that one that is missing or there twice is seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Row {
    partition: String,
    number: u64,
}

type Records = Flow<FromResults<EpochRecords>>;

fn each(records: Records, _: DeadLetters) -> BoxFlow<'static, Row, Error> {
    let row = |record: anabranch::Record| Row {
        partition: record.partition().to_string(),
        number: number(&record.position()),
    };
    records.map(row).boxed()
}

/// A directory in memory, if there is one: the disk's part in this is shown elsewhere, and every put waits for it.
fn dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::Builder::new();
    if memory.is_dir() { dir.tempdir_in(memory).unwrap() } else { dir.tempdir().unwrap() }
}

fn store(dir: &TempDir) -> Arc<dyn Store> {
    Arc::new(DirStore::new(dir.path()))
}

fn records(records: u64) -> Every {
    Every::secs(60).or_records(records.try_into().unwrap())
}

/// Runs what ends by itself. The clock is paused, so that waiting for ever takes no time.
async fn run(source: &Scripted, store: &Arc<dyn Store>, every: Every) -> Result<Report, Error> {
    let pipeline = source.clone().epochs(every).commit_to(Ledger::new(Arc::clone(store), "test"), each);
    let done = tokio::time::timeout(Duration::from_secs(24 * 60 * 60), pipeline.run(std::future::pending()));
    done.await.expect("the pipeline hangs")
}

async fn committed(store: &Arc<dyn Store>) -> Vec<Epoch> {
    epoch::committed(Arc::clone(store)).try_collect().await.unwrap()
}

fn rows(epoch: &Epoch) -> Vec<Row> {
    epoch.rows().map(Result::unwrap).collect()
}

/// The chains in a store, each whole: from one position to the next, each key named by the object before.
async fn chains(store: &Arc<dyn Store>) -> BTreeMap<String, Vec<Epoch>> {
    let mut chains = BTreeMap::<String, Vec<Epoch>>::new();
    for epoch in committed(store).await {
        chains.entry(epoch.header.partition.to_string()).or_default().push(epoch);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|epoch| epoch.header.n);
        for (n, epoch) in chain.iter().enumerate() {
            let header = &epoch.header;
            assert_eq!(header.n, n as u64, "{}", epoch.key);
            assert_eq!(header.end, header.end && n + 1 == chain.len(), "there is an epoch behind the end mark");
            let before = n.checked_sub(1).map(|before| &chain[before]);
            assert_eq!(header.from, before.and_then(|before| before.header.to.clone()));
            assert!(before.is_none_or(|before| before.header.next == epoch.key), "{} is not what follows", epoch.key);
        }
    }
    chains
}

/// Every record of the source is in exactly one epoch, in the one that says so.
async fn is_exact(source: &Scripted, store: &Arc<dyn Store>) {
    let chains = chains(store).await;
    for (name, expected) in source.records() {
        let mut found = Vec::new();
        for epoch in chains.get(&name).into_iter().flatten() {
            let rows = rows(epoch);
            let (from, to) = (epoch.header.from.as_ref().map_or(0, number), epoch.header.to.as_ref().map_or(0, number));
            assert!(rows.iter().all(|row| row.partition == name && row.number > from && row.number <= to));
            assert_eq!(epoch.header.rows, rows.len() as u64);
            assert_eq!(epoch.header.records, to - from);
            found.extend(rows.iter().map(|row| row.number));
        }
        assert_eq!(found, (1..=expected).collect::<Vec<_>>(), "{name}");
    }
}

async fn keys(store: &Arc<dyn Store>) -> Vec<String> {
    let (mut keys, mut last) = (Vec::new(), None::<String>);
    loop {
        let page = store.list_after("", last.as_deref()).await.unwrap();
        let Some(end) = page.last() else { return keys };
        last = Some(end.clone());
        keys.extend(page);
    }
}

/// How many records the epochs of a partition have.
async fn sizes(store: &Arc<dyn Store>, partition: &str) -> Vec<u64> {
    let chains = chains(store).await;
    chains.get(partition).into_iter().flatten().map(|epoch| epoch.header.records).collect()
}

fn is_source<S: Source>(source: S) -> Arc<dyn Source> {
    Arc::new(source)
}
