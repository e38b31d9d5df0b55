//! Workers that share the partitions of a source by a table of leases: every record counts once, whoever works on it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[cfg(feature = "dynamodb")]
mod dynamodb;
#[path = "../support/example.rs"]
#[cfg(all(feature = "dynamodb", feature = "kinesis", unix))]
mod example;
mod foreign;
mod give_up;
mod import;
mod memory;
#[cfg(all(feature = "dynamodb", feature = "kinesis", unix))]
mod processes;
#[allow(dead_code)]
#[path = "../support/scripted.rs"]
mod scripted;
#[cfg(feature = "dynamodb")]
mod shared;
mod suite;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use anabranch::create::FromResults;
use anabranch::epoch::{self, DeadLetters, EpochRecords, Every, Ledger, Pipeline, Report, SourceExt, State, Stats};
use anabranch::lease::{LeaseTable, Leases};
use anabranch::store::{DirStore, Store};
use anabranch::{BoxFlow, Error, Flow, Record};
use futures::TryStreamExt;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::memory::Table;
use self::scripted::Scripted;

/// As long as a lease lasts in these tests.
const FAILOVER: Duration = Duration::from_secs(10);

type Records = Flow<FromResults<EpochRecords>>;
/// What the chain of a worker gives: partition and text of each record.
type Rows = BoxFlow<'static, (String, String), Error>;

/// A directory for results: in memory if that can be had.
fn dir() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let dir = tempfile::Builder::new();
    if memory.is_dir() { dir.tempdir_in(memory).unwrap() } else { dir.tempdir().unwrap() }
}

fn store(dir: &TempDir) -> Arc<dyn Store> {
    Arc::new(DirStore::new(dir.path()))
}

fn leases(table: &Table, name: &str) -> Leases {
    Leases::new(Arc::new(table.clone())).worker(name).failover(FAILOVER)
}

/// A pipeline whose rows are partition and text of each record.
fn pipeline(
    source: &Scripted,
    store: &Arc<dyn Store>,
) -> Pipeline<impl Fn(Records, DeadLetters, State<()>) -> Rows + Send + Sync + 'static, ()> {
    let row = |record: Record| (record.partition().to_string(), String::from_utf8_lossy(record.data()).into_owned());
    let source: Arc<dyn anabranch::source::Source> = Arc::new(source.clone());
    source
        .epochs(Every::secs(3))
        .commit_to(Ledger::new(Arc::clone(store), "test"), move |records, _| records.map(row).boxed())
}

/// A worker that runs.
struct Worker {
    stop: Option<oneshot::Sender<()>>,
    run: JoinHandle<Result<Report, Error>>,
    stats: Stats,
}

impl Worker {
    fn start(source: &Scripted, store: &Arc<dyn Store>, leases: Leases) -> Self {
        let pipeline = pipeline(source, store).leases(leases);
        let stats = pipeline.stats();
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(pipeline.run(async move { drop(stopped.await) }));
        Self { stop: Some(stop), run, stats }
    }

    fn held(&self) -> usize {
        self.stats.leases.held()
    }

    /// Asks it to stop, and waits until it has.
    async fn stop(mut self) -> Result<Report, Error> {
        drop(self.stop.take());
        self.run.await.unwrap()
    }

    /// Ends it at once, without a word to anybody.
    async fn kill(self) {
        self.run.abort();
        let _ = self.run.await;
    }
}

/// Waits for something; a watchdog, not a measure. How long it took.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(900), "waited for {what}");
        // Not much longer than it takes, and not much more often than need be.
        sleep((began.elapsed() / 20).clamp(Duration::from_millis(50), Duration::from_secs(2))).await;
    }
    began.elapsed()
}

/// The texts of all rows, partition by partition in their order.
async fn texts(store: &Arc<dyn Store>) -> Vec<String> {
    let mut texts = Vec::new();
    for epoch in epoch::committed(Arc::clone(store)).try_collect::<Vec<_>>().await.unwrap() {
        texts.extend(epoch.rows::<(String, String)>().map(|row| row.unwrap().1));
    }
    texts.sort_by_key(|text| text.split_once(':').map(|(name, number)| (name.to_owned(), number.parse::<u64>().ok())));
    texts
}

/// The texts of all records of a source.
fn all(source: &Scripted) -> Vec<String> {
    let records = source.records().into_iter();
    records.flat_map(|(name, count)| (1..=count).map(move |number| format!("{name}:{number}"))).collect()
}

/// Whether the table says of so many partitions that they are held by these, and how many each has is even.
async fn is_even(table: &dyn LeaseTable, open: usize, workers: &[&str]) -> bool {
    let rows = table.list().await.unwrap();
    let load = |name: &&str| rows.iter().filter(|row| row.owner.as_deref() == Some(*name)).count();
    let loads: Vec<_> = workers.iter().map(load).collect();
    let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
    loads.iter().sum::<usize>() == open && most - least <= 1
}
