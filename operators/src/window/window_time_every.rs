//! `window_time_every`: a sub-stream of a span of time, a new one every so often.
//!
//! ```text
//! span of 4, shift of 3
//! in:   a--b---c|
//! out:  0--1--2-|
//! 0:    a--b|
//! 1:    ---b---|
//! 2:    -------c|
//! ```

use std::time::Duration;

use super::plan::{ByTime, Cloned};
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_time_every`].
pub type WindowTimeEvery<S> = Windows<S, ByTime, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream of what comes within a `span` of time, a new one every `shift`, counted from the first poll:
    /// hopping windows.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_time_every.svg"))]
    ///
    /// With a `shift` less than `span` windows overlap, and an item is cloned into all that are open, `span / shift`
    /// rounded up. With a `shift` greater than `span`, items between windows are left out.
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways. Those that are open at the same time are to be read together, by a
    /// [`merge_map`](Self::merge_map) whose limit is more than their number.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more at every multiple of `shift`, whether or not there are items |
    /// | Ends | with upstream, and the open windows with it |
    /// | Errors | end it at once, and the open windows with it; what they hold is lost |
    /// | Holds | at most 1,024 unread items a window and 65,536 in all, windows not yet taken included, where an item counts once for each of its windows; then upstream is held back |
    /// | Ahead | up to those bounds |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open windows live on, and no more open |
    /// | Time | tokio's clock, as in [`group_until`](Self::group_until): an item belongs to the windows that are open when it is read; at its very end a window is closed. A consumer that polls late gets all windows that are due, one after another |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Panics
    ///
    /// If `span` or `shift` is zero, or if more than 65,536 windows would be open at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, interval};
    ///
    /// let ticks = interval(Duration::from_millis(400)).take(4).fails_with::<OperatorError>();
    /// let windows = ticks.window_time_every(Duration::from_secs(1), Duration::from_millis(500));
    /// let numbered = windows.merge_map(3, |window| {
    ///     let number = *window.key();
    ///     window.map(move |tick| (number, tick))
    /// });
    /// let mut numbered = numbered.collect::<Vec<_>>().await.unwrap();
    /// numbered.sort();
    /// assert_eq!(numbered, [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`window_time`](Self::window_time) for one window after another; [`buffer_time_every`](Self::buffer_time_every),
    /// which gives lists; [`window_count_every`](Self::window_count_every). ReactiveX: `window_with_time`, `windowTime`.
    #[doc(alias = "windowTime")]
    #[doc(alias = "window_with_time")]
    #[doc(alias = "hopping")]
    #[doc(alias = "window")]
    #[track_caller]
    pub fn window_time_every(self, span: Duration, shift: Duration) -> Flow<WindowTimeEvery<S>>
    where
        S::Ok: Clone,
    {
        assert!(!span.is_zero(), "a window must last longer than no time");
        assert!(!shift.is_zero(), "the next window must begin later than the one before");
        assert!(
            span.as_nanos().div_ceil(shift.as_nanos()) <= 1 << 16,
            "more than 65,536 windows would be open at once: use a longer shift"
        );
        Flow::new(Windows::new("WindowTimeEvery", self.into_inner(), ByTime::new(span, shift)))
    }
}
