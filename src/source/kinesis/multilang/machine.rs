//! [`Machine`]: what to do when, messages in and actions out. Pure.

use std::mem;
use std::time::Duration;

use super::feed::Standing;
use super::message::{Action, At, Call, Given, Reply};
use crate::source::Start;
use crate::{Error, ErrorKind, Position};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// Starts the pipeline for this shard.
    Begin { shard: String, at: At },
    /// Says this to the daemon, after a while.
    Say(Reply, Duration),
    /// Gives records to the pipeline.
    Give { records: Vec<Given>, behind: Option<Duration> },
    /// Tells the pipeline that nothing more comes; whether the shard is closed.
    End { closed: bool },
    /// Drops the pipeline, with what is not committed.
    Abandon,
}

/// One conversation with the daemon.
///
/// The daemon calls, and waits for the status before it calls again. A checkpoint is sent only between the receipt of
/// `processRecords`, `shardEnded` or `shutdownRequested` and its status, and only for what is committed.
#[derive(Debug, Default)]
pub(super) struct Machine {
    state: State,
    standing: Standing,
    /// The pipeline has ended.
    finished: bool,
    /// How far the shard was when the daemon began.
    at: Option<Position>,
    /// The last record that was given to this child: nothing behind it can be a checkpoint.
    delivered: Option<Position>,
    /// The last checkpoint.
    checkpointed: Option<Position>,
    /// The daemon has said that the shard is another worker's.
    lost: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    /// Until the pipeline has looked into the ledger.
    Beginning,
    /// The daemon's turn.
    Idle,
    /// Until a checkpoint is answered.
    Checkpointing { sent: Option<Position>, then: Then },
    /// Until the pipeline has taken what was given.
    Giving,
    /// Until the pipeline has committed everything and ended.
    Ending(Action, bool),
    /// Everything is committed, and the daemon knows it.
    Stopped,
    /// There is nothing more to say.
    Over,
}

/// What follows on a checkpoint.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Give(Vec<Given>, Option<Duration>),
    Stop,
    End(Action),
}

/// The pause before a checkpoint that has to be is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Machine {
    /// The daemon has said this.
    ///
    /// # Errors
    ///
    /// If it cannot be said now, or if it and the ledger contradict each other.
    pub(super) fn call(&mut self, call: Call) -> Result<Vec<Do>, Error> {
        match (mem::take(&mut self.state), call) {
            (State::New, Call::Initialize { shard, at }) => {
                self.state = State::Beginning;
                self.at = match &at {
                    At::Behind(position) => Some(position.clone()),
                    At::Beginning | At::End => None,
                };
                self.checkpointed = self.at.clone();
                Ok(vec![Do::Begin { shard, at }])
            }
            (State::Idle, Call::Process { records, behind }) => {
                let last = records.last().map(|given| given.position.clone());
                if self.standing.ended && last > self.standing.to {
                    return Err(Error::new(
                        ErrorKind::Conflict,
                        "the daemon gives records behind the end of the shard",
                    )
                    .cure("the ledger is of another stream: use another sink"));
                }
                self.delivered = self.delivered.take().max(last);
                Ok(match self.due() {
                    Some(due) => self.checkpoint(Some(due), Then::Give(records, behind), Duration::ZERO),
                    None => self.give(records, behind),
                })
            }
            (State::Idle, Call::ShardEnded(action)) => self.begin_end(action, true),
            (State::Idle, Call::ShutdownRequested) => self.begin_end(Action::ShutdownRequested, false),
            (State::Idle | State::Stopped, Call::LeaseLost(action)) => {
                self.state = State::Over;
                Ok(vec![Do::Abandon, say(action)])
            }
            (State::Checkpointing { sent, then }, Call::Checkpointed(error)) => self.checkpointed(sent, then, error),
            (state, call) => {
                let what = "the daemon says something that it cannot say now";
                let at = format!("{} where the conversation is at {}", call.name(), state.name());
                self.state = state;
                Err(Error::new(ErrorKind::Invalid, what).at(at).cure("report it, with the daemon's version"))
            }
        }
    }

    /// The pipeline is so far now.
    pub(super) fn look(&mut self, standing: Standing) -> Result<Vec<Do>, Error> {
        let first = mem::replace(&mut self.standing, standing);
        if !first.begun && self.standing.ended && self.at > self.standing.to {
            let to = self.standing.to.as_ref().map_or_else(|| "its beginning".to_owned(), Position::to_string);
            return Err(beyond(self.at.as_ref(), &to));
        }
        match self.state {
            State::Beginning if self.standing.begun => {
                self.state = State::Idle;
                Ok(vec![say(Action::Initialize)])
            }
            State::Giving if self.standing.taken => {
                self.state = State::Idle;
                Ok(vec![say(Action::ProcessRecords)])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The pipeline has ended, and has not failed.
    pub(super) fn finish(&mut self, standing: Standing) -> Result<Vec<Do>, Error> {
        let mut actions = self.look(standing)?;
        self.finished = true;
        actions.extend(self.end()?);
        let stopping = matches!(self.state, State::Stopped | State::Checkpointing { then: Then::Stop, .. });
        if self.standing.ended || stopping {
            return Ok(actions);
        }
        Err(Error::new(ErrorKind::Usage, "the pipeline has ended before the daemon has told it to")
            .cure("run it without a shutdown of its own: the daemon says when to stop"))
    }

    /// Standard input has ended.
    ///
    /// # Errors
    ///
    /// If something was to follow.
    pub(super) fn end_of_input(&self) -> Result<(), Error> {
        match self.state {
            State::Over | State::Stopped => Ok(()),
            _ => Err(Error::new(ErrorKind::Unavailable, "the daemon is gone")
                .at(format!("the conversation is at {}", self.state.name()))
                .cure("start it again: what is not committed is read again")),
        }
    }

    /// Whether the daemon waits for the last commit: that has its time. `true` if the shard is closed.
    pub(super) const fn ending(&self) -> Option<bool> {
        match &self.state {
            State::Ending(_, closed) => Some(*closed),
            State::Checkpointing { then: Then::Stop, .. } => Some(false),
            State::Checkpointing { then: Then::End(_), .. } => Some(true),
            _ => None,
        }
    }

    /// What waits for the end has waited for so long, and shall not wait longer.
    pub(super) fn late(&self, within: Duration) -> Error {
        let (what, cure) = match &self.state {
            State::Checkpointing { .. } => (
                "all is committed, but the daemon has not made the checkpoint",
                "see the daemon's log; the ledger has all of it, so the next daemon's child leaves it out",
            ),
            _ => (
                "what the daemon has given could not be committed",
                "start the daemon again when the store answers: it gives the records once more",
            ),
        };
        Error::new(ErrorKind::Unavailable, format!("{what} within {within:?}")).cure(cure)
    }

    /// The checkpoint that can be made: what is committed, as far as it was given to this child.
    fn due(&self) -> Option<Position> {
        if self.lost {
            return None;
        }
        let due = self.standing.to.as_ref().min(self.delivered.as_ref())?;
        (Some(due) > self.checkpointed.as_ref()).then(|| due.clone())
    }

    fn checkpoint(&mut self, sent: Option<Position>, then: Then, after: Duration) -> Vec<Do> {
        let reply = Reply::Checkpoint(sent.clone());
        self.state = State::Checkpointing { sent, then };
        vec![Do::Say(reply, after)]
    }

    fn checkpointed(&mut self, sent: Option<Position>, then: Then, error: Option<String>) -> Result<Vec<Do>, Error> {
        match error.as_deref() {
            None => self.checkpointed = sent.or(self.checkpointed.take()),
            Some(error @ ("ThrottlingException" | "KinesisClientLibDependencyException")) => {
                tracing::warn!(error, "the daemon could not make a checkpoint");
                // Only the end of a shard has to be marked. Of the rest, the ledger knows.
                if matches!(then, Then::End(_)) {
                    return Ok(self.checkpoint(sent, then, RETRY));
                }
            }
            Some(error @ "ShutdownException") => {
                tracing::warn!(error, "the daemon makes no checkpoint: the shard is another worker's");
                self.lost = true;
            }
            Some(error) if matches!(then, Then::End(_)) => {
                return Err(Error::new(ErrorKind::Unavailable, "the daemon cannot mark the end of the shard")
                    .at(error)
                    .cure("see the daemon's log; the end is committed, so the next try says it again"));
            }
            Some(error) => {
                let position = sent.as_ref().map(Position::to_string);
                tracing::warn!(error, position, "the daemon refuses a checkpoint; the ledger goes on without it");
                self.checkpointed = sent;
            }
        }
        Ok(match then {
            Then::Give(records, behind) => self.give(records, behind),
            Then::Stop => {
                self.state = State::Stopped;
                vec![say(Action::ShutdownRequested)]
            }
            Then::End(action) => {
                self.state = State::Over;
                vec![say(action)]
            }
        })
    }

    fn give(&mut self, records: Vec<Given>, behind: Option<Duration>) -> Vec<Do> {
        if self.finished {
            // They are behind what is committed.
            self.state = State::Idle;
            return vec![say(Action::ProcessRecords)];
        }
        self.state = State::Giving;
        vec![Do::Give { records, behind }]
    }

    /// Nothing more comes: the pipeline is to commit what it has and end.
    fn begin_end(&mut self, action: Action, closed: bool) -> Result<Vec<Do>, Error> {
        self.state = State::Ending(action, closed);
        let mut actions = vec![Do::End { closed }];
        actions.extend(self.end()?);
        Ok(actions)
    }

    /// Goes on where something waits for the end of the pipeline.
    fn end(&mut self) -> Result<Vec<Do>, Error> {
        if !self.finished {
            return Ok(Vec::new());
        }
        let (action, closed) = match self.state {
            State::Ending(action, closed) => (action, closed),
            // Another worker has committed the end of the shard.
            State::Giving => {
                self.state = State::Idle;
                return Ok(vec![say(Action::ProcessRecords)]);
            }
            _ => return Ok(Vec::new()),
        };
        if closed {
            if !self.standing.ended {
                let what = "the daemon says that the shard has ended, and the pipeline has not committed its end";
                return Err(Error::new(ErrorKind::Conflict, what)
                    .cure("run it without a shutdown of its own: the daemon says when to stop"));
            }
            return Ok(self.checkpoint(None, Then::End(action), Duration::ZERO));
        }
        if let Some(due) = self.due() {
            return Ok(self.checkpoint(Some(due), Then::Stop, Duration::ZERO));
        }
        self.state = State::Stopped;
        Ok(vec![say(action)])
    }
}

const fn say(action: Action) -> Do {
    Do::Say(Reply::Status(action), Duration::ZERO)
}

impl State {
    const fn name(&self) -> &'static str {
        match self {
            Self::New => "its beginning",
            Self::Beginning => "initialize",
            Self::Idle => "the daemon's turn",
            Self::Checkpointing { .. } => "a checkpoint",
            Self::Giving => "processRecords",
            Self::Ending(..) => "the last commit",
            Self::Stopped | Self::Over => "its end",
        }
    }
}

/// Checks that the daemon gives every record that the ledger has not.
///
/// # Errors
///
/// [`Conflict`](ErrorKind::Conflict) if its account is further than the ledger: what lies between would never be counted.
pub(super) fn check(at: &At, start: &Start) -> Result<(), Error> {
    let (at, ledger) = match (at, start) {
        (At::Beginning, _) => return Ok(()),
        (At::Behind(at), Start::After(to)) if at <= to => return Ok(()),
        (At::Behind(at), Start::After(to)) => (Some(at), to.to_string()),
        (At::End, Start::After(to)) => (None, to.to_string()),
        (At::Behind(at), _) => (Some(at), "its beginning".to_owned()),
        (At::End, _) => (None, "its beginning".to_owned()),
    };
    Err(beyond(at, &ledger))
}

fn beyond(at: Option<&Position>, ledger: &str) -> Error {
    let at = at.map_or_else(|| "the end of the shard".to_owned(), Position::to_string);
    Error::new(ErrorKind::Conflict, "the daemon's account is further than the ledger; what lies between is not counted")
        .at(format!("the daemon goes on behind {at}, the ledger stands at {ledger}"))
        .cure(
            "stop the daemon, and run this once with --once and without --multilang, which reads what is missing from the \
             stream; or give the application a new name, so that it has a new table",
        )
}

#[cfg(test)]
mod tests;
