//! `window_count_every`: a sub-stream of `n` items for every so many.
//!
//! ```text
//! n of 3, step of 2
//! in:   a-b-c-d-|
//! out:  0-1---2-|
//! 0:    a-b-(c|)
//! 1:    ----c-d-|
//! 2:    --------|
//! ```

use super::plan::{ByCount, Cloned};
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_count_every`].
pub type WindowCountEvery<S> = Windows<S, ByCount, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream of `n` items for every `step` items. The first window opens at once, the others each right after
    /// `step` items more, even if nothing follows; a window closes with its `n`-th item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_count_every.svg"))]
    ///
    /// With a `step` less than `n` windows overlap, and an item is cloned into all that are open, `n / step` rounded up.
    /// With a `step` greater than `n`, items between windows are left out.
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways. Those that are open at the same time are to be read together, by a
    /// [`merge_map`](Self::merge_map) whose limit is more than their number.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more after every `step` items |
    /// | Ends | with upstream, and the open windows with it; the last window may be empty |
    /// | Errors | end it at once, and the open windows with it; what they hold is lost |
    /// | Holds | at most 1,024 unread items a window and 65,536 in all, windows not yet taken included, where an item counts once for each of its windows; then upstream is held back |
    /// | Ahead | up to those bounds |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open windows live on, and no more open |
    /// | Time | none, but for the detection of stalls |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Panics
    ///
    /// If `n` or `step` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{OperatorError, from_iter};
    ///
    /// let windows = from_iter(1..=5).fails_with::<OperatorError>().window_count_every(1, 2);
    /// let every_other = windows.concat_map(|window| window);
    /// assert_eq!(every_other.collect::<Vec<_>>().await.unwrap(), [1, 3, 5]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`window_count`](Self::window_count) for one window after another;
    /// [`buffer_count_every`](Self::buffer_count_every), which gives lists;
    /// [`window_time_every`](Self::window_time_every). ReactiveX: `window_with_count`, `windowCount`.
    #[doc(alias = "windowCount")]
    #[doc(alias = "window_with_count")]
    #[doc(alias = "sliding")]
    #[doc(alias = "window")]
    #[track_caller]
    pub fn window_count_every(self, n: usize, step: usize) -> Flow<WindowCountEvery<S>>
    where
        S::Ok: Clone,
    {
        assert!(n > 0, "a window must hold at least one item");
        assert!(step > 0, "the next window must begin at least one item after the one before");
        Flow::new(Windows::new("WindowCountEvery", self.into_inner(), ByCount::new(n, step)))
    }
}
