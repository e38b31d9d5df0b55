//! What a chain of small operators costs: `map`, `filter` and `fold` over ten million numbers, beside a loop, an iterator,
//! and the same chain of `futures`.
//!
//! Run it with `cargo bench --bench operators`; the ratios come first.
#![allow(missing_docs)]

mod utils;

use std::future::ready;
use std::hint::black_box;

use anabranch::from_iter;
use criterion::{Criterion, Throughput, criterion_group};
use futures::executor::block_on;
use futures::{StreamExt, stream};

const NUMBERS: u64 = 10_000_000;

const fn triple(n: u64) -> u64 {
    n.wrapping_mul(3)
}

fn is_wanted(n: &u64) -> bool {
    n % 7 < 3
}

fn by_hand(numbers: &[u64]) -> u64 {
    let mut sum = 0_u64;
    for n in numbers {
        let n = triple(*n);
        if is_wanted(&n) {
            sum = sum.wrapping_add(n);
        }
    }
    sum
}

fn flow(numbers: &[u64]) -> u64 {
    let Ok(sum) = block_on(from_iter(numbers).map(|n| triple(*n)).filter(is_wanted).fold(0, u64::wrapping_add));
    sum
}

fn boxed_flow(numbers: &[u64]) -> u64 {
    let Ok(sum) = block_on(from_iter(numbers).map(|n| triple(*n)).filter(is_wanted).boxed().fold(0, u64::wrapping_add));
    sum
}

fn futures(numbers: &[u64]) -> u64 {
    let wanted = stream::iter(numbers).map(|n| triple(*n)).filter(|n| ready(is_wanted(n)));
    block_on(wanted.fold(0, |sum: u64, n| ready(sum.wrapping_add(n))))
}

/// A way to the sum, by its name.
type Way = (&'static str, fn(&[u64]) -> u64);

const WAYS: [Way; 4] = [("by hand", by_hand), ("flow", flow), ("boxed flow", boxed_flow), ("futures", futures)];

fn bench(c: &mut Criterion) {
    let numbers: Vec<u64> = (0..NUMBERS).collect();
    let expected = by_hand(&numbers);
    let mut group = c.benchmark_group("map, filter, fold");
    group.throughput(Throughput::Elements(NUMBERS)).sample_size(10);
    for (name, way) in WAYS {
        group.bench_function(name, |b| b.iter(|| assert_eq!(way(black_box(&numbers)), expected)));
    }
}

fn print_ratios() {
    let numbers: Vec<u64> = (0..NUMBERS).collect();
    let expected = by_hand(&numbers);
    let mut runs = WAYS.map(|(name, way)| {
        let numbers = &numbers;
        (name, move || assert_eq!(way(black_box(numbers)), expected))
    });
    let mut ways: Vec<(&str, &mut dyn FnMut())> =
        runs.iter_mut().map(|(name, run)| (*name, run as &mut dyn FnMut())).collect();
    utils::print_ratios("map, filter, fold", numbers.len(), &mut ways);
}

criterion_group!(benches, bench);

fn main() {
    print_ratios();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
