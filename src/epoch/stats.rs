//! [`Stats`] and [`Report`]: what a pipeline has done.

use std::sync::Arc;
use std::time::Duration;

use metrics::Label;
use tokio::sync::watch;

use super::progress::Progress;
use crate::Counter;
use crate::lease::{Counts, Keeper};
use crate::metrics::{epoch, label, lease};

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
    /// What became of the leases that the pipeline shares its partitions by.
    pub leases: LeaseStats,
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

    /// Leases have come or gone.
    pub(super) fn leases(&self, keeper: &Keeper, held: usize) {
        let Counts { taken, stolen, lost } = keeper.counts();
        for (counter, metric, total) in [
            (&self.leases.taken, &lease::TAKEN, taken),
            (&self.leases.stolen, &lease::STOLEN, stolen),
            (&self.leases.lost, &lease::LOST, lost),
        ] {
            let more = total.saturating_sub(counter.get());
            counter.add(more);
            metric.add(&self.labels, more);
        }
        lease::GIVEN_UP.add(&self.labels, 0); // Shown from the start, like the others.
        self.leases.held.send_replace(held);
        lease::HELD.set(&self.labels, held as f64);
    }

    /// A lease is given up.
    pub(super) fn give_up(&self) {
        self.leases.given_up.add(1);
        lease::GIVEN_UP.add(&self.labels, 1);
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

/// What became of a worker's [leases](crate::lease), to be read while it runs. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct LeaseStats {
    /// Leases taken that nobody held.
    pub taken: Counter,
    /// Leases taken from a worker that held more.
    pub stolen: Counter,
    /// Leases that another worker took.
    pub lost: Counter,
    /// Leases given up because nothing was committed under them for too long.
    pub given_up: Counter,
    held: watch::Sender<usize>,
}

impl LeaseStats {
    /// How many leases are held.
    pub fn held(&self) -> usize {
        *self.held.borrow()
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
