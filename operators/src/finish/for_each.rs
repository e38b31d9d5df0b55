//! `for_each`: a function called with every item.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------[]
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::for_each`].
pub struct ForEach<F> {
    f: F,
}

impl<F> fmt::Debug for ForEach<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForEach").finish_non_exhaustive()
    }
}

impl<T, F> Ending<T> for ForEach<F>
where
    F: FnMut(T),
{
    type Answer = ();

    fn add(&mut self, item: T) -> ControlFlow<()> {
        (self.f)(item);
        ControlFlow::Continue(())
    }

    fn end(self) {}
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and calls `f` with each item.
    ///
    /// `f` is a plain function; for something to be awaited with each item, use [`map_async`](Self::map_async).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/for_each.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe |
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
    /// let mut seen = Vec::new();
    /// let Ok(()) = anabranch_operators::from_iter([1, 2]).for_each(|n| seen.push(n)).await;
    /// assert_eq!(seen, [1, 2]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`drain`](Self::drain), [`inspect`](Self::inspect), [`forward`](Self::forward), [`next`](Self::next). futures:
    /// `StreamExt::for_each`, whose function is async. ReactiveX: `subscribe`, `forEach`, `blockingForEach`; Pekko:
    /// `foreach`, `foreachAsync`.
    #[doc(alias = "subscribe")]
    #[doc(alias = "forEach")]
    #[doc(alias = "blockingForEach")]
    #[doc(alias = "foreach")]
    #[doc(alias = "foreachAsync")]
    pub fn for_each<F>(self, f: F) -> Answer<S, ForEach<F>>
    where
        F: FnMut(S::Ok),
    {
        Answer::new(self, ForEach { f })
    }
}
