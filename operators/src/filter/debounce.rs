//! `debounce`: an item, once nothing newer has come for a while.
//!
//! ```text
//! quiet for 3
//! in:   ab----c---d|
//! out:  ----b----c-(d|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, TryStream};
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;
use crate::time::clock::{self, Timer};
use crate::time::due::Due;

/// The stream of [`Flow::debounce`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Debounce<S: TryStream> {
    #[pin]
    stream: S,
    quiet: Duration,
    /// The newest item, and when it has been the newest for long enough.
    held: Option<(S::Ok, Due)>,
    timer: Timer,
    ended: bool,
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
        Flow::new(Debounce { stream: self.into_inner(), quiet, held: None, timer: Timer::new(), ended: false })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Debounce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debounce")
            .field("stream", &self.stream)
            .field("quiet", &self.quiet)
            .field("due", &self.held.as_ref().map(|(_, due)| due))
            .finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for Debounce<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            // Before upstream, which may never pause: then the budget brings us back here.
            let now = clock::now();
            if let Some((item, _)) = this.held.take_if(|(_, due)| due.has_come(now)) {
                return Poll::Ready(Some(Ok(item)));
            }
            loop {
                match this.stream.as_mut().try_poll_next(cx) {
                    Poll::Ready(Some(Ok(item))) => *this.held = Some((item, Due::after(*this.quiet, now))),
                    Poll::Ready(Some(Err(error))) => {
                        *this.ended = true;
                        *this.held = None;
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Ready(None) => {
                        *this.ended = true;
                        return Poll::Ready(this.held.take().map(|(item, _)| Ok(item)));
                    }
                    Poll::Pending => break,
                }
                ready!(budget.swallow(cx));
            }
            match this.held {
                Some((_, due)) => ready!(due.poll(this.timer, cx)),
                None => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (low, high) = self.stream.size_hint();
        let held = usize::from(self.held.is_some());
        // The last item is given, unless a failure is.
        (low.max(held).min(1), high.and_then(|high| high.checked_add(held)))
    }
}
