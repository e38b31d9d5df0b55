//! The example `delivery`: what a partition keeps, as a pure machine, and the program as a user runs it, each against a
//! computation over the plain list of events.
#![cfg(all(feature = "kinesis", feature = "s3", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../../examples/delivery/batch.rs"]
mod batch;
#[path = "../../examples/delivery/board.rs"]
mod board;
#[path = "../support/example.rs"]
mod example;
#[allow(dead_code, reason = "the view shows more than is compared")]
#[path = "../../examples/delivery/figures.rs"]
mod figures;
#[path = "../../examples/delivery/model.rs"]
mod model;
#[path = "../../examples/delivery/state.rs"]
mod state;
#[path = "../../examples/delivery/totals.rs"]
mod totals;
#[path = "../../examples/delivery/workload.rs"]
mod workload;

mod cases;
mod program;
mod reshard;

use self::figures::Figures;
use self::workload::{Events, Workload};

#[track_caller]
fn are_same(found: &Figures, expected: &Figures) {
    let differences = found.differences(expected);
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Little to do for few drivers, so that it still takes longer than orders are kept.
fn workload(seed: u64) -> Workload {
    Workload { events: Events::Random, seed, orders: Some(1_500), drivers: 25, faults: 4 }
}
