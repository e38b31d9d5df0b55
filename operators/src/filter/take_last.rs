//! `take_last`: the last items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-d-|
//! out:  --------(cd|)
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::take_last`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TakeLast<S: TryStream> {
    #[pin]
    stream: S,
    n: usize,
    held: VecDeque<S::Ok>,
    /// Whether upstream has ended or failed.
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the last `n` items, once upstream has ended.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take_last.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream ends: the last `n` items, or all if there are fewer |
    /// | Ends | with upstream, after these items; also with an `n` of 0 |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | at most `n` items |
    /// | Ahead | upstream is read to its end as fast as it gives |
    /// | Dropped | the items that are held |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(last) = anabranch_operators::from_iter(1..=10).take_last(3).collect::<Vec<_>>().await;
    /// assert_eq!(last, [8, 9, 10]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`skip_last`](Self::skip_last), [`take`](Self::take). ReactiveX: `take_last`, `takeLast`, `take_last_buffer`, which
    /// gives them as one list. For the items of the last minute, as of `take_last_with_time`, note the time of each item
    /// and [`filter`](Self::filter) what comes out of here.
    #[doc(alias = "takeLast")]
    #[doc(alias = "take_last_buffer")]
    #[doc(alias = "take_last_with_time")]
    pub fn take_last(self, n: usize) -> Flow<TakeLast<S>> {
        Flow::new(TakeLast { stream: self.into_inner(), n, held: VecDeque::new(), ended: false })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for TakeLast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TakeLast");
        debug.field("stream", &self.stream).field("n", &self.n).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for TakeLast<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while !*this.ended {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => {
                    this.held.push_back(item);
                    if this.held.len() > *this.n {
                        drop(this.held.pop_front());
                    }
                }
                Some(Err(error)) => {
                    *this.ended = true;
                    this.held.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    *this.ended = true;
                    break;
                }
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(this.held.pop_front().map(Ok))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let held = self.held.len();
        if self.ended {
            return (held, Some(held));
        }
        let (low, high) = self.stream.size_hint();
        // A failure is given in place of all items; with an `n` of 0 it is all that may be given.
        let most = high.map_or(self.n, |high| high.saturating_add(held).min(self.n));
        (low.saturating_add(held).min(self.n).min(1), Some(most.max(high.map_or(1, |high| high.min(1)))))
    }
}
