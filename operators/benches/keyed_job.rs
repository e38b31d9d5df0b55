//! The whole job: lines are parsed, grouped by type and minute, and counted, each group by a future of its own that is merged with
//! the others, beside a loop written by hand. Once the lines are in memory, and nothing is done with the counts; once the lines are
//! read from a file, and the counts written to one.
//!
//! Groups end 80 seconds after their first event, by a clock that the events set. Run it with
//! `cargo bench -p anabranch-operators --bench keyed_job`; a number says how often each way is run, and words choose ways.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, reason = "this bench has a clock of its own")]
mod utils;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::future::Future;
use std::io::{BufWriter, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant as Wall};

use anabranch_operators::group::Until;
use anabranch_operators::{OperatorError, from_items};
use futures::{TryFutureExt, stream};
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::runtime::Runtime;
use utils::{Bench, Way};

const RUNS: usize = 5;
const LASTS: Duration = Duration::from_secs(80);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: u64,
    minute: u32,
}

#[derive(Clone, Copy)]
struct Event {
    key: Key,
    millis: u64,
}

/// What a way came to: events, and groups.
type Tally = (usize, usize);

/// Events of so many types, which come in no order, over so many minutes of one day; up to two seconds late.
fn events(events: usize, types: u64, minutes: u64) -> Vec<u8> {
    let mut lines = String::new();
    for number in 0..events as u64 {
        let hash = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20;
        let time = number * minutes * 60_000 / events as u64 + hash % 2_001;
        let (hour, minute, second, millis) = (time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60, time % 1_000);
        let (kind, user) = (hash / 2_001 % types, hash % 2_000_000);
        let date = "2016-08-21";
        writeln!(
            lines,
            "{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z\tk{kind:04}\tu{user:07}\t{}.25",
            user % 1000
        )
        .unwrap();
    }
    lines.into_bytes()
}

/// Reads the time and the type of a line, and checks the form of both.
#[inline(always)]
fn parse(line: &[u8]) -> Option<Event> {
    let two = |at: usize| {
        let (tens, ones) = (line[at].wrapping_sub(b'0'), line[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
    };
    if line.len() < 26
        || (line[10], line[13], line[16], line[19], line[23], line[24]) != (b'T', b':', b':', b'.', b'Z', b'\t')
    {
        return None;
    }
    let (month, day) = (two(5)?, two(8)?);
    let minute = ((two(0)? * 100 + two(2)?) * 372 + month * 31 + day) * 1440 + two(11)? * 60 + two(14)?;
    let millis = two(17)? * 1000 + two(20)? * 10 + u32::from(line[22].wrapping_sub(b'0'));
    let field = line[25..].iter().take_while(|byte| **byte != b'\t');
    let kind = field.fold(0, |kind, byte| kind << 8 | u64::from(*byte));
    Some(Event { key: Key { kind, minute }, millis: u64::from(minute) * 60_000 + u64::from(millis) })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (line, behind) = rest.split_at(memchr::memchr(b'\n', rest)?);
        rest = &behind[1..];
        Some(line)
    })
}

/// The lines of a file, parsed, which is read in blocks.
struct Parsed {
    file: File,
    block: Vec<u8>,
    /// Where in the block the lines are that are left.
    left: Range<usize>,
}

impl Parsed {
    const BLOCK: usize = 256 * 1024;

    fn open(path: &Path) -> Self {
        Self { file: File::open(path).unwrap(), block: vec![0; Self::BLOCK], left: 0..0 }
    }

    /// Reads another block behind the begun line.
    #[cold]
    #[inline(never)]
    fn fill(&mut self) -> bool {
        self.block.copy_within(self.left.clone(), 0);
        self.left = 0..self.left.len();
        let read = self.file.read(&mut self.block[self.left.end..]).unwrap();
        self.left.end += read;
        read > 0
    }
}

impl Iterator for Parsed {
    type Item = Option<Event>;

    #[inline]
    fn next(&mut self) -> Option<Option<Event>> {
        loop {
            let left = &self.block[self.left.clone()];
            if let Some(end) = memchr::memchr(b'\n', left) {
                let event = parse(&left[..end]);
                self.left.start += end + 1;
                return Some(event);
            }
            if !self.fill() {
                return None;
            }
        }
    }
}

/// Writes counts to a file, a line for each.
fn writer(path: &Path) -> impl FnMut(Key, usize) + use<> {
    let mut rows = BufWriter::with_capacity(64 * 1024, File::create(path).unwrap());
    move |Key { kind, minute }, count| {
        let kind = kind.to_be_bytes();
        let kind = str::from_utf8(&kind).unwrap().trim_start_matches('\0');
        let (day, minute) = (minute / 1440, minute % 1440);
        let (year, month, day) = ((day - 1) / 372, (day - 1) % 372 / 31, (day - 1) % 31 + 1);
        let (hour, minute) = (minute / 60, minute % 60);
        writeln!(rows, "{kind},{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02},{count}").unwrap();
    }
}

fn by_hand(lines: impl Iterator<Item = Option<Event>>, mut give: impl FnMut(Key, usize)) -> Tally {
    let mut counts = HashMap::<Key, usize, DefaultHashBuilder>::default();
    let mut expiry = VecDeque::new();
    let (mut clock, mut tally) = (0, (0, 0));
    let lasts = LASTS.as_millis() as u64;
    let mut end = |key, count| {
        give(key, count);
        tally = (tally.0 + count, tally.1 + 1);
    };
    for event in lines.flatten() {
        if event.millis > clock {
            clock = event.millis;
            while let Some((_, key)) = expiry.pop_front_if(|(deadline, _)| *deadline <= clock) {
                end(key, counts.remove(&key).unwrap());
            }
        }
        *counts.entry(event.key).or_insert_with(|| {
            expiry.push_back((clock + lasts, event.key));
            0
        }) += 1;
    }
    while let Some((_, key)) = expiry.pop_front() {
        end(key, counts.remove(&key).unwrap());
    }
    tally
}

/// How far the clock goes at a time, in milliseconds: seldom, as what a flow reads within one millisecond of it is read in one go.
const STEP: u64 = 15_000;

/// Sets tokio's clock to the latest event, so that groups end by the time of events.
fn timed(mut lines: impl Iterator<Item = Option<Event>>) -> impl futures::Stream<Item = Event> {
    let mut clock = None;
    stream::poll_fn(move |cx| {
        // Not `filter_map`, whose closure the compiler leaves out of line here: the loop by hand has it inline.
        let event = loop {
            match lines.next() {
                Some(None) => {}
                Some(event) => break event,
                None => break None,
            }
        };
        if let Some(now) = event.map(|event| event.millis / STEP) {
            let before = *clock.get_or_insert(now);
            if now > before {
                clock = Some(now);
                // The first poll sets the clock; the rest would let others run.
                _ = pin!(tokio::time::advance(Duration::from_millis((now - before) * STEP))).poll(cx);
            }
        }
        Poll::Ready(event)
    })
}

fn each(runtime: &Runtime, lines: impl Iterator<Item = Option<Event>>, mut give: impl FnMut(Key, usize)) -> Tally {
    let groups = from_items(timed(lines)).group_until(|event| event.key, Until::after(LASTS)).max_groups(1 << 24);
    let tally = groups.count_each().fold((0, 0), |(events, groups), (key, count)| {
        give(key, count);
        (events + count, groups + 1)
    });
    let Ok(tally) = runtime.block_on(tally);
    tally
}

fn sub_streams(
    runtime: &Runtime,
    lines: impl Iterator<Item = Option<Event>>,
    mut give: impl FnMut(Key, usize),
) -> Tally {
    let events = from_items(timed(lines)).fails_with::<OperatorError>();
    let groups = events.group_until(|event| event.key, Until::after(LASTS)).max_groups(1 << 24);
    let counts = groups.merge_map(usize::MAX, |group| {
        let key = *group.key();
        stream::once(group.count().map_ok(move |count| (key, count)))
    });
    let tally = counts.fold((0, 0), |(events, groups), (key, count)| {
        give(key, count);
        (events + count, groups + 1)
    });
    runtime.block_on(tally).unwrap()
}

/// The time that this thread's turn on a processor has lasted, so that a busy machine makes little difference; the wall's,
/// where there is no `/proc`.
struct Clock(Wall, Option<u64>);

impl Clock {
    fn start() -> Self {
        Self(Wall::now(), Self::processor())
    }

    fn elapsed(self) -> Duration {
        let processor = self.1.zip(Self::processor()).map(|(start, end)| Duration::from_nanos(end - start));
        processor.unwrap_or_else(|| self.0.elapsed())
    }

    fn processor() -> Option<u64> {
        std::thread::yield_now(); // Brings the count up to date.
        fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let bench = Bench::from_args();
    let directory = tempfile::tempdir().unwrap();
    for (job, types) in [("50 types", 50), ("5,556 types", 5_556)] {
        const EVENTS: usize = 10_000_000;
        let bytes = events(EVENTS, types, 180);
        let from = directory.path().join("events");
        fs::write(&from, &bytes).unwrap();
        let expected = by_hand(lines(&bytes).map(parse), |_, _| {});
        assert_eq!(expected.0, EVENTS);
        let spent = |way: &dyn Fn() -> Tally| {
            let begin = Clock::start();
            let tally = way();
            let elapsed = begin.elapsed();
            // The flow looks at the clock every 256 events, so a late event may find its group still open.
            assert!(tally.0 == EVENTS && tally.1.abs_diff(expected.1) * 20 < expected.1, "{tally:?}");
            elapsed
        };
        let ways: [Way<'_>; 3] = [
            ("hand", &|| spent(&|| by_hand(lines(&bytes).map(parse), |_, _| {}))),
            ("each", &|| spent(&|| each(&runtime, lines(&bytes).map(parse), |_, _| {}))),
            ("sub", &|| spent(&|| sub_streams(&runtime, lines(&bytes).map(parse), |_, _| {}))),
        ];
        bench.row(&format!("{job}, {} groups, in memory", expected.1), EVENTS, RUNS, &ways);
        let to = |way| writer(&directory.path().join(way));
        let ways: [Way<'_>; 3] = [
            ("hand", &|| spent(&|| by_hand(Parsed::open(&from), to("hand")))),
            ("each", &|| spent(&|| each(&runtime, Parsed::open(&from), to("each")))),
            ("sub", &|| spent(&|| sub_streams(&runtime, Parsed::open(&from), to("sub")))),
        ];
        bench.row(&format!("{job}, {} groups, from a file to a file", expected.1), EVENTS, RUNS, &ways);
    }
}
