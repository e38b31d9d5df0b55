//! `interval`: counts up, one number a period.
//!
//! ```text
//! period of 3
//! out:  ---0--1--2--!
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::time::Instant;

use crate::Flow;
use crate::time::clock::{self, Timer};

/// The stream of [`interval`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Interval {
    period: Duration,
    next: u64,
    due: Due,
    timer: Timer,
}

/// When the next number is due.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// Not known before the first poll, which is time zero.
    NotBegun,
    At(Instant),
    /// Beyond the clock's reach.
    Never,
}

impl Due {
    fn after(instant: Instant, period: Duration) -> Self {
        instant.checked_add(period).map_or(Self::Never, Self::At)
    }
}

/// A flow that gives 0, 1, 2, … at one period, two periods, three periods after its first poll, without end.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/interval.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | a number at each multiple of the period |
/// | Ends | never |
/// | Errors | none |
/// | Holds | nothing |
/// | Dropped | nothing is lost |
/// | Time | one timer, from the first poll; a consumer that polls late gets the numbers that are due one after another, without loss, and is then in step again |
///
/// The first number comes after one period, as in ReactiveX; tokio's `interval` ticks at once.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
/// # rt.block_on(async {
/// use std::time::Duration;
///
/// let ticks = anabranch_operators::interval(Duration::from_secs(60)).take(3);
/// let Ok(numbers) = ticks.collect::<Vec<_>>().await;
/// assert_eq!(numbers, [0, 1, 2]);
/// # });
/// ```
///
/// # See also
///
/// [`timer`](crate::timer()) for one number. tokio-stream: `IntervalStream`. ReactiveX: `interval`, `intervalRange`, `tick`.
#[doc(alias = "intervalRange")]
#[doc(alias = "tick")]
#[track_caller]
pub fn interval(period: Duration) -> Flow<Interval> {
    assert!(!period.is_zero(), "the period of an interval must not be zero");
    Flow::new(Interval { period, next: 0, due: Due::NotBegun, timer: Timer::new() })
}

impl Stream for Interval {
    type Item = Result<u64, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if matches!(this.due, Due::NotBegun) {
            this.due = Due::after(clock::now(), this.period);
        }
        let Due::At(due) = this.due else {
            return Poll::Pending; // Nothing will ever wake its reader.
        };
        ready!(this.timer.poll_at(cx, due));
        this.due = Due::after(due, this.period);
        let tick = this.next;
        this.next += 1;
        Poll::Ready(Some(Ok(tick)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
