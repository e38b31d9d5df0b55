//! `throttle_latest`: at most one item in a span of time, and always the newest in the end.
//!
//! ```text
//! span of 4
//! in:   ab-c-d--------ef|
//! out:  a---c---d-----e-(f|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::newest::{Newest, Rule};
use crate::time::due::Due;
use crate::{Flow, TryStream};

/// The stream of [`Flow::throttle_latest`] and [`Flow::audit`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ThrottleLatest<S: TryStream> {
    #[pin]
    newest: Newest<S, Windows>,
}

/// An item opens a window when none is open, and when that closes, the newest of those that came since is due.
#[derive(Debug)]
struct Windows {
    span: Duration,
    /// Whether the item that opens a window is given there and then.
    leading: bool,
    /// When the open window closes.
    closes: Option<Due>,
}

impl<S: TryStream> Flow<S> {
    /// Gives an item, and then, for as long as more come, the newest each time that `span` has passed.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/throttle_latest.svg"))]
    ///
    /// So the first item comes without delay, there are never two within `span` but for the last, and whoever reads is
    /// up to date once upstream pauses. It has RxJava's meaning of the name; [`audit`](Self::audit) is the same without
    /// the item at the beginning.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item that comes when nothing was given within `span`; the newest of those that came since, `span` after an item was given |
    /// | Ends | with upstream, after giving the item that is held at once |
    /// | Errors | end it at once; the item that is held is lost |
    /// | Holds | 1 item |
    /// | Ahead | upstream is read as fast as it gives |
    /// | Dropped | the item that is held |
    /// | Time | clock; an item's time is when it was read. A consumer that polls late gets the item that was held, and `span` later the newest of those that came meanwhile |
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
    /// // How much has been done, every second; a progress bar is drawn every 2.2 seconds, and when all is done.
    /// let done = anabranch_operators::interval(Duration::from_secs(1)).take(8);
    /// let Ok(drawn) = done.throttle_latest(Duration::from_millis(2_200)).collect::<Vec<_>>().await;
    /// assert_eq!(drawn, [0, 2, 4, 6, 7]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`audit`](Self::audit), [`throttle_first`](Self::throttle_first), [`sample`](Self::sample),
    /// [`debounce`](Self::debounce). ReactiveX: `throttleLatest`, and `throttleTime` that is both leading and trailing.
    #[doc(alias = "throttleLatest")]
    #[doc(alias = "throttleTime")]
    #[track_caller]
    pub fn throttle_latest(self, span: Duration) -> Flow<ThrottleLatest<S>> {
        assert!(!span.is_zero(), "the span of throttle_latest must not be zero");
        Flow::new(ThrottleLatest::new(self.into_inner(), span, true))
    }
}

impl<S: TryStream> ThrottleLatest<S> {
    pub(super) const fn new(stream: S, span: Duration, leading: bool) -> Self {
        Self { newest: Newest::new(stream, Windows { span, leading, closes: None }) }
    }
}

impl Rule for Windows {
    fn is_due(&mut self, now: Instant, holds: bool) -> bool {
        let closed = self.closes.take_if(|closes| closes.has_come(now)).is_some();
        if closed && holds && self.leading {
            self.closes = Some(Due::after(self.span, now));
        }
        closed
    }

    fn came(&mut self, now: Instant) -> bool {
        let opens = self.closes.is_none();
        if opens {
            self.closes = Some(Due::after(self.span, now));
        }
        opens && self.leading
    }

    fn due(&self) -> Due {
        self.closes.unwrap_or(Due::Never)
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for ThrottleLatest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleLatest").field("newest", &self.newest).finish()
    }
}

impl<S: TryStream> Stream for ThrottleLatest<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().newest.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.newest.size_hint()
    }
}
