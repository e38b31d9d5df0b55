//! What sub-streams cost without parsing, beside loops written by hand.
//!
//! The ways of a row are run in turn, and the medians are compared. Run it with `cargo bench -p anabranch-operators --bench sub_streams`; words behind `--`
//! choose the rows whose names hold them, and a number says how often each is run.
#![allow(clippy::unwrap_used, missing_docs)]

mod utils;

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::{OperatorError, from_iter};
use futures::stream;
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use utils::{Bench, Way, timed};

const RUNS: usize = 7;

/// Keys in an order without pattern, each as likely as any other.
fn keys(items: usize, distinct: usize) -> Vec<u64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % distinct as u64
    };
    // Every key at least once, so that as many groups are open as are said.
    (0..distinct as u64).chain(std::iter::from_fn(|| Some(next()))).take(items).collect()
}

/// When a group ends, for the loops by hand.
#[derive(Clone, Copy)]
enum End {
    After(Duration),
    Count(usize),
}

impl End {
    fn until(self) -> Until {
        match self {
            Self::After(span) => Until::after(span),
            Self::Count(n) => Until::count(n),
        }
    }
}

/// Counts by key and ends groups as `group_until` does, reading the clock every 256 items.
fn by_hand(keys: &[u64], end: End) -> usize {
    match end {
        End::After(span) => after_by_hand(keys, span),
        End::Count(n) => count_by_hand(keys, n),
    }
}

fn after_by_hand(keys: &[u64], span: Duration) -> usize {
    let mut counts = HashMap::<u64, usize, DefaultHashBuilder>::default();
    let mut expiry = VecDeque::new();
    let mut now = Instant::now();
    let mut given = 0;
    for (index, key) in keys.iter().enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = expiry.pop_front_if(|(deadline, _)| *deadline <= now) {
                given += counts.remove(&key).unwrap_or(0);
            }
        }
        *counts.entry(*key).or_insert_with(|| {
            expiry.push_back((now + span, *key));
            0
        }) += 1;
    }
    // Oldest first, as the flow gives them.
    given + expiry.into_iter().filter_map(|(_, key)| counts.remove(&key)).sum::<usize>()
}

fn count_by_hand(keys: &[u64], n: usize) -> usize {
    let mut counts = HashMap::<u64, usize, DefaultHashBuilder>::default();
    let mut given = 0;
    for key in keys {
        let count = counts.entry(*key).or_default();
        *count += 1;
        if *count == n {
            given += n;
            counts.remove(key);
        }
    }
    given + counts.into_values().sum::<usize>()
}

fn count_each(runtime: &Runtime, keys: &[u64], end: End) -> usize {
    let counts = from_iter(keys.iter().copied()).group_until(|key| *key, end.until()).count_each();
    let Ok(given) = runtime.block_on(counts.fold(0, |sum, (_, count)| sum + count));
    given
}

fn sub_streams(runtime: &Runtime, keys: &[u64], end: End) -> usize {
    let source = from_iter(keys.iter().copied()).fails_with::<OperatorError>();
    let groups = source.group_until(|key| *key, end.until());
    let counts = groups.merge_map(usize::MAX, |group| stream::once(group.count()));
    runtime.block_on(counts.fold(0, |sum, count| sum + count)).unwrap()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = &runtime;
    let bench = Bench::from_args();

    let hour = End::After(Duration::from_secs(3600));
    let (million, growing) = (1_000_000, 2_000_000);
    for (job, items, distinct, end) in [
        ("50 keys of 1,000 items a group", million, 50, End::Count(1000)),
        ("50 keys", million, 50, hour),
        ("1,000 keys", growing, 1_000, hour),
        ("10,000 keys", growing, 10_000, hour),
        ("100,000 keys", growing, 100_000, hour),
        ("1,000,000 keys", 2 * growing, million, hour),
    ] {
        if ["hand", "each", "sub"].iter().any(|name| bench.wants(&format!("{job} {name}"))) {
            let keys = &keys(items, distinct);
            let ways: [Way<'_>; 3] = [
                ("hand", &|| timed(|| assert_eq!(by_hand(black_box(keys), end), items))),
                ("each", &|| timed(|| assert_eq!(count_each(runtime, black_box(keys), end), items))),
                ("sub", &|| timed(|| assert_eq!(sub_streams(runtime, black_box(keys), end), items))),
            ];
            bench.row(job, items, RUNS, &ways);
        }
    }
}
