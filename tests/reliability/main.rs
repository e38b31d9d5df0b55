//! Proof by faults: whatever fails, nothing is lost and nothing is counted twice.
//!
//! The producer keeps its own ledger of events per type and minute, and every cell of the result is compared with it. What
//! works on the stream are processes of the example `per_minute_count`, as users run it. Each test prints its seed, and a
//! row of the table in `docs/reliability.md`; `ANABRANCH_SEED` repeats the faults of a run, though the order in
//! which processes get to work is the machine's. `--ignored` runs the same tests at full size.
#![cfg(all(feature = "kinesis", feature = "s3", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../support/example.rs"]
mod example;
#[allow(dead_code)]
#[path = "../support/kinesis_proxy.rs"]
mod kinesis_proxy;

mod bed;
mod inside;
mod verdict;
mod worker;

mod busy;
mod clock;
mod gaps;
mod kills;
mod objects;
mod places;
mod poison;
mod reading;
mod reshards;
mod steps;
mod stops;

use kinesis_proxy::http;

/// What a worker may take: what it may read ahead, which is 256 MiB, and half of that for everything else.
const MEMORY_MB: u64 = 384;

/// How large the faults are.
struct Size {
    /// Kills of one of three workers, and the records that there are meanwhile.
    kills: u32,
    kill_records: u64,
    /// For how long calls are throttled, and S3 is in trouble or away.
    throttled_secs: u64,
    trouble_secs: u64,
    away_secs: u64,
    /// The time that a slow S3 takes.
    slow_millis: u64,
    reshards: u32,
    /// How often a worker is stopped while others go on.
    stops: u32,
    /// Records where nothing else is said.
    records: u64,
}

/// With every `cargo test`.
const CI: Size = Size {
    kills: 20,
    kill_records: 200_000,
    throttled_secs: 60,
    trouble_secs: 6,
    away_secs: 8,
    slow_millis: 700,
    reshards: 10,
    stops: 3,
    records: 10_000,
};

/// With `--ignored`.
const FULL: Size = Size {
    kills: 200,
    kill_records: 10_000_000,
    throttled_secs: 30 * 60,
    trouble_secs: 5 * 60,
    away_secs: 30 * 60,
    slow_millis: 30_000,
    reshards: 50,
    stops: 50,
    records: 200_000,
};

/// A test of each size.
macro_rules! sizes {
    ($($name:ident)*) => {
        mod ci {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&crate::CI).await;
            })*
        }
        mod full {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "takes long: cargo test --release --test reliability -- --ignored --nocapture --test-threads 1 full"]
            async fn $name() {
                super::$name(&crate::FULL).await;
            })*
        }
    };
}
use sizes;
