//! `max_by_key`: the item with the greatest key.
//!
//! ```text
//! in:      2-3-1-|
//! the opposite number as key
//! answer:  ------1
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::max_by_key`].
pub struct MaxByKey<K, T, F> {
    found: Option<(K, T)>,
    key: F,
}

impl<K: fmt::Debug, T: fmt::Debug, F> fmt::Debug for MaxByKey<K, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaxByKey").field("found", &self.found).finish_non_exhaustive()
    }
}

impl<K, T, F> Ending<T> for MaxByKey<K, T, F>
where
    F: FnMut(&T) -> K,
    K: Ord,
{
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        let key = (self.key)(&item);
        if self.found.as_ref().is_none_or(|(max, _)| key >= *max) {
            self.found = Some((key, item));
        }
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.found.map(|(_, item)| item)
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives the item of which `key(item)` is greatest; of nothing, `None`. Of several with that key
    /// it is the last, as with `Iterator::max_by_key`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/max_by_key.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends |
    /// | Errors | are the answer, at once |
    /// | Holds | an item and its key |
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
    /// let words = anabranch_operators::from_iter(["reed", "mud", "silt"]);
    /// let Ok(word) = words.max_by_key(|word| word.len()).await;
    /// assert_eq!(word, Some("silt"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`max`](Self::max), [`min_by_key`](Self::min_by_key), [`top_by_key`](Self::top_by_key) for several. ReactiveX:
    /// `max_by`, which gives all items with that key.
    #[doc(alias = "max_by")]
    pub fn max_by_key<K, F>(self, key: F) -> Answer<S, MaxByKey<K, S::Ok, F>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Ord,
    {
        Answer::new(self, MaxByKey { found: None, key })
    }
}
