//! `window_time`: a sub-stream for every span of time.
//!
//! ```text
//! in:   a-b-c-|    span of 4
//! out:  0---1-|    windows open
//! 0:    a-b-|
//! 1:        c-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, TryStream};
use tokio::time::Instant;

use super::windows::Windows;
use crate::group::Group;
use crate::group::hub::{Filled, Out, Route};
use crate::group::lane::Lane;
use crate::{Flow, OperatorError};

/// The stream of [`Flow::window_time`].
#[must_use = "streams do nothing unless polled"]
pub struct WindowTime<S: TryStream>(Windows<S, ByTime<S::Ok, S::Error>>);

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for every `span` of time, counted from the first poll; each opens when the one before closes.
    ///
    /// ```text
    /// in:   a-b-c-|    span of 4
    /// out:  0---1-|    windows open
    /// 0:    a-b-|
    /// 1:        c-|
    /// ```
    ///
    /// Windows are [`Group`]s whose [`key`](Flow::key) is their number, counted from zero; they are read in the same ways.
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
    /// [`OperatorError::Stalled`] if buffers were full for 5 s while somebody waited and nobody made room.
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
    /// [`buffer_time`](Self::buffer_time), which gives lists; [`window_count`](Self::window_count). ReactiveX:
    /// `window_with_time`.
    #[doc(alias = "windowTime")]
    #[doc(alias = "window_with_time")]
    #[track_caller]
    pub fn window_time(self, span: Duration) -> Flow<WindowTime<S>> {
        assert!(!span.is_zero(), "a window must last longer than no time");
        let route = ByTime { span, number: 0, closes: None, open: None };
        Flow::new(WindowTime(Windows::new(self.into_inner(), route)))
    }
}

impl<S> Stream for WindowTime<S>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
{
    type Item = Result<Flow<Group<S, ByTime<S::Ok, S::Error>, u64>>, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for WindowTime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowTime").field("source", &self.0.source()).finish_non_exhaustive()
    }
}

/// Sends items to windows of one length. Part of the type of a window; bound on [`Grouped`](crate::group::Grouped)
/// rather than name it.
pub struct ByTime<T, E> {
    span: Duration,
    number: u64,
    /// When the open window closes; unset before the first poll, and if that is beyond the clock's reach.
    closes: Option<Instant>,
    open: Option<Arc<Lane<u64, T, E>>>,
}

impl<T, E> ByTime<T, E> {
    fn open(&mut self, opens: Instant, out: &Out<u64, T, E>) {
        self.closes = opens.checked_add(self.span);
        self.open = out.open(self.number);
        self.number += 1;
    }
}

impl<T, E> fmt::Debug for ByTime<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByTime").field("span", &self.span).field("number", &self.number).finish_non_exhaustive()
    }
}

impl<T, E> Route<T, E> for ByTime<T, E> {
    type Key = u64;

    fn start(&mut self, now: Instant, out: &Out<u64, T, E>) {
        self.open(now, out);
    }

    fn tick(&mut self, _cx: &mut Context<'_>, now: Instant, out: &Out<u64, T, E>) {
        // Windows that nobody takes count as buffered: when there is no room for more, boundaries wait for a reader.
        while let Some(closes) = self.closes.filter(|closes| *closes <= now && !out.lanes.is_full()) {
            if let Some(lane) = &self.open {
                lane.end(&out.lanes);
            }
            self.open(closes, out);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.closes
    }

    fn item(&mut self, item: T, out: &Out<u64, T, E>) -> Result<Filled<u64, T, E>, E> {
        Ok(self.open.as_ref().and_then(|lane| lane.push_or_drop(&out.lanes, item)))
    }

    fn take_open(&mut self) -> Option<Arc<Lane<u64, T, E>>> {
        self.open.take()
    }

    fn fullest(&self) -> Option<&Arc<Lane<u64, T, E>>> {
        self.open.as_ref()
    }

    fn name(number: &u64) -> String {
        format!("window {number}")
    }
}
