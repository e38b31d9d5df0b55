//! `group_until` in memory: counts by key, beside a loop written by hand.
//!
//! The loop does what the flow does: it groups by key with the same hasher, ends a group some time after its first or its
//! latest item by a queue of deadlines, reads the clock every 256 items, and gives what is left in the end oldest first.
//! Run it with `cargo bench -p anabranch-operators --bench group_until`; the ratios come first.
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

const LASTS: Duration = Duration::from_secs(10);

/// Keys in an order without pattern.
fn keys(distinct: u64, items: usize) -> Vec<u64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % distinct
    };
    (0..items).map(|_| next()).collect()
}

fn by_hand(_: &Runtime, keys: &[u64]) -> usize {
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
    while let Some((_, key)) = expiry.pop_front() {
        given += counts.remove(&key).unwrap_or(0);
    }
    given
}

/// Simpler than the flow: a group that had an item while it waited goes to the end of the queue, and may end late.
fn idle_by_hand(_: &Runtime, keys: &[u64]) -> usize {
    let mut counts = HashMap::<u64, (usize, Instant), DefaultHashBuilder>::default();
    let mut expiry = VecDeque::new();
    let mut now = Instant::now();
    let mut given = 0;
    for (index, key) in keys.iter().enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = expiry.pop_front_if(|(deadline, _)| *deadline <= now) {
                match counts[&key].1 + LASTS {
                    later if later > now => expiry.push_back((later, key)),
                    _ => given += counts.remove(&key).map_or(0, |(count, _)| count),
                }
            }
        }
        let (count, latest) = counts.entry(*key).or_insert_with(|| {
            expiry.push_back((now + LASTS, *key));
            (0, now)
        });
        *count += 1;
        *latest = now;
    }
    while let Some((_, key)) = expiry.pop_front() {
        given += counts.remove(&key).map_or(0, |(count, _)| count);
    }
    given
}

fn count_each(runtime: &Runtime, keys: &[u64], until: Until) -> usize {
    let counts = from_iter(keys.iter().copied()).group_until(|key| *key, until).count_each();
    let Ok(given) = runtime.block_on(counts.fold(0, |sum, (_, count)| sum + count));
    given
}

fn after(runtime: &Runtime, keys: &[u64]) -> usize {
    count_each(runtime, keys, Until::after(LASTS))
}

fn idle(runtime: &Runtime, keys: &[u64]) -> usize {
    count_each(runtime, keys, Until::idle(LASTS))
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

/// A way to count, by its name.
type Way = (&'static str, fn(&Runtime, &[u64]) -> usize);

const AFTER: [Way; 2] = [("by hand, after", by_hand), ("count_each", after)];
const IDLE: [Way; 2] = [("by hand, idle", idle_by_hand), ("count_each", idle)];
const MERGED: [Way; 2] = [("by hand, after", by_hand), ("merge_map", merged)];

fn bench(c: &mut Criterion) {
    let runtime = runtime();
    for distinct in [50, 10_000] {
        let keys = keys(distinct, 1_000_000);
        let mut group = c.benchmark_group("count_by_key");
        group.throughput(Throughput::Elements(keys.len() as u64)).sample_size(20);
        for (name, count) in AFTER.into_iter().chain([("idle by hand", IDLE[0].1), ("idle", IDLE[1].1), MERGED[1]]) {
            group.bench_function(BenchmarkId::new(name, distinct), |b| {
                b.iter(|| assert_eq!(count(&runtime, black_box(&keys)), keys.len()));
            });
        }
    }
}

/// What two ways cost: the first in nanoseconds an item, and how many times that the second takes.
struct Compared {
    first: f64,
    /// The median of the ratios of the pairs.
    ratio: f64,
    /// By the shortest run of each.
    least: f64,
}

/// The ways take turns, so that a busy machine is busy for both.
fn compare(runtime: &Runtime, ways: [Way; 2], keys: &[u64], runs: usize) -> Compared {
    let (mut shortest, mut ratios) = ([f64::INFINITY; 2], Vec::new());
    for _ in 0..runs {
        let mut times = ways.map(|(_, count)| {
            let begin = std::time::Instant::now();
            assert_eq!(count(runtime, black_box(keys)), keys.len());
            begin.elapsed().as_secs_f64() * 1e9 / keys.len() as f64
        });
        ratios.push(times[1] / times[0]);
        for (time, shortest) in times.iter_mut().zip(&mut shortest) {
            *shortest = time.min(*shortest);
        }
    }
    ratios.sort_by(f64::total_cmp);
    Compared { first: shortest[0], ratio: ratios[runs / 2], least: shortest[1] / shortest[0] }
}

fn print_ratios() {
    let runtime = runtime();
    for (distinct, items, runs) in [(50, 300_000, 101), (10_000, 600_000, 101), (1_000_000, 10_000_000, 7)] {
        let keys = keys(distinct, items);
        let merged = (distinct <= 10_000).then_some((MERGED, 7));
        for (ways, runs) in [(AFTER, runs), (IDLE, runs)].into_iter().chain(merged) {
            let Compared { first, ratio, least } = compare(&runtime, ways, &keys, runs);
            let [(by_hand, _), (flow, _)] = ways;
            println!(
                "{distinct} keys: {by_hand} {first:.1} ns an item, {flow} {ratio:.2} times that, {least:.2} by the shortest runs"
            );
        }
    }
}

/// What an item costs as more groups are open at once, with ten items a group: it should grow as that of the hash map.
fn print_growth() {
    let runtime = runtime();
    println!("open at once, ten items a group:");
    let mut few = None;
    for (open, runs) in [(1_000, 301), (10_000, 101), (100_000, 31), (1_000_000, 7)] {
        let keys = keys(open, 10 * open as usize);
        let Compared { first, ratio, least } = compare(&runtime, AFTER, &keys, runs);
        let few = *few.get_or_insert(least);
        println!(
            "{open:>9}: by hand {first:.1} ns an item, count_each {ratio:.2} times that, {least:.2} by the shortest runs: grown {:.2} times as much",
            least / few
        );
    }
}

criterion_group!(benches, bench);

fn main() {
    print_ratios();
    print_growth();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
