//! `broadcast`: a number of readers, all of which get every item.
//!
//! ```text
//! in:   a-b-c-|
//! out:  (012|)
//! 0:    a-b-c-|
//! 1:    a-b-c-|
//! 2:    a-b-c-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::buffered::{Buffered, Change, sealed};
use super::hub::{Hub, Reader};
use super::ring::Bound;
use crate::{Flow, TryStream};

/// The streams of [`Flow::broadcast`] and [`Flow::tee`]: one of the readers.
#[must_use = "a reader that is not read holds the others back; drop it if it is not wanted"]
pub struct Broadcast<S: TryStream> {
    reader: Reader<S>,
}

impl<S: TryStream> Flow<S> {
    /// Makes `n` readers, all of which get every item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/broadcast.svg"))]
    ///
    /// Whoever polls and finds nothing polls upstream for all. The slowest reader holds the others back when they are
    /// [`hold_back`](Self::hold_back)`(n)` items ahead, 256 if not said; with [`drop_oldest`](Self::drop_oldest)`(n)` it
    /// loses items instead. Said of one reader, it goes for all.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | each item to every reader, which gets a clone of it, the last one the item itself |
    /// | Ends | with upstream, for each reader after all items |
    /// | Errors | keep their place: each reader fails after the items that came before |
    /// | Holds | each item until all readers have taken it, 256 at most |
    /// | Dropped | a reader's items are not kept for it any more, and if it was woken, another is; with the last reader, upstream is dropped |
    /// | Time | none |
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let readers = anabranch_operators::from_iter(1..=3).broadcast(4);
    /// let sums = readers.into_iter().map(|reader| reader.fold(0, |sum, n| sum + n));
    /// assert_eq!(futures::future::join_all(sums).await, [Ok(6); 4]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`tee`](Self::tee) for two, [`share`](Self::share) for readers that can be cloned, [`balance`](Self::balance) to
    /// give each item to one reader only. Pekko: `Broadcast`.
    #[track_caller]
    pub fn broadcast(self, n: usize) -> Vec<Flow<Broadcast<S>>> {
        assert!(n > 0, "a flow without a reader does nothing");
        let hub = Hub::new(self.into_inner(), 0, Bound::new());
        (0..n).map(|_| Flow::new(Broadcast::new(&hub))).collect()
    }
}

impl<S: TryStream> Broadcast<S> {
    pub(super) fn new(hub: &Arc<Hub<S>>) -> Self {
        Self { reader: Reader::joined(Arc::clone(hub)) }
    }
}

impl<S: TryStream> fmt::Debug for Broadcast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl<S: TryStream> sealed::Sealed for Broadcast<S> {}

impl<S: TryStream> Buffered for Broadcast<S> {
    fn change(&self, change: Change) {
        self.reader.hub().change(change);
    }
}

impl<S> Stream for Broadcast<S>
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
