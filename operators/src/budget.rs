//! [`Budget`] and [`Slice`], which make a loop that gives nothing let others run.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

/// How many items a loop may swallow within one poll. Each poll makes a new one, so that it lives in a register.
pub(crate) struct Budget {
    left: u32,
}

impl Budget {
    /// Few enough that timers and other tasks get their turn, many enough that yielding costs nothing to speak of.
    const ITEMS: u32 = 256;

    pub(crate) const fn new() -> Self {
        Self { left: Self::ITEMS }
    }

    /// Counts a swallowed item. Pending when the poll is to end, and then its task is woken already.
    #[inline]
    pub(crate) fn swallow(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.left -= 1;
        if self.left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// The same for a loop that reads the clock after each run of items, so that it can go on while little time has passed:
/// where an item costs some nanoseconds, a yield costs as much as a hundred of them.
pub(crate) struct Slice {
    begun: Instant,
    /// Runs left.
    runs: u32,
}

impl Slice {
    /// What a poll may take before others get their turn, looked at after each run.
    const LASTS: Duration = Duration::from_micros(20);

    /// Items in a run.
    pub(crate) const RUN: u32 = Budget::ITEMS;

    /// A limit for clocks that stand still.
    const RUNS: u32 = 16;

    pub(crate) const fn new(now: Instant) -> Self {
        Self { begun: now, runs: Self::RUNS }
    }

    /// A run is over. Pending when the poll is to end, and then its task is woken already.
    pub(crate) fn next_run(&mut self, cx: &Context<'_>, now: Instant) -> Poll<()> {
        self.runs -= 1;
        if self.runs == 0 || now.saturating_duration_since(self.begun) >= Self::LASTS {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}
