//! Splits and merges the shards of a stream by their traffic: a command over `anabranch::reshard`.
//!
//! Without arguments, on a Kinesis within this process:
//!
//! ```text
//! cargo run --release --example reshard
//! ```
//!
//! Traffic of forty keys that lie close together fills one shard. You see it split where half of its bytes are, the halves
//! split again, and all merged when the traffic is gone, while a pipeline counts each record once; half a minute in all.
//!
//! What a day comes to, with a fixed number of shards, split in the middle, and split at the weighted median:
//!
//! ```text
//! cargo run --release --example reshard -- --simulate
//! ```
//!
//! A stream of yours, on AWS or on `local_cloud`. It reads the stream to measure it, tells what it would do, and does nothing:
//!
//! ```text
//! cargo run --release --example reshard -- --stream events
//! ```
//!
//! With `--journal s3://counts/events --apply` it does it, one controller at a time; `--journal s3://counts/events --show`
//! shows what was done and why. Ctrl-C ends it at any time. The exit code is 0, or 1 if something failed, or 2 for wrong
//! usage.

mod demo;
#[path = "../support/durations.rs"]
mod durations;
#[path = "../support/existing.rs"]
mod existing;
#[path = "../support/messages.rs"]
mod messages;
#[path = "../support/output.rs"]
mod output;
mod plot;
#[allow(dead_code, reason = "another example asks by itself")]
#[path = "../support/shutdown.rs"]
mod shutdown;
mod simulate;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anabranch::reshard::{Entry, Policy, Reshard, Traffic, View, journal};
use anabranch::source::kinesis::{InitialPosition, KinesisSource};
use anabranch::source::{Source, records};
use anabranch::{Error, ErrorKind, store};
use clap::Parser;
use comfy_table::{Table, presets};

use self::existing::existing;
use self::messages::{failed, show_warnings};
use self::output::{ended, say, unread};
use self::shutdown::shutdown;
use self::simulate::Day;

/// Splits and merges the shards of a stream by their traffic; without arguments, of one within this process.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Shows what a simulated day comes to by each rule, and ends
    #[arg(long, conflicts_with_all = ["stream", "min_shards", "max_shards", "window"])]
    simulate: bool,

    /// Draws the simulated day into this file, as SVG
    #[arg(long, value_name = "FILE", requires = "simulate", conflicts_with = "stream")]
    plot: Option<PathBuf>,

    /// The stream, by name or ARN
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,

    /// Where decisions are kept: dir:PATH or s3://BUCKET/PREFIX
    #[arg(long, value_name = "URI", requires = "stream")]
    journal: Option<String>,

    /// Splits and merges; without this, it is only told what would be done
    #[arg(long, requires = "journal")]
    apply: bool,

    /// Shows what was decided and done, and ends
    #[arg(long, requires = "journal", conflicts_with = "apply")]
    show: bool,

    /// The least number of shards
    #[arg(long, value_name = "N", requires = "stream", default_value_t = Policy::default().min_shards)]
    min_shards: usize,

    /// The greatest number of shards
    #[arg(long, value_name = "N", requires = "stream", default_value_t = Policy::default().max_shards)]
    max_shards: usize,

    /// How often the traffic is looked at, 1s at least: shards are split after 5 of these, merged after 30
    #[arg(long, value_name = "TIME", requires = "stream", default_value = "1m", value_parser = window)]
    window: Duration,
}

/// A span in which there is something to measure, and whose table somebody can read.
fn window(text: &str) -> Result<Duration, String> {
    match durations::positive(text)? {
        window if window < Duration::from_secs(1) => Err("must be 1s or longer".to_owned()),
        window => Ok(window),
    }
}

async fn run(options: Options) -> Result<(), Error> {
    if options.simulate {
        return simulated(options.plot.as_deref());
    }
    let Some(stream) = &options.stream else { return demo::run().await };
    if let (true, Some(uri)) = (options.show, &options.journal) {
        return show(uri, stream).await;
    }
    let store = match &options.journal {
        Some(uri) => Some(store::open(uri, store::Options::default()).await?),
        None => None,
    };
    let traffic = Traffic::new();
    let policy = Policy {
        window: options.window,
        min_shards: options.min_shards,
        max_shards: options.max_shards,
        ..Policy::default()
    };
    let mut builder = Reshard::builder(stream, traffic.clone()).policy(policy).dry_run(!options.apply).tell(told);
    if let Some(store) = store {
        builder = builder.store(store);
    }
    let reshard = builder.build().await?;
    let status = reshard.status();
    // Whoever reads at the tip knows what is written.
    let source = KinesisSource::builder(stream).start(InitialPosition::Latest).traffic(traffic).build().await?;
    let source: Arc<dyn Source> = Arc::new(source);
    let looking = async {
        let mut led = false;
        loop {
            tokio::time::sleep(policy.window).await;
            let view = status.view();
            if options.apply && !view.leads {
                say!("{}", standing_by(&view, led));
            }
            led |= view.leads;
            say!("{}", table(&view));
            // What only looks is of no use when nobody sees it.
            if unread() && !options.apply {
                return;
            }
        }
    };
    let left = if options.apply { "what is planned stays in the journal" } else { "nothing was changed" };
    tokio::select! {
        outcome = reshard.run(shutdown(left)) => outcome,
        outcome = records(source).drain() => outcome,
        () = looking => Ok(()),
    }
}

/// Shows what was decided and done.
async fn show(uri: &str, stream: &str) -> Result<(), Error> {
    let store = existing(uri).await?;
    let name = stream.rsplit('/').next().unwrap_or(stream);
    let entries = journal(&store, name).await?;
    if entries.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no journal of the stream {name} here"))
            .at(uri)
            .cure("name the stream and the journal that were given with --apply"));
    }
    for entry in entries {
        say!("{entry}");
    }
    Ok(())
}

/// Why a controller changes nothing, which has the same shards to show as the one that does.
fn standing_by(view: &View, led: bool) -> String {
    match &view.leader {
        Some(leader) if led => format!("stands by: lost to controller {leader}, until that one is silent or ends"),
        Some(leader) => format!("stands by: controller {leader} changes shards, until that one is silent or ends"),
        None => "stands by: it is not known yet which controller changes shards".to_owned(),
    }
}

/// What was decided or done.
fn told(entry: &Entry) {
    say!("{entry}");
}

/// The shards and their use, for a terminal.
fn table(view: &View) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["shard", "from hash key", "used", "turned away"]);
    for shard in &view.shards {
        let used = shard.used.map_or("not known".to_owned(), |used| format!("{:.0} %", used * 100.0));
        let from = format!("{:.4} of the range", shard.shard.first as f64 / u128::MAX as f64);
        table.add_row([shard.shard.id.clone(), from, used, shard.throttled.to_string()]);
    }
    table
}

fn simulated(plot: Option<&Path>) -> Result<(), Error> {
    // Nobody should wait for a day before that is known.
    plot.map_or(Ok(()), writable)?;
    say!("{}", simulate::table(&simulate::outcomes(Day::Spread)?));
    let outcomes = simulate::outcomes(Day::Close)?;
    say!("{}", simulate::table(&outcomes).trim_end());
    for outcome in &outcomes {
        outcome.stuck.iter().for_each(|stuck| say!("\n{}: {stuck}", outcome.name()));
    }
    if let Some(path) = plot {
        std::fs::write(path, plot::svg(&outcomes)).map_err(|error| unwritable(path, error))?;
    }
    Ok(())
}

/// Checks that a picture can be written there. What is there stays until there is one.
fn writable(path: &Path) -> Result<(), Error> {
    OpenOptions::new().append(true).create(true).open(path).map(drop).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot write the picture")
        .at(path.display())
        .cure("name a file in a directory that can be written to")
        .because(error)
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
    use super::simulate::{Outcome, Rule};
    use super::*;

    fn by(outcomes: &[Outcome], rule: Rule) -> &Outcome {
        outcomes.iter().find(|outcome| outcome.rule == rule).unwrap()
    }

    #[tokio::test]
    async fn a_journal_that_is_not_there_is_no_empty_one_and_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let uri = format!("dir:{}", dir.path().join("none").display());
        let error = show(&uri, "arn:aws:kinesis:us-east-1:1:stream/orders").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no journal of the stream orders here") && error.to_string().contains(&uri));
        assert!(!dir.path().join("none").exists());
    }

    #[test]
    fn options_that_would_do_nothing_are_refused() {
        for words in [
            "--simulate --stream s",
            "--simulate --window 5m",
            "--simulate --min-shards 2",
            "--simulate --max-shards 5",
            "--max-shards 5",
            "--window 5m",
            "--stream s --window 0s",
            "--stream s --window 999ms",
            "--stream s --plot day.svg",
        ] {
            assert!(Options::try_parse_from(format!("reshard {words}").split(' ')).is_err(), "{words}");
        }
        for words in ["--simulate --plot day.svg", "--stream s --window 1s --min-shards 2 --max-shards 5"] {
            Options::try_parse_from(format!("reshard {words}").split(' ')).unwrap();
        }
    }

    #[test]
    fn one_that_waits_says_for_whom() {
        let view = |leader: Option<&str>| View { leader: leader.map(str::to_owned), ..View::default() };
        assert!(standing_by(&view(Some("00ff")), false).starts_with("stands by: controller 00ff changes shards"));
        assert!(standing_by(&view(Some("00ff")), true).starts_with("stands by: lost to controller 00ff"));
        assert!(standing_by(&view(None), false).contains("not known yet"));
    }

    #[test]
    fn where_a_picture_can_be_written_nothing_is_lost_by_asking() {
        let dir = tempfile::tempdir().unwrap();
        let error = writable(&dir.path().join("none/day.svg")).unwrap_err();
        assert!(error.to_string().contains("none/day.svg"), "{error}");
        let path = dir.path().join("day.svg");
        std::fs::write(&path, "an older picture").unwrap();
        writable(&path).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "an older picture");
    }

    /// `DRAW_PICTURES=1 cargo test --example reshard` draws the picture anew, and shows the table for the page.
    #[test]
    fn the_guide_shows_what_the_simulation_gives_and_the_median_is_worth_it() {
        let days = [Day::Spread, Day::Close].map(|day| simulate::outcomes(day).unwrap());
        let (tables, picture) = (days.each_ref().map(|day| simulate::table(day)), plot::svg(&days[1]));
        let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
        println!("{}\n{}", tables[0], tables[1]);
        for outcome in days.iter().flatten() {
            println!("{:?}, {}: {:#?}", outcome.day, outcome.name(), outcome.stuck);
        }
        if std::env::var_os("DRAW_PICTURES").is_some() {
            std::fs::write(docs.join("resharding.svg"), &picture).unwrap();
        }
        let page = std::fs::read_to_string(docs.join("resharding.md")).unwrap();
        for table in tables {
            assert!(page.contains(&table), "docs/resharding.md has another table than this one:\n{table}");
        }
        let drawn = std::fs::read_to_string(docs.join("resharding.svg")).unwrap();
        assert!(drawn == picture, "docs/resharding.svg is another picture: draw it anew with DRAW_PICTURES=1");

        for day in &days {
            let [median, middle] = [Rule::Median, Rule::Middle].map(|rule| by(day, rule));
            assert!(median.dollars() < middle.dollars());
            assert!(median.dollars() < by(day, Rule::Fixed(8)).dollars());
            assert!(median.turned_away() < by(day, Rule::Fixed(8)).turned_away());
            assert!(median.stuck.iter().any(|stuck| stuck.contains("a key cannot be split")), "{:?}", median.stuck);
        }
        let [median, middle] = [Rule::Median, Rule::Middle].map(|rule| by(&days[1], rule));
        assert!(median.bad_minutes() < middle.bad_minutes());
    }
}
