//! `keep_alive`: fills the silence.
//!
//! ```text
//! span of 3, fills with x
//! in:   a-b-------c|
//! out:  a-b--x--x-c|
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

/// The stream of [`Flow::keep_alive`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct KeepAlive<S, F> {
    #[pin]
    stream: S,
    span: Duration,
    f: F,
    /// When something was last given; at first, when it was first polled.
    since: Option<Instant>,
    over: bool,
    timer: Timer,
}

impl<S: TryStream> Flow<S> {
    /// Gives `f()` whenever nothing else was given for `span`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/keep_alive.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item; and `f()` when `span` has passed since anything was given, or since the first poll |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | clock; a consumer that polls late gets what upstream has ready, or else one `f()`, however late it is |
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
    /// use anabranch_operators::interval;
    ///
    /// let slow = interval(Duration::from_secs(60)).map(|minute| minute.to_string());
    /// let alive = slow.keep_alive(Duration::from_secs(25), || "...".to_owned());
    /// assert_eq!(alive.take(4).collect::<Vec<_>>().await, Ok(["...", "...", "0", "..."].map(str::to_owned).to_vec()));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`timeout`](Self::timeout) to fail instead. ReactiveX: none; Pekko's `keepAlive`.
    #[doc(alias = "keepAlive")]
    #[doc(alias = "heartbeat")]
    #[doc(alias = "extrapolate")]
    #[track_caller]
    pub fn keep_alive<F>(self, span: Duration, f: F) -> Flow<KeepAlive<S, F>>
    where
        F: FnMut() -> S::Ok,
    {
        assert!(!span.is_zero(), "the span of keep_alive must not be zero: it would never stop to give");
        Flow::new(KeepAlive { stream: self.into_inner(), span, f, since: None, over: false, timer: Timer::new() })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for KeepAlive<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive")
            .field("stream", &self.stream)
            .field("span", &self.span)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

impl<S, F> Stream for KeepAlive<S, F>
where
    S: TryStream,
    F: FnMut() -> S::Ok,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.over {
            return Poll::Ready(None);
        }
        let now = clock::now();
        let since = *this.since.get_or_insert(now);
        if let Poll::Ready(given) = this.stream.poll_next(cx) {
            *this.since = Some(now);
            *this.over = !matches!(given, Some(Ok(_)));
            return Poll::Ready(given);
        }
        let Some(due) = since.checked_add(*this.span) else {
            return Poll::Pending; // A span beyond the clock's reach.
        };
        if due > now {
            ready!(this.timer.poll_at(cx, due));
        }
        *this.since = Some(now.max(due));
        Poll::Ready(Some(Ok((this.f)())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.over { (0, Some(0)) } else { (self.stream.size_hint().0, None) }
    }
}
