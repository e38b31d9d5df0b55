//! Reads records from a file, or makes them up, and sends them into a stream as JSON objects: the other side of
//! `per_minute_count`, as a process of its own.
//!
//! Against a Kinesis on this machine: start `local_cloud`, paste the lines that it prints into another terminal, and there
//!
//! ```text
//! cargo run --release --example producer -- \
//!     --source file:data/flights-2013-01.tsv.gz --sink kinesis:events --key-column carrier
//! ```
//!
//! Without those lines it is AWS itself, with nothing else changed. To see what would be sent, send it to the terminal:
//! `--source random:?count=5 --sink console:`.
//!
//! `kinesis:events?ordered_per_key=true` keeps the order of each key, `?aggregate=kpl` packs many records into one; `--help` lists
//! all options of a stream.
//!
//! A record that cannot be sent is set aside: it is shown on standard error with its line, and counted; the rest is sent.
//! Ctrl-C stops reading, sends what was read, and ends. The exit code is 0 if all was sent or set aside, 1 if something
//! failed, and 2 if the program was asked for what it cannot do.

#[path = "support/messages.rs"]
mod messages;
#[path = "support/output.rs"]
mod output;
#[allow(dead_code, reason = "another example asks by itself")]
#[path = "support/shutdown.rs"]
mod shutdown;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::JsonEncoder;
use anabranch::epoch::DeadLetter;
use anabranch::source::{self, Source};
use anabranch::{Counter, Error, ErrorKind, Layout, Message, Record, sink};
use clap::Parser;
use compact_str::{CompactString, ToCompactString};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use self::messages::{failed, show_warnings};
use self::output::{ended, tell};
use self::shutdown::shutdown;

/// A partition key may have so many characters in Kinesis.
const MAX_KEY_CHARS: usize = 256;

/// Sends the records of a source into a sink, as JSON objects.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where records come from: file:PATH, random:, kinesis:STREAM.
    #[arg(long, value_name = "URI")]
    source: String,

    /// Where they go: kinesis:STREAM?OPTION=VALUE&... or console:
    ///
    /// Options of kinesis:STREAM, with what holds without them:
    ///
    ///   linger_ms=100          how long a record may wait for others to fill its request
    ///   batch_records=500      records in a request
    ///   batch_bytes=5242880    bytes in a request; more where the stream takes larger records
    ///   budget_bytes=33554432  bytes held that were not accepted yet
    ///   in_flight=4            requests under way at once
    ///   ordered_per_key=false  whether the records of a key keep their order: true or false
    ///   aggregate=off          kpl packs many into one, for readers that take such aggregates apart
    ///   aggregate_bytes=51200  bytes in an aggregate
    ///   rate_limit=100         percent of what a shard takes, or off
    ///   dead_messages=FILE     keeps what Kinesis would never take; without it, that is an error
    #[arg(long, value_name = "URI", verbatim_doc_comment)]
    sink: String,

    /// The column, or name in a JSON object, by whose value records are spread over the stream's shards. Without it, the
    /// key that the source gives; a file gives none.
    #[arg(long, value_name = "NAME")]
    key_column: Option<String>,

    /// Ends when so many records are sent or set aside.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

/// Makes messages of records.
#[derive(Debug)]
struct Messages {
    encoder: JsonEncoder,
    key_column: Option<String>,
}

impl Messages {
    fn new(key_column: Option<&str>) -> Self {
        Self { encoder: JsonEncoder::new(), key_column: key_column.map(str::to_owned) }
    }

    /// Refuses what cannot work for any record of the source, before one is read.
    fn check(&self, layout: &Layout) -> Result<(), Error> {
        let Layout::Delimited { columns, .. } = layout else { return Ok(()) };
        let there_are = || format!("name one of those that there are: {}", columns.join(", "));
        match &self.key_column {
            None => Err(Error::new(ErrorKind::Usage, "a file does not say by what its records are to be spread")
                .cure(format!("give --key-column, and {}", there_are()))),
            Some(name) if !columns.contains(name) => {
                Err(Error::new(ErrorKind::NotFound, format!("there is no column {name:?}")).cure(there_are()))
            }
            Some(_) => Ok(()),
        }
    }

    fn message(&mut self, record: Record) -> Result<Message, Box<DeadLetter>> {
        let data = self.encoder.encode(record.clone()).map_err(|undecodable| Box::new(undecodable.into()))?;
        let key = match &self.key_column {
            None => Ok(record.key().into()),
            Some(name) => key(&data, name),
        };
        match key {
            // A key only spreads records, so its beginning will do.
            Ok(key) if !key.is_empty() => Ok(Message { key: key.chars().take(MAX_KEY_CHARS).collect(), data }),
            Ok(_) => Err(unusable(record, "its key is empty")),
            Err(reason) => Err(unusable(record, reason)),
        }
    }
}

/// The key in a JSON object.
fn key(object: &[u8], name: &str) -> Result<CompactString, String> {
    let object: Map<String, Value> =
        serde_json::from_slice(object).map_err(|error| format!("not a JSON object: {error}"))?;
    match object.get(name) {
        Some(Value::String(key)) => Ok(key.into()),
        Some(key @ (Value::Number(_) | Value::Bool(_))) => Ok(key.to_compact_string()),
        Some(_) => Err(format!("{name:?} is no text and no number")),
        None => Err(format!("there is no {name:?} in it")),
    }
}

/// A record without a key.
fn unusable(record: Record, why: impl Into<String>) -> Box<DeadLetter> {
    let line =
        matches!(record.layout(), Layout::Delimited { .. }).then(|| record.position().minor()).filter(|line| *line > 0);
    Box::new(DeadLetter { line, reason: why.into(), record })
}

/// Where a record stands, and what is wrong with it.
fn told(DeadLetter { record, line, reason }: &DeadLetter) -> String {
    let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
    format!("{}, position {}{line}: {reason}", record.partition(), record.position())
}

/// The beginning of a record, which may be a megabyte long.
fn shown(data: &[u8]) -> String {
    const MOST: usize = 1_000;
    match data.get(..MOST) {
        Some(first) if data.len() > MOST => format!("{}… ({} bytes)", first.escape_ascii(), data.len()),
        _ => data.escape_ascii().to_string(),
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let source: Arc<dyn Source> = source::open(&options.source).await?;
    let mut messages = Messages::new(options.key_column.as_deref());
    messages.check(&source.layout().await?).map_err(|error| error.at(&options.source))?;
    let sink = sink::open(&options.sink).await?;

    let (sent, dead) = (Counter::new(), Counter::new());
    let progress = progress();
    let set_aside = futures::sink::unfold((), |(), letter: Box<DeadLetter>| {
        dead.add(1);
        progress.suspend(|| tell!("set aside: {}\n  {}", told(&letter), shown(letter.record.data())));
        async { Ok::<_, Error>(()) }
    });
    let outcome = source::records(source)
        .take_until(shutdown("sending what was read"))
        .take(options.count.unwrap_or(usize::MAX))
        .map(|record| messages.message(record))
        .dead_letters(Box::pin(set_aside))
        .inspect(|_| {
            sent.add(1);
            progress.inc(1);
        })
        .forward(sink)
        .await;
    progress.finish_and_clear();
    outcome?;
    tell!("{} records sent to {}, {} set aside", sent.get(), options.sink, dead.get());
    Ok(())
}

/// Progress, on standard error if that is a terminal.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message("sending");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} records, {per_sec}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[tokio::main]
async fn main() -> ExitCode {
    show_warnings();
    match run(Options::parse()).await {
        Ok(()) => ended(ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

#[cfg(test)]
mod tests {
    use anabranch::{Origin, Partition, Position, RecordParts};

    use super::*;

    fn line(text: &'static str) -> Record {
        let columns = ["carrier", "flight"].map(str::to_owned).to_vec();
        let layout = Layout::Delimited { delimiter: b'\t', columns };
        let origin = Arc::new(Origin { partition: Partition::new("x.tsv"), layout });
        let position = Position::new(40, 7);
        let (data, key) = (text.into(), CompactString::default());
        RecordParts { data, origin, position, arrived: Default::default(), key }.into()
    }

    fn json(text: &'static str) -> Record {
        let origin = Arc::new(Origin { partition: Partition::new("random"), layout: Layout::Json });
        RecordParts { data: text.into(), origin, key: "given".into(), ..line("").into_parts() }.into()
    }

    fn refused(record: Record) -> String {
        told(&Messages::new(Some("carrier")).message(record).unwrap_err())
    }

    #[test]
    fn a_line_becomes_a_json_object_with_its_key() {
        let message = Messages::new(Some("carrier")).message(line("UA\t1545")).unwrap();
        assert_eq!(message, Message { key: "UA".into(), data: r#"{"carrier":"UA","flight":"1545"}"#.into() });
    }

    #[test]
    fn the_key_of_json_is_the_value_of_that_name_or_what_the_source_gives() {
        let text = r#"{"carrier":"UA","flight":1545}"#;
        for (column, key) in [(Some("carrier"), "UA"), (Some("flight"), "1545"), (None, "given")] {
            assert_eq!(Messages::new(column).message(json(text)).unwrap().key, key);
        }
    }

    #[test]
    fn a_long_key_is_cut_to_what_kinesis_takes() {
        let text = format!("{}\t1", "🛫".repeat(1_000)).leak();
        assert_eq!(Messages::new(Some("carrier")).message(line(text)).unwrap().key, "🛫".repeat(MAX_KEY_CHARS));
    }

    #[test]
    fn what_cannot_be_sent_is_set_aside_with_its_line() {
        assert_eq!(refused(line("UA")), "x.tsv, position 40.7, line 7: 1 field where the header has 2");
        assert_eq!(refused(line("\t1545")), "x.tsv, position 40.7, line 7: its key is empty");
        assert_eq!(refused(json("{}")), "random, position 40.7: there is no \"carrier\" in it");
        assert!(refused(json("nonsense")).contains("not a JSON object"));
    }

    #[test]
    fn of_a_long_record_only_the_beginning_is_shown() {
        assert_eq!(shown(b"UA\t1545"), "UA\\t1545");
        assert_eq!(shown(&[b'k'; 1_000]), "k".repeat(1_000));
        assert_eq!(shown(&[b'k'; 1_001]), format!("{}… (1001 bytes)", "k".repeat(1_000)));
    }

    #[test]
    fn a_missing_column_is_refused_before_anything_is_read() {
        let layout = line("").layout().clone();
        assert_eq!(Messages::new(None).check(&layout).unwrap_err().kind(), ErrorKind::Usage);
        let error = Messages::new(Some("airline")).check(&layout).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("carrier, flight"), "{error}");
        assert!(Messages::new(Some("flight")).check(&layout).is_ok());
    }
}
