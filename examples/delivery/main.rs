//! Orders, from their creation to their delivery, over a grid of 50 x 50 regions: shipments for each region and the ten
//! regions with most, prices, times from creation to assignment and to completion, and what is open, live and exact.
//!
//! Without arguments it brings all it needs: it starts a Kinesis and an S3 on this machine, makes up orders and puts their
//! events into a stream, some late, some twice and some not at all, counts them, shows the figures while they grow, and
//! compares every one with a computation over the plain list of events:
//!
//! ```text
//! cargo run --release --example delivery
//! cargo run --release --example delivery -- --events flights
//! cargo run --release --example delivery -- --auto-reshard
//! ```
//!
//! The last begins with one shard, which is too few: a controller splits it, and merges shards when there is less to do.
//!
//! As processes of their own, beside the example `local_cloud` or on AWS: one that sends, and any that count, killed and
//! started again at will. `--check` compares with what `--produce` has sent, made anew from the same seed; what sends has no
//! memory, so started again it sends all once more, and that is seen:
//!
//! ```text
//! cargo run --release --example delivery -- --produce events
//! cargo run --release --example delivery -- --source kinesis:events --sink s3://counts/delivery --once --check
//! ```
//!
//! Begin with `pipeline.rs`, which is the chain, and `state.rs`, which is what a partition keeps from epoch to epoch.

mod batch;
mod board;
mod demo;
#[path = "../support/durations.rs"]
mod durations;
mod figures;
#[path = "../support/messages.rs"]
mod messages;
mod model;
#[path = "../support/output.rs"]
mod output;
mod pipeline;
#[allow(dead_code, reason = "another example asks by itself")]
#[path = "../support/shutdown.rs"]
mod shutdown;
mod state;
#[path = "../support/tables.rs"]
mod tables;
mod totals;
mod view;
mod workload;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anabranch::store::{self, Store};
use anabranch::{Error, ErrorKind, source};
use clap::Parser;

use self::board::Board;
use self::messages::{failed, show_warnings};
use self::output::{ended, say, tell};
use self::pipeline::{Rates, counting, produce};
use self::shutdown::shutdown;
use self::view::View;
use self::workload::Workload;

/// Follows orders from their creation to their delivery.
#[derive(Clone, Debug, Parser)]
#[command(version)]
struct Options {
    /// Where events come from: kinesis:STREAM. Without it, from a stream on this machine.
    #[arg(long, value_name = "URI", requires = "sink")]
    source: Option<String>,

    /// Where figures go, exactly: dir:PATH or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "URI", requires = "source")]
    sink: Option<String>,

    /// In the place of counting: sends the events into this stream, and ends.
    #[arg(long, value_name = "STREAM", conflicts_with = "source")]
    produce: Option<String>,

    #[command(flatten)]
    workload: Workload,

    /// How many events are sent in a second.
    #[arg(long, value_name = "N", default_value = "3000", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Lets a controller split and merge the shards of the stream on this machine by their traffic, which begins with one
    /// shard, falls off towards the end, and is throttled as on AWS. For a stream of yours, run the example reshard.
    #[arg(long, conflicts_with_all = ["source", "produce"])]
    auto_reshard: bool,

    /// Figures are committed this long after the first event in them.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = durations::positive)]
    epoch: Duration,

    /// Counts what is there, and ends.
    #[arg(long, requires = "source")]
    once: bool,

    /// Compares the figures at the end with a computation over the plain list of events, which are made once more.
    #[arg(long, requires = "source")]
    check: bool,
}

async fn run(options: Options) -> Result<(), Error> {
    if let Some(stream) = &options.produce {
        let sink = workload::sink(stream).build().await?;
        let stats = sink.stats();
        produce(options.workload.make()?, Rates::steady(options.rate), sink).await?;
        say!("{} events sent to {stream}", stats.messages.get());
        return Ok(());
    }
    let (Some(from), Some(to)) = (&options.source, &options.sink) else { return demo::run(options).await };
    let source = source::open(from).await?;
    if !(to.starts_with("dir:") || to.starts_with("s3:")) {
        return Err(Error::new(ErrorKind::Usage, "this sink keeps nothing from epoch to epoch")
            .at(to)
            .cure("use dir:PATH or s3://BUCKET/PREFIX"));
    }
    let store: Arc<dyn Store> = store::open(to, store::Options::default()).await?;
    let mut view = View::new(Arc::clone(&store), Board::new(options.workload.rules()));
    let run = counting(source, store, &options, options.once, shutdown("committing what was read"));
    view.while_it_runs(run).await?;
    view.at_the_end().await?;
    if options.check {
        check(view.board(), &options.workload)?;
    }
    Ok(())
}

/// Compares every figure with that of the batch.
fn check(board: &Board, workload: &Workload) -> Result<(), Error> {
    let (found, expected) = (board.figures(), batch::figures(&workload.make()?, &workload.rules()));
    let differences = found.differences(&expected);
    if differences.is_empty() {
        say!(
            "Checked: all figures of {} regions are those of a computation over the list of events.",
            expected.regions.len()
        );
        return Ok(());
    }
    for difference in &differences {
        tell!("differs {difference}");
    }
    Err(Error::new(ErrorKind::Invalid, "the figures are not those of the list of events")
        .cure(
            "give --events, --seed, --orders, --drivers and --faults as they were given to what sent the events, and wait \
             until all are sent; if --produce was run more than once into this stream, also if it was killed before, events \
             were sent more than once: let it send all of them into a new stream, and count that into a new sink; if it is \
             neither, please report it",
        ))
}

#[tokio::main]
async fn main() -> ExitCode {
    show_warnings();
    match run(Options::parse()).await {
        Ok(()) => ended(ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}
