//! `last`: the last item.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------c
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::last`].
#[derive(Debug)]
pub struct Last<T> {
    item: Option<T>,
}

impl<T> Ending<T> for Last<T> {
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        self.item = Some(item);
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.item
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives its last item; of nothing, `None`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/last.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | the latest item |
    /// | Dropped | the item is lost: not cancel safe |
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
    /// let Ok(word) = anabranch_operators::from_iter(["reed", "mud", "silt"]).last().await;
    /// assert_eq!(word, Some("silt"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`first`](Self::first), [`reduce`](Self::reduce). ReactiveX: `last`, `last_or_default`; RxJava: `lastElement`;
    /// Kotlin: `lastOrNull`.
    #[doc(alias = "last_or_default")]
    #[doc(alias = "lastElement")]
    #[doc(alias = "lastOption")]
    #[doc(alias = "lastOrNull")]
    pub fn last(self) -> Answer<S, Last<S::Ok>> {
        Answer::new(self, Last { item: None })
    }
}
