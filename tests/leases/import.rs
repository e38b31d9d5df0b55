//! A ledger that goes on where another application stands, by its checkpoints.

use std::sync::Arc;

use anabranch::epoch::{Every, Ledger, SourceExt, root};
use anabranch::lease::Checkpoint;
use anabranch::source::{Source, Start};
use anabranch::store::Store;
use anabranch::{Error, ErrorKind, Record};
use chrono::{TimeZone, Utc};
use std::future::pending;

use crate::memory::Table;
use crate::scripted::Step::{Batch, Close, Tip};
use crate::scripted::{Scripted, position};
use crate::{dir, store, texts};

async fn continued(source: &Scripted, table: &Table, store: &Arc<dyn Store>) -> Result<u64, Error> {
    let source: Arc<dyn Source> = Arc::new(source.clone());
    let ledger = Ledger::new(Arc::clone(store), "test").continue_from_leases(Arc::new(table.clone()));
    let row = |record: Record| (record.partition().to_string(), String::from_utf8_lossy(record.data()).into_owned());
    let run = source.epochs(Every::default()).commit_to(ledger, move |records, _| records.map(row).boxed());
    Ok(run.run(pending()).await?.records)
}

#[tokio::test(start_paused = true)]
async fn each_partition_is_read_behind_its_checkpoint() {
    let (table, dir) = (Table::default(), dir());
    let store = store(&dir);
    let start = Start::At(Utc.with_ymd_and_hms(2013, 1, 1, 0, 0, 0).unwrap());
    let source = Scripted::new()
        .with("done", &[], [Close(4)])
        .with("half", &["done"], [Batch(5), Tip(1)])
        // The row of this one was removed when its child had begun.
        .with("removed", &[], [Close(9)])
        .with("heir", &["removed"], [Tip(7)])
        .with("horizon", &[], [Tip(2)])
        .with("latest", &[], [Tip(3)])
        .with("new", &["heir"], [Tip(5)]);
    source.edit(|script| script.start = start.clone());
    table.put("done", None, Checkpoint::End);
    table.put("half", None, Checkpoint::At(position(4)));
    table.put("heir", None, Checkpoint::At(position(7)));
    table.put("horizon", None, Checkpoint::TrimHorizon);
    table.put("latest", None, Checkpoint::Latest);
    table.put("expired", None, Checkpoint::At(position(1)));
    continued(&source, &table, &store).await.unwrap();
    assert_eq!(texts(&store).await, ["half:5", "half:6", "horizon:1", "horizon:2", "latest:1", "latest:2", "latest:3"]);

    let mut reads = source.edit(|script| script.reads.clone());
    reads.sort_by(|one, other| one.0.cmp(&other.0));
    let after = |number| Start::After(position(number));
    let expected = [("half", after(4)), ("heir", after(7)), ("horizon", Start::Beginning), ("latest", start)];
    assert_eq!(reads, expected.map(|(name, start)| (name.to_owned(), start)));
    assert_eq!(root(&*store).await.unwrap().imported.unwrap().from, "memory:leases");

    // Saying it again does no harm.
    assert_eq!(continued(&source, &table, &store).await.unwrap(), 0);
}

/// The next start of these workers makes their own table, and not that one.
#[cfg(feature = "dynamodb")]
#[tokio::test]
async fn a_table_that_is_not_there_is_looked_for_under_another_name() {
    let cloud = anabranch_local_cloud::LocalCloud::start().unwrap();
    let table = anabranch::lease::DynamoDbTable::builder("nope").sdk_config(cloud.sdk_config()).build().await.unwrap();
    let source: Arc<dyn Source> = Arc::new(Scripted::one([Tip(2)]));
    let ledger = Ledger::new(store(&dir()), "test").continue_from_leases(Arc::new(table));
    let run = source.epochs(Every::default()).commit_to(ledger, move |records, _| records.map(|_| 0));
    let error = run.run(pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("dynamodb:nope"), "{error}");
    assert!(error.to_string().contains("check its name") && !error.to_string().contains("next start"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_position_within_an_aggregate_is_kept() {
    let (table, dir) = (Table::default(), dir());
    let store = store(&dir);
    let at = position(2).with_minor(17);
    table.put("p", None, Checkpoint::At(at.clone()));
    let source = Scripted::one([Tip(2)]);
    continued(&source, &table, &store).await.unwrap();
    assert_eq!(source.edit(|script| script.reads.clone()), [("p".to_owned(), Start::After(at))]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_gone_on_from_is_refused() {
    let (table, dir) = (Table::default(), dir());
    let source = Scripted::one([Tip(2)]);
    // No leases at all.
    let error = continued(&source, &table, &store(&dir)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // A worker that is still there.
    table.put("p", Some("theirs"), Checkpoint::At(position(1)));
    let renewed = table.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        renewed.put("p", Some("theirs"), Checkpoint::At(position(2)));
    });
    let error = continued(&source, &table, &store(&dir)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("by theirs"), "{error}");
    // When it has stopped, without giving its lease back, its end is waited for.
    assert_eq!(continued(&source, &table, &store(&dir)).await.unwrap(), 0);
    // A row that goes is a worker's doing, too.
    let cleaned = Table::default();
    cleaned.put("p", Some("theirs"), Checkpoint::At(position(1)));
    cleaned.put("parent", None, Checkpoint::End);
    let of_task = cleaned.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        of_task.remove("parent");
    });
    let error = continued(&source, &cleaned, &store(&crate::dir())).await.unwrap_err();
    assert!(error.to_string().contains("the row of parent was removed"), "{error}");
    // The table of another stream, or of an application that reads several: nothing of it fits.
    let several = Table::default();
    several.put("123456789012:flights:1700000000:p", None, Checkpoint::At(position(1)));
    let error = continued(&source, &several, &store(&crate::dir())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("123456789012:flights:1700000000:p"), "{error}");
    // A ledger that was begun without it.
    let other = Table::default();
    other.put("p", None, Checkpoint::TrimHorizon);
    let begun = crate::dir();
    crate::pipeline(&source, &store(&begun)).run(pending()).await.unwrap();
    let error = continued(&source, &other, &store(&begun)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}
