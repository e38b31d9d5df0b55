//! `all`: whether every item passes a test.
//!
//! ```text
//! in:      1-2-3-4|
//! below 3
//! answer:  ----[false]
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::all`].
pub struct All<F> {
    f: F,
}

impl<F> fmt::Debug for All<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("All").finish_non_exhaustive()
    }
}

impl<T, F> Ending<T> for All<F>
where
    F: FnMut(T) -> bool,
{
    type Answer = bool;

    fn add(&mut self, item: T) -> ControlFlow<bool> {
        if (self.f)(item) { ControlFlow::Continue(()) } else { ControlFlow::Break(false) }
    }

    fn end(self) -> bool {
        true
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether every item passes the test `f`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/all.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `false` at the first item that does not pass; with `true` when upstream ends, empty or not |
    /// | Errors | are the answer, if they come before it |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost but the items read |
    /// | Time | none; lets other tasks run when it has read for a millisecond, or 65,536 items |
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
    /// [`any`](Self::any), [`take_while`](Self::take_while). futures: `StreamExt::all`, whose test is a future.
    /// ReactiveX: `all`, `every`; Pekko: `forall`.
    #[doc(alias = "every")]
    #[doc(alias = "forall")]
    pub fn all<F>(self, f: F) -> Answer<S, All<F>>
    where
        F: FnMut(S::Ok) -> bool,
    {
        Answer::new(self, All { f })
    }
}
