//! `count_by`: how many items of each key.
//!
//! ```text
//! in:      a-b-a-|
//! the letter as key
//! answer:  ------[[a2][b1]]
//! ```

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ops::ControlFlow;

use super::answer::{Answer, Ending};
use crate::{Flow, TryStream};

/// What makes the answer of [`Flow::count_by`].
pub struct CountBy<K, F> {
    counts: HashMap<K, usize>,
    key: F,
}

impl<K, F> fmt::Debug for CountBy<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountBy").field("keys", &self.counts.len()).finish_non_exhaustive()
    }
}

impl<T, K, F> Ending<T> for CountBy<K, F>
where
    F: FnMut(T) -> K,
    K: Hash + Eq,
{
    type Answer = HashMap<K, usize>;

    fn add(&mut self, item: T) -> ControlFlow<Self::Answer> {
        *self.counts.entry((self.key)(item)).or_insert(0) += 1;
        ControlFlow::Continue(())
    }

    fn end(self) -> Self::Answer {
        self.counts
    }
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and counts its items by the key that `key` makes of each.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/count_by.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream ends; of nothing, an empty map |
    /// | Errors | are the answer, at once: half a count is no count |
    /// | Holds | each key with its count, without a bound: where keys are many, use `count_each` behind [`group_until`](Self::group_until), which bounds them |
    /// | Dropped | the counts are lost: not cancel safe |
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
    /// let Ok(counts) = anabranch_operators::from_iter(["reed", "mud", "silt"]).count_by(str::len).await;
    /// assert_eq!((counts[&4], counts[&3]), (2, 1));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`count`](Self::count), [`group_by`](Self::group_by). Kotlin: `groupingBy` with `eachCount`; itertools:
    /// `counts_by`.
    pub fn count_by<K, F>(self, key: F) -> Answer<S, CountBy<K, F>>
    where
        F: FnMut(S::Ok) -> K,
        K: Hash + Eq,
    {
        Answer::new(self, CountBy { counts: HashMap::new(), key })
    }
}
