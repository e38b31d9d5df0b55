//! `filter`: the items that pass a test.
//!
//! ```text
//! even ones
//! in:   1-2-3-4-|
//! out:  --2---4-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::filter`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Filter<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items for which `f` says `true`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/filter.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item that passes |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they are not tested |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "mud", "heron"]);
    /// let Ok(long) = words.filter(|word| word.len() > 3).collect::<Vec<_>>().await;
    /// assert_eq!(long, ["reed", "heron"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`filter_map`](Self::filter_map), [`try_filter`](Self::try_filter), [`take_while`](Self::take_while), [`skip_while`](Self::skip_while). futures:
    /// `StreamExt::filter`, whose test is a future. ReactiveX: `filter`,
    /// `filter_indexed` behind [`enumerate`](Self::enumerate), `filterNot` with the opposite test, `filterWhen` with an async one.
    #[doc(alias = "filter_indexed")]
    #[doc(alias = "filterNot")]
    #[doc(alias = "filterWhen")]
    pub fn filter<F>(self, f: F) -> Flow<Filter<S, F>>
    where
        F: FnMut(&S::Ok) -> bool,
    {
        Flow::new(Filter { stream: self.into_inner(), f })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Filter<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F> Stream for Filter<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> bool,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) if !(this.f)(&item) => ready!(budget.swallow(cx)),
                signal => return Poll::Ready(signal),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.stream.size_hint().1)
    }
}
