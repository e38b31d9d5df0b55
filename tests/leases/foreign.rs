//! A table that says more than the ledger.

use anabranch::ErrorKind;
use anabranch::lease::Checkpoint;
use std::future::pending;

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
