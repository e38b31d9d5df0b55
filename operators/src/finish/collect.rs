//! `collect`: all items, in a collection.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------[abc]
//! ```

use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::collect`].
#[derive(Debug)]
pub struct Collect<C> {
    items: C,
}

impl<T, C: Extend<T>> Ending<T> for Collect<C> {
    type Answer = C;

    fn add(&mut self, item: T) -> ControlFlow<C> {
        self.items.extend(Some(item));
        ControlFlow::Continue(())
    }

    fn end(self) -> C {
        self.items
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and collects its items: into a `Vec`, a `String`, a map, anything that can be extended.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/collect.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once; what was collected is dropped |
    /// | Holds | all items: put a [`take`](Self::take) before it where there may be many |
    /// | Dropped | the items are lost: not cancel safe |
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
    /// use std::collections::BTreeSet;
    ///
    /// let Ok(set) = anabranch_operators::from_iter([3, 1, 3]).collect::<BTreeSet<_>>().await;
    /// assert_eq!(set, BTreeSet::from([1, 3]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count`](Self::buffer_count) for lists of bounded size, [`fold`](Self::fold). futures:
    /// `TryStreamExt::try_collect`. ReactiveX: `to_list`, `to_set`, `to_dict`, `to_iterable`, `toArray`; Reactor:
    /// `collectList`; Pekko: `seq`.
    #[doc(alias = "to_list")]
    #[doc(alias = "toList")]
    #[doc(alias = "toArray")]
    #[doc(alias = "to_set")]
    #[doc(alias = "toSet")]
    #[doc(alias = "to_dict")]
    #[doc(alias = "toMap")]
    #[doc(alias = "toMultimap")]
    #[doc(alias = "to_iterable")]
    #[doc(alias = "toSortedList")]
    #[doc(alias = "collectList")]
    #[doc(alias = "collectMap")]
    #[doc(alias = "collectMultimap")]
    #[doc(alias = "collectSortedList")]
    #[doc(alias = "toCollection")]
    #[doc(alias = "seq")]
    #[doc(alias = "collection")]
    #[doc(alias = "associate")]
    pub fn collect<C>(self) -> Answer<S, Collect<C>>
    where
        C: Default + Extend<S::Ok>,
    {
        Answer::new(self, Collect { items: C::default() })
    }
}
