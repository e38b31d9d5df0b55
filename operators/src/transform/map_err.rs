//! `map_err`: the failure, changed.
//!
//! ```text
//! in:   a-b-#
//! out:  a-b-#
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::map_err`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MapErr<S, F> {
    #[pin]
    stream: S,
    f: Option<F>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the same items, and fails with `f(error)` when upstream fails with `error`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/map_err.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once, changed |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let broken = futures::stream::iter([Ok(1), Err("pipe")]);
    /// let flow = anabranch_operators::from_results(broken).map_err(|what| format!("reading: {what}"));
    /// assert_eq!(flow.count().await, Err("reading: pipe".to_owned()));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`err_into`](Self::err_into), [`fails_with`](Self::fails_with) for a flow that cannot fail. futures:
    /// `TryStreamExt::map_err`. ReactiveX: `on_error_map`.
    #[doc(alias = "on_error_map")]
    #[doc(alias = "onErrorMap")]
    #[doc(alias = "mapError")]
    #[doc(alias = "doOnError")]
    pub fn map_err<E, F>(self, f: F) -> Flow<MapErr<S, F>>
    where
        F: FnOnce(S::Error) -> E,
    {
        Flow::new(MapErr { stream: self.into_inner(), f: Some(f) })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapErr<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapErr").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F, E> Stream for MapErr<S, F>
where
    S: TryStream,
    F: FnOnce(S::Error) -> E,
{
    type Item = Result<S::Ok, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.stream.poll_next(cx).map(|signal| match signal? {
            Ok(item) => Some(Ok(item)),
            // A flow fails once, so `f` is there.
            Err(error) => this.f.take().map(|f| Err(f(error))),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
