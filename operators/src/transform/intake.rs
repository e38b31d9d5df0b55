//! [`Intake`]: how operators that run futures read upstream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use crate::TryStream;
use crate::budget::Budget;

/// Upstream, read while there is room for what is made of its items.
#[pin_project]
pub(super) struct Intake<S: TryStream> {
    /// Dropped when it has ended or failed.
    #[pin]
    upstream: Option<S>,
    /// Upstream's failure, until it is taken.
    failure: Option<S::Error>,
    limit: usize,
}

impl<S: TryStream> Intake<S> {
    /// `limit` is how many items may be held.
    pub(super) fn new(upstream: S, limit: usize) -> Self {
        Self { upstream: Some(upstream), failure: None, limit }
    }

    /// Hands items to `start` while fewer than the limit are held, which `held` are now.
    pub(super) fn fill(self: Pin<&mut Self>, cx: &mut Context<'_>, mut held: usize, mut start: impl FnMut(S::Ok)) {
        let mut this = self.project();
        let mut budget = Budget::new();
        while held < *this.limit
            && let Some(upstream) = this.upstream.as_mut().as_pin_mut()
            && let Poll::Ready(given) = upstream.poll_next(cx)
        {
            match given {
                Some(Ok(item)) => {
                    start(item);
                    held += 1;
                }
                end => {
                    *this.failure = end.and_then(Result::err);
                    this.upstream.set(None);
                }
            }
            // The futures have their turn also while upstream is always ready.
            if budget.swallow(cx).is_pending() {
                break;
            }
        }
    }

    /// Whether upstream has ended or failed.
    pub(super) const fn is_over(&self) -> bool {
        self.upstream.is_none()
    }

    /// Upstream's failure, once.
    pub(super) fn take_failure(self: Pin<&mut Self>) -> Option<S::Error> {
        self.project().failure.take()
    }

    /// The hint if everything that is held is given, and the failure after it.
    pub(super) fn size_hint(&self, held: usize) -> (usize, Option<usize>) {
        let (low, high) = self.upstream.as_ref().map_or((0, Some(0)), S::size_hint);
        let here = held + usize::from(self.failure.is_some());
        (low.saturating_add(here), high.and_then(|high| high.checked_add(here)))
    }

    /// The hint if a failure comes in place of everything that is held.
    pub(super) fn size_hint_until_failure(&self, held: usize) -> (usize, Option<usize>) {
        let (low, high) = self.size_hint(held);
        (if self.is_over() { low } else { low.min(1) }, high)
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Intake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("upstream", &self.upstream).field("limit", &self.limit).finish_non_exhaustive()
    }
}
