//! What the example shows: figures that grow, in place on a terminal, and as a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::reshard::Status;
use anabranch::sink::kinesis::Stats;
use anabranch::store::Store;
use anabranch::{Error, ErrorKind};
use chrono::{DateTime, Utc};
use comfy_table::Table;
use futures::future::{Either, select};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::board::Board;
use crate::figures::{Figure, Figures, Times};
use crate::model::{Millis, SECOND};
use crate::output::say;
use crate::tables::{side_by_side, table};

/// How often the figures are read. What reading costs grows with the ledger, so it is done less often when it takes long.
const EVERY: Duration = Duration::from_secs(1);

/// Reading takes at most one part in so many of the time.
const REST: u32 = 10;

/// The figures in a store, as they grow.
pub(crate) struct View {
    store: Arc<dyn Store>,
    board: Board,
    sink: Option<Stats>,
    controller: Option<Status>,
}

impl View {
    pub(crate) fn new(store: Arc<dyn Store>, board: Board) -> Self {
        Self { store, board, sink: None, controller: None }
    }

    /// Also shows what this sink has sent.
    pub(crate) fn with_sink(self, stats: Stats) -> Self {
        Self { sink: Some(stats), ..self }
    }

    /// Also shows what this controller sees and does.
    pub(crate) fn with_controller(self, status: Status) -> Self {
        Self { controller: Some(status), ..self }
    }

    pub(crate) const fn board(&self) -> &Board {
        &self.board
    }

    /// Shows the figures until the work is done.
    pub(crate) async fn while_it_runs<T>(&mut self, work: impl Future<Output = T>) -> T {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let show = async {
            loop {
                let begin = Instant::now();
                match self.board.refresh(&self.store).await {
                    Ok(true) if std::io::stdout().is_terminal() => bar.set_message(self.tables()),
                    Ok(true) => say!("{}", self.line()),
                    Ok(false) => {}
                    // The work tells if the store is away.
                    Err(error) => tracing::debug!(%error, "the figures cannot be read"),
                }
                tokio::time::sleep(EVERY.max(begin.elapsed() * REST)).await;
            }
        };
        let outcome = match select(Box::pin(work), Box::pin(show)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((never, _)) => match never {},
        };
        bar.finish_and_clear();
        outcome
    }

    /// Shows what it came to.
    pub(crate) async fn at_the_end(&mut self) -> Result<(), Error> {
        let read = self.board.refresh(&self.store).await;
        read.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "all is committed, but the figures cannot be read").because(error)
        })?;
        say!("\n{}\n", self.tables());
        Ok(())
    }

    fn line(&self) -> String {
        let figures = self.board.figures();
        let Figure { created, assigned, completed, open, .. } = figures.all;
        let first = figures.top.first().map(|(region, count)| format!("; most in {region}: {count}"));
        format!(
            "{}: {created} created, {assigned} assigned, {completed} completed, {open} open{}; {}{}{}",
            instant(figures.clock),
            first.unwrap_or_default(),
            self.shards(),
            self.set_aside("; "),
            self.controlled("; ")
        )
    }

    fn shards(&self) -> String {
        let (all, closed) = self.board.partitions();
        let sent = match &self.sink {
            Some(stats) => format!("; {} events sent, {} throttled", stats.messages.get(), stats.throttles.get()),
            None => String::new(),
        };
        format!("shards read: {} open, {closed} closed{sent}", all - closed)
    }

    /// How many records could not be used, if there are any, behind a separator.
    fn set_aside(&self, separator: &str) -> String {
        match self.board.set_aside() {
            0 => String::new(),
            n => format!(
                "{separator}{n} records that are no events of orders are set aside, with their reasons, under _dead/"
            ),
        }
    }

    /// What the controller has done, and the use of each shard that it knows, behind a separator.
    fn controlled(&self, separator: &str) -> String {
        let Some(view) = self.controller.as_ref().map(Status::view) else { return String::new() };
        let used = view.shards.iter().map(|shard| match shard.used {
            Some(used) => format!(" {:.0}%", used * 100.0),
            None => " -".to_owned(),
        });
        let used: String = used.collect();
        format!("{separator}shards split: {}, merged: {}; use of each:{used}", view.splits, view.merges)
    }

    fn tables(&self) -> String {
        let figures = self.board.figures();
        let all = &figures.all;
        let lines = [
            format!("{} by the events' clock; {}{}", instant(figures.clock), self.shards(), self.controlled("\n")),
            side_by_side(&amounts(all), &top(&figures)),
            durations(all).to_string(),
            format!("events: {} late, {} repeated, {} refused as too late", all.late, all.repeated, all.refused)
                + &self.set_aside("\n"),
            format!(
                "given up, too old: {} orders never created, {} never assigned, {} never completed; {} for want of room",
                all.never_created, all.never_assigned, all.never_completed, all.crowded_out
            ),
        ];
        lines.join("\n")
    }
}

fn amounts(all: &Figure) -> Table {
    let rows = [
        ["created", &all.created.to_string(), &money(all.price_created)],
        ["assigned", &all.assigned.to_string(), ""],
        ["completed", &all.completed.to_string(), &money(all.price_completed)],
        ["open", &all.open.to_string(), ""],
    ];
    table(["orders", "count", "price"], rows.map(|row| row.map(str::to_owned)))
}

fn top(figures: &Figures) -> Table {
    let rows = figures.top.iter().map(|(region, shipments)| {
        let price = figures.regions.get(region).map_or(0, |figure| figure.price_completed);
        [region.to_string(), shipments.to_string(), money(price)]
    });
    table(["region", "shipments", "price"], rows)
}

fn durations(all: &Figure) -> Table {
    let row = |name: &str, times: &Times| {
        let [half, most, nearly_all] = times.bounds().map(|bound| bound.map_or_else(|| "-".to_owned(), duration));
        [name.to_owned(), times.mean().map_or_else(|| "-".to_owned(), duration), half, most, nearly_all]
    };
    let rows = [row("created to assigned", &all.wait), row("created to completed", &all.delivery)];
    table(["times", "mean", "50 % within", "90 % within", "99 % within"], rows)
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn duration(span: Millis) -> String {
    let seconds = u64::try_from(span / SECOND).unwrap_or_default();
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

fn instant(at: Millis) -> String {
    if at == 0 {
        return "nothing yet".to_owned();
    }
    DateTime::<Utc>::from_timestamp_millis(at).map(|at| at.format("%F %R").to_string()).unwrap_or_default()
}
