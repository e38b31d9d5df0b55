//! `window_time_or_count`: a sub-stream for every span of time, but of no more than so many items.
//!
//! ```text
//! span of 4, n of 2
//! in:   a-b--c--|
//! out:  0-1---2-|
//! 0:    a-(b|)
//! 1:    -----c|
//! 2:    --------|
//! ```

use std::time::Duration;

use super::plan::{ByTimeOrCount, Moved};
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_time_or_count`].
pub type WindowTimeOrCount<S> = Windows<S, ByTimeOrCount, Moved>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream that closes with its `n`-th item, or once `span` has passed since it was opened. The next opens
    /// at that instant.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_time_or_count.svg"))]
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more when one closes, whether or not there are items |
    /// | Ends | with upstream, and the open window with it; the last window may be empty |
    /// | Errors | end it at once, and the open window with it; what it holds is lost |
    /// | Holds | at most 1,024 unread items a window and 65,536 in all, windows not yet taken included; then upstream is held back |
    /// | Ahead | up to those bounds |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open window lives on, and no more open |
    /// | Time | tokio's clock, as in [`group_until`](Self::group_until): an item belongs to the window in which it was read. A consumer that polls late gets all windows that are due, one after another |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Panics
    ///
    /// If `span` or `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, interval};
    ///
    /// // A number every 2 seconds, the first after 2 seconds.
    /// let numbers = interval(Duration::from_secs(2)).take(4).fails_with::<OperatorError>();
    /// let windows = numbers.window_time_or_count(Duration::from_secs(7), 3);
    /// let numbered = windows.concat_map(|window| {
    ///     let number = *window.key();
    ///     window.map(move |n| (number, n))
    /// });
    /// assert_eq!(numbered.collect::<Vec<_>>().await.unwrap(), [(0, 0), (0, 1), (0, 2), (1, 3)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`window_time`](Self::window_time), [`window_count`](Self::window_count);
    /// [`buffer_time_or_count`](Self::buffer_time_or_count), which gives lists. ReactiveX: `window_with_time_or_count`,
    /// `windowTime`, `windowTimeout`.
    #[doc(alias = "window_with_time_or_count")]
    #[doc(alias = "windowTime")]
    #[doc(alias = "windowTimeout")]
    #[doc(alias = "window")]
    #[track_caller]
    pub fn window_time_or_count(self, span: Duration, n: usize) -> Flow<WindowTimeOrCount<S>> {
        assert!(!span.is_zero(), "a window must last longer than no time");
        assert!(n > 0, "a window must hold at least one item");
        Flow::new(Windows::new("WindowTimeOrCount", self.into_inner(), ByTimeOrCount::new(span, n)))
    }
}
