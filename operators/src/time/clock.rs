//! The one place where operators read a clock and wait: tokio's, which tests pause and move.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep};

/// The clock now.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Whether there is a runtime whose timers can wake anybody.
pub(crate) fn can_wait() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// A timer that is made when it is first waited for, and then moved from deadline to deadline.
///
/// It is boxed so that operators with a timer stay `Unpin` when their upstream is.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) const fn new() -> Self {
        Self { sleep: None }
    }

    /// Ready once the clock has reached `deadline`; otherwise wakes the task then.
    pub(crate) fn poll_at(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("deadline", &self.sleep.as_ref().map(|sleep| sleep.deadline())).finish()
    }
}
