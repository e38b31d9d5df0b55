//! `take_for`: the items that come within a span of time.
//!
//! ```text
//! span of 5
//! in:   a-b-c-d-|
//! out:  a-b-c|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use crate::time::clock::{self, Timer};
use crate::time::due::Due;
use crate::{Flow, TryStream};

/// The stream of [`Flow::take_for`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TakeFor<S> {
    #[pin]
    stream: S,
    span: Duration,
    /// When to end; unset before the first poll, which is time zero.
    due: Option<Due>,
    timer: Timer,
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items that come within `span` of the first poll, and ends then.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take_for.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, or when `span` has passed; with a `span` of zero at once, without polling upstream |
    /// | Errors | end it at once, if they come within `span` |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | clock, looked at before upstream: what comes at the very instant of the end, and what waits for a consumer that polls later, is not read |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1));
    /// let Ok(some) = numbers.take_for(Duration::from_millis(3_500)).collect::<Vec<_>>().await;
    /// assert_eq!(some, [0, 1, 2]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_until`](Self::take_until) for any other signal, [`skip_for`](Self::skip_for), [`take`](Self::take).
    /// ReactiveX: `take_with_time`, `takeWithin`, `take` and `takeUntil` with a time; with an instant in place of the
    /// span: `take_until_with_time`.
    #[doc(alias = "take_with_time")]
    #[doc(alias = "take_until_with_time")]
    #[doc(alias = "takeWithin")]
    #[doc(alias = "takeUntil")]
    pub fn take_for(self, span: Duration) -> Flow<TakeFor<S>> {
        Flow::new(TakeFor { stream: self.into_inner(), span, due: None, timer: Timer::new(), ended: false })
    }
}

impl<S: TryStream> Stream for TakeFor<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let now = clock::now();
        let due = *this.due.get_or_insert_with(|| Due::after(*this.span, now));
        if due.has_come(now) {
            *this.ended = true;
            return Poll::Ready(None);
        }
        // The timer is set only where there is something to wait for: it costs more than a look at the clock.
        let polled = match this.stream.poll_next(cx) {
            Poll::Pending => due.poll(this.timer, cx).map(|()| None),
            signal => signal,
        };
        *this.ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { (0, self.stream.size_hint().1) }
    }
}
