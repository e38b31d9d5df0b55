//! What one does with a ledger beside writing it: read it along its chains, sum it up, verify it, go on from it, put its
//! dead letters through once more, expire it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::result_large_err, reason = "dead letters are what is tested")]

#[allow(dead_code, unreachable_pub)]
#[path = "../support/faulty.rs"]
mod faulty;
#[allow(dead_code, unreachable_pub)]
#[path = "../support/scripted.rs"]
mod scripted;

mod expire;
mod import;
mod reading;
mod redrive;
mod show;
mod speed;
mod verify;

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anabranch::create::FromResults;
use anabranch::epoch::{
    self, DeadLetter, DeadLetters, Epoch, EpochRecords, Every, Ledger, Pipeline, Report, SourceExt, State,
};
use anabranch::source::Source;
use anabranch::store::{DirStore, Store};
use anabranch::{BoxFlow, Error, Flow, Record};
use futures::TryStreamExt;
use tempfile::TempDir;

use self::scripted::Scripted;

type Records = Flow<FromResults<EpochRecords>>;
type Row = (String, String);

type Rows = BoxFlow<'static, Row, Error>;

/// A decoder that takes a record's text, unless it is bad.
type Bad = fn(&str) -> bool;

fn by_three(text: &str) -> bool {
    text.split(':').nth(1).and_then(|number| number.parse::<u64>().ok()).is_none_or(|number| number.is_multiple_of(3))
}

fn none(_: &str) -> bool {
    false
}

fn pipeline(
    source: Arc<dyn Source>,
    ledger: Ledger,
    every: Every,
    bad: Bad,
) -> Pipeline<impl Fn(Records, DeadLetters, State<()>) -> Rows + Send + Sync + 'static, ()> {
    source.epochs(every).commit_to(ledger, move |records, dead| {
        let decode = move |record: Record| {
            let text = String::from_utf8_lossy(record.data()).into_owned();
            match bad(&text) {
                true => Err(DeadLetter { record, line: None, reason: "bad".to_owned() }),
                false => Ok((record.partition().to_string(), text)),
            }
        };
        records.map(decode).dead_letters(dead).boxed()
    })
}

fn ledger(store: &Arc<dyn Store>) -> Ledger {
    Ledger::new(Arc::clone(store), "test")
}

async fn run(source: &Scripted, store: &Arc<dyn Store>, records: u64, bad: Bad) -> Result<Report, Error> {
    let every = Every::secs(60).or_records(records.try_into().unwrap());
    pipeline(Arc::new(source.clone()), ledger(store), every, bad).run(pending()).await
}

fn dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::Builder::new();
    if memory.is_dir() { dir.tempdir_in(memory).unwrap() } else { dir.tempdir().unwrap() }
}

fn store(dir: &TempDir) -> Arc<dyn Store> {
    Arc::new(DirStore::new(dir.path()))
}

async fn committed(store: &Arc<dyn Store>) -> Vec<Epoch> {
    epoch::committed(Arc::clone(store)).try_collect().await.unwrap()
}

/// The texts of all rows, in order.
async fn texts(store: &Arc<dyn Store>) -> Vec<String> {
    let mut texts = Vec::new();
    for epoch in committed(store).await {
        texts.extend(epoch.rows::<Row>().map(|row| row.unwrap().1));
    }
    texts.sort_by_key(|text| text.split_once(':').map(|(name, number)| (name.to_owned(), number.parse::<u64>().ok())));
    texts
}

/// The texts of all records of a source.
fn all(source: &Scripted) -> Vec<String> {
    let records = source.records().into_iter();
    records.flat_map(|(name, count)| (1..=count).map(move |number| format!("{name}:{number}"))).collect()
}

async fn keys(store: &Arc<dyn Store>, prefix: &str) -> Vec<String> {
    store.list_after(prefix, None).await.unwrap()
}

/// The files of the epochs of a partition.
async fn chain(dir: &TempDir, partition: &str) -> Vec<PathBuf> {
    let mut epochs = committed(&store(dir)).await;
    epochs.retain(|epoch| epoch.header.partition.as_str() == partition);
    epochs.sort_by_key(|epoch| epoch.header.n);
    epochs.into_iter().map(|epoch| dir.path().join(epoch.key)).collect()
}
