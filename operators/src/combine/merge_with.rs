//! `merge_with`: two flows at once.
//!
//! ```text
//! in:     a--b----|
//! other:  -1---2|
//! out:    a1-b-2--|
//! ```

use crate::combine::{Merge, Slot};
use crate::{Flow, TryStream};

/// The stream of [`Flow::merge_with`].
pub type MergeWith<A, B> = Merge<Slot<A, Slot<B, ()>>>;

impl<S: TryStream> Flow<S> {
    /// Gives the items of this flow and of `other` as they come.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/merge_with.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when either gives an item; while both are ready, runs of up to 64 items of one and then of the other |
    /// | Ends | when both have ended |
    /// | Errors | end it at once; the other flow is dropped |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none; both are first polled at its first poll, unless the first is ready then |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(sum) = from_iter(1..3).merge_with(from_iter(7..9)).fold(0, |sum, n| sum + n).await;
    /// assert_eq!(sum, 1 + 2 + 7 + 8);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`merge`](crate::merge()) for more than two, which gives each the same share; [`chain`](Self::chain) for one after
    /// the other; [`zip`](Self::zip) for pairs. futures: `select`. tokio-stream: `StreamExt::merge`. ReactiveX:
    /// `mergeWith`.
    #[doc(alias = "mergeWith")]
    #[doc(alias = "select")]
    pub fn merge_with<B>(self, other: B) -> Flow<MergeWith<S, B>>
    where
        B: TryStream<Ok = S::Ok, Error = S::Error>,
    {
        Flow::new(Merge::new(Slot::new(self.into_inner(), Slot::new(other, ()))))
    }
}
