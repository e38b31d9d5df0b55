//! `buffer_count_every`: lists of `n` items, a new one for every so many.
//!
//! ```text
//! n of 3, step of 2
//! in:   a-b-c-d-|
//! out:  ----[abc]---([cd]|)
//! ```

use super::lists::Lists;
use super::plan::{ByCount, Cloned};
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_count_every`].
pub type BufferCountEvery<S> = Lists<S, ByCount, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Gives lists of `n` items each, of which each begins `step` items after the one before: sliding lists if `step` is
    /// less than `n`, and if it is greater, lists that leave items out.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_count_every.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a list has its `n` items |
    /// | Ends | with upstream, after giving the lists that have begun and are not full, that which began first first |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | less than `n` items, each once; it is cloned for each list but the last that it is in |
    /// | Ahead | `n` items, and those that are left out |
    /// | Dropped | the items that are held |
    /// | Time | none: a list waits for its last item as long as that takes |
    ///
    /// # Panics
    ///
    /// If `n` or `step` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let numbers = anabranch_operators::from_iter(1..=5);
    /// let Ok(lists) = numbers.buffer_count_every(3, 1).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![1, 2, 3], vec![2, 3, 4], vec![3, 4, 5], vec![4, 5], vec![5]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count`](Self::buffer_count) for lists one after another, without `Clone`;
    /// [`buffer_time_every`](Self::buffer_time_every); [`window_count_every`](Self::window_count_every) for flows in the
    /// place of lists. itertools: `tuple_windows`. ReactiveX: `buffer_with_count`, `bufferCount`, `sliding`.
    #[doc(alias = "buffer_with_count")]
    #[doc(alias = "bufferCount")]
    #[doc(alias = "sliding")]
    #[doc(alias = "buffer")]
    #[track_caller]
    pub fn buffer_count_every(self, n: usize, step: usize) -> Flow<BufferCountEvery<S>>
    where
        S::Ok: Clone,
    {
        assert!(n > 0, "buffer_count_every needs an n of at least 1: a list of 0 items is never full");
        assert!(step > 0, "buffer_count_every needs a step of at least 1, or all lists begin with the first item");
        Flow::new(Lists::new("BufferCountEvery", self.into_inner(), ByCount::new(n, step)))
    }
}
