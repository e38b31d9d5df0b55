//! `filter_map`: each item, changed or left out.
//!
//! ```text
//! x gives None
//! in:   a-x-c-|
//! out:  A---C-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::filter_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct FilterMap<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Gives the value of `f(item)` for each item where there is one.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/filter_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item for which `f` has a value |
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
    /// let cells = anabranch_operators::from_iter(["3", "", "12"]);
    /// let Ok(numbers) = cells.filter_map(|cell| cell.parse::<u32>().ok()).collect::<Vec<_>>().await;
    /// assert_eq!(numbers, [3, 12]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`filter`](Self::filter), [`map`](Self::map); [`dead_letters`](Self::dead_letters), which keeps what is left out.
    /// futures: `StreamExt::filter_map`, whose function is async. ReactiveX: `of_type`,
    /// `ofType`, `mapNotNull`, `mapOptional`, `mapOption`, `handle`, `collectType`, `filterIsInstance`.
    #[doc(alias = "of_type")]
    #[doc(alias = "ofType")]
    #[doc(alias = "mapNotNull")]
    #[doc(alias = "mapOptional")]
    #[doc(alias = "mapOption")]
    #[doc(alias = "handle")]
    #[doc(alias = "collectType")]
    #[doc(alias = "filterIsInstance")]
    #[doc(alias = "statefulMap")]
    pub fn filter_map<U, F>(self, f: F) -> Flow<FilterMap<S, F>>
    where
        F: FnMut(S::Ok) -> Option<U>,
    {
        Flow::new(FilterMap { stream: self.into_inner(), f })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for FilterMap<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilterMap").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F, U> Stream for FilterMap<S, F>
where
    S: TryStream,
    F: FnMut(S::Ok) -> Option<U>,
{
    type Item = Result<U, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => match (this.f)(item) {
                    Some(value) => return Poll::Ready(Some(Ok(value))),
                    None => ready!(budget.swallow(cx)),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}
