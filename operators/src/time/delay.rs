//! `delay`: all items and the end, later.
//!
//! ```text
//! span of 2
//! in:   a-b--c|
//! out:  --a-b--c|
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use super::MAX_HELD;
use super::clock::{self, Timer};
use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::delay`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Delay<S: TryStream> {
    #[pin]
    stream: S,
    span: Duration,
    max_held: usize,
    /// The items, oldest first, each with the instant at which it is due; `None` is beyond the clock's reach.
    held: VecDeque<(Option<Instant>, S::Ok)>,
    state: State,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// Upstream has ended, and the end is due then.
    Ending(Option<Instant>),
    Over,
}

impl<S: TryStream> Flow<S> {
    /// Gives each item `span` after it came, and ends `span` after upstream did.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/delay.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item once `span` has passed since it was read |
    /// | Ends | `span` after upstream, when all items have been given |
    /// | Errors | end it as soon as they are read, undelayed; the items that are held are lost |
    /// | Holds | what upstream gives within `span`, at most 65,536 items: see [`max_held`](Flow::max_held) |
    /// | Ahead | as many |
    /// | Dropped | the items that are held |
    /// | Time | clock; an item's time is when it was read, so what a consumer that polls late finds waiting is delayed from then on. While as many items are held as may be, upstream is not read: it waits, and nothing is lost |
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
    /// use anabranch_operators::from_iter;
    /// use tokio::time::Instant;
    ///
    /// let start = Instant::now();
    /// let Ok(items) = from_iter(["reed", "mud"]).delay(Duration::from_secs(3)).collect::<Vec<_>>().await;
    /// assert_eq!(items, ["reed", "mud"]);
    /// assert_eq!(start.elapsed(), Duration::from_secs(3));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`delay_each`](Self::delay_each) for a delay of each item's own, [`pace`](Self::pace) for time between items.
    /// ReactiveX: `delay`, `delaySequence`, `delayWith`.
    #[doc(alias = "delaySequence")]
    #[doc(alias = "delayWith")]
    #[track_caller]
    pub fn delay(self, span: Duration) -> Flow<Delay<S>> {
        assert!(!span.is_zero(), "the span of delay must not be zero: leave the operator out");
        Flow::new(Delay {
            stream: self.into_inner(),
            span,
            max_held: MAX_HELD,
            held: VecDeque::new(),
            state: State::Reading,
            timer: Timer::new(),
        })
    }
}

impl<S: TryStream> Flow<Delay<S>> {
    /// Lets at most `n` items be held at once, 65,536 if not said. Beyond, upstream is not read until one was given.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_held(mut self, n: usize) -> Self {
        assert!(n > 0, "delay must be allowed to hold at least 1 item");
        self.inner_mut().max_held = n;
        self
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for Delay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delay")
            .field("stream", &self.stream)
            .field("span", &self.span)
            .field("held", &self.held.len())
            .field("max_held", &self.max_held)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for Delay<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let now = clock::now();
        let mut budget = Budget::new();
        // What is due comes before upstream, which may always have more.
        let is_due = |held: &VecDeque<(Option<Instant>, _)>| {
            held.front().is_some_and(|(due, _)| due.is_some_and(|due| due <= now))
        };
        while *this.state == State::Reading && this.held.len() < *this.max_held && !is_due(this.held) {
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => this.held.push_back((now.checked_add(*this.span), item)),
                Poll::Ready(Some(Err(error))) => {
                    *this.state = State::Over;
                    this.held.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => *this.state = State::Ending(now.checked_add(*this.span)),
                Poll::Pending => break,
            }
            ready!(budget.swallow(cx));
        }
        let due = match (this.held.front(), &*this.state) {
            (Some((due, _)), _) => *due,
            (None, State::Ending(due)) => *due,
            (None, State::Reading) => return Poll::Pending,
            (None, State::Over) => return Poll::Ready(None),
        };
        let Some(due) = due else {
            return Poll::Pending; // A span beyond the clock's reach: nothing is ever due.
        };
        if due > now {
            ready!(this.timer.poll_at(cx, due));
        }
        let item = this.held.pop_front();
        if item.is_none() {
            *this.state = State::Over;
        }
        Poll::Ready(item.map(|(_, item)| Ok(item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = self.held.len();
        match self.state {
            State::Reading => {
                let (least, most) = self.stream.size_hint();
                // A failure would come instead of all that is held.
                (least.saturating_add(held).min(1), most.and_then(|most| most.checked_add(held)))
            }
            State::Ending(_) | State::Over => (held, Some(held)),
        }
    }
}
