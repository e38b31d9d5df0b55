//! `ignore_elements`: no items, only the end.
//!
//! ```text
//! in:   a-b-c-|
//! out:  ------|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::ignore_elements`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct IgnoreElements<S> {
    #[pin]
    stream: S,
}

impl<S: TryStream> Flow<S> {
    /// Gives none of the items, only the end or the failure.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/ignore_elements.svg"))]
    ///
    /// That is for a flow that is run for what it does, beside or before others. To await it alone, there is
    /// [`for_each(drop)`](Self::for_each).
    ///
    /// | | |
    /// |---|---|
    /// | Emits | never |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
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
    /// let mut loaded = 0;
    /// let load = from_iter([3, 4]).inspect(|n| loaded += n).ignore_elements();
    /// assert_eq!(load.chain(from_iter([1, 2])).collect::<Vec<_>>().await, Ok(vec![1, 2]));
    /// assert_eq!(loaded, 7);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`filter`](Self::filter), [`for_each`](Self::for_each); [`filter_map`](Self::filter_map) with `|_| None` for a
    /// flow of another item type. ReactiveX: `ignore_elements`, `ignoreElements`, `then`.
    #[doc(alias = "ignoreElements")]
    #[doc(alias = "then")]
    pub fn ignore_elements(self) -> Flow<IgnoreElements<S>> {
        Flow::new(IgnoreElements { stream: self.into_inner() })
    }
}

impl<S: TryStream> Stream for IgnoreElements<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(_)) => ready!(budget.swallow(cx)),
                end => return Poll::Ready(end),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // At most the failure.
        (0, Some(self.stream.size_hint().1.map_or(1, |high| high.min(1))))
    }
}
