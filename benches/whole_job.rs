//! The whole job of the `per_minute_count` example, from a file to a directory, beside a loop written by hand.
//!
//! Both read the same file of 4 million events, and write a row for each type and minute. What counts is the processor's
//! time, of all threads. Run it with `cargo bench --bench whole_job`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anabranch::codec::{Event, EventDecoder, Minute, parse_time};
use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::group::Until;
use anabranch::{Error, source, store};
use chrono::DateTime;
use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashMap};
use serde::Serialize;
use tokio::runtime::Runtime;

const EVENTS: usize = 4_000_000;
/// How many events lie in one minute of the file.
const A_MINUTE: usize = 55_250;
const RUNS: usize = 5;

/// A row of the result.
#[derive(Serialize)]
struct Count {
    kind: CompactString,
    minute: Minute,
    count: usize,
}

/// What a way came to: events, and rows.
type Tally = (usize, usize);

/// Writes a file of events of so many types, which come in no order, and gives the number of rows that are to be made of it.
fn write_events(path: &Path, types: usize) -> usize {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "departed_at\tcarrier\tuser\tamount").unwrap();
    let mut rows = HashMap::<(usize, usize), ()>::new();
    let mut line = String::new();
    for number in 0..EVENTS {
        let hash = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let (minute, kind, user) = (number / A_MINUTE, hash as usize % types, hash % 1_000_000);
        let millis = 1_471_798_800_000 + 60_000 * minute as i64 + (hash % 60_000) as i64;
        let time = DateTime::from_timestamp_millis(millis).unwrap().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        line.clear();
        writeln!(line, "{time}\tk{kind}\tu{user:07}\t{}.25", user % 1000).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        rows.insert((minute, kind), ());
    }
    file.flush().unwrap();
    rows.len()
}

/// Line by line, field by field, without any library's help but the reading of a time.
fn by_hand(from: &Path, to: &Path) -> Tally {
    let mut file = BufReader::with_capacity(1 << 18, File::open(from).unwrap());
    let mut counts = HashMap::<(CompactString, Minute), usize, DefaultHashBuilder>::default();
    let mut line = String::new();
    file.read_line(&mut line).unwrap();
    let mut events = 0;
    loop {
        line.clear();
        if file.read_line(&mut line).unwrap() == 0 {
            break;
        }
        let mut fields = line.split('\t');
        let time = parse_time(fields.next().unwrap()).unwrap();
        let kind = CompactString::from(fields.next().unwrap());
        *counts.entry((kind, Minute::of(time))).or_default() += 1;
        events += 1;
    }
    let mut rows = BufWriter::new(File::create(to.with_extension("csv")).unwrap());
    for ((kind, minute), count) in &counts {
        writeln!(rows, "{kind},{minute},{count}").unwrap();
    }
    rows.flush().unwrap();
    (events, counts.len())
}

async fn by_flow(from: &Path, to: &Path) -> Result<Tally, Error> {
    let source = source::open(&format!("file:{}", from.display())).await?;
    let store = store::open(&format!("dir:{}", to.display()), store::Options::default()).await?;
    let decoder = EventDecoder::new("departed_at", "carrier");
    let chain = move |records: anabranch::Flow<_>, dead| {
        records
            .map(decoder.to_fn())
            .dead_letters(dead)
            .group_until(|event: &Event| (event.kind.clone(), event.minute()), Until::idle(Duration::from_secs(600)))
            .max_groups(EVENTS)
            .count_each()
            .map(|((kind, minute), count)| Count { kind, minute, count })
    };
    let epochs = source.epochs(Every::span(Duration::from_secs(600)));
    let report = epochs.commit_to(Ledger::new(store, "whole_job"), chain).run(std::future::pending()).await?;
    Ok((report.records as usize, report.rows as usize))
}

/// The time that the processor has spent on this process, in its hundredths of a second; the wall's, where there is no `/proc`.
fn processor_time(begun: Instant) -> Duration {
    let ticks = || {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
    };
    ticks().map_or_else(|| begun.elapsed(), |ticks| Duration::from_millis(10 * ticks))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let begun = Instant::now();
    let runtime = Runtime::new().unwrap();
    for types in [50, 20_000] {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("events.tsv");
        let expected = (EVENTS, write_events(&from, types));
        let (mut hand, mut ratio, mut wall) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..RUNS {
            let to = folder.path().join(format!("counts-{run}"));
            let mut spent = [(0.0, 0.0); 2];
            for (way, spent) in spent.iter_mut().enumerate() {
                let (before, start) = (processor_time(begun), Instant::now());
                let tally = if way == 0 { by_hand(&from, &to) } else { runtime.block_on(by_flow(&from, &to)).unwrap() };
                // A count that an epoch's end cuts is two rows, which add up.
                assert!(tally.0 == expected.0 && tally.1 >= expected.1, "{tally:?} instead of {expected:?}");
                *spent = ((processor_time(begun) - before).as_secs_f64(), start.elapsed().as_secs_f64());
            }
            let [by_hand, by_flow] = spent;
            hand.push(by_hand.0 * 1e9 / EVENTS as f64);
            ratio.push(by_flow.0 / by_hand.0);
            wall.push(by_flow.1 / by_hand.1);
        }
        println!(
            "{} rows: by hand {:.1} ns of the processor an event, flow {:.2} times that; {:.2} times by the wall's clock",
            expected.1,
            median(&mut hand),
            median(&mut ratio),
            median(&mut wall),
        );
    }
}
