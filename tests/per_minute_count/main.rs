//! The example `per_minute_count` as a user runs it: as a process, with files, streams, buckets and mistakes.
#![cfg(all(feature = "kinesis", feature = "s3", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bad;
mod counts;
mod crash;
#[path = "../support/example.rs"]
mod example;
#[cfg(target_os = "linux")]
mod memory;
mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use self::example::example;

/// How many events of a type there are in a minute.
type Cells = BTreeMap<(String, String), u64>;

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");

/// The example with these arguments, away from whatever this machine has for AWS.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(example("per_minute_count"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What came of a run.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }
}

fn end(child: Child) -> Ended {
    child.wait_with_output().unwrap().into()
}

/// A place for files, and a directory in it for the results.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        format!("file:{}", self.path(name).display())
    }

    fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// The example, from a file to the directory.
    fn command(&self, source: &str, more: &[&str]) -> Command {
        let sink = format!("dir:{}", self.out().display());
        command(&[&["--source", source, "--sink", &sink], more].concat())
    }

    fn run(&self, source: &str, more: &[&str]) -> Ended {
        self.command(source, more).output().unwrap().into()
    }
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// All files under a directory, by their paths in it.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// The lines of the objects under a prefix, as any program would read them.
fn lines(dir: &Path, prefix: &str) -> Vec<serde_json::Value> {
    let mut lines = Vec::new();
    for file in files(dir).iter().filter(|file| file.starts_with(prefix)) {
        let mut text = String::new();
        MultiGzDecoder::new(File::open(dir.join(file)).unwrap()).read_to_string(&mut text).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()));
    }
    lines
}

/// What a directory of results, or of a bucket, adds up to.
fn sums(dir: &Path) -> Cells {
    let mut cells = Cells::new();
    for line in lines(dir, "dt=") {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        assert_eq!(line.as_object().unwrap().len(), 3, "{line}");
        *cells.entry((text("type"), text("minute"))).or_default() += line["count"].as_u64().unwrap();
    }
    cells
}

/// Every cell is as it should be; of those that are not, a few are shown.
#[track_caller]
fn are_same(found: &Cells, expected: &Cells) {
    let cells: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let wrong = cells.into_iter().filter(|cell| found.get(*cell) != expected.get(*cell));
    let wrong: Vec<_> =
        wrong.map(|cell| format!("{cell:?}: {:?}, not {:?}", found.get(cell), expected.get(cell))).collect();
    assert!(wrong.is_empty(), "{} cells are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}

fn total(cells: &Cells) -> u64 {
    cells.values().sum()
}

fn cell(time: &str, kind: &str) -> (String, String) {
    let time: DateTime<Utc> = DateTime::parse_from_rfc3339(time).unwrap().to_utc();
    (kind.to_owned(), time.format("%Y%m%d%H%M").to_string())
}

/// An independent count: the `csv` crate and a map.
fn by_hand(text: impl Read, delimiter: u8) -> Cells {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text);
    let column = |headers: &csv::StringRecord, name: &str| headers.iter().position(|it| it == name).unwrap();
    let headers = reader.headers().unwrap();
    let (time, kind) = (column(headers, "departed_at"), column(headers, "carrier"));
    let mut cells = Cells::new();
    for record in reader.records() {
        let record = record.unwrap();
        *cells.entry(cell(&record[time], &record[kind])).or_default() += 1;
    }
    cells
}

fn flights() -> (String, Cells) {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(FLIGHTS).unwrap()).read_to_string(&mut text).unwrap();
    let cells = by_hand(text.as_bytes(), b'\t');
    (text, cells)
}
