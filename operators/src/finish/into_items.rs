//! `into_items`: a flow that cannot fail, as a plain stream of its items.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::into_items`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct IntoItems<S> {
    #[pin]
    stream: S,
}

impl<S: TryStream<Error = Infallible>> Flow<S> {
    /// Leaves the flow: a plain stream of its items, for code that knows nothing of flows.
    ///
    /// There is no need for it where `Result` items will do: a flow is a stream of those itself.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/into_items.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, and gives `None` again when polled after it |
    /// | Errors | there are none |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use futures::StreamExt;
    ///
    /// let stream = anabranch_operators::from_iter([1, 2, 3]).map(|n| n * n).into_items();
    /// assert_eq!(stream.collect::<Vec<_>>().await, [1, 4, 9]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`from_items`](crate::from_items), the way in.
    pub fn into_items(self) -> IntoItems<S> {
        IntoItems { stream: self.into_inner() }
    }
}

impl<S: TryStream<Error = Infallible>> Stream for IntoItems<S> {
    type Item = S::Ok;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().stream.poll_next(cx).map(|signal| signal.map(|Ok(item)| item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
