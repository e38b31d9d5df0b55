//! `window_count`: a sub-stream for every `n` items.
//!
//! ```text
//! in:   a-b-c-|    n = 2
//! out:  0-1---|    windows open
//! 0:    a-(b|)
//! 1:      --c-|
//! ```

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Stream, TryStream};
use tokio::time::Instant;

use super::windows::Windows;
use crate::group::Group;
use crate::group::hub::{Filled, Out, Route};
use crate::group::lane::Lane;
use crate::{Flow, OperatorError};

/// The stream of [`Flow::window_count`].
#[must_use = "streams do nothing unless polled"]
pub struct WindowCount<S: TryStream>(Windows<S, ByCount<S::Ok, S::Error>>);

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for every `n` items. The first window opens at once; each closes with its `n`-th item, and the
    /// next opens at that instant, even if nothing follows.
    ///
    /// ```text
    /// in:   a-b-c-|    n = 2
    /// out:  0-1---|    windows open
    /// 0:    a-(b|)
    /// 1:      --c-|
    /// ```
    ///
    /// Windows are [`Group`]s whose [`key`](Flow::key) is their number, counted from zero; they are read in the same ways.
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
    /// [`OperatorError::Stalled`] if buffers were full for 5 s while somebody waited and nobody made room.
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
    /// [`buffer_count`](Self::buffer_count), which gives lists; [`window_time`](Self::window_time);
    /// [`group_until`](Self::group_until) with [`Until::count`](crate::group::Until::count). ReactiveX:
    /// `window_with_count`.
    #[doc(alias = "windowCount")]
    #[doc(alias = "window_with_count")]
    #[track_caller]
    pub fn window_count(self, n: usize) -> Flow<WindowCount<S>> {
        let Some(size) = NonZeroUsize::new(n) else { panic!("a window must hold at least one item") };
        Flow::new(WindowCount(Windows::new(self.into_inner(), ByCount { size, number: 0, items: 0, open: None })))
    }
}

impl<S> Stream for WindowCount<S>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
{
    type Item = Result<Flow<Group<S, ByCount<S::Ok, S::Error>, u64>>, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for WindowCount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowCount").field("source", &self.0.source()).finish_non_exhaustive()
    }
}

/// Sends items to windows of one size. Part of the type of a window; bound on [`Grouped`](crate::group::Grouped) rather
/// than name it.
pub struct ByCount<T, E> {
    size: NonZeroUsize,
    number: u64,
    items: usize,
    open: Option<Arc<Lane<u64, T, E>>>,
}

impl<T, E> ByCount<T, E> {
    fn open(&mut self, out: &Out<u64, T, E>) {
        self.open = out.open(self.number);
        self.number += 1;
        self.items = 0;
    }
}

impl<T, E> fmt::Debug for ByCount<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByCount").field("size", &self.size).field("number", &self.number).finish_non_exhaustive()
    }
}

impl<T, E> Route<T, E> for ByCount<T, E> {
    type Key = u64;

    fn start(&mut self, _now: Instant, out: &Out<u64, T, E>) {
        self.open(out);
    }

    fn tick(&mut self, _cx: &mut Context<'_>, _now: Instant, _out: &Out<u64, T, E>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn item(&mut self, item: T, out: &Out<u64, T, E>) -> Result<Filled<u64, T, E>, E> {
        let full = self.open.as_ref().and_then(|lane| lane.push_or_drop(&out.lanes, item));
        self.items += 1;
        if self.items == self.size.get() {
            if let Some(lane) = &self.open {
                lane.end(&out.lanes);
            }
            self.open(out);
        }
        Ok(full)
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
