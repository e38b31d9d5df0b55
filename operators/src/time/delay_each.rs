//! `delay_each`: each item later, by a delay of its own.
//!
//! ```text
//! a waits 4, the others 1
//! in:   a-b-c-|
//! out:  ---bac|
//! ```

use std::cmp::Ordering;
use std::collections::BinaryHeap;
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

/// The stream of [`Flow::delay_each`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct DelayEach<S: TryStream, F> {
    #[pin]
    stream: S,
    f: F,
    max_held: usize,
    held: BinaryHeap<Held<S::Ok>>,
    /// How many items were read.
    read: u64,
    upstream_over: bool,
    timer: Timer,
}

/// An item that waits. The greatest is the next to be given: the one that is due first, then the one that was read first.
struct Held<T> {
    /// `None` is beyond the clock's reach.
    due: Option<Instant>,
    number: u64,
    item: T,
}

impl<S: TryStream> Flow<S> {
    /// Gives each item `f(&item)` after it came, so that their order may change.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/delay_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item once its delay has passed since it was read; of those that are due at once, the one that was read first |
    /// | Ends | with upstream, or else when the last item has been given |
    /// | Errors | end it as soon as they are read; the items that are held are lost |
    /// | Holds | the items whose delays have not passed, at most 65,536: see [`max_held`](Flow::max_held) |
    /// | Ahead | as many |
    /// | Dropped | the items that are held |
    /// | Time | clock; an item's time is when it was read, so what a consumer that polls late finds waiting is delayed from then on. While as many items are held as may be, upstream is not read: it waits, and nothing is lost |
    ///
    /// A delay of zero gives the item at once. Where items are to wait for something else than time, a flow of one item
    /// inside [`merge_map`](Self::merge_map) does it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::from_iter;
    ///
    /// let by_size = from_iter([3, 1, 2]).delay_each(|size| Duration::from_secs(*size));
    /// assert_eq!(by_size.collect::<Vec<_>>().await, Ok(vec![1, 2, 3]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`delay`](Self::delay) for one delay and upstream's order, [`merge_map`](Self::merge_map),
    /// [`map_async`](Self::map_async). ReactiveX: `delay_with_mapper`, `delayWhen`, `delayUntil`.
    #[doc(alias = "delay_with_mapper")]
    #[doc(alias = "delayWhen")]
    #[doc(alias = "delay_when")]
    #[doc(alias = "delayUntil")]
    pub fn delay_each<F>(self, f: F) -> Flow<DelayEach<S, F>>
    where
        F: FnMut(&S::Ok) -> Duration,
    {
        Flow::new(DelayEach {
            stream: self.into_inner(),
            f,
            max_held: MAX_HELD,
            held: BinaryHeap::new(),
            read: 0,
            upstream_over: false,
            timer: Timer::new(),
        })
    }
}

impl<S: TryStream, F> Flow<DelayEach<S, F>> {
    /// Lets at most `n` items be held at once, 65,536 if not said. Beyond, upstream is not read until one was given.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_held(mut self, n: usize) -> Self {
        assert!(n > 0, "delay_each must be allowed to hold at least 1 item");
        self.inner_mut().max_held = n;
        self
    }
}

impl<T> Held<T> {
    /// `None`, which is never, comes last.
    fn rank(&self) -> (bool, Option<Instant>, u64) {
        (self.due.is_none(), self.due, self.number)
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Held<T> {}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<S: TryStream + fmt::Debug, F> fmt::Debug for DelayEach<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayEach")
            .field("stream", &self.stream)
            .field("held", &self.held.len())
            .field("max_held", &self.max_held)
            .finish_non_exhaustive()
    }
}

impl<S, F> Stream for DelayEach<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> Duration,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let now = clock::now();
        let mut budget = Budget::new();
        // What is due comes before upstream, which may always have more.
        let is_due =
            |held: &BinaryHeap<Held<_>>| held.peek().is_some_and(|next| next.due.is_some_and(|due| due <= now));
        while !*this.upstream_over && this.held.len() < *this.max_held && !is_due(this.held) {
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    let due = now.checked_add((this.f)(&item));
                    this.held.push(Held { due, number: *this.read, item });
                    *this.read += 1;
                }
                Poll::Ready(Some(Err(error))) => {
                    *this.upstream_over = true;
                    this.held.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => *this.upstream_over = true,
                Poll::Pending => break,
            }
            ready!(budget.swallow(cx));
        }
        match this.held.peek().map(|next| next.due) {
            // Once the clock shows its instant, no timer is needed.
            Some(Some(due)) if due > now => ready!(this.timer.poll_at(cx, due)),
            Some(Some(_)) => {}
            None if *this.upstream_over => return Poll::Ready(None),
            Some(None) | None => return Poll::Pending,
        }
        Poll::Ready(this.held.pop().map(|next| Ok(next.item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = self.held.len();
        if self.upstream_over {
            return (held, Some(held));
        }
        let (least, most) = self.stream.size_hint();
        // A failure would come instead of all that is held.
        (least.saturating_add(held).min(1), most.and_then(|most| most.checked_add(held)))
    }
}
