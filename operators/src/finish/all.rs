//! `all`: whether every item passes a test.
//!
//! ```text
//! in:      1-2-3-4|
//! answer:  ----false     (below 3)
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::all`].
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct All<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether every item passes the test `f`.
    ///
    /// ```text
    /// in:      1-2-3-4|
    /// answer:  ----false     (below 3)
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `false` at the first item that does not pass; with `true` when upstream ends, empty or not |
    /// | Errors | are the answer, if they come before it |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost but the items read |
    /// | Time | none; lets other tasks run after every 256 items |
    ///
    /// # Errors
    ///
    /// If the flow fails before the answer is known.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(short) = anabranch_operators::from_iter(["reed", "mud"]).all(|word| word.len() < 5).await;
    /// assert!(short);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`any`](Self::any), [`take_while`](Self::take_while). futures: `StreamExt::all`, whose test is a future. ReactiveX:
    /// `all`, `every`.
    #[doc(alias = "every")]
    pub fn all<F>(self, f: F) -> All<S, F>
    where
        F: FnMut(S::Ok) -> bool,
    {
        All { stream: self.into_inner(), f }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for All<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F> Future for All<S, F>
where
    S: TryStream,
    F: FnMut(S::Ok) -> bool,
{
    type Output = Result<bool, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().try_poll_next(cx)) {
                Some(Ok(item)) => {
                    if !(this.f)(item) {
                        return Poll::Ready(Ok(false));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(true)),
            }
            ready!(budget.swallow(cx));
        }
    }
}
