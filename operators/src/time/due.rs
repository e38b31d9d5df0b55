//! [`Due`], the end of a span of time.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Timer;

/// When a span of time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    At(Instant),
    /// Beyond the clock's reach.
    Never,
}

impl Due {
    pub(crate) fn after(span: Duration, from: Instant) -> Self {
        from.checked_add(span).map_or(Self::Never, Self::At)
    }

    /// The end of the span that begins when this one is over.
    pub(crate) fn later(self, span: Duration) -> Self {
        match self {
            Self::At(due) => Self::after(span, due),
            Self::Never => Self::Never,
        }
    }

    pub(crate) fn has_come(self, now: Instant) -> bool {
        matches!(self, Self::At(due) if due <= now)
    }

    /// Ready then. Nobody is woken for what never comes, so the caller has to wait for something else besides.
    pub(crate) fn poll(self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::At(due) => timer.poll_at(cx, due),
            Self::Never => Poll::Pending,
        }
    }
}
