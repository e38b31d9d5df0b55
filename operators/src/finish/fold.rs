//! `fold`: all items into one value.
//!
//! ```text
//! in:      1-2-3-|
//! answer:  ------6     (a sum, from 0)
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::TryStream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The future of [`Flow::fold`].
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Fold<S, A, F> {
    #[pin]
    stream: S,
    /// Gone once it was given, or while `f` has it.
    state: Option<A>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and folds its items from `init` on with `f(state, item)`.
    ///
    /// ```text
    /// in:      1-2-3-|
    /// answer:  ------6     (a sum, from 0)
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once; what was folded is dropped |
    /// | Holds | the state |
    /// | Dropped | the state is lost: not cancel safe |
    /// | Time | none; lets other tasks run after every 256 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
    ///
    /// # Panics
    ///
    /// If polled again after its answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(longest) = anabranch_operators::from_iter(["reed", "mud"]).fold(0, |max, w| w.len().max(max)).await;
    /// assert_eq!(longest, 4);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`scan`](Self::scan) to see each state, [`count`](Self::count), [`collect`](Self::collect). futures:
    /// `TryStreamExt::try_fold`, whose function is async. ReactiveX: `reduce`.
    #[doc(alias = "reduce")]
    pub fn fold<A, F>(self, init: A, f: F) -> Fold<S, A, F>
    where
        F: FnMut(A, S::Ok) -> A,
    {
        Fold { stream: self.into_inner(), state: Some(init), f }
    }
}

impl<S: fmt::Debug, A: fmt::Debug, F> fmt::Debug for Fold<S, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("stream", &self.stream).field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S, A, F> Future for Fold<S, A, F>
where
    S: TryStream,
    F: FnMut(A, S::Ok) -> A,
{
    type Output = Result<A, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(mut state) = this.state.take() else {
            panic!("a fold was polled again after its answer");
        };
        let mut budget = Budget::new();
        loop {
            match this.stream.as_mut().try_poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    state = (this.f)(state, item);
                    if budget.swallow(cx).is_ready() {
                        continue;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(state)),
                Poll::Pending => {}
            }
            *this.state = Some(state);
            return Poll::Pending;
        }
    }
}
