//! `pace`: all items, with at least so much time between them.
//!
//! ```text
//! span of 3
//! in:   abc------d-|
//! out:  a--b--c--d--|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::clock::{self, Timer};
use crate::{Flow, TryStream};

/// The stream of [`Flow::pace`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Pace<S> {
    #[pin]
    stream: S,
    span: Duration,
    next: Next,
    timer: Timer,
}

/// When the next item may be read.
#[derive(Clone, Copy, Debug)]
enum Next {
    Now,
    At(Instant),
    /// Beyond the clock's reach.
    Never,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items as they come, but with at least `span` between them; those that come sooner wait upstream.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/pace.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, once `span` has passed since the one before was given |
    /// | Ends | with upstream, but not before `span` after the last item |
    /// | Errors | end it when they are read, which is not before `span` after the last item |
    /// | Holds | nothing: between the items, upstream is not read |
    /// | Dropped | nothing is lost |
    /// | Time | clock, whose timers count milliseconds: an item may wait for a part of one longer. The first item is given as it comes. A consumer that polls late gets no burst: what it missed is not made up for |
    ///
    /// As nothing is read ahead, nothing is lost with a paced flow that is dropped; for the same reason it cannot know
    /// that an item was the last, and ends, as tokio-stream's `throttle` does, when it would have been the next one's turn.
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
    /// use tokio::time::Instant;
    ///
    /// let start = Instant::now();
    /// let mut calls = anabranch_operators::from_iter(1..4).pace(Duration::from_secs(10));
    /// while let Ok(Some(_)) = calls.next().await {}
    /// assert_eq!(start.elapsed(), Duration::from_secs(30));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`rate_limit`](Self::rate_limit) where bursts are allowed, or items differ in weight; [`delay`](Self::delay) for all
    /// items later. tokio-stream: `StreamExt::throttle`. ReactiveX: `delayElements`.
    #[doc(alias = "delayElements")]
    #[doc(alias = "throttle")]
    #[track_caller]
    pub fn pace(self, span: Duration) -> Flow<Pace<S>> {
        assert!(!span.is_zero(), "the span of pace must not be zero: leave the operator out");
        Flow::new(Pace { stream: self.into_inner(), span, next: Next::Now, timer: Timer::new() })
    }
}

impl<S: fmt::Debug> fmt::Debug for Pace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("stream", &self.stream)
            .field("span", &self.span)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for Pace<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        match *this.next {
            // Once the clock shows its instant, no timer is needed: a timer counts milliseconds, and would be late.
            Next::At(next) if next > clock::now() => ready!(this.timer.poll_at(cx, next)),
            Next::Now | Next::At(_) => {}
            Next::Never => return Poll::Pending,
        }
        *this.next = Next::Now;
        let given = ready!(this.stream.poll_next(cx));
        if let Some(Ok(_)) = given {
            *this.next = clock::now().checked_add(*this.span).map_or(Next::Never, Next::At);
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
