//! Looks after the results that a pipeline keeps in a directory or a bucket: sums them up, verifies them, expires them.
//!
//! ```text
//! cargo run --release --example ledger -- show dir:/tmp/counts
//! cargo run --release --example ledger -- verify s3://counts/per-minute --deep --stalled-after 10m
//! cargo run --release --example ledger -- expire dir:/tmp/counts --before 2013-01-01 --dry-run
//! ```
//!
//! What it finds stands on standard output, as a table, or with `--json` as a JSON object on each line. The exit code is 0;
//! 1 if `verify` has found a problem, or something failed; 2 for wrong usage.

#[path = "support/existing.rs"]
mod existing;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/output.rs"]
mod output;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{self, Expire, Summary, Verify};
use anabranch::store::Store;
use anabranch::{Error, ErrorKind, Position};
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use clap::{Args, Parser, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use self::existing::existing;
use self::messages::{failed, show_warnings};
use self::output::{ended, say};

/// Looks after the results that a pipeline keeps in a directory or a bucket.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sums up each partition: epochs, records, rows and how many of them are expired, dead letters, from where to where, and when it
    /// last moved.
    Show(Place),
    /// Looks for gaps, overlaps, objects that are gone, damaged or in no chain; changes nothing. Exit code 1 if there are any.
    Verify {
        #[command(flatten)]
        place: Place,

        /// Also reads all rows and dead letters, and counts them.
        #[arg(long)]
        deep: bool,

        /// Also finds partitions that were not committed to, or seen at their tip, for so long: 10m, 2h.
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        stalled_after: Option<Duration>,
    },
    /// Takes the rows and dead letters of old epochs away, for good, and leaves the epochs where they are.
    Expire {
        #[command(flatten)]
        place: Place,

        /// Epochs of earlier hours are expired: a date, or an instant such as 2013-01-31T12:00:00Z.
        #[arg(long, value_name = "DATE", value_parser = instant)]
        before: DateTime<Utc>,

        /// Says what would be taken away, and changes nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args, Debug)]
struct Place {
    /// Where the results are: dir:PATH or s3://BUCKET/PREFIX.
    #[arg(value_name = "URI")]
    uri: String,

    /// Prints a JSON object on each line in the place of tables.
    #[arg(long)]
    json: bool,
}

impl Place {
    async fn open(&self) -> Result<Arc<dyn Store>, Error> {
        let store = existing(&self.uri).await?;
        epoch::root(&*store).await?;
        Ok(store)
    }
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let date = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let instant = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
    instant.or_else(|_| text.parse().map(date)).map_err(|_| "write it as 2013-01-31 or 2013-01-31T12:00:00Z".to_owned())
}

fn json(line: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_string(line)
        .map_err(|error| Error::new(ErrorKind::Invalid, "this cannot be written as JSON").because(error))?;
    say!("{json}");
    Ok(())
}

async fn show(place: Place) -> Result<ExitCode, Error> {
    let partitions = epoch::summary(place.open().await?).await?;
    if place.json {
        partitions.iter().try_for_each(json)?;
    } else {
        say!("{}", table(&partitions));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(partitions: &[Summary]) -> Table {
    let mut table = Table::new();
    let plain = !std::io::stdout().is_terminal();
    table.load_style(if plain { presets::ASCII_MARKDOWN } else { presets::UTF8_HORIZONTAL_ONLY }).set_header([
        "partition",
        "epochs",
        "records",
        "rows",
        "expired",
        "letters",
        "gaps",
        "from",
        "to",
        "arrived",
        "committed",
        "tip",
        "end",
        "version",
    ]);
    for of in partitions {
        let versions: Vec<_> = of.versions.iter().map(u32::to_string).collect();
        table.add_row([
            of.partition.to_string(),
            of.epochs.to_string(),
            of.records.to_string(),
            of.rows.to_string(),
            of.expired_rows.to_string(),
            of.dead_letters.to_string(),
            of.gaps.to_string(),
            position(of.first.as_ref()),
            position(of.last.as_ref()),
            time(of.last_arrival),
            time(of.last_commit),
            time(of.tip),
            if of.end { "yes".to_owned() } else { String::new() },
            versions.join(" "),
        ]);
    }
    let total = |count: fn(&Summary) -> u64| partitions.iter().map(count).sum::<u64>().to_string();
    table.add_row([
        "in all".to_owned(),
        total(|of| of.epochs),
        total(|of| of.records),
        total(|of| of.rows),
        total(|of| of.expired_rows),
        total(|of| of.dead_letters),
        total(|of| of.gaps),
    ]);
    for column in table.column_iter_mut().skip(1).take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Those of Kinesis have 56 digits, of which the last tell more.
fn position(position: Option<&Position>) -> String {
    let text = position.map_or_else(|| "start".to_owned(), Position::to_string);
    if text.len() > 20 { format!("…{}", &text[text.len() - 16..]) } else { text }
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

async fn verify(place: Place, deep: bool, stalled_after: Option<Duration>) -> Result<ExitCode, Error> {
    let mut verify = Verify::new().deep(deep);
    if let Some(after) = stalled_after {
        verify = verify.stalled_after(after);
    }
    let verdict = verify.run(place.open().await?).await?;
    if place.json {
        json(&verdict)?;
    } else {
        for finding in &verdict.findings {
            say!("{}{finding}", if finding.is_note() { "note: " } else { "" });
        }
        say!(
            "{}: {} epochs, {} records, {} rows, {} dead letters; {} of the epochs expired; {} problems, {} notes",
            if verdict.is_sound() { "sound" } else { "NOT SOUND" },
            verdict.epochs,
            verdict.records,
            verdict.rows,
            verdict.dead_letters,
            verdict.expired,
            verdict.problems,
            verdict.notes,
        );
    }
    Ok(if verdict.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn expire(place: Place, before: DateTime<Utc>, dry_run: bool) -> Result<ExitCode, Error> {
    let expired = Expire::before(before).dry_run(dry_run).run(place.open().await?).await?;
    if place.json {
        json(&expired)?;
    } else {
        say!(
            "{}: {} epochs with {} rows and {} dead letters; {} epochs were expired before",
            if dry_run { "would expire" } else { "expired" },
            expired.epochs,
            expired.rows,
            expired.dead_letters,
            expired.before,
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn main() -> ExitCode {
    show_warnings();
    let done = match Options::parse().command {
        Command::Show(place) => show(place).await,
        Command::Verify { place, deep, stalled_after } => verify(place, deep, stalled_after).await,
        Command::Expire { place, before, dry_run } => expire(place, before, dry_run).await,
    };
    ended(done.unwrap_or_else(|error| failed(&error)))
}
