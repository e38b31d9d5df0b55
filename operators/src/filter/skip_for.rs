//! `skip_for`: the items that come after a span of time.
//!
//! ```text
//! span of 3
//! in:   a-b-c-d-|
//! out:  ----c-d-|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::time::clock;
use crate::time::due::Due;
use crate::{Flow, TryStream};

/// The stream of [`Flow::skip_for`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SkipFor<S> {
    #[pin]
    stream: S,
    gate: Gate,
}

#[derive(Clone, Copy, Debug)]
enum Gate {
    /// To be opened this long after the first poll, which is still to come.
    FromFirstPoll(Duration),
    Until(Due),
    Open,
}

impl<S: TryStream> Flow<S> {
    /// Leaves out the items that come within `span` of the first poll.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/skip_for.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, from `span` after the first poll on |
    /// | Ends | with upstream, also within `span` |
    /// | Errors | end it at once, also within `span` |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | clock, but no timer; an item's time is when it was read, so what waits for a consumer that polls late is given if `span` has passed |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1)).take(5);
    /// let Ok(some) = numbers.skip_for(Duration::from_millis(3_500)).collect::<Vec<_>>().await;
    /// assert_eq!(some, [3, 4]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`skip_until`](Self::skip_until) for any other signal, [`take_for`](Self::take_for), [`skip`](Self::skip).
    /// ReactiveX: `skip_with_time`, `dropWithin`, `skip` and `skipUntil` with a time; with an instant in place of the
    /// span: `skip_until_with_time`.
    #[doc(alias = "skip_with_time")]
    #[doc(alias = "skip_until_with_time")]
    #[doc(alias = "dropWithin")]
    #[doc(alias = "skipUntil")]
    pub fn skip_for(self, span: Duration) -> Flow<SkipFor<S>> {
        Flow::new(SkipFor { stream: self.into_inner(), gate: Gate::FromFirstPoll(span) })
    }
}

impl<S: TryStream> Stream for SkipFor<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if !matches!(this.gate, Gate::Open) {
            // One look at the clock is enough: the budget ends this call before long.
            let now = clock::now();
            let opens = match *this.gate {
                Gate::FromFirstPoll(span) => Due::after(span, now),
                Gate::Until(due) => due,
                Gate::Open => Due::At(now),
            };
            *this.gate = if opens.has_come(now) { Gate::Open } else { Gate::Until(opens) };
        }
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(_)) if !matches!(this.gate, Gate::Open) => ready!(budget.swallow(cx)),
                signal => return Poll::Ready(signal),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        (if matches!(self.gate, Gate::Open) { low } else { 0 }, high)
    }
}
