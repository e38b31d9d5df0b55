//! What merging, a stage of its own and two tasks cost, beside loops written by hand and what other crates have for it.
//!
//! Run it with `cargo bench -p anabranch-operators --bench transport`; words behind `--` choose the rows whose names hold them, and a
//! number says how often each is run. The runs are short, so that most of them are left in peace on a busy machine.
#![allow(clippy::unwrap_used, missing_docs)]

mod utils;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::hint::black_box;
use std::ops::Range;
use std::task::Poll;
use std::time::{Duration, Instant};

use anabranch_operators::group::Until;
use anabranch_operators::{Flow, from_items, from_iter, merge};
use futures::stream::{self, select_all};
use futures::{Stream, StreamExt};
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_stream::StreamMap;
use tokio_stream::wrappers::ReceiverStream;
use utils::{Bench, Way, timed};

/// How many items a short run has.
const SHORT: usize = 200_000;

/// How many lines the whole job has.
const LINES: usize = 1_000_000;

/// The numbers of one of so many streams, all ready.
fn part(items: usize, streams: usize, at: usize) -> impl Iterator<Item = u64> + Clone + Send + 'static {
    (0..(items / streams) as u64).map(move |n| black_box(n) ^ at as u64)
}

fn parts(items: usize, streams: usize) -> Vec<impl Iterator<Item = u64> + Clone + Send + 'static> {
    (0..streams).map(|at| part(items, streams, at)).collect()
}

fn expected(items: usize, streams: usize) -> u64 {
    parts(items, streams).into_iter().flatten().fold(0, u64::wrapping_add)
}

/// Takes up to 64 of each in turn.
fn in_turn(mut parts: VecDeque<impl Iterator<Item = u64>>, mut take: impl FnMut(u64)) {
    while let Some(mut part) = parts.pop_front() {
        let mut left = 64;
        for n in part.by_ref().take(64) {
            take(n);
            left -= 1;
        }
        if left == 0 {
            parts.push_back(part);
        }
    }
}

fn sum(runtime: &Runtime, items: impl Stream<Item = u64>) -> u64 {
    let Ok(sum) = runtime.block_on(from_items(items).fold(0, u64::wrapping_add));
    sum
}

fn sum_flow(runtime: &Runtime, flow: Flow<impl Stream<Item = Result<u64, Infallible>>>) -> u64 {
    let Ok(sum) = runtime.block_on(flow.fold(0, u64::wrapping_add));
    sum
}

/// Streams that pause before each item, so that each item is a wake.
fn pausing(items: usize, streams: usize) -> Vec<Flow<impl Stream<Item = Result<u64, Infallible>>>> {
    let pause = |at| {
        let mut part = part(items, streams, at);
        let mut paused = false;
        from_items(stream::poll_fn(move |cx| {
            paused = !paused;
            if paused {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(part.next())
        }))
    };
    (0..streams).map(pause).collect()
}

fn merges(bench: &Bench, runtime: &Runtime) {
    let expected = expected(SHORT, 8);
    let is = |sum: u64| assert_eq!(sum, expected);
    let parts = || parts(SHORT, 8);
    let hand = || {
        let parts = parts().into();
        timed(|| {
            let mut sum = 0_u64;
            in_turn(parts, |n| sum = sum.wrapping_add(n));
            is(sum);
        })
    };
    let ready = || {
        let flow = merge(parts().into_iter().map(from_iter).collect::<Vec<_>>());
        timed(|| is(sum_flow(runtime, flow)))
    };
    let tuple = || {
        let flows = parts().into_iter().map(from_iter).collect::<Vec<_>>().try_into();
        let [a, b, c, d, e, f, g, h]: [_; 8] = flows.ok().unwrap();
        timed(|| is(sum_flow(runtime, merge((a, b, c, d, e, f, g, h)))))
    };
    let selected = || timed(|| is(sum(runtime, select_all(parts().into_iter().map(stream::iter)))));
    let unordered = || {
        let all = stream::iter(parts()).map(stream::iter).flatten_unordered(None);
        timed(|| is(sum(runtime, all)))
    };
    let mapped = || {
        let all = StreamMap::from_iter(parts().into_iter().map(stream::iter).enumerate());
        timed(|| is(sum(runtime, all.map(|(_, n)| n))))
    };
    let ways: [Way<'_>; 6] = [
        ("hand", &hand),
        ("ready", &ready),
        ("tuple", &tuple),
        ("select_all", &selected),
        ("flatten_unordered", &unordered),
        ("StreamMap", &mapped),
    ];
    bench.row("merge of 8", SHORT, 51, &ways);
}

/// The sum of what comes, and how long each of the laps takes in which it comes.
struct Laps {
    items: usize,
    sum: u64,
    begin: Instant,
    spans: Vec<Duration>,
}

impl Laps {
    /// So few that most laps are left in peace.
    const ITEMS: usize = 1 << 15;

    fn new() -> Self {
        Self { items: 0, sum: 0, begin: Instant::now(), spans: Vec::new() }
    }

    fn add(&mut self, n: u64) {
        self.sum = self.sum.wrapping_add(n);
        self.items += 1;
        if self.items.is_multiple_of(Self::ITEMS) {
            let now = Instant::now();
            self.spans.push(now - self.begin);
            self.begin = now;
        }
    }

    fn of_flow(runtime: &Runtime, flow: Flow<impl Stream<Item = Result<u64, Infallible>>>) -> Self {
        let mut laps = Self::new();
        let Ok(()) = runtime.block_on(flow.for_each(|n| laps.add(n)));
        laps
    }

    /// How long all took, if each lap had taken as long as the one in the middle.
    fn span(mut self, expected: u64) -> Duration {
        assert_eq!(self.sum, expected);
        self.spans.sort();
        self.spans[self.spans.len() / 2] * u32::try_from(self.items).unwrap() / Self::ITEMS as u32
    }
}

/// The more streams, the more memory there is to go through; for the loop, too.
fn growing(bench: &Bench, runtime: &Runtime) {
    for streams in [10, 1_000, 100_000] {
        // Enough that the end, when streams are dropped, is a small part.
        let items = (streams * 128).max(1_000_000);
        let expected = expected(items, streams);
        let hand = || {
            let mut laps = Laps::new();
            in_turn(parts(items, streams).into(), |n| laps.add(n));
            laps.span(expected)
        };
        let ready = || {
            let flows: Vec<_> = parts(items, streams).into_iter().map(from_iter).collect();
            Laps::of_flow(runtime, merge(flows)).span(expected)
        };
        let woken = || Laps::of_flow(runtime, merge(pausing(items, streams))).span(expected);
        bench.row(
            &format!("merge as it grows, {streams}"),
            items,
            5,
            &[("hand", &hand), ("ready", &ready), ("woken", &woken)],
        );
    }
}

fn stage(bench: &Bench, runtime: &Runtime) {
    let expected = expected(SHORT, 1);
    let is = |sum: u64| assert_eq!(sum, expected);
    let numbers = || part(SHORT, 1, 0);
    let hand = || timed(|| is(numbers().fold(0, u64::wrapping_add)));
    let spawned = || timed(|| is(sum_flow(runtime, from_iter(numbers()).spawn())));
    let chunks = || {
        timed(|| {
            is(runtime.block_on(async {
                let (sender, mut chunks) = mpsc::channel(4);
                tokio::spawn(async move {
                    let mut numbers = numbers();
                    loop {
                        let chunk: Vec<_> = numbers.by_ref().take(256).collect();
                        if chunk.is_empty() || sender.send(chunk).await.is_err() {
                            break;
                        }
                    }
                });
                let mut sum = 0_u64;
                while let Some(chunk) = chunks.recv().await {
                    sum = chunk.into_iter().fold(sum, u64::wrapping_add);
                }
                sum
            }));
        })
    };
    let items = || {
        timed(|| {
            let (sender, items) = mpsc::channel(1024);
            let send = async move {
                for n in numbers() {
                    sender.send(n).await.unwrap();
                }
            };
            let _context = runtime.enter();
            tokio::spawn(send);
            is(sum(runtime, ReceiverStream::new(items)));
        })
    };
    let ways: [Way<'_>; 4] =
        [("hand", &hand), ("spawned", &spawned), ("chunks by hand", &chunks), ("a channel", &items)];
    bench.row("stage", SHORT, 51, &ways);
}

/// Lines with a time and one of 50 types.
fn lines() -> &'static str {
    let mut state = 7_u64;
    let mut text = String::with_capacity(LINES * 44);
    for n in 0..LINES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (seconds, kind, user) = (n * 10_800 / LINES, (state >> 33) % 50, (state >> 40) % 2_000_000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        writeln!(text, "2016-08-21T{hour:02}:{minute:02}:{second:02}.000Z\tT{kind:02}\tu{user:07}\t17.50").unwrap();
    }
    text.leak()
}

/// A type and a minute.
type Key = (&'static str, u64);

/// What a line says, as long as it is one.
fn parse(line: &'static str) -> Option<Key> {
    let (time, rest) = line.split_once('\t')?;
    let (kind, _) = rest.split_once('\t')?;
    let time = time.as_bytes();
    let number = |range: Range<usize>| {
        let digits = time.get(range)?;
        digits.iter().try_fold(0, |number, digit| Some(number * 10 + u64::from(char::from(*digit).to_digit(10)?)))
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let right = time.get(4) == Some(&b'-') && time.get(10) == Some(&b'T') && time.last() == Some(&b'Z');
    let day = (year * 12 + month) * 31 + day;
    (right && hour < 24 && minute < 60 && second < 60).then_some((kind, (day * 24 + hour) * 60 + minute))
}

/// The whole job but for the lines: parse, group, count.
fn count<S>(lines: Flow<S>) -> Flow<impl Stream<Item = Result<(Key, usize), Infallible>>>
where
    S: Stream<Item = Result<&'static str, Infallible>>,
{
    lines.filter_map(parse).group_until(|key| *key, Until::after(Duration::from_secs(3600))).count_each()
}

fn by_hand(text: &'static str) -> usize {
    let mut counts = HashMap::<Key, usize, DefaultHashBuilder>::default();
    for key in text.lines().filter_map(parse) {
        *counts.entry(key).or_default() += 1;
    }
    counts.into_values().sum()
}

/// Pieces of the text, each of some hundred whole lines, with their number.
fn blocks(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> + Send {
    let mut rest = text;
    let block = move || {
        let end = rest.as_bytes().get(1 << 14..).and_then(|tail| tail.iter().position(|byte| *byte == b'\n'));
        let (block, tail) = rest.split_at(end.map_or(rest.len(), |end| (1 << 14) + end + 1));
        rest = tail;
        (!block.is_empty()).then_some(block)
    };
    std::iter::from_fn(block).enumerate()
}

/// On one task and on two, of a runtime with two threads.
fn whole_job(bench: &Bench) {
    if !["hand", "one", "two by key", "two by blocks"].iter().any(|way| bench.wants(&format!("whole job {way}"))) {
        return;
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let text = lines();
    // What the loop takes for itself alone.
    let hand = || timed(|| assert_eq!(by_hand(text), LINES));
    let one = || timed(|| run(&runtime, count(from_iter(text.lines()))));
    // All of a type is in one part, so that its counts are whole.
    let key = |line: &&'static str| line.get(25..28);
    let two = || timed(|| run(&runtime, from_iter(text.lines()).parallel(2, key, count)));
    // Blocks are dealt as they come, so that each part has counts of all, which are added up behind.
    let dealt = || {
        let counts = from_iter(blocks(text)).parallel(
            2,
            |(number, _)| *number,
            |part| count(part.concat_map(|(_, block): (_, &'static str)| from_iter(block.lines()))),
        );
        timed(|| run(&runtime, counts.group_by(|(key, _)| *key).sum_each(|(_, n)| n)))
    };
    let ways: [Way<'_>; 4] = [("one", &one), ("two by key", &two), ("two by blocks", &dealt), ("hand", &hand)];
    bench.row("whole job", LINES, 15, &ways);
}

fn run(runtime: &Runtime, counts: Flow<impl Stream<Item = Result<(Key, usize), Infallible>> + Send + 'static>) {
    let Ok(counted) = runtime.block_on(runtime.spawn(counts.fold(0, |sum, (_, n)| sum + n))).unwrap();
    assert_eq!(counted, LINES);
}

fn main() {
    let bench = Bench::from_args();
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    merges(&bench, &runtime);
    growing(&bench, &runtime);
    stage(&bench, &runtime);
    whole_job(&bench);
}
