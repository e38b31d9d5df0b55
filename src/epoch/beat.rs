//! [`Beat`]: when a partition that has nothing new is to say that it has missed nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, Sleep, sleep_until};

use super::records::Reader;

/// How often that is said, if nobody says how often, while the source keeps a record: otherwise whoever comes back to a
/// partition that was idle for longer could not tell it from one that nobody has read.
const WHILE_KEPT: u32 = 4;

/// The heartbeat of one partition, until it beats.
#[derive(Debug)]
pub(super) struct Beat {
    since: Instant,
    seen: Option<DateTime<Utc>>,
    every: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Beat {
    /// For a partition that has said something at `since`: that nothing was missed until `seen`.
    pub(super) const fn new(since: Instant, seen: Option<DateTime<Utc>>, every: Option<Duration>) -> Self {
        Self { since, seen, every, timer: None }
    }

    /// Whether it is time to say so of the reader, and its partition was at its tip since the last time. To be asked behind
    /// a read that waits.
    pub(super) fn is_due(&mut self, cx: &mut Context<'_>, reader: &Reader) -> bool {
        if self.is_overdue(reader) {
            return true;
        }
        if self.timer.is_none() {
            // How long records are kept is known only when the source has answered.
            let every = self.every.or_else(|| reader.period().map(|period| period / WHILE_KEPT));
            let due = every.and_then(|every| self.since.checked_add(every));
            self.timer = due.map(|due| Box::pin(sleep_until(due)));
        }
        let Some(timer) = &mut self.timer else { return false };
        (timer.is_elapsed() || timer.as_mut().poll(cx).is_ready()) && reader.tip() > self.seen
    }

    /// Whether it is time by the source's clock: runs may be shorter than the time between two beats, and may have been so
    /// for days.
    pub(super) fn is_overdue(&self, reader: &Reader) -> bool {
        let (Some(seen), Some(tip), Some(period)) = (self.seen, reader.tip(), reader.period()) else { return false };
        (tip - seen).to_std().is_ok_and(|since| since >= period / WHILE_KEPT)
    }
}
