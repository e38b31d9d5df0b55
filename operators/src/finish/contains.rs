//! `contains`: whether some item equals a value.
//!
//! ```text
//! in:      a-b-c-|
//! the letter b
//! answer:  --[true]
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::contains`].
#[derive(Debug)]
pub struct Contains<Q> {
    value: Q,
}

impl<T, Q> Ending<T> for Contains<Q>
where
    T: PartialEq<Q>,
{
    type Answer = bool;

    fn add(&mut self, item: T) -> ControlFlow<bool> {
        if item == self.value { ControlFlow::Break(true) } else { ControlFlow::Continue(()) }
    }

    fn end(self) -> bool {
        false
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether some item equals `value`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/contains.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `true` at the first item that is equal; with `false` when upstream ends, empty or not |
    /// | Errors | are the answer, if they come before it |
    /// | Holds | the value |
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
    /// let Ok(muddy) = anabranch_operators::from_iter(["reed", "mud"]).contains("mud").await;
    /// assert!(muddy);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`any`](Self::any) for another test. ReactiveX: `contains`; Reactor: `hasElement`.
    #[doc(alias = "hasElement")]
    pub fn contains<Q>(self, value: Q) -> Answer<S, Contains<Q>>
    where
        S::Ok: PartialEq<Q>,
    {
        Answer::new(self, Contains { value })
    }
}
