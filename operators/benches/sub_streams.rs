//! What sub-streams, merging and a stage of its own cost without parsing, beside loops written by hand.
//!
//! The ways of a row are run in turn, and the medians are compared. Run it with `cargo bench -p anabranch-operators --bench sub_streams`; words behind `--`
//! choose the rows whose names hold them, and a number says how often each is run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fs;
use std::hint::black_box;
use std::task::Poll;
use std::time::{Duration, Instant as Wall};

use anabranch_operators::group::Until;
use anabranch_operators::{Flow, OperatorError, from_items, from_iter, merge};
use futures::{Stream, stream};
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::runtime::Runtime;
use tokio::time::Instant;

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

/// Numbers, in parts that are all ready.
fn parts(items: usize, parts: usize) -> Vec<Flow<impl Stream<Item = Result<u64, Infallible>>>> {
    (0..parts as u64).map(|part| from_iter((0..(items / parts) as u64).map(move |n| black_box(n) ^ part))).collect()
}

fn sum_by_hand(items: usize) -> u64 {
    (0..items as u64).fold(0, |sum, n| sum.wrapping_add(black_box(n)))
}

fn merged<S: Stream<Item = Result<u64, Infallible>>>(runtime: &Runtime, flow: Flow<S>) -> u64 {
    let Ok(sum) = runtime.block_on(flow.fold(0, u64::wrapping_add));
    sum
}

fn merged_tuple(runtime: &Runtime, items: usize) -> u64 {
    let [a, b, c, d, e, f, g, h] = <[_; 8]>::try_from(parts(items, 8)).ok().unwrap();
    merged(runtime, merge((a, b, c, d, e, f, g, h)))
}

/// Streams that pause before each item, so that each item is a wake.
fn pausing(items: usize, streams: usize) -> Vec<Flow<impl Stream<Item = Result<u64, Infallible>>>> {
    (0..streams)
        .map(|_| {
            let mut left = items / streams;
            let mut paused = false;
            from_items(stream::poll_fn(move |cx| {
                paused = !paused;
                if paused {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                left = left.saturating_sub(1);
                Poll::Ready((left > 0).then_some(left as u64))
            }))
        })
        .collect()
}

/// A way to do a job, by its name.
type Way<'a> = (&'a str, &'a dyn Fn());

struct Bench {
    words: Vec<String>,
    runs: usize,
}

impl Bench {
    fn wants(&self, job: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| job.contains(word.as_str()))
    }

    /// Runs the ways in turn; prints the median of each, and of its ratio to the first in the same round.
    fn row(&self, job: &str, items: usize, ways: &[Way<'_>]) {
        let mut spans = vec![Vec::new(); ways.len()];
        for _ in 0..self.runs {
            for ((name, way), spans) in ways.iter().zip(&mut spans) {
                if self.wants(&format!("{job} {name}")) {
                    let begin = Clock::start();
                    way();
                    spans.push(begin.nanos() / items as f64);
                }
            }
        }
        if spans.iter().all(Vec::is_empty) {
            return;
        }
        print!("{job}:");
        for ((name, _), span) in ways.iter().zip(&spans).filter(|(_, spans)| !spans.is_empty()) {
            print!(" {name} {:.2} ns", median(span.clone()));
            if spans[0].len() == span.len() && *name != ways[0].0 {
                print!(" ({:.2} x)", median(span.iter().zip(&spans[0]).map(|(one, first)| one / first).collect()));
            }
        }
        println!();
    }
}

/// The time that this thread's turn on a processor has lasted, so that a busy machine makes little difference; the wall's,
/// where there is no `/proc`.
struct Clock(Wall, Option<f64>);

impl Clock {
    fn start() -> Self {
        Self(Wall::now(), Self::processor())
    }

    fn nanos(self) -> f64 {
        let processor = self.1.zip(Self::processor()).map(|(start, end)| end - start);
        processor.unwrap_or_else(|| self.0.elapsed().as_secs_f64() * 1e9)
    }

    fn processor() -> Option<f64> {
        std::thread::yield_now(); // Brings the count up to date.
        fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = &runtime;
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (numbers, words): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word.parse::<usize>().is_ok());
    let bench = Bench { words, runs: numbers.first().map_or(RUNS, |n| n.parse().unwrap()) };

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
                ("hand", &|| assert_eq!(by_hand(black_box(keys), end), items)),
                ("each", &|| assert_eq!(count_each(runtime, black_box(keys), end), items)),
                ("sub", &|| assert_eq!(sub_streams(runtime, black_box(keys), end), items)),
            ];
            bench.row(job, items, &ways);
        }
    }
    for streams in [8, 10, 1_000, 100_000] {
        let sum = || _ = black_box(sum_by_hand(million));
        let ready = || _ = black_box(merged(runtime, merge(parts(million, streams))));
        let tuple = || _ = black_box(merged_tuple(runtime, million));
        let waking = || _ = black_box(merged(runtime, merge(pausing(million, streams))));
        let ways: [Way<'_>; 4] = [("hand", &sum), ("ready", &ready), ("tuple", &tuple), ("waking", &waking)];
        bench.row(&format!("merge of {streams}"), million, &ways);
    }
    let spawned = || _ = black_box(merged(runtime, from_iter((0..million as u64).map(black_box)).spawn()));
    let sum = || _ = black_box(sum_by_hand(million));
    bench.row("stage", million, &[("hand", &sum), ("spawned", &spawned)]);
}
