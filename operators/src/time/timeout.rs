//! `timeout`: fails when upstream gives nothing for too long.
//!
//! ```text
//! span of 3
//! in:   a-b------c-|
//! out:  a-b--#
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::clock::{self, Timer};
use crate::{Flow, OperatorError, TryStream};

/// The stream of [`Flow::timeout`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Timeout<S> {
    /// Dropped when time is up.
    #[pin]
    stream: Option<S>,
    span: Duration,
    waiting: Waiting,
    timer: Timer,
}

#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// Nobody has asked for the next item yet.
    No,
    Until(Instant),
    /// Beyond the clock's reach.
    ForEver,
}

impl<S: TryStream> Flow<S> {
    /// Fails when upstream gives nothing for `span`: neither an item, nor its end.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/timeout.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | of upstream end it at once; it fails by itself when time is up, and drops upstream then |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | clock; the time begins when the first item is asked for, which is the first poll, and anew when each next one is. What a consumer takes for itself between an item and asking for the next does not count as upstream's silence. A consumer that polls late after all gets what upstream has ready by then, and the failure only if there is nothing |
    ///
    /// # Errors
    ///
    /// Fails with [`OperatorError::TimedOut`]. That is the end; what is to take the place of a silent flow stands behind
    /// it, as [`catch_error`](Self::catch_error) or `retry`.
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
    /// use anabranch_operators::{FlowExt, OperatorError};
    ///
    /// let silent = futures::stream::pending::<u8>().into_flow();
    /// let span = Duration::from_secs(30);
    /// let waited = silent.fails_with::<OperatorError>().timeout(span).count().await;
    /// assert_eq!(waited, Err(OperatorError::TimedOut { span }));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`keep_alive`](Self::keep_alive) to fill the silence, [`take_until`](Self::take_until) to end after some time
    /// whatever comes. tokio-stream: `StreamExt::timeout`, which gives an `Err` and goes on. ReactiveX: `timeout`,
    /// `timeoutWith`, `idleTimeout`, `initialTimeout`, `timeout_with_mapper`.
    #[doc(alias = "timeoutWith")]
    #[doc(alias = "idleTimeout")]
    #[doc(alias = "initialTimeout")]
    #[doc(alias = "completionTimeout")]
    #[doc(alias = "backpressureTimeout")]
    #[doc(alias = "timeout_with_mapper")]
    #[track_caller]
    pub fn timeout(self, span: Duration) -> Flow<Timeout<S>>
    where
        S::Error: From<OperatorError>,
    {
        assert!(!span.is_zero(), "the span of timeout must not be zero: nothing could be in time");
        Flow::new(Timeout { stream: Some(self.into_inner()), span, waiting: Waiting::No, timer: Timer::new() })
    }
}

impl<S: fmt::Debug> fmt::Debug for Timeout<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("stream", &self.stream)
            .field("span", &self.span)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl<S> Stream for Timeout<S>
where
    S: TryStream<Error: From<OperatorError>>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        // Upstream first: what is ready is in time, however late this poll is.
        if let Poll::Ready(given) = stream.poll_next(cx) {
            *this.waiting = Waiting::No;
            return Poll::Ready(given);
        }
        let now = clock::now();
        if let Waiting::No = this.waiting {
            *this.waiting = now.checked_add(*this.span).map_or(Waiting::ForEver, Waiting::Until);
        }
        match *this.waiting {
            Waiting::Until(deadline) if deadline > now => ready!(this.timer.poll_at(cx, deadline)),
            Waiting::Until(_) => {}
            Waiting::No | Waiting::ForEver => return Poll::Pending,
        }
        this.stream.set(None);
        Poll::Ready(Some(Err(OperatorError::TimedOut { span: *this.span }.into())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(stream) = &self.stream else {
            return (0, Some(0));
        };
        // The failure may come instead of the end, or of any item.
        let (least, most) = stream.size_hint();
        (least.min(1), most.and_then(|most| most.checked_add(1)))
    }
}
