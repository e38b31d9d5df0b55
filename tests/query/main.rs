//! What a ledger holds is read by readers that know nothing of it: the counts are those of an independent count.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::pending;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder, Minute};
use anabranch::epoch::{self, Every, Format, Ledger, SourceExt};
use anabranch::group::Until;
use anabranch::source;
use anabranch::store::DirStore;
use anabranch::{Error, ErrorKind};
use flate2::read::{GzDecoder, MultiGzDecoder};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");

/// On these days no flight is counted, so that epochs of them have no rows.
const QUIET: [&str; 2] = ["20130105", "20130106"];

fn is_quiet(minute: &str) -> bool {
    QUIET.iter().any(|day| minute.starts_with(day))
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Count {
    #[serde(rename = "type")]
    kind: String,
    minute: Minute,
    count: usize,
}

type Cells = BTreeMap<(String, String), u64>;

fn example() -> Count {
    Count { kind: "UA".to_owned(), minute: "201301011017".parse().unwrap(), count: 1 }
}

fn formats() -> Vec<(&'static str, Format)> {
    vec![
        ("jsonl.gz", Format::json_lines()),
        ("csv.gz", Format::csv(&example()).unwrap()),
        #[cfg(feature = "parquet")]
        ("parquet", Format::parquet(&example()).unwrap()),
    ]
}

async fn run(store: &Arc<DirStore>, format: Format) -> Result<(), Error> {
    let decoder = EventDecoder::new("departed_at", "carrier");
    let ledger = Ledger::new(Arc::clone(store) as _, "flights").format(format);
    let every = Every::secs(60).or_records(NonZeroU64::new(500).unwrap());
    let pipeline =
        source::open(&format!("file:{FLIGHTS}")).await?.epochs(every).commit_to(ledger, move |records, dead| {
            records
                .map(decoder.to_fn())
                .dead_letters(dead)
                .filter(|event: &Event| !is_quiet(&event.minute().to_string()))
                .group_until(|event: &Event| (event.kind.clone(), event.minute()), Until::idle(Duration::from_secs(10)))
                .count_each()
                .map(|((kind, minute), count)| Count { kind: kind.to_string(), minute, count })
        });
    pipeline.run(pending()).await.map(drop)
}

async fn counted(format: &Format) -> (Arc<DirStore>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(DirStore::new(dir.path()));
    run(&store, format.clone()).await.unwrap();
    (store, dir)
}

/// What the flights come to, counted by hand.
fn expected() -> Cells {
    let mut cells = Cells::new();
    let mut rows =
        csv::ReaderBuilder::new().delimiter(b'\t').from_reader(MultiGzDecoder::new(File::open(FLIGHTS).unwrap()));
    let at =
        |rows: &mut csv::Reader<_>, name| rows.headers().unwrap().iter().position(|column| column == name).unwrap();
    let (time, kind) = (at(&mut rows, "departed_at"), at(&mut rows, "carrier"));
    for row in rows.records().map(Result::unwrap) {
        let minute: String = row[time].chars().filter(char::is_ascii_digit).take(12).collect();
        if minute.len() == 12 && !is_quiet(&minute) {
            *cells.entry((row[kind].to_owned(), minute)).or_default() += 1;
        }
    }
    cells
}

/// All files under `dt=`, in the folders that query engines go through.
fn files(dir: &Path) -> Vec<PathBuf> {
    let sub = |dir: PathBuf| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let named = |path: &PathBuf, start: &str| path.file_name().unwrap().to_str().unwrap().starts_with(start);
    let days = sub(dir.to_owned()).into_iter().filter(|path| named(path, "dt="));
    let hours = days.flat_map(sub).inspect(|hour| assert!(named(hour, "hour="), "{}", hour.display()));
    hours.flat_map(sub).flat_map(sub).collect()
}

/// The rows of one file, with nothing of ours.
fn read(file: &Path, ext: &str) -> Vec<(String, String, u64)> {
    let bytes = fs::read(file).unwrap();
    match ext {
        "jsonl.gz" => {
            let values = serde_json::Deserializer::from_reader(GzDecoder::new(&bytes[..])).into_iter();
            let values = values.map(Result::<serde_json::Value, _>::unwrap);
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            values.map(|row| (text(&row["type"]), text(&row["minute"]), row["count"].as_u64().unwrap())).collect()
        }
        "csv.gz" => {
            let mut rows = csv::Reader::from_reader(GzDecoder::new(&bytes[..]));
            assert_eq!(rows.headers().unwrap(), vec!["type", "minute", "count"], "also where there are no rows");
            rows.deserialize().map(Result::unwrap).collect()
        }
        #[cfg(feature = "parquet")]
        "parquet" => {
            use parquet::file::reader::{FileReader, SerializedFileReader};
            use parquet::record::RowAccessor;
            let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
            let rows = file.get_row_iter(None).unwrap().map(Result::unwrap);
            let text = |row: &parquet::record::Row, at| row.get_string(at).unwrap().clone();
            rows.map(|row| (text(&row, 0), text(&row, 1), row.get_long(2).unwrap().try_into().unwrap())).collect()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn other_readers_find_every_count_in_the_folders_by_day_and_hour() {
    for (ext, format) in formats() {
        let (_, dir) = counted(&format).await;
        let (mut cells, mut quiet) = (Cells::new(), 0);
        let files = files(dir.path());
        assert!(files.len() > 50, "{}", files.len());
        for file in &files {
            assert!(file.to_str().unwrap().ends_with(&format!(".{ext}")), "{}", file.display());
            let rows = read(file, ext);
            quiet += usize::from(rows.is_empty());
            for (kind, minute, count) in rows {
                *cells.entry((kind, minute)).or_default() += count;
            }
        }
        assert_eq!(cells, expected(), "{ext}");
        assert!(quiet > 0, "no epoch was without rows");
    }
}

#[tokio::test]
async fn rows_are_read_back_whatever_their_format() {
    for (ext, format) in formats() {
        let (store, _dir) = counted(&format).await;
        let mut cells = Cells::new();
        let mut epochs = epoch::committed(store);
        while let Some(epoch) = epochs.next().await.unwrap() {
            let rows: Vec<Count> = epoch.rows().map(Result::unwrap).collect();
            assert_eq!(rows.len() as u64, epoch.header.rows, "{}", epoch.key);
            for Count { kind, minute, count } in rows {
                *cells.entry((kind, minute.to_string())).or_default() += count as u64;
            }
        }
        assert_eq!(cells, expected(), "{ext}");
    }
}

#[tokio::test]
async fn a_ledger_keeps_to_its_format_and_refuses_another() {
    for (_, format) in formats() {
        let (store, dir) = counted(&format).await;
        let before = files(dir.path()).len();
        run(&store, format.clone()).await.unwrap();
        assert_eq!(files(dir.path()).len(), before, "it goes on where it stopped, by the headers");
        for (other, refused) in formats().into_iter().filter(|(_, other)| format!("{other:?}") != format!("{format:?}"))
        {
            let error = run(&store, refused).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains(other), "{error}");
        }
    }
}

/// The statements of docs/query.md, run as they stand there, but for the place.
#[tokio::test]
#[ignore = "needs Python with duckdb and polars: python3 -m venv V; V/bin/pip install duckdb polars; QUERY_PYTHON=V/bin/python"]
async fn duckdb_and_polars_find_every_count_with_the_lines_of_the_guide() {
    let python = std::env::var_os("QUERY_PYTHON").expect("QUERY_PYTHON names a Python that has duckdb and polars");
    let expected: BTreeMap<_, _> =
        expected().into_iter().map(|((kind, minute), count)| (format!("{kind} {minute}"), count)).collect();
    for (ext, format) in formats() {
        let (_, dir) = counted(&format).await;
        let mut script = Command::new(&python);
        script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/query/engines.py"));
        script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/query.md")).arg(dir.path()).arg(ext);
        let output = script.output().unwrap();
        assert!(output.status.success(), "{ext}: {}", String::from_utf8_lossy(&output.stderr));
        let answers: Vec<BTreeMap<String, u64>> = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answers.len() >= 2, "{ext}: DuckDB and polars, and not {} answers", answers.len());
        for answer in answers {
            assert!(answer == expected, "{ext}: {} of {} cells", answer.len(), expected.len());
        }
    }
}

#[test]
fn the_table_of_costs_follows_from_the_prices() {
    let page = include_str!("../../docs/query.md");
    let put: f64 = page
        .lines()
        .find_map(|line| line.strip_prefix("| `PUT_PER_1000` | ")?.strip_suffix(" |"))
        .unwrap()
        .parse()
        .unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.contains(" s | "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 9);
    for row in rows {
        let (shards, secs): (u64, u64) = (row[0].parse().unwrap(), row[1].strip_suffix(" s").unwrap().parse().unwrap());
        let (day, month) = (shards * 86_400 / secs, shards * 30 * 86_400 / secs);
        let cost = format!("{:.2}", month as f64 / 1_000.0 * put);
        assert_eq!(row[2..], [day.to_string(), month.to_string(), cost], "{shards} shards, {secs} s");
    }
}
