//! Counts events per type and minute, exactly, and writes the counts to S3 or a directory in near real time.
//!
//! Without arguments it brings all it needs: it starts a Kinesis and an S3 on this machine, puts a month of real flights
//! into a stream, counts them, checks the result, and shows it:
//!
//! ```text
//! cargo run --release --example per_minute_count
//! ```
//!
//! With arguments it counts what you have. A file ends by itself; a stream is followed until Ctrl-C, or, with `--once`, to
//! where it ends now. Run it again, and it goes on where it stopped, however it stopped, and counts nothing twice:
//!
//! ```text
//! cargo run --release --example per_minute_count -- \
//!     --source file:data/flights-2013-01.tsv.gz --sink dir:/tmp/counts \
//!     --time-column departed_at --key-column carrier
//! ```

mod demo;
#[path = "../support/durations.rs"]
mod durations;
#[path = "../support/existing.rs"]
mod existing;
#[path = "../support/messages.rs"]
mod messages;
#[path = "../support/output.rs"]
mod output;
#[path = "../support/shutdown.rs"]
mod shutdown;
#[path = "../support/tables.rs"]
mod tables;
mod view;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::{Event, EventDecoder, Minute, Undecodable};
use anabranch::epoch::{AtGaps, Every, Format, Ledger, Pipeline, Report, SourceExt, State, carry_groups};
use anabranch::group::{Carrier, Until};
use anabranch::lease::Leases;
use anabranch::source::kinesis::{KinesisSource, MultiLang};
use anabranch::source::{self, Source};
use anabranch::store::{self, Store};
use anabranch::{BoxFlow, Error, ErrorKind, Flow, Message, Record, TryStream, sink};
use clap::{Parser, ValueEnum};
use compact_str::CompactString;
use futures::{FutureExt, Sink};
use serde::{Deserialize, Serialize};

use self::existing::existing;
use self::messages::{failed, show_warnings};
use self::output::{ended, tell};
use self::shutdown::{asked, shutdown};

/// A partition key may have so many characters in Kinesis.
const MAX_KEY_CHARS: usize = 256;

/// Counts events per type and minute.
#[derive(Clone, Debug, Parser)]
#[command(version)]
struct Options {
    /// Where events come from: file:PATH, random:, kinesis:STREAM. Without it, the flights in data/. Options stand behind a
    /// question mark, such as 'kinesis:STREAM?start=latest&consumer=NAME' (start, idle_ms, aggregates, consumer).
    #[arg(long, value_name = "URI", requires = "sink")]
    source: Option<String>,

    /// Where counts go: dir:PATH or s3://BUCKET/PREFIX count exactly; console: or kinesis:STREAM only pass them on.
    #[arg(long, value_name = "URI", requires = "source")]
    sink: Option<String>,

    /// The column, or name in a JSON object, that says when an event happened.
    #[arg(long, value_name = "NAME", default_value = "departed_at")]
    time_column: String,

    /// The column, or name in a JSON object, that says of which type an event is.
    #[arg(long, value_name = "NAME", default_value = "carrier")]
    key_column: String,

    /// A count is given when no event has come for it for so long, or with the end of its epoch: see --carry.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = durations::positive)]
    timeout: Duration,

    /// Counts are committed this long after the first event that they count.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = durations::positive)]
    epoch: Duration,

    /// Lets counts outlive their epochs: one for each type and minute and timeout, however short the epochs are. What is
    /// open when the program is asked to stop goes on in the next run. A ledger that has begun so stays so.
    #[arg(long)]
    carry: bool,

    /// How many counts may be open at once in a partition; beyond, the oldest is given early.
    #[arg(long, value_name = "N", default_value = "250000", value_parser = clap::value_parser!(u32).range(1..u32::MAX.into()))]
    max_groups: u32,

    /// Stops if records may be lost, because the source had them no more when they were to be read. Otherwise that is
    /// logged and written down.
    #[arg(long)]
    stop_at_gaps: bool,

    /// How counts are written to dir: and s3:. A prefix or directory keeps to the one that it was begun with.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Written::Jsonl, requires = "sink")]
    format: Written,

    /// Reads what is there, commits it, and ends.
    #[arg(long)]
    once: bool,

    /// Goes on where the results in another store stand, of the same source; the pipeline that wrote them has to be stopped.
    /// Results with counts that were carried cannot be gone on from. Or dynamodb:TABLE: where an application of the Kinesis
    /// Client Library stands that has this lease table.
    #[arg(long, value_name = "URI", requires = "sink")]
    continue_from: Option<String>,

    /// Shares the shards with other workers, of the same command, through this DynamoDB table of leases, which is made if there is
    /// none. Another sink needs another table.
    #[cfg(feature = "dynamodb")]
    #[arg(long, value_name = "NAME", requires = "sink", conflicts_with_all = ["once", "redrive", "multilang"])]
    workers_table: Option<String>,

    /// With --workers-table: another worker takes the shards of one that has not been heard of for so long. All workers should have the
    /// same.
    #[cfg(feature = "dynamodb")]
    #[arg(long, value_name = "DURATION", default_value = "10s", requires = "workers_table", value_parser = durations::positive)]
    failover: Duration,

    /// In the place of reading the source: puts the events once more that were set aside, and ends.
    #[arg(long, requires = "sink", conflicts_with = "continue_from")]
    redrive: bool,

    /// Lets a MultiLangDaemon of the Kinesis Client Library start this program for each shard, give it the shard's records over
    /// standard input, and share the shards among machines. The source is the daemon's stream; docs/multilang.md has the rest.
    #[arg(long, requires = "sink", conflicts_with_all = ["once", "redrive"])]
    multilang: bool,
}

impl Options {
    const fn is_shared(&self) -> bool {
        #[cfg(feature = "dynamodb")]
        let shared = self.workers_table.is_some();
        #[cfg(not(feature = "dynamodb"))]
        let shared = false;
        shared
    }
}

/// How counts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    /// Lines of JSON, gzipped.
    Jsonl,
    /// Comma-separated values, gzipped.
    Csv,
    /// Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Written {
    fn format(self) -> Result<Format, Error> {
        let example = Count { kind: "UA".into(), minute: Minute::of(Default::default()), count: 1 };
        match self {
            Self::Jsonl => Ok(Format::json_lines()),
            Self::Csv => Format::csv(&example),
            #[cfg(feature = "parquet")]
            Self::Parquet => Format::parquet(&example),
        }
    }
}

/// A row of the result: so many events of this type in this minute. Rows add up.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Count {
    #[serde(rename = "type")]
    kind: CompactString,
    minute: Minute,
    count: usize,
}

/// What is counted: a type and a minute.
type Cell = (CompactString, Minute);

/// The pipeline, from records to counts; `open` is where counts go on that outlive their epoch.
fn counts<S, D, C>(
    records: Flow<S>,
    dead: D,
    options: &Options,
    open: C,
) -> impl TryStream<Ok = Count, Error = Error> + use<S, D, C>
where
    S: TryStream<Ok = Record, Error = Error>,
    D: Sink<Undecodable, Error = Error>,
    C: Carrier<Cell, usize>,
{
    let decoder = EventDecoder::new(&*options.time_column, &*options.key_column);
    records
        .map(decoder.to_fn())
        .dead_letters(dead) // a record that cannot be read is kept aside, never dropped
        .group_until(|event: &Event| (event.kind.clone(), event.minute()), Until::idle(options.timeout))
        .max_groups(options.max_groups as usize)
        .count_each() // fan out per key, count, merge
        .carried(open)
        .map(|((kind, minute), count)| Count { kind, minute, count })
}

/// Counts into a store, exactly.
async fn count_exactly(
    source: Arc<dyn Source>,
    store: Arc<dyn Store>,
    options: &Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Report, Error> {
    // Counts of other columns are other results: a store that has some refuses them.
    let pipeline = format!("per_minute_count of {} by {}", options.time_column, options.key_column);
    let each = options.clone();
    let mut ledger = Ledger::new(store, pipeline).format(options.format.format()?);
    if let Some(old) = &options.continue_from {
        ledger = continue_from(ledger, old).await?;
    }
    let leases = leases(options).await?;
    let epochs = source.epochs(Every::span(options.epoch));
    let at_gaps = if options.stop_at_gaps { AtGaps::Stop } else { AtGaps::GoOn };
    let (stats, run) = if options.carry {
        let chain = move |records, dead, open: State<_>| counts(records, dead, &each, open);
        let pipeline = epochs.commit_to_with_state(ledger, carry_groups(), chain).at_gaps(at_gaps).once(options.once);
        let pipeline = leases.into_iter().fold(pipeline, Pipeline::leases);
        let stats = pipeline.stats();
        (stats, if options.redrive { pipeline.redrive(shutdown).boxed() } else { pipeline.run(shutdown).boxed() })
    } else {
        let chain = move |records, dead| counts(records, dead, &each, ());
        let pipeline = epochs.commit_to(ledger, chain).at_gaps(at_gaps).once(options.once);
        let pipeline = leases.into_iter().fold(pipeline, Pipeline::leases);
        let stats = pipeline.stats();
        (stats, if options.redrive { pipeline.redrive(shutdown).boxed() } else { pipeline.run(shutdown).boxed() })
    };
    view::with_progress(stats, run).await
}

/// What makes a ledger go on from another place, if it is made now.
async fn continue_from(ledger: Ledger, from: &str) -> Result<Ledger, Error> {
    match from.strip_prefix("dynamodb:") {
        #[cfg(feature = "dynamodb")]
        Some(table) => {
            let table = anabranch::lease::DynamoDbTable::builder(table).build().await?;
            Ok(ledger.continue_from_leases(Arc::new(table)))
        }
        #[cfg(not(feature = "dynamodb"))]
        Some(_) => Err(Error::new(ErrorKind::Usage, "this was built without DynamoDB")
            .at(from)
            .cure("build it with the feature \"dynamodb\"")),
        None => Ok(ledger.continue_from(existing(from).await?)),
    }
}

/// How the shards are shared with other workers, if they are.
#[cfg(feature = "dynamodb")]
async fn leases(options: &Options) -> Result<Option<Leases>, Error> {
    let Some(table) = &options.workers_table else { return Ok(None) };
    Ok(Some(Leases::dynamodb(table).await?.failover(options.failover)))
}

#[cfg(not(feature = "dynamodb"))]
async fn leases(_: &Options) -> Result<Option<Leases>, Error> {
    Ok(None)
}

/// Counts into a sink that takes messages: what a crash loses is lost.
async fn count_loosely(source: Arc<dyn Source>, sink: &str, options: &Options) -> Result<(), Error> {
    let sink = sink::open(sink).await?;
    let records: BoxFlow<'static, Record, Error> =
        source::records(source).take_until(shutdown("sending what was read")).boxed();
    let complain = futures::sink::unfold((), |(), undecodable: Undecodable| async move {
        tell!("set aside: {undecodable}");
        Ok::<_, Error>(())
    });
    let messages = anabranch::from_results(counts(records, complain, options, ())).try_map(|count| {
        let data = serde_json::to_vec(&count)
            .map_err(|error| Error::new(ErrorKind::Invalid, "a count cannot be written as JSON").because(error))?;
        Ok(Message { key: partition_key(&count.kind), data: data.into() })
    });
    messages.forward(sink).await
}

/// What spreads messages over a stream's shards: as much of a type as Kinesis takes.
fn partition_key(kind: &str) -> CompactString {
    kind.chars().take(MAX_KEY_CHARS).collect()
}

/// Where counts are kept. No directory is made before it is known that there is something to go on from.
async fn sink_store(to: &str, options: &Options) -> Result<Arc<dyn Store>, Error> {
    match options.redrive || options.continue_from.is_some() {
        true => existing(to).await,
        false => store::open(to, store::Options::default()).await,
    }
}

/// Counts the shard that a MultiLangDaemon gives, until it says that this is done.
async fn count_for_daemon(options: &Options, from: &str, to: &str) -> Result<(), Error> {
    let stream = match from.strip_prefix("kinesis:") {
        Some(_) if to.starts_with("dir:") || to.starts_with("s3:") => KinesisSource::open(from).await?,
        _ => {
            return Err(Error::new(
                ErrorKind::Usage,
                "a MultiLangDaemon gives records of a stream, to be counted exactly",
            )
            .at(format!("--source {from} --sink {to}"))
            .cure("use --source kinesis:STREAM, and --sink s3://BUCKET/PREFIX or dir:PATH"));
        }
    };
    // It is the daemon that reads.
    if let Some((_, all)) = from.split_once('?')
        && let Some(option) = all.split('&').find(|option| !option.starts_with("start="))
    {
        return Err(Error::new(
            ErrorKind::Usage,
            "with --multilang the daemon reads the stream, so this would do nothing",
        )
        .at(format!("{option} in --source {from}"))
        .cure("leave it out; of what stands behind the question mark, only start= counts here"));
    }
    let store = sink_store(to, options).await?;
    if std::io::stdin().is_terminal() {
        tell!("waiting for a MultiLangDaemon on standard input: it is what starts this program, see docs/multilang.md");
    }
    // The daemon says when to stop. A signal may reach both of them, and it would miss the end of the conversation.
    let ignored = async {
        loop {
            asked().await;
            tell!("asked to stop: it is the daemon that has to be asked");
        }
    };
    let count = MultiLang::new(stream).run(|shard| count_exactly(shard, store, options, std::future::pending()));
    tokio::select! {
        counted = count => counted,
        () = ignored => Ok(()),
    }
}

async fn run(options: Options) -> Result<(), Error> {
    let (Some(from), Some(to)) = (&options.source, &options.sink) else { return demo::run(options).await };
    if options.multilang {
        return count_for_daemon(&options, from, to).await;
    }
    let source = source::open(from).await?;
    EventDecoder::new(&*options.time_column, &*options.key_column)
        .check(&source.layout().await?)
        .map_err(|error| error.at(from))?;
    if to.starts_with("dir:") || to.starts_with("s3:") {
        let store = sink_store(to, &options).await?;
        let report = count_exactly(source, Arc::clone(&store), &options, shutdown("committing what was read")).await?;
        tokio::select! {
            shown = view::show(store, report) => shown,
            // All is committed by then.
            () = asked() => std::process::exit(130),
        }
    } else if !(to.starts_with("console:") || to.starts_with("kinesis:")) {
        Err(Error::new(ErrorKind::Usage, "this names no sink").at(to).cure(
            "use dir:PATH or s3://BUCKET/PREFIX to count exactly, or console: or kinesis:STREAM to pass counts on",
        ))
    } else if options.once {
        Err(Error::new(ErrorKind::Usage, "--once goes on another time where it stopped, and this sink keeps no place")
            .at(to)
            .cure("leave it out, or use dir:PATH or s3://BUCKET/PREFIX"))
    } else if options.redrive || options.continue_from.is_some() {
        Err(Error::new(ErrorKind::Usage, "this sink keeps nothing that could be gone on from or put through once more")
            .at(to)
            .cure("use dir:PATH or s3://BUCKET/PREFIX, or leave out --continue-from and --redrive"))
    } else if options.is_shared() {
        Err(Error::new(ErrorKind::Usage, "workers share shards only if they count into one place, exactly")
            .at(to)
            .cure("use dir:PATH or s3://BUCKET/PREFIX, or leave out --workers-table"))
    } else if options.carry || options.stop_at_gaps || options.format != Written::Jsonl {
        Err(Error::new(ErrorKind::Usage, "--carry, --stop-at-gaps and --format are for what is kept in epochs")
            .at(to)
            .cure("use dir:PATH or s3://BUCKET/PREFIX, or leave them out"))
    } else {
        count_loosely(source, to, &options).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    show_warnings();
    match run(Options::parse()).await {
        Ok(()) => ended(ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}
