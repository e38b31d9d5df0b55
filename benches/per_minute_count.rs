//! The job of the `per_minute_count` example, beside loops written by hand: a month of flights, 38 times over.
//!
//! The loops use the same decoder, keys, hasher and idle timeout as the flow does, and read the clock every 256 items, as
//! it does. Run it with `cargo bench --bench per_minute_count`; the ratios come first.
#![allow(clippy::unwrap_used, missing_docs)]

mod utils;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder, Minute, parse_time};
use anabranch::group::Until;
use anabranch::source::{self, FileSource};
use anabranch::{Error, Flow, Record, from_iter};
use compact_str::CompactString;
use criterion::{Criterion, Throughput, criterion_group};
use flate2::read::GzDecoder;
use futures::Stream;
use hashbrown::{DefaultHashBuilder, HashMap};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;
use tokio::time::Instant;

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");
const TIMES: usize = 38;
const IDLE: Duration = Duration::from_secs(10);

type Key = (CompactString, Minute);

/// A way to count, which gives its rows to a closure.
type Way<'a> = &'a dyn Fn(&mut dyn FnMut(Key, usize));

/// What came out: rows, and events in them.
type Tally = (usize, usize);

fn key(event: &Event) -> Key {
    (event.kind.clone(), event.minute())
}

fn decoder() -> EventDecoder {
    EventDecoder::new("departed_at", "carrier")
}

/// A month of flights, over and over: as records, as events, and as a file.
struct Input {
    records: Vec<Record>,
    events: Vec<Event>,
    file: NamedTempFile,
}

impl Input {
    fn new(runtime: &Runtime) -> Self {
        let mut text = String::new();
        GzDecoder::new(File::open(FLIGHTS).unwrap()).read_to_string(&mut text).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let mut file = tempfile::Builder::new().suffix(".tsv").tempfile().unwrap();
        writeln!(file, "{header}").unwrap();
        for _ in 0..TIMES {
            file.write_all(lines.as_bytes()).unwrap();
        }
        let records: Vec<Record> = runtime.block_on(records(file.path()).collect()).unwrap();
        let events = records.iter().cloned().map(decoder().to_fn()).map(Result::unwrap).collect();
        Self { records, events, file }
    }
}

fn records(path: &Path) -> Flow<impl Stream<Item = Result<Record, Error>> + use<>> {
    source::records(Arc::new(FileSource::builder(path).build().unwrap()))
}

fn by_hand(events: impl Iterator<Item = Event>, mut row: impl FnMut(Key, usize)) {
    let mut counts = HashMap::<Key, (usize, Instant), DefaultHashBuilder>::default();
    let mut expiry = VecDeque::<(Instant, Key)>::new();
    let mut now = Instant::now();
    for (index, event) in events.enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = expiry.pop_front_if(|(deadline, _)| *deadline <= now) {
                match counts.get(&key) {
                    Some((_, last)) if *last + IDLE > now => expiry.push_back((*last + IDLE, key)),
                    Some((count, _)) => {
                        row(key.clone(), *count);
                        counts.remove(&key);
                    }
                    None => {}
                }
            }
        }
        let key = key(&event);
        match counts.get_mut(&key) {
            Some((count, last)) => (*count, *last) = (*count + 1, now),
            None => {
                expiry.push_back((now + IDLE, key.clone()));
                counts.insert(key, (1, now));
            }
        }
    }
    counts.into_iter().for_each(|(key, (count, _))| row(key, count));
}

/// A file as one reads it without any library: line by line, field by field.
fn lines_by_hand(path: &Path, row: impl FnMut(Key, usize)) {
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).unwrap());
    let mut line = String::new();
    file.read_line(&mut line).unwrap();
    let at = |name| line.trim_end().split('\t').position(|column| column == name).unwrap();
    let (time, kind) = (at("departed_at"), at("carrier"));
    let events = std::iter::from_fn(|| {
        line.clear();
        if file.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let mut event = (None, None);
        for (index, field) in line.trim_end().split('\t').enumerate() {
            if index == time {
                event.0 = parse_time(field);
            }
            if index == kind {
                event.1 = Some(CompactString::from(field));
            }
        }
        Some(Event { time: event.0.unwrap(), kind: event.1.unwrap() })
    });
    by_hand(events, row);
}

async fn by_flow<E>(events: Flow<impl Stream<Item = Result<Event, E>>>, mut row: impl FnMut(Key, usize)) {
    let counts = events.group_until(key, Until::idle(IDLE)).count_each();
    let counted = counts.for_each(|(key, count)| row(key, count)).await;
    assert!(counted.is_ok(), "the flow failed");
}

fn tally(count: impl FnOnce(&mut dyn FnMut(Key, usize))) -> Tally {
    let mut tally = (0, 0);
    count(&mut |_, events| tally = (tally.0 + 1, tally.1 + events));
    tally
}

fn table(count: impl FnOnce(&mut dyn FnMut(Key, usize))) -> BTreeMap<Key, usize> {
    let mut table = BTreeMap::new();
    count(&mut |key, events| *table.entry(key).or_default() += events);
    table
}

/// The jobs, each in both ways.
fn each_job(input: &Input, runtime: &Runtime, mut job: impl FnMut(&str, [Way<'_>; 2])) {
    let events = || input.events.iter().cloned();
    job(
        "events in memory",
        [&|row| by_hand(events(), row), &|row| runtime.block_on(by_flow(from_iter(events()), row))],
    );

    let decoded = || input.records.iter().cloned().map(decoder().to_fn()).filter_map(Result::ok);
    let flow = || from_iter(input.records.iter().cloned()).map(decoder().to_fn()).filter_map(Result::ok);
    job("records in memory", [&|row| by_hand(decoded(), row), &|row| runtime.block_on(by_flow(flow(), row))]);

    let path = input.file.path();
    let flow = || records(path).map(decoder().to_fn()).filter_map(Result::ok);
    job("file", [&|row| lines_by_hand(path, row), &|row| runtime.block_on(by_flow(flow(), row))]);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn bench(c: &mut Criterion) {
    let runtime = runtime();
    let input = Input::new(&runtime);
    let expected = (24_838, input.events.len());
    each_job(&input, &runtime, |job, ways| {
        let mut group = c.benchmark_group(format!("per_minute_count, {job}"));
        group.throughput(Throughput::Elements(expected.1 as u64)).sample_size(10);
        for (name, way) in ["by hand", "flow"].into_iter().zip(ways) {
            group.bench_function(name, |b| b.iter(|| assert_eq!(tally(way), expected)));
        }
    });
}

fn print_ratios() {
    let runtime = runtime();
    let input = Input::new(&runtime);
    let events = input.events.len();
    each_job(&input, &runtime, |job, [by_hand, flow]| {
        assert_eq!(table(by_hand), table(flow), "the flow counts otherwise than the loop");
        let run = |way: Way<'_>| assert_eq!(tally(way).1, events);
        utils::print_ratios(job, events, &mut [("by hand", &mut || run(by_hand)), ("flow", &mut || run(flow))]);
    });
}

criterion_group!(benches, bench);

fn main() {
    print_ratios();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
