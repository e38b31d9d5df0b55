//! `merge_all`: the flows that a flow gives, several at once.
//!
//! ```text
//! limit of 2
//! in:   abc------|
//! a:    1----2--3|
//! b:     4-|
//! c:       67|
//! out:  14-672--3|
//! ```

use std::convert::identity;

use crate::flatten::MergeMap;
use crate::{Flow, TryStream};

/// The stream of [`Flow::merge_all`].
pub type MergeAll<S> = MergeMap<S, <S as TryStream>::Ok, fn(<S as TryStream>::Ok) -> <S as TryStream>::Ok>;

impl<S> Flow<S>
where
    S: TryStream,
    S::Ok: TryStream<Error = S::Error>,
{
    /// Reads the streams that this flow gives, at most `limit` at once, and gives their items as they come.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/merge_all.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when one of the streams gives an item; while several are ready, runs of up to 64 items of each in turn |
    /// | Ends | when upstream and all streams have ended |
    /// | Errors | of upstream or of any of the streams end it at once; the others are dropped. Upstream's is seen when it is next read: at the limit, when one of the streams has ended |
    /// | Holds | at most `limit` streams |
    /// | Ahead | upstream is read while there are fewer than `limit` streams, and not polled otherwise |
    /// | Dropped | the streams |
    /// | Time | none; a stream is first polled at the instant upstream gives it |
    ///
    /// It is [`merge_map`](Self::merge_map) with a function that changes nothing. Behind [`group_until`](Self::group_until) or
    /// [`group_by`](Self::group_by), `limit` must be at least `max_groups`, and more where groups are made of groups: see there. `usize::MAX` is no limit.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let shards = from_iter([vec![1, 2], vec![], vec![3]]).map(from_iter);
    /// let Ok(mut all) = shards.merge_all(8).collect::<Vec<_>>().await;
    /// all.sort();
    /// assert_eq!(all, [1, 2, 3]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`concat_all`](Self::concat_all) for one at a time, [`switch_all`](Self::switch_all) for the newest alone,
    /// [`merge`](crate::merge()) for flows that are there from the start. futures: `flatten_unordered`. ReactiveX: `merge_all`,
    /// `mergeAll`, `flattenMerge`, `mergeSubstreams`.
    #[doc(alias = "flatten_unordered")]
    #[doc(alias = "flattenMerge")]
    #[doc(alias = "mergeAll")]
    #[doc(alias = "mergeSubstreams")]
    #[doc(alias = "mergeSubstreamsWithParallelism")]
    #[track_caller]
    pub fn merge_all(self, limit: usize) -> Flow<MergeAll<S>> {
        self.merge_map(limit, identity)
    }
}
