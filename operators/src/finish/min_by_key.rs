//! `min_by_key`: the item with the least key.
//!
//! ```text
//! in:      2-3-1-|
//! the opposite number as key
//! answer:  ------3
//! ```

use std::fmt;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::min_by_key`].
pub struct MinByKey<K, T, F> {
    found: Option<(K, T)>,
    key: F,
}

impl<K: fmt::Debug, T: fmt::Debug, F> fmt::Debug for MinByKey<K, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MinByKey").field("found", &self.found).finish_non_exhaustive()
    }
}

impl<K, T, F> Ending<T> for MinByKey<K, T, F>
where
    F: FnMut(&T) -> K,
    K: Ord,
{
    type Answer = Option<T>;

    fn add(&mut self, item: T) -> ControlFlow<Option<T>> {
        let key = (self.key)(&item);
        if self.found.as_ref().is_none_or(|(min, _)| key < *min) {
            self.found = Some((key, item));
        }
        ControlFlow::Continue(())
    }

    fn end(self) -> Option<T> {
        self.found.map(|(_, item)| item)
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and gives the item of which `key(item)` is least; of nothing, `None`. Of several with that key it
    /// is the first, as with `Iterator::min_by_key`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/min_by_key.svg"))]
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
    /// let Ok(word) = words.min_by_key(|word| word.len()).await;
    /// assert_eq!(word, Some("mud"));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`min`](Self::min), [`max_by_key`](Self::max_by_key). ReactiveX: `min_by`, which gives all items with that key.
    #[doc(alias = "min_by")]
    pub fn min_by_key<K, F>(self, key: F) -> Answer<S, MinByKey<K, S::Ok, F>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Ord,
    {
        Answer::new(self, MinByKey { found: None, key })
    }
}
