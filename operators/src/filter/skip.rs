//! `skip`: all but the first items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-d-|
//! out:  ----c-d-|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::skip`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Skip<S> {
    #[pin]
    stream: S,
    /// How many are still to be left out.
    left: usize,
}

impl<S: TryStream> Flow<S> {
    /// Leaves out the first `n` items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/skip.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, from the one after the `n`-th on |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they are not skipped |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["carrier", "UA", "AA"]);
    /// let Ok(data) = lines.skip(1).collect::<Vec<_>>().await;
    /// assert_eq!(data, ["UA", "AA"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`skip_while`](Self::skip_while), [`take`](Self::take). futures: `StreamExt::skip`. ReactiveX: `skip`, `drop`.
    #[doc(alias = "drop")]
    pub fn skip(self, n: usize) -> Flow<Skip<S>> {
        Flow::new(Skip { stream: self.into_inner(), left: n })
    }
}

impl<S: TryStream> Stream for Skip<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while *this.left > 0 {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(_)) => *this.left -= 1,
                end => return Poll::Ready(end),
            }
            ready!(budget.swallow(cx));
        }
        this.stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        // While items are left out, a failure may come in place of any of them, and is given.
        let failure = usize::from(self.left > 0);
        (low.saturating_sub(self.left), high.map(|high| high.saturating_sub(self.left).max(high.min(failure))))
    }
}
