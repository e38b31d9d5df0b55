//! `debounce`: an item, once nothing newer has come for a while.
//!
//! ```text
//! quiet for 3
//! in:   ab----c---d|
//! out:  ----b----c-(d|)
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

/// The stream of [`Flow::debounce`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Debounce<S: TryStream> {
    #[pin]
    newest: Newest<S, Quiet>,
}

/// An item is due when it has been the newest for long enough.
#[derive(Debug)]
struct Quiet {
    quiet: Duration,
    due: Due,
}

impl<S: TryStream> Flow<S> {
    /// Gives an item once nothing newer has come for the time of `quiet`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/debounce.svg"))]
    ///
    /// That is for bursts of which the last item counts: a file that was written several times, a text while it is
    /// typed. A flow that never pauses gives nothing before its end; [`throttle_latest`](Self::throttle_latest) and
    /// [`sample`](Self::sample) do.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item, `quiet` after it came, if none has come since |
    /// | Ends | with upstream, after giving the item that is held at once |
    /// | Errors | end it at once; the item that is held is lost |
    /// | Holds | 1 item |
    /// | Ahead | upstream is read as fast as it gives |
    /// | Dropped | the item that is held |
    /// | Time | clock; an item's time is when it was read. A consumer that polls late gets the item that was held, and then what came meanwhile counts as new |
    ///
    /// # Panics
    ///
    /// If `quiet` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::{Script, virtual_time};
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// // Letters, one a millisecond, with pauses.
    /// let keys = Script::marbles("ab-----cde------f|");
    /// let settled = keys.debounce(Duration::from_millis(4)).collect::<String>().await;
    /// assert_eq!(settled.unwrap(), "bef");
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`throttle_first`](Self::throttle_first), [`throttle_latest`](Self::throttle_latest), [`sample`](Self::sample).
    /// ReactiveX: `debounce`, `throttle_with_timeout`, `debounceTime`, `throttleWithTimeout`, `sampleTimeout`; with a
    /// duration for each item: `throttle_with_mapper`.
    #[doc(alias = "throttle_with_timeout")]
    #[doc(alias = "throttle_with_mapper")]
    #[doc(alias = "debounceTime")]
    #[doc(alias = "throttleWithTimeout")]
    #[doc(alias = "sampleTimeout")]
    #[track_caller]
    pub fn debounce(self, quiet: Duration) -> Flow<Debounce<S>> {
        assert!(!quiet.is_zero(), "the time that debounce waits must not be zero");
        Flow::new(Debounce { newest: Newest::new(self.into_inner(), Quiet { quiet, due: Due::Never }) })
    }
}

impl Rule for Quiet {
    fn is_due(&mut self, now: Instant, _holds: bool) -> bool {
        self.due.has_come(now)
    }

    fn came(&mut self, now: Instant) -> bool {
        self.due = Due::after(self.quiet, now);
        false
    }

    fn due(&self) -> Due {
        self.due
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Debounce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debounce").field("newest", &self.newest).finish()
    }
}

impl<S: TryStream> Stream for Debounce<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().newest.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.newest.size_hint()
    }
}
