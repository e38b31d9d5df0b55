//! [`Budget`], which makes a loop that gives nothing let others run.

use std::task::{Context, Poll};

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
