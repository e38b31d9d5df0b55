//! `for_each`: a function called with every item.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------()     (and f had a, b, c)
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::for_each`].
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct ForEach<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and calls `f` with each item.
    ///
    /// `f` is a plain function; for something to be awaited with each item, use [`map_async`](Self::map_async).
    ///
    /// ```text
    /// in:      a-b-c-|
    /// answer:  ------()     (and f had a, b, c)
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe |
    /// | Time | none; lets other tasks run after every 256 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let mut seen = Vec::new();
    /// let Ok(()) = anabranch_operators::from_iter([1, 2]).for_each(|n| seen.push(n)).await;
    /// assert_eq!(seen, [1, 2]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`inspect`](Self::inspect), [`forward`](Self::forward), [`next`](Self::next). futures: `StreamExt::for_each`,
    /// whose function is async. ReactiveX: `subscribe`, `forEach`.
    #[doc(alias = "subscribe")]
    #[doc(alias = "forEach")]
    pub fn for_each<F>(self, f: F) -> ForEach<S, F>
    where
        F: FnMut(S::Ok),
    {
        ForEach { stream: self.into_inner(), f }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for ForEach<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEach").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F> Future for ForEach<S, F>
where
    S: TryStream,
    F: FnMut(S::Ok),
{
    type Output = Result<(), S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().try_poll_next(cx)) {
                Some(Ok(item)) => (this.f)(item),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
            ready!(budget.swallow(cx));
        }
    }
}
