//! `throttle_first`: an item, and then nothing for a while.
//!
//! ```text
//! span of 4
//! in:   ab-c-d----e-|
//! out:  a----d----e-|
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

/// The stream of [`Flow::throttle_first`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ThrottleFirst<S> {
    #[pin]
    stream: S,
    span: Duration,
    /// Until when items are dropped; unset before the first item.
    shut: Option<Due>,
}

impl<S: TryStream> Flow<S> {
    /// Gives an item, and then drops those that come within `span`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/throttle_first.svg"))]
    ///
    /// The span begins with an item that is given, not with a clock's tick: after a pause the next item passes at once.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, the first or one that comes `span` or more after the last that was given |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | clock, but no timer; an item's time is when it was read, so a consumer that polls late gets the first item that waits and none of the others that do |
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// // A number every second; at most one in 2.5 seconds is wanted.
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1)).take(8);
    /// let Ok(some) = numbers.throttle_first(Duration::from_millis(2_500)).collect::<Vec<_>>().await;
    /// assert_eq!(some, [0, 3, 6]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`throttle_latest`](Self::throttle_latest), which gives the newest item as well, [`audit`](Self::audit),
    /// [`debounce`](Self::debounce), [`sample`](Self::sample). tokio-stream: `StreamExt::throttle` is something else, it
    /// delays. ReactiveX: `throttle_first`, `throttleFirst`, `throttleTime`, `sampleFirst`; with a duration for each
    /// item: `throttle`.
    #[doc(alias = "throttleFirst")]
    #[doc(alias = "throttleTime")]
    #[doc(alias = "throttle")]
    #[doc(alias = "sampleFirst")]
    #[track_caller]
    pub fn throttle_first(self, span: Duration) -> Flow<ThrottleFirst<S>> {
        assert!(!span.is_zero(), "the span of throttle_first must not be zero");
        Flow::new(ThrottleFirst { stream: self.into_inner(), span, shut: None })
    }
}

impl<S: TryStream> Stream for ThrottleFirst<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        // One look at the clock is enough: the budget ends this call before long.
        let now = clock::now();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(_)) if this.shut.is_some_and(|shut| !shut.has_come(now)) => ready!(budget.swallow(cx)),
                Some(Ok(item)) => {
                    *this.shut = Some(Due::after(*this.span, now));
                    return Poll::Ready(Some(Ok(item)));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        (if self.shut.is_none() { low.min(1) } else { 0 }, high)
    }
}
