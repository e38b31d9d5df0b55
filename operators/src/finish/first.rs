//! `first`: the first item.
//!
//! ```text
//! in:      --a-b-|
//! answer:  --a
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::first`].
#[derive(Debug)]
pub struct First;

impl<T> Ending<T> for First {
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        ControlFlow::Break(Some(item))
    }

    fn end(self) -> Option<T> {
        None
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow until its first item, or its end: then the answer is `None`.
    ///
    /// To look for an item, put a [`filter`](Self::filter) before it, or a [`filter_map`](Self::filter_map); for its
    /// position, an [`enumerate`](Self::enumerate) before that. To know whether an item is the only one, collect
    /// [`take(2)`](Self::take).
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/first.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | at the first item, or when upstream ends without one |
    /// | Errors | are the answer, if they come before an item |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: cancel safe. With the answer, upstream is dropped |
    /// | Time | none |
    ///
    /// # Errors
    ///
    /// If the flow fails before its first item.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(word) = from_iter(["reed", "mud", "silt"]).filter(|word| word.len() < 4).first().await;
    /// assert_eq!(word, Some("mud"));
    ///
    /// let positions = from_iter(["reed", "mud", "silt"]).enumerate().filter(|(_, word)| *word == "silt");
    /// assert_eq!(positions.first().await, Ok(Some((2, "silt"))));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`next`](Self::next) to read on afterwards, [`last`](Self::last), [`take`](Self::take). ReactiveX: `first`,
    /// `first_or_default`, `find`, `find_index`, `single`; Pekko: `head`; Kotlin: `firstOrNull`.
    #[doc(alias = "first_or_default")]
    #[doc(alias = "firstElement")]
    #[doc(alias = "firstOrNull")]
    #[doc(alias = "head")]
    #[doc(alias = "headOption")]
    #[doc(alias = "find")]
    #[doc(alias = "find_index")]
    #[doc(alias = "findIndex")]
    #[doc(alias = "collectFirst")]
    #[doc(alias = "single")]
    #[doc(alias = "single_or_default")]
    #[doc(alias = "singleOrNull")]
    pub fn first(self) -> Answer<S, First> {
        Answer::new(self, First)
    }
}
