//! `window_time`: a sub-stream for every span of time.
//!
//! ```text
//! span of 4
//! in:   a-b-c-|
//! out:  0---1-|
//! 0:    a-b-|
//! 1:    ----c-|
//! ```

use std::time::Duration;

use super::plan::{ByTime, Moved};
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_time`].
pub type WindowTime<S> = Windows<S, ByTime, Moved>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for every `span` of time, counted from the first poll; each opens when the one before closes.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_time.svg"))]
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more at every multiple of `span`, whether or not there are items |
    /// | Ends | with upstream, and the open window with it |
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
    /// If `span` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, interval};
    ///
    /// let ticks = interval(Duration::from_millis(400)).take(5).fails_with::<OperatorError>();
    /// let windows = ticks.window_time(Duration::from_secs(1));
    /// let numbered = windows.merge_map(2, |window| {
    ///     let number = *window.key();
    ///     window.map(move |tick| (number, tick))
    /// });
    /// let numbered = numbered.collect::<Vec<_>>().await.unwrap();
    /// assert_eq!(numbered, [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`window_time_every`](Self::window_time_every) for windows that overlap or leave gaps;
    /// [`window_time_or_count`](Self::window_time_or_count); [`buffer_time`](Self::buffer_time), which gives lists.
    /// ReactiveX: `window_with_time`, `windowTime`.
    #[doc(alias = "windowTime")]
    #[doc(alias = "window_with_time")]
    #[doc(alias = "window")]
    #[track_caller]
    pub fn window_time(self, span: Duration) -> Flow<WindowTime<S>> {
        assert!(!span.is_zero(), "a window must last longer than no time");
        Flow::new(Windows::new("WindowTime", self.into_inner(), ByTime::new(span, span)))
    }
}
