//! `group_by`: a sub-stream for each key, until the source ends.
//!
//! ```text
//! in:   a-b-a-|
//! out:  0-1---|
//! 0:    a---a-|
//! 1:    --b---|
//! ```

use std::hash::Hash;

use super::group_until::GroupUntil;
use super::until::{NoSignal, Until};
use crate::{Flow, TryStream};

/// The stream of [`Flow::group_by`]: that of [`group_until`](Flow::group_until), with nothing to end a group but its
/// source.
pub type GroupBy<S, F, K> = GroupUntil<S, F, NoSignal, K>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for each key, which lasts until the source ends.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/group_by.svg"))]
    ///
    /// The same as [`group_until`](Self::group_until) with [`Until::end()`]: its page says how groups are read.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | a group when an item comes whose key has none yet; the item is the group's first |
    /// | Ends | with upstream; all groups end at the same instant, and can still be read to their end |
    /// | Errors | end it at once, and all groups with it; what they hold is lost |
    /// | Holds | key and buffer of every key seen. Where keys have no end, at most [`max_groups`](Flow::max_groups) are open; beyond, the oldest is closed early. Buffers are bounded as in `group_until` |
    /// | Ahead | up to the bounds of the buffers |
    /// | Dropped | a dropped group discards its items. When the outer stream is dropped, groups that it gave live on |
    /// | Time | none, but for the detection of stalls |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "sedge"]);
    /// let by_letter = words.group_by(|word| word.chars().next()).count_each();
    /// let Ok(counts) = by_letter.collect::<Vec<_>>().await;
    /// assert_eq!(counts, [(Some('r'), 2), (Some('s'), 1)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`group_until`](Self::group_until), [`count_each`](Flow::count_each). itertools: `into_group_map_by` (its `chunk_by`
    /// groups only neighbours). ReactiveX: `group_by`.
    #[doc(alias = "groupBy")]
    pub fn group_by<K, F>(self, key: F) -> Flow<GroupBy<S, F, K>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Hash + Eq,
    {
        self.group_until(key, Until::end())
    }
}
