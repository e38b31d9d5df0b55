//! [`Budget`], how long a loop may go on without giving anything.

use std::task::Context;

/// Counts the rounds of a loop within one poll, so that one that swallows items lets others run from time to time.
pub(crate) struct Budget {
    left: u32,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { left: 256 }
    }

    /// Counts a round. When there were enough, it wakes the task and says so: then return `Pending`.
    pub(crate) fn spent(&mut self, cx: &Context<'_>) -> bool {
        self.left -= 1;
        if self.left > 0 {
            return false;
        }
        cx.waker().wake_by_ref();
        true
    }
}
