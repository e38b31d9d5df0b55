//! [`Stats`] and [`Report`]: what a pipeline has done.

use std::time::Duration;

use tokio::sync::watch;

use super::progress::Progress;
use crate::Counter;

/// What a running pipeline has done so far, to be read meanwhile. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Records given to the pipeline's closure. Those of an epoch that was lost to another worker, and read again, count
    /// again.
    pub records: Counter,
    /// Records in committed epochs.
    pub committed: Counter,
    /// Rows in committed epochs.
    pub rows: Counter,
    /// Dead letters in committed epochs.
    pub dead_letters: Counter,
    /// Committed epochs, those without records among them: end marks, heartbeats, and those that only lead to a new hour.
    pub epochs: Counter,
    /// Epochs that another worker committed first.
    pub lost: Counter,
    /// Gaps in committed epochs: times when records were lost before they could be read.
    pub gaps: Counter,
    /// Calls of the store that failed and were tried again.
    pub retries: Counter,
    pub(super) held: watch::Sender<u64>,
    pub(super) progress: Progress,
}

impl Stats {
    /// How far the committed results are behind the end of their partition, by the one that is farthest. It grows while
    /// nothing can be committed. Unset if no partition runs whose source can tell.
    pub fn lag(&self) -> Option<Duration> {
        self.progress.lag()
    }

    /// How many bytes of rows and dead letters are made and not committed: see
    /// [`hold_at_most`](super::Pipeline::hold_at_most).
    pub fn held(&self) -> u64 {
        *self.held.borrow()
    }

    pub(super) fn report(&self) -> Report {
        Report {
            records: self.committed.get(),
            rows: self.rows.get(),
            dead_letters: self.dead_letters.get(),
            epochs: self.epochs.get(),
            lost: self.lost.get(),
            gaps: self.gaps.get(),
        }
    }
}

/// What a pipeline did in one run, as far as it is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Records in the epochs that this run committed.
    pub records: u64,
    /// Rows in them.
    pub rows: u64,
    /// Dead letters in them.
    pub dead_letters: u64,
    /// How many epochs they are, with those that have no records.
    pub epochs: u64,
    /// Epochs that another worker committed first, so that this run's work on them was thrown away.
    pub lost: u64,
    /// Gaps in them: see [`Header::gap`](super::Header::gap).
    pub gaps: u64,
}
