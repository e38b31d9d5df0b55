//! A table that says more than the ledger.

use std::future::pending;
use std::sync::Arc;

use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::lease::Checkpoint;
use anabranch::source::{FileSource, RandomSource, Source};
use anabranch::{ErrorKind, Record};

use crate::memory::Table;
use crate::scripted::Step::{Batch, Close, Forever};
use crate::scripted::{Scripted, position};
use crate::{dir, leases, pipeline, store, texts};

/// Runs into a table that says this of `a`, the parent of `child`.
async fn run_with(checkpoint: Checkpoint) -> String {
    let (table, dir) = (Table::default(), dir());
    table.put("a", None, checkpoint);
    let source = Scripted::new().with("a", &[], [Batch(5), Close(2)]).with("child", &["a"], [Batch(3), Forever]);
    let error = pipeline(&source, &store(&dir)).leases(leases(&table, "one")).run(pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    // It was no place to begin at.
    assert_eq!(texts(&store(&dir)).await, [""; 0]);
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_ahead_of_the_ledger_is_an_error() {
    let error = run_with(Checkpoint::At(position(4))).await;
    assert!(error.contains("a is read up to 4959") && error.contains("only up to its start"), "{error}");
    assert!(error.contains("memory:leases"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_ledger_has_not_is_an_error_before_a_child_is_begun() {
    let error = run_with(Checkpoint::End).await;
    assert!(error.contains("a is read to its end, and the ledger does not"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn leases_are_not_for_a_pipeline_that_runs_once() {
    let (table, dir, source) = (Table::default(), dir(), Scripted::one([Close(1)]));
    let shared = pipeline(&source, &store(&dir)).leases(leases(&table, "one")).once(true);
    assert_eq!(shared.run(pending()).await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test(start_paused = true)]
async fn leases_are_not_for_a_source_that_ends() {
    let (table, dir) = (Table::default(), dir());
    let file: Arc<dyn Source> = Arc::new(FileSource::builder("/nonexistent.csv").build().unwrap());
    let random: Arc<dyn Source> = Arc::new(RandomSource::builder().count(9).build().unwrap());
    for source in [file, random] {
        let row = |record: Record| record.partition().to_string();
        let ledger = Ledger::new(store(&dir), "test");
        let shared = source.epochs(Every::secs(3)).commit_to(ledger, move |records, _| records.map(row));
        let error = shared.leases(leases(&table, "one")).run(pending()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(
            error.to_string().contains("comes to an end") && error.to_string().contains("memory:leases"),
            "{error}"
        );
    }
    assert!(table.rows().is_empty(), "{table:?}");
    // What never ends can be.
    assert!(!RandomSource::builder().build().unwrap().ends());
}
