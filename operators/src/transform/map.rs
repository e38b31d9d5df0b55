//! `map`: each item, changed.
//!
//! ```text
//! in:   a-b-c-|
//! out:  A-B-C-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Map<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Gives `f(item)` for each item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
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
    /// let Ok(squares) = anabranch_operators::from_iter(1..4).map(|n| n * n).collect::<Vec<_>>().await;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`try_map`](Self::try_map), [`filter_map`](Self::filter_map), [`map_async`](Self::map_async). futures:
    /// `TryStreamExt::map_ok`. ReactiveX: `map`, `pluck`, `cast`.
    #[doc(alias = "pluck")]
    #[doc(alias = "cast")]
    #[doc(alias = "map_indexed")]
    #[doc(alias = "pluck_attr")]
    #[doc(alias = "starmap")]
    pub fn map<U, F>(self, f: F) -> Flow<Map<S, F>>
    where
        F: FnMut(S::Ok) -> U,
    {
        Flow::new(Map { stream: self.into_inner(), f })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Map<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F, U> Stream for Map<S, F>
where
    S: TryStream,
    F: FnMut(S::Ok) -> U,
{
    type Item = Result<U, S::Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        // Not `map_ok`, with which the closure is no part of the loop around this any more.
        match this.stream.poll_next(cx) {
            Poll::Ready(Some(Ok(item))) => Poll::Ready(Some(Ok((this.f)(item)))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
