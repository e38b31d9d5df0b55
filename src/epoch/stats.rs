//! [`Stats`] and [`Report`]: what a pipeline has done.

use std::sync::Arc;
use std::time::Duration;

use metrics::Label;
use tokio::sync::watch;

use super::progress::Progress;
use crate::Counter;
use crate::metrics::{epoch, label};

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
    /// Dead letters that a redrive left out, since only their first bytes were kept. Those of an epoch that is read again
    /// count again.
    pub cut: Counter,
    /// Calls of the store that failed and were tried again.
    pub retries: Counter,
    pub(super) held: watch::Sender<u64>,
    pub(super) progress: Progress,
    labels: Arc<[Label]>,
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

    /// For the pipeline of that name, whose metrics have it as a label.
    pub(super) fn of(pipeline: &str) -> Self {
        Self { labels: Arc::new([label("pipeline", pipeline)]), ..Self::default() }
    }

    /// An epoch is committed.
    pub(super) fn commit(&self, records: u64, rows: u64, dead_letters: u64, gap: bool) {
        let gaps = u64::from(gap);
        for (counter, metric, n) in [
            (&self.epochs, &epoch::COMMITTED, 1),
            (&self.committed, &epoch::RECORDS, records),
            (&self.rows, &epoch::ROWS, rows),
            (&self.dead_letters, &epoch::DEAD_LETTERS, dead_letters),
            (&self.gaps, &epoch::GAPS, gaps),
            (&self.lost, &epoch::LOST, 0),
        ] {
            counter.add(n);
            metric.add(&self.labels, n);
        }
    }

    /// An epoch was committed by another worker first.
    pub(super) fn lose(&self) {
        self.lost.add(1);
        epoch::LOST.add(&self.labels, 1);
    }

    pub(super) fn report(&self) -> Report {
        Report {
            records: self.committed.get(),
            rows: self.rows.get(),
            dead_letters: self.dead_letters.get(),
            epochs: self.epochs.get(),
            lost: self.lost.get(),
            gaps: self.gaps.get(),
            cut: self.cut.get(),
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
    /// Dead letters that a redrive left out: see [`Stats::cut`].
    pub cut: u64,
}
