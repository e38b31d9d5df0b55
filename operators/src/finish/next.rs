//! `next`: the next item.
//!
//! ```text
//! in:      --a-b-|
//! answer:  --a
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Flow, TryStream};

/// The future of [`Flow::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, S> {
    stream: &'a mut S,
}

impl<S: TryStream> Flow<S> {
    /// The next item, or `None` at the end.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/next.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream gives an item, ends or fails |
    /// | Errors | are the answer |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe |
    /// | Time | none |
    ///
    /// After the end or the failure the answer is `Ok(None)` for ever. A flow that is not `Unpin` is pinned first, by
    /// [`boxed`](Self::boxed).
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let mut flow = anabranch_operators::from_iter(["reed", "mud"]);
    /// while let Ok(Some(word)) = flow.next().await {
    ///     assert!(word.len() > 2);
    /// }
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`for_each`](Self::for_each). futures: `TryStreamExt::try_next`. ReactiveX: `first` for one item, [`first`](Self::first) here.
    #[doc(alias = "try_next")]
    #[allow(clippy::should_implement_trait, reason = "it is what streams call it, too")]
    pub fn next(&mut self) -> Next<'_, S>
    where
        S: Unpin,
    {
        Next { stream: self.inner_mut() }
    }
}

impl<S: TryStream + Unpin> Future for Next<'_, S> {
    type Output = Result<Option<S::Ok>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.stream).poll_next(cx).map(Option::transpose)
    }
}
