//! `sample`: the newest item, at each tick of a clock.
//!
//! ```text
//! period of 4
//! in:   ab-c-------d-e|
//! out:  ----c-------d-(e|)
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

/// The stream of [`Flow::sample`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Sample<S: TryStream> {
    #[pin]
    newest: Newest<S, Ticks>,
}

/// Each tick gives the newest item since the one before.
#[derive(Debug)]
struct Ticks {
    period: Duration,
    /// The next one; unset before the first poll, which is time zero.
    next: Option<Due>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the newest item at one `period`, two periods, three periods after the first poll, if one has come since the
    /// last.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/sample.svg"))]
    ///
    /// At the end of upstream the item that waits for the next tick is given at once, so that the last state of what is
    /// watched is always seen. (Libraries differ here: Reactor does the same, RxJS drops the item, RxPY waits.)
    ///
    /// | | |
    /// |---|---|
    /// | Emits | at each tick: the newest item that has come since the tick before, if any; one that comes at the very instant of a tick waits for the next |
    /// | Ends | with upstream, after giving the item that is held at once |
    /// | Errors | end it at once; the item that is held is lost |
    /// | Holds | 1 item |
    /// | Ahead | upstream is read as fast as it gives |
    /// | Dropped | the item that is held |
    /// | Time | clock; an item's time is when it was read. A consumer that polls late gets the item that was held; the ticks that it missed are not made up for, and the next one is in step again |
    ///
    /// # Panics
    ///
    /// If `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1)).take(8);
    /// let Ok(some) = numbers.sample(Duration::from_millis(2_400)).collect::<Vec<_>>().await;
    /// assert_eq!(some, [1, 3, 6, 7]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`throttle_latest`](Self::throttle_latest) and [`audit`](Self::audit), whose spans begin with items,
    /// [`debounce`](Self::debounce). ReactiveX: `sample`, `sampleTime`, `throttleLast`.
    #[doc(alias = "sampleTime")]
    #[doc(alias = "throttleLast")]
    #[track_caller]
    pub fn sample(self, period: Duration) -> Flow<Sample<S>> {
        assert!(!period.is_zero(), "the period of sample must not be zero");
        Flow::new(Sample { newest: Newest::new(self.into_inner(), Ticks { period, next: None }) })
    }
}

/// The first tick after `now`, where `tick` is one that has passed.
fn next_tick(tick: Instant, period: Duration, now: Instant) -> Due {
    const SECOND: u128 = 1_000_000_000;
    let since = now.duration_since(tick).as_nanos() % period.as_nanos();
    // What is left of a division by a `Duration` fits into one again, and so does each of its parts.
    let since = match (u64::try_from(since / SECOND), u32::try_from(since % SECOND)) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    };
    Due::after(period - since, now)
}

impl Rule for Ticks {
    fn is_due(&mut self, now: Instant, _holds: bool) -> bool {
        let next = self.next.get_or_insert_with(|| Due::after(self.period, now));
        let Due::At(passed) = *next else { return false };
        let has_come = passed <= now;
        if has_come {
            *next = next_tick(passed, self.period, now);
        }
        has_come
    }

    fn came(&mut self, _now: Instant) -> bool {
        false
    }

    fn due(&self) -> Due {
        self.next.unwrap_or(Due::Never)
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Sample<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample").field("newest", &self.newest).finish()
    }
}

impl<S: TryStream> Stream for Sample<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().newest.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.newest.size_hint()
    }
}
