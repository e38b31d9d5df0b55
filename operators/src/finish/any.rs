//! `any`: whether some item passes a test.
//!
//! ```text
//! in:      1-2-3-4|
//! above 2
//! answer:  ----[true]
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::any`].
pub struct Any<F> {
    f: F,
}

impl<F> fmt::Debug for Any<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Any").finish_non_exhaustive()
    }
}

impl<T, F> Ending<T> for Any<F>
where
    F: FnMut(T) -> bool,
{
    type Answer = bool;

    fn add(&mut self, item: T) -> ControlFlow<bool> {
        if (self.f)(item) { ControlFlow::Break(true) } else { ControlFlow::Continue(()) }
    }

    fn end(self) -> bool {
        false
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether some item passes the test `f`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/any.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `true` at the first item that passes; with `false` when upstream ends, empty or not |
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
    /// let Ok(long) = anabranch_operators::from_iter(["reed", "mud"]).any(|word| word.len() > 3).await;
    /// assert!(long);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`all`](Self::all), [`contains`](Self::contains), [`filter`](Self::filter) and [`first`](Self::first) for the
    /// item itself. futures: `StreamExt::any`, whose test is a future. ReactiveX: `some`, `any`; Pekko: `exists`;
    /// Kotlin: `none` for the opposite.
    #[doc(alias = "some")]
    #[doc(alias = "exists")]
    #[doc(alias = "none")]
    pub fn any<F>(self, f: F) -> Answer<S, Any<F>>
    where
        F: FnMut(S::Ok) -> bool,
    {
        Answer::new(self, Any { f })
    }
}
