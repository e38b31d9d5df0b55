//! `timer`: one number after a time, and then the end.
//!
//! ```text
//! delay of 3
//! out:  ---(0|)
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::time::Instant;

use crate::Flow;
use crate::time::clock;

/// The stream of [`timer`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Timer {
    delay: Duration,
    state: State,
    timer: clock::Timer,
}

#[derive(Clone, Copy, Debug)]
enum State {
    NotBegun,
    Waiting(Instant),
    /// The delay is beyond the clock's reach.
    Never,
    Over,
}

/// Gives 0 once `delay` has passed since its first poll, and ends.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/timer.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | 0 when the time has passed; a delay of zero has passed at the first poll |
/// | Ends | with the 0 |
/// | Errors | none |
/// | Holds | nothing |
/// | Dropped | nothing is lost |
/// | Time | one timer, from the first poll; a consumer that polls late gets the 0 then |
///
/// An operator that waits for a signal takes a future such as tokio's `sleep`, too; but that one runs from its
/// construction.
///
/// # Examples
///
/// ```
/// # use anabranch_operators::testing::virtual_time;
/// # virtual_time(async {
/// use std::time::Duration;
/// use anabranch_operators::{interval, timer};
///
/// let minute = interval(Duration::from_secs(7)).take_until(timer(Duration::from_secs(60)));
/// assert_eq!(minute.count().await, Ok(8));
/// # });
/// ```
///
/// # See also
///
/// [`interval`](crate::interval()) for a number every so often, [`take_until`](Flow::take_until). tokio: `time::sleep`.
/// ReactiveX: `timer`, `tick`.
pub fn timer(delay: Duration) -> Flow<Timer> {
    Flow::new(Timer { delay, state: State::NotBegun, timer: clock::Timer::new() })
}

impl Stream for Timer {
    type Item = Result<u64, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if matches!(this.state, State::NotBegun) {
            this.state = clock::now().checked_add(this.delay).map_or(State::Never, State::Waiting);
        }
        match this.state {
            State::Waiting(due) => {
                ready!(this.timer.poll_at(cx, due));
                this.state = State::Over;
                Poll::Ready(Some(Ok(0)))
            }
            State::NotBegun | State::Never => Poll::Pending, // Nothing will ever wake its reader.
            State::Over => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(!matches!(self.state, State::Over));
        (left, Some(left))
    }
}
