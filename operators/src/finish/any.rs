//! `any`: whether some item passes a test.
//!
//! ```text
//! in:      1-2-3-4|
//! answer:  ----true     (above 2)
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::any`].
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Any<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether some item passes the test `f`.
    ///
    /// ```text
    /// in:      1-2-3-4|
    /// answer:  ----true     (above 2)
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `true` at the first item that passes; with `false` when upstream ends, empty or not |
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
    /// let Ok(long) = anabranch_operators::from_iter(["reed", "mud"]).any(|word| word.len() > 3).await;
    /// assert!(long);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`all`](Self::all), [`filter`](Self::filter). futures: `StreamExt::any`, whose test is a future. ReactiveX: `some`.
    #[doc(alias = "some")]
    pub fn any<F>(self, f: F) -> Any<S, F>
    where
        F: FnMut(S::Ok) -> bool,
    {
        Any { stream: self.into_inner(), f }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Any<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Any").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F> Future for Any<S, F>
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
                    if (this.f)(item) {
                        return Poll::Ready(Ok(true));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(false)),
            }
            ready!(budget.swallow(cx));
        }
    }
}
