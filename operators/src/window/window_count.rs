//! `window_count`: a sub-stream for every `n` items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-|
//! out:  0-1---|
//! 0:    a-(b|)
//! 1:    ----c-|
//! ```

use super::plan::{ByCount, Moved};
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_count`].
pub type WindowCount<S> = Windows<S, ByCount, Moved>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for every `n` items. The first window opens at once; each closes with its `n`-th item, and the
    /// next opens at that instant, even if nothing follows.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_count.svg"))]
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more with every `n`-th item |
    /// | Ends | with upstream, and the open window with it; the last window may be empty |
    /// | Errors | end it at once, and the open window with it; what it holds is lost |
    /// | Holds | at most 1,024 unread items a window and 65,536 in all, windows not yet taken included; then upstream is held back |
    /// | Ahead | up to those bounds |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open window lives on, and no more open |
    /// | Time | none, but for the detection of stalls |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{OperatorError, from_iter};
    ///
    /// let windows = from_iter(1..=5).fails_with::<OperatorError>().window_count(2);
    /// let sums = windows.concat_map(|window| window.map(|n| n * 10));
    /// assert_eq!(sums.collect::<Vec<_>>().await.unwrap(), [10, 20, 30, 40, 50]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`window_count_every`](Self::window_count_every) for windows that overlap or leave items out;
    /// [`buffer_count`](Self::buffer_count), which gives lists; [`window_time`](Self::window_time);
    /// [`group_until`](Self::group_until) with [`Until::count`](crate::group::Until::count). ReactiveX:
    /// `window_with_count`, `windowCount`.
    #[doc(alias = "windowCount")]
    #[doc(alias = "window_with_count")]
    #[doc(alias = "window")]
    #[track_caller]
    pub fn window_count(self, n: usize) -> Flow<WindowCount<S>> {
        assert!(n > 0, "a window must hold at least one item");
        Flow::new(Windows::new("WindowCount", self.into_inner(), ByCount::new(n, n)))
    }
}
