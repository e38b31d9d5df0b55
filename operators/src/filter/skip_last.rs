//! `skip_last`: all but the last items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-d-|
//! out:  ----a-b-|
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::skip_last`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SkipLast<S: TryStream> {
    #[pin]
    stream: S,
    n: usize,
    held: VecDeque<S::Ok>,
}

impl<S: TryStream> Flow<S> {
    /// Leaves out the last `n` items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/skip_last.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item, when upstream gives the `n`-th after it |
    /// | Ends | with upstream; the items that are held then are those to be left out |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | at most `n` items |
    /// | Ahead | `n` items |
    /// | Dropped | the items that are held |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["UA 3", "AA 5", "total 8"]);
    /// let Ok(data) = lines.skip_last(1).collect::<Vec<_>>().await;
    /// assert_eq!(data, ["UA 3", "AA 5"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_last`](Self::take_last), [`skip`](Self::skip). ReactiveX: `skip_last`, `skipLast`. `skip_last_with_time` has
    /// no counterpart: which items are the last is known only at the end.
    #[doc(alias = "skipLast")]
    #[doc(alias = "skip_last_with_time")]
    pub fn skip_last(self, n: usize) -> Flow<SkipLast<S>> {
        Flow::new(SkipLast { stream: self.into_inner(), n, held: VecDeque::new() })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for SkipLast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SkipLast");
        debug.field("stream", &self.stream).field("n", &self.n).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for SkipLast<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => {
                    this.held.push_back(item);
                    if this.held.len() > *this.n {
                        return Poll::Ready(this.held.pop_front().map(Ok));
                    }
                }
                end => {
                    this.held.clear();
                    return Poll::Ready(end);
                }
            }
            ready!(budget.swallow(cx));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        let given = |read: usize| read.saturating_add(self.held.len()).saturating_sub(self.n);
        // In place of any item a failure may come, and is given.
        (given(low), high.map(|high| given(high).max(high.min(1))))
    }
}
