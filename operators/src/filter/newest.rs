//! [`Newest`], which reads ahead and keeps the newest item: what `debounce`, `sample` and `throttle_latest` have in common.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use tokio::time::Instant;

use crate::TryStream;
use crate::budget::Budget;
use crate::time::clock::{self, Timer};
use crate::time::due::Due;

/// Says when the newest item is given.
pub(super) trait Rule {
    /// Whether the item that is held, if one is, is to be given now.
    fn is_due(&mut self, now: Instant, holds: bool) -> bool;

    /// An item has come. Whether it is given there and then, instead of being held.
    fn came(&mut self, now: Instant) -> bool;

    /// When the item that is held will be due.
    fn due(&self) -> Due;
}

/// Upstream, read as fast as it gives, and its newest item.
#[pin_project]
pub(super) struct Newest<S: TryStream, R> {
    #[pin]
    stream: S,
    rule: R,
    held: Option<S::Ok>,
    timer: Timer,
    ended: bool,
}

impl<S: TryStream, R: Rule> Newest<S, R> {
    pub(super) const fn new(stream: S, rule: R) -> Self {
        Self { stream, rule, held: None, timer: Timer::new(), ended: false }
    }

    pub(super) fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            // Before upstream, which may never pause: then the budget brings us back here.
            let now = clock::now();
            if this.rule.is_due(now, this.held.is_some())
                && let Some(item) = this.held.take()
            {
                return Poll::Ready(Some(Ok(item)));
            }
            loop {
                match this.stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(item))) if this.rule.came(now) => return Poll::Ready(Some(Ok(item))),
                    Poll::Ready(Some(Ok(item))) => *this.held = Some(item),
                    Poll::Ready(Some(Err(error))) => {
                        *this.ended = true;
                        *this.held = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Ready(None) => {
                        *this.ended = true;
                        return Poll::Ready(this.held.take().map(Ok));
                    }
                    Poll::Pending => break,
                }
                ready!(budget.swallow(cx));
            }
            // Without an item there is nothing to give at any time, so no timer need wake us.
            if this.held.is_none() {
                return Poll::Pending;
            }
            ready!(this.rule.due().poll(this.timer, cx));
        }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (low, high) = self.stream.size_hint();
        let held = usize::from(self.held.is_some());
        // The last item is given, unless a failure is.
        (low.max(held).min(1), high.and_then(|high| high.checked_add(held)))
    }
}

impl<S: TryStream + fmt::Debug, R: fmt::Debug> fmt::Debug for Newest<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Newest")
            .field("stream", &self.stream)
            .field("rule", &self.rule)
            .field("held", &self.held.is_some())
            .finish_non_exhaustive()
    }
}
