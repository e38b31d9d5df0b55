//! What the example shows: a progress bar while it works, then a table and a plot.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::Minute;
use anabranch::epoch::{self, Header, OpenGroups, Report, Stats};
use anabranch::store::Store;
use anabranch::{Error, ErrorKind, Partition};
use comfy_table::Table;
use compact_str::CompactString;
use indicatif::{ProgressBar, ProgressStyle};
use textplots::{Chart, Plot, Shape};

use crate::output::{say, tell};
use crate::tables::{self, side_by_side};
use crate::{Cell, Count};

/// A line that counts up.
pub(crate) fn counting(message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {human_pos} events, {per_sec}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Shows how far a pipeline has come while it runs.
pub(crate) async fn with_progress<T>(stats: Stats, work: impl Future<Output = T>) -> T {
    let bar = counting("counting");
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            _ = ticks.tick() => {
                bar.set_position(stats.records.get());
                if stats.leases.taken.get() + stats.leases.stolen.get() > 0 {
                    bar.set_message(format!("counting, with {} shards", stats.leases.held()));
                }
            }
        }
    };
    bar.set_position(stats.records.get());
    bar.finish_and_clear();
    outcome
}

/// How many minutes and how many types are shown at most: there may be more than memory has room for.
const SHOWN: usize = 100_000;

/// What a store holds in all, by minute and by type.
#[derive(Default)]
struct Totals {
    records: u64,
    counted: u64,
    /// In groups that outlive their epochs.
    open: u64,
    dead_letters: u64,
    /// Of the records, those that were dead letters before.
    redriven: u64,
    /// How many events these were, of which some may have been put through several times.
    set_aside_at_first: u64,
    objects: u64,
    /// How many of them have no rows any more.
    expired: u64,
    minutes: HashMap<Minute, usize>,
    kinds: HashMap<CompactString, usize>,
}

/// A store with more objects than this is not read after a run: that would take longer and longer.
const MOST_OBJECTS: usize = 1_000;

/// Shows what came of a run, and what the store holds, and checks that this accounts for every event. The run has done
/// well whatever comes of reading, so a failure to read is no more than a warning.
pub(crate) async fn show(store: Arc<dyn Store>, report: Report) -> Result<(), Error> {
    let uri = store.uri();
    let totals = totals(store).await;
    if let Ok(Some(totals)) = &totals {
        plot(&totals.minutes);
        say!("\n{}\n", side_by_side(&busiest(&totals.minutes), &by_type(&totals.kinds)));
    }
    say!("This run: {} events in {} epochs, {} of them set aside.", report.records, report.epochs, report.dead_letters);
    if report.dead_letters > 0 {
        say!("          Why they were set aside, and their bytes, stand in the objects under _dead/.");
    }
    match totals {
        Ok(Some(totals)) => totals.check(&uri),
        Ok(None) => {
            say!("In all:   more than {MOST_OBJECTS} objects under {uri}, which are not read here.");
            say!("They lie by the hour of their commit, dt=…/hour=…/…; docs/query.md says how to read them.");
            Ok(())
        }
        Err(error) => {
            tell!("warning: all is committed, but the result cannot be read: {error}");
            Ok(())
        }
    }
}

/// What the store holds, unless that is too much to be read.
async fn totals(store: Arc<dyn Store>) -> Result<Option<Totals>, Error> {
    let (mut objects, mut last) = (0, None::<String>);
    loop {
        let keys = store.list_after("dt=", last.as_deref()).await?;
        objects += keys.len();
        if objects > MOST_OBJECTS {
            return Ok(None);
        }
        match keys.last() {
            Some(key) => last = Some(key.clone()),
            None => break,
        }
    }
    let mut totals = Totals::default();
    let mut last = BTreeMap::<Partition, Header>::new();
    let mut epochs = epoch::committed(Arc::clone(&store));
    while let Some(epoch) = epochs.next().await? {
        totals.objects += 1;
        if epoch.expired().is_some() {
            totals.expired += 1;
            continue;
        }
        totals.records += epoch.header.records;
        if let Some(of) = epoch.header.partition.redriven_of() {
            totals.redriven += epoch.header.records;
            // What was bad once more and is put through again is the same event.
            if of.redriven_of().is_none() {
                totals.set_aside_at_first += epoch.header.records;
            }
        }
        totals.dead_letters += epoch.header.dead.as_ref().map_or(0, |dead| dead.letters);
        for row in epoch.rows() {
            let Count { kind, minute, count } = row?;
            totals.counted += count as u64;
            add(&mut totals.minutes, minute, count);
            add(&mut totals.kinds, kind, count);
        }
        if last.get(&epoch.header.partition).is_none_or(|last| last.n < epoch.header.n) {
            last.insert(epoch.header.partition.clone(), epoch.header);
        }
    }
    for header in last.values() {
        let open = epoch::saved_state::<OpenGroups<Cell, usize>>(&*store, header).await?;
        totals.open += open.iter().flat_map(OpenGroups::iter).map(|(_, count)| *count as u64).sum::<u64>();
    }
    Ok(Some(totals))
}

impl Totals {
    fn check(&self, uri: &str) -> Result<(), Error> {
        if self.minutes.len() == SHOWN || self.kinds.len() == SHOWN {
            say!("Plot and tables show {SHOWN} minutes and types at most: those that came first.\n");
        }
        let more = if self.minutes.len() == SHOWN { "at least " } else { "" };
        let open =
            if self.open > 0 { format!(" + {} in counts that are still open", self.open) } else { String::new() };
        say!(
            "In all:   {} events read = {} counted{open} + {} set aside; {more}{} minutes, {} objects under {uri}",
            self.records - self.redriven,
            self.counted,
            self.dead_letters.saturating_sub(self.redriven),
            self.minutes.len(),
            self.objects,
        );
        if self.redriven > 0 {
            say!("          {} of them were set aside at first, and put through once more", self.set_aside_at_first);
        }
        if self.counted == 0 && self.open == 0 && self.dead_letters > 0 {
            tell!(
                "warning: nothing was counted, all is set aside: look into _dead/, and at --time-column and --key-column"
            );
        }
        if self.expired > 0 {
            say!("          without those of {} objects, whose rows are expired", self.expired);
        }
        if self.records != self.counted + self.open + self.dead_letters {
            return Err(Error::new(ErrorKind::Invalid, "the counts do not add up to the events that were read")
                .at(uri)
                .cure("this is a bug in anabranch: please report it"));
        }
        Ok(())
    }
}

/// Adds to what is shown.
fn add<K: Hash + Eq>(shown: &mut HashMap<K, usize>, key: K, count: usize) {
    if let Some(all) = shown.get_mut(&key) {
        *all += count;
    } else if shown.len() < SHOWN {
        shown.insert(key, count);
    }
}

/// Events per minute over time.
fn plot(minutes: &HashMap<Minute, usize>) {
    const COLUMNS: u32 = 160;
    let (Some(first), Some(last)) = (minutes.keys().min(), minutes.keys().max()) else { return };
    let at = |minute: &Minute| (minute.start() - first.start()).num_minutes() as f32;
    let width = at(last) + 1.0;
    // A column of the plot stands for many minutes: it shows their busiest.
    let mut columns = BTreeMap::<u32, f32>::new();
    for (minute, count) in minutes {
        let column = (at(minute) / width * COLUMNS as f32) as u32;
        let busiest = columns.entry(column).or_default();
        *busiest = busiest.max(*count as f32);
    }
    let points: Vec<_> = (0..COLUMNS).map(|at| (at as f32, columns.get(&at).copied().unwrap_or(0.0))).collect();
    let most = points.iter().map(|(_, count)| *count).fold(1.0, f32::max);
    say!(
        "\nEvents per minute, {} to {} UTC, at most {most}:",
        first.start().format("%F %R"),
        last.start().format("%F %R")
    );
    let mut chart = Chart::new_with_y_range(COLUMNS, 32, 0.0, COLUMNS as f32 - 1.0, 0.0, most);
    let shape = Shape::Bars(&points);
    let chart = chart.lineplot(&shape);
    chart.axis();
    chart.figures();
    say!("{}", chart.frame());
}

fn busiest(minutes: &HashMap<Minute, usize>) -> Table {
    let mut rows: Vec<_> = minutes.iter().collect();
    rows.sort_by_key(|(minute, count)| (Reverse(**count), **minute));
    let rows = rows.into_iter().map(|(minute, count)| (minute.start().format("%F %R").to_string(), *count));
    table("busiest minutes (UTC)", rows)
}

fn by_type(kinds: &HashMap<CompactString, usize>) -> Table {
    let mut rows: Vec<_> = kinds.iter().collect();
    rows.sort_by_key(|(kind, count)| (Reverse(**count), *kind));
    // A type is whatever the data says: its control characters are not for the terminal.
    let name = |kind: &CompactString| kind.escape_debug().take(24).collect::<String>();
    table("types with most events", rows.into_iter().map(|(kind, count)| (name(kind), *count)))
}

fn table(title: &str, rows: impl Iterator<Item = (String, usize)>) -> Table {
    const ROWS: usize = 10;
    tables::table([title, "events"], rows.take(ROWS).map(|(name, count)| [name, count.to_string()]))
}
