//! `take`: the first items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-d-|
//! out:  a-(b|)
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::take`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Take<S> {
    #[pin]
    stream: S,
    /// How many may still pass; zero after an end of any kind.
    left: usize,
}

impl<S: TryStream> Flow<S> {
    /// Gives the first `n` items, and ends with the last of them.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, or as soon as the `n`-th item has been given; with `n` = 0 at once, without polling upstream |
    /// | Errors | end it at once, if they come before the `n`-th item; they are not counted |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// Upstream is not polled after the `n`-th item, and is dropped with the flow.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(sum) = anabranch_operators::from_iter(1_u64..).take(4).fold(0, |sum, n| sum + n).await;
    /// assert_eq!(sum, 10);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_while`](Self::take_while), [`take_until`](Self::take_until), [`skip`](Self::skip). futures:
    /// `StreamExt::take`. ReactiveX: `take`. A `slice` is `skip(from)` and then `take(n)`.
    #[doc(alias = "slice")]
    pub fn take(self, n: usize) -> Flow<Take<S>> {
        Flow::new(Take { stream: self.into_inner(), left: n })
    }
}

impl<S: TryStream> Stream for Take<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.left == 0 {
            return Poll::Ready(None);
        }
        let signal = ready!(this.stream.poll_next(cx));
        *this.left = if matches!(signal, Some(Ok(_))) { *this.left - 1 } else { 0 };
        Poll::Ready(signal)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.left == 0 {
            return (0, Some(0));
        }
        let (low, high) = self.stream.size_hint();
        (low.min(self.left), Some(high.map_or(self.left, |high| high.min(self.left))))
    }
}
