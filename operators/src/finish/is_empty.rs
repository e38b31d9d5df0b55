//! `is_empty`: whether there is no item.
//!
//! ```text
//! in:      --a-b-|
//! answer:  --[false]
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::is_empty`].
#[derive(Debug)]
pub struct IsEmpty;

impl<T> Ending<T> for IsEmpty {
    type Answer = bool;

    fn add(&mut self, _item: T) -> ControlFlow<bool> {
        ControlFlow::Break(false)
    }

    fn end(self) -> bool {
        true
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until it is known whether it has no items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/is_empty.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `false` at the first item, which is dropped; with `true` when upstream ends without one |
    /// | Errors | are the answer, if they come before it |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe |
    /// | Time | none |
    ///
    /// # Errors
    ///
    /// If the flow fails before the answer is known.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(none) = anabranch_operators::from_iter(["reed", "mud"]).filter(|word| word.len() > 4).is_empty().await;
    /// assert!(none);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`any`](Self::any), [`first`](Self::first). ReactiveX: `is_empty`, `isEmpty`; Reactor: `hasElements` for the
    /// opposite.
    #[doc(alias = "isEmpty")]
    #[doc(alias = "hasElements")]
    pub fn is_empty(self) -> Answer<S, IsEmpty> {
        Answer::new(self, IsEmpty)
    }
}
