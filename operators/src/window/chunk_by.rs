//! `chunk_by`: lists of items that follow each other and have the same key.
//!
//! ```text
//! in:   a-a-b-b-a-|
//! out:  ----[aa]---[bb]-([a]|)
//! ```

use std::fmt;

use super::runs::{Place, Rule, Runs};
use crate::{Flow, TryStream};

/// The stream of [`Flow::chunk_by`].
pub type ChunkBy<S, F, K> = Runs<S, ByChange<F, K>>;

/// Cuts where a key changes. Part of the type [`ChunkBy`].
pub struct ByChange<F, K> {
    key: F,
    /// That of the item before.
    last: Option<K>,
}

impl<S: TryStream> Flow<S> {
    /// Gives lists of items that follow each other and have the same key.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/chunk_by.svg"))]
    ///
    /// A key that comes again after another begins a new list; only neighbours are brought together. So it is enough to
    /// hold one list, where [`group_by`](Self::group_by) holds a group for each key.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when an item comes whose key is not that of the one before |
    /// | Ends | with upstream, after giving the items that are held, if any |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | the items of one list, **whose number is not bounded**, unless by [`max_count`](Self::max_count), and one key |
    /// | Ahead | the items of one list, and the first of the next |
    /// | Dropped | the items that are held |
    /// | Time | none: a list waits for the first item of the next as long as that takes, unless [`max_time`](Self::max_time) is set |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let numbers = anabranch_operators::from_iter([1, 3, 4, 8, 7]);
    /// let Ok(lists) = numbers.chunk_by(|n| n % 2).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![1, 3], vec![4, 8], vec![7]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_until`](Self::buffer_until), [`buffer_while`](Self::buffer_while). Rust: `slice::chunk_by`; itertools:
    /// `chunk_by`. ReactiveX: `bufferUntilChanged`, `groupedAdjacentBy`.
    #[doc(alias = "bufferUntilChanged")]
    #[doc(alias = "buffer_until_changed")]
    #[doc(alias = "groupedAdjacentBy")]
    #[doc(alias = "groupedAdjacentByWeighted")]
    pub fn chunk_by<F, K>(self, key: F) -> Flow<ChunkBy<S, F, K>>
    where
        F: FnMut(&S::Ok) -> K,
        K: PartialEq,
    {
        Flow::new(Runs::new("ChunkBy", self.into_inner(), ByChange { key, last: None }))
    }
}

impl<T, K, F> Rule<T> for ByChange<F, K>
where
    K: PartialEq,
    F: FnMut(&T) -> K,
{
    fn place(&mut self, item: &T, _is_first: bool) -> Place {
        let key = (self.key)(item);
        let before = self.last.as_ref().is_some_and(|last| *last != key);
        self.last = Some(key);
        Place::In { before, after: false }
    }
}

impl<F, K> fmt::Debug for ByChange<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByChange").finish_non_exhaustive()
    }
}
