//! [`Feed`]: what the daemon has given and the pipeline has not committed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use crate::source::Start;
use crate::{Position, Record};

/// Passes records from the daemon to the pipeline, and back how far they are committed.
///
/// The daemon gives a record once. A pipeline that loses an epoch to another worker reads again behind that, so records
/// are kept until they are committed: those of the epochs that are open, and the last message's.
#[derive(Debug, Default)]
pub(super) struct Feed(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    kept: VecDeque<Record>,
    /// How many of them the present reader has.
    given: usize,
    /// The last that came.
    last: Option<Position>,
    /// The daemon has said something that the present reader does not know.
    news: bool,
    behind: Option<Duration>,
    /// Nothing more comes; whether the shard is closed.
    end: Option<bool>,
    /// What of the records is not wanted.
    start: Option<Start>,
    standing: Standing,
}

/// How far the pipeline is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// It has looked into the ledger, and reads if there is something to read.
    pub(super) begun: bool,
    /// It has everything that came.
    pub(super) taken: bool,
    /// Everything is committed up to there.
    pub(super) to: Option<Position>,
    /// The end of the shard is committed.
    pub(super) ended: bool,
}

/// What a reader finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    pub(super) behind: Option<Duration>,
    pub(super) closed: bool,
    /// Nothing more comes, and nothing came.
    pub(super) over: bool,
}

impl State {
    fn standing(&self) -> Standing {
        Standing { taken: self.given == self.kept.len() && !self.news, ..self.standing.clone() }
    }
}

/// Whether a record is to be given to one who begins there. Arrival times are not quite in order: when one is late enough,
/// so are all behind it.
fn is_wanted(start: &mut Option<Start>, record: &Record) -> bool {
    let wanted = match start {
        None | Some(Start::Beginning) => true,
        Some(Start::At(time)) => record.arrived() >= *time,
        Some(Start::After(position)) => record.position() > *position,
    };
    if wanted {
        *start = None;
    }
    wanted
}

impl Feed {
    /// Adds what the daemon has given. What it gives twice counts once.
    pub(super) fn give(&self, records: impl IntoIterator<Item = Record>, behind: Option<Duration>) {
        self.0.send_modify(|state| {
            for record in records {
                if state.last.as_ref().is_some_and(|last| record.position() <= *last) {
                    continue;
                }
                state.last = Some(record.position());
                // What is committed already is not kept, also before a reader has come.
                let committed = state.standing.to.as_ref().is_some_and(|to| record.position() <= *to);
                if !committed && is_wanted(&mut state.start, &record) {
                    state.kept.push_back(record);
                }
            }
            state.behind = behind;
            state.news = true;
        });
    }

    /// Nothing more comes; if the shard is closed, for good.
    pub(super) fn end(&self, closed: bool) {
        self.0.send_modify(|state| {
            state.end = Some(closed);
            state.news = true;
        });
    }

    /// Somebody reads, from there on.
    pub(super) fn begin(&self, start: Start) {
        self.0.send_modify(|state| {
            let mut start = Some(start);
            state.kept.retain(|record| is_wanted(&mut start, record));
            state.start = start;
            state.given = 0;
            state.news |= !state.kept.is_empty() || state.end.is_some();
            state.standing.begun = true;
        });
    }

    /// What the reader does not have yet, when there is something.
    pub(super) async fn next(&self) -> Found {
        let mut changes = self.0.subscribe();
        // The sender is `self`.
        let _ = changes.wait_for(|state| state.news).await;
        let mut found = Found::default();
        self.0.send_modify(|state| {
            found.records = state.kept.range(state.given.min(state.kept.len())..).cloned().collect();
            found.behind = state.behind;
            found.closed = state.end == Some(true);
            found.over = state.end == Some(false) && found.records.is_empty();
            state.given = state.kept.len();
            // The end is found again behind the last records.
            state.news = state.end.is_some() && !found.over && !found.closed;
        });
        found
    }

    /// The pipeline has committed everything up to there.
    pub(super) fn committed(&self, to: Option<&Position>, ended: bool) {
        self.0.send_modify(|state| {
            while let Some(first) = state.kept.front()
                && to.is_some_and(|to| first.position() <= *to)
            {
                state.kept.pop_front();
                state.given = state.given.saturating_sub(1);
            }
            state.standing.to = to.cloned();
            state.standing.ended = ended;
            // Where the end is committed, nobody reads.
            state.standing.begun |= ended;
        });
    }

    /// How far the pipeline is, each time that this changes.
    pub(super) fn watch(&self) -> Watching {
        Watching(self.0.subscribe())
    }
}

/// Follows a feed.
#[derive(Debug)]
pub(super) struct Watching(watch::Receiver<State>);

impl Watching {
    /// How far the pipeline is.
    pub(super) fn now(&self) -> Standing {
        self.0.borrow().standing()
    }

    /// How far the pipeline is when it is not where it was.
    pub(super) async fn changed(&mut self, from: &Standing) -> Standing {
        match self.0.wait_for(|state| state.standing() != *from).await {
            Ok(state) => state.standing(),
            // Whoever follows has the feed, too.
            Err(_) => from.clone(),
        }
    }
}
