//! `replay`: readers that come late get the last items first.
//!
//! ```text
//! one item for late readers
//! in:    a-b-c-|
//! joins: x--y----z|
//! out:   0--1----2|
//! 0:     a-b-c-|
//! 1:     ---bc-|
//! 2:     --------(c|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use super::buffered::{Buffered, Change, sealed};
use super::hub::{Hub, Reader};
use super::ring::Bound;
use crate::{Flow, TryStream};

/// The stream of [`Flow::replay`]: one reader of several. A clone is a reader that has not begun.
#[must_use = "streams do nothing unless polled"]
pub struct Replay<S: TryStream> {
    reader: Reader<S>,
}

impl<S: TryStream> Flow<S> {
    /// Makes a flow of which readers can be cloned at any time: each gets the last `n` items that there were before its
    /// first poll, and then every item that comes. Upstream runs once.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/replay.svg"))]
    ///
    /// A clone begins at its first poll, wherever the original is; also after the end, when it gets the last `n` items and
    /// the end or the failure. One that has not been polled holds nobody back, so it can be kept to make readers of.
    /// Whoever polls and finds nothing polls upstream for all.
    ///
    /// The slowest reader that has begun holds the others back when they are [`hold_back`](Self::hold_back)`(m)` items
    /// ahead, 256 if not said; with [`drop_oldest`](Self::drop_oldest)`(m)` slow readers lose items instead.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | to a reader the last `n` items at its first poll, then each item |
    /// | Ends | with upstream, for each reader after all items |
    /// | Errors | keep their place: each reader fails after the items that came before, also one that comes later |
    /// | Holds | the last `n` items as long as a reader is kept, and what the slowest has not taken, 256 at most |
    /// | Dropped | a reader's items are not kept for it any more, and if it was woken, another is; with the last one, begun or not, upstream is dropped |
    /// | Time | none; upstream stands still while no reader is polled |
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let levels = anabranch_operators::from_iter([3, 5, 4]).replay(1);
    /// assert_eq!(levels.clone().collect::<Vec<_>>().await, Ok(vec![3, 5, 4]));
    /// assert_eq!(levels.clone().collect::<Vec<_>>().await, Ok(vec![4])); // the latest, as a cache
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`share`](Self::share), where a clone goes on from where the original is. With a value from the beginning it is a
    /// `chain` of that value and the flow, replayed; with `usize::MAX` it keeps all. tokio: `watch`, of which the
    /// readers may miss values. ReactiveX: `replay`, `shareReplay`, `publishReplay`, `cache`, `publish_value`; Kotlin:
    /// `stateIn`.
    #[doc(alias = "shareReplay")]
    #[doc(alias = "publishReplay")]
    #[doc(alias = "cache")]
    #[doc(alias = "publish_value")]
    #[doc(alias = "stateIn")]
    #[track_caller]
    pub fn replay(self, n: usize) -> Flow<Replay<S>> {
        assert!(n > 0, "a replay of no items is `share`");
        Flow::new(Replay { reader: Reader::idle(Hub::new(self.into_inner(), n, Bound::new())) })
    }
}

impl<S: TryStream> Clone for Replay<S> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.anew() }
    }
}

impl<S: TryStream> fmt::Debug for Replay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl<S: TryStream> sealed::Sealed for Replay<S> {}

impl<S: TryStream> Buffered for Replay<S> {
    fn change(&self, change: Change) {
        self.reader.hub().change(change);
    }
}

impl<S> Stream for Replay<S>
where
    S: TryStream<Ok: Clone, Error: Clone>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.reader.size_hint()
    }
}
