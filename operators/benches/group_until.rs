//! `group_until` in memory: counts by key, beside a loop written by hand.
//!
//! The loop does what the flow does: it groups by key, ends a group some time after its first item, and reads the clock
//! every 256 items. Run it with `cargo bench -p anabranch-operators --bench group_until`; the ratios come first.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::{OperatorError, from_iter};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use futures::{StreamExt, stream};
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const ITEMS: u64 = 1_000_000;
const LASTS: Duration = Duration::from_secs(10);

/// Keys in an order without pattern.
fn keys(distinct: u64) -> Vec<u64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % distinct
    };
    (0..ITEMS).map(|_| next()).collect()
}

fn by_hand(keys: &[u64]) -> usize {
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
            expiry.push_back((now + LASTS, *key));
            0
        }) += 1;
    }
    given + counts.into_values().sum::<usize>()
}

fn fused(runtime: &Runtime, keys: &[u64]) -> usize {
    let counts = from_iter(keys.iter().copied()).group_until(|key| *key, Until::after(LASTS)).count_each();
    let Ok(given) = runtime.block_on(counts.fold(0, |sum, (_, count)| sum + count));
    given
}

fn merged(runtime: &Runtime, keys: &[u64]) -> usize {
    let source = from_iter(keys.iter().copied()).fails_with::<OperatorError>();
    let groups = source.group_until(|key| *key, Until::after(LASTS));
    let counts = groups.merge_map(usize::MAX, |group| stream::once(group.count()).boxed_local());
    runtime.block_on(counts.fold(0, |sum, count| sum + count)).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn bench(c: &mut Criterion) {
    let runtime = runtime();
    for distinct in [50, 10_000] {
        let keys = keys(distinct);
        let mut group = c.benchmark_group("count_by_key");
        group.throughput(Throughput::Elements(ITEMS)).sample_size(20);
        let mut add = |name: &str, count: &dyn Fn(&[u64]) -> usize| {
            group.bench_function(BenchmarkId::new(name, distinct), |b| {
                b.iter(|| assert_eq!(count(black_box(&keys)), ITEMS as usize));
            });
        };
        add("by_hand", &by_hand);
        add("count_each", &|keys| fused(&runtime, keys));
        add("merge_map", &|keys| merged(&runtime, keys));
    }
}

/// The shortest of some runs each, one after another, so that a busy machine is busy for both.
fn print_ratios() {
    let runtime = runtime();
    for distinct in [50, 10_000] {
        let keys = keys(distinct);
        let mut shortest = [Duration::MAX; 3];
        for _ in 0..15 {
            for (index, shortest) in shortest.iter_mut().enumerate() {
                let begin = std::time::Instant::now();
                let given = match index {
                    0 => by_hand(black_box(&keys)),
                    1 => fused(&runtime, black_box(&keys)),
                    _ => merged(&runtime, black_box(&keys)),
                };
                *shortest = begin.elapsed().min(*shortest);
                assert_eq!(given, ITEMS as usize);
            }
        }
        let [by_hand, fused, merged] = shortest.map(|span| span.as_secs_f64());
        println!(
            "{distinct} keys: by hand {:.1} ns an item, count_each {:.2} times that, merge_map {:.2} times",
            by_hand * 1e9 / ITEMS as f64,
            fused / by_hand,
            merged / by_hand
        );
    }
}

criterion_group!(benches, bench);

fn main() {
    print_ratios();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
