//! `fold`: all items into one value.
//!
//! ```text
//! in:      1-2-3-|
//! the digits added up, from 0
//! answer:  ------6
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::fold`].
pub struct Fold<A, F> {
    /// Unset only while `f` has it.
    state: Option<A>,
    f: F,
}

impl<A: fmt::Debug, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<T, A, F> Ending<T> for Fold<A, F>
where
    F: FnMut(A, T) -> A,
{
    type Answer = A;

    fn add(&mut self, item: T) -> ControlFlow<A> {
        self.state = self.state.take().map(|state| (self.f)(state, item));
        ControlFlow::Continue(())
    }

    fn end(self) -> A {
        self.state.unwrap_or_else(|| unreachable!("a fold has its state between items"))
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and folds its items from `init` on with `f(state, item)`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/fold.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends; of nothing, `init` |
    /// | Errors | are the answer, at once; what was folded is dropped |
    /// | Holds | the state |
    /// | Dropped | the state is lost: not cancel safe |
    /// | Time | none; lets other tasks run when it has read for a millisecond, or 65,536 items |
    ///
    /// # Errors
    ///
    /// If the flow fails.
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
    /// [`reduce`](Self::reduce) without a seed, [`scan`](Self::scan) to see each state, [`collect`](Self::collect).
    /// futures: `TryStreamExt::try_fold`, whose function is async. ReactiveX: `reduce` with a seed; RxJava:
    /// `reduceWith`; Pekko: `foldAsync`, `foldWhile`.
    #[doc(alias = "reduceWith")]
    #[doc(alias = "foldAsync")]
    #[doc(alias = "foldWhile")]
    pub fn fold<A, F>(self, init: A, f: F) -> Answer<S, Fold<A, F>>
    where
        F: FnMut(A, S::Ok) -> A,
    {
        Answer::new(self, Fold { state: Some(init), f })
    }
}
