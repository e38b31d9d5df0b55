//! `element_at`: the item with a number.
//!
//! ```text
//! index 2
//! in:   a-b-c-d-|
//! out:  ----(c|)
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::element_at`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ElementAt<S> {
    #[pin]
    stream: S,
    /// How many items are before the one that is wanted; unset after the end.
    before: Option<usize>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the item with the number `index`, counted from 0, and ends with it.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/element_at.svg"))]
    ///
    /// A flow with fewer items ends without giving one. (Some libraries fail then;
    /// [`default_if_empty`](Self::default_if_empty) and [`switch_if_empty`](Self::switch_if_empty) say what is to come in
    /// its place.)
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives that item |
    /// | Ends | with upstream, or as soon as the item has been given |
    /// | Errors | end it at once, if they come before the item; they are not counted |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let rivers = ["Danube", "Don", "Rhine"];
    /// assert_eq!(from_iter(rivers).element_at(1).next().await, Ok(Some("Don")));
    /// assert_eq!(from_iter(rivers).element_at(3).next().await, Ok(None));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`skip`](Self::skip), [`take`](Self::take), [`next`](Self::next). Iterator: `nth`. ReactiveX: `element_at`,
    /// `elementAt`, `element_at_or_default`, `elementAtOrError`.
    #[doc(alias = "elementAt")]
    #[doc(alias = "element_at_or_default")]
    #[doc(alias = "elementAtOrError")]
    #[doc(alias = "nth")]
    pub fn element_at(self, index: usize) -> Flow<ElementAt<S>> {
        Flow::new(ElementAt { stream: self.into_inner(), before: Some(index) })
    }
}

impl<S: TryStream> Stream for ElementAt<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while let Some(before) = this.before {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(_)) if *before > 0 => *before -= 1,
                last => {
                    *this.before = None;
                    return Poll::Ready(last);
                }
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(before) = self.before else {
            return (0, Some(0));
        };
        let (low, high) = self.stream.size_hint();
        // A failure may come in place of any item.
        (usize::from(low > before), Some(high.map_or(1, |high| high.min(1))))
    }
}
