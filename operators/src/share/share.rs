//! `share`: a flow with several readers, which runs once.
//!
//! ```text
//! in:   a-b-c-|
//! out:  (01|)
//! 0:    a-b-c-|
//! 1:    a-b-c-|
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

/// The stream of [`Flow::share`] and of [`Publish::reader`](super::Publish::reader): one reader of several.
///
/// A clone is a reader more. It gives what the original would give from here on; that of a reader which has got to the
/// end gives how it ended: the failure, if it failed.
#[must_use = "a reader that is not read holds the others back; drop it if it is not wanted"]
pub struct Share<S: TryStream> {
    reader: Reader<S>,
}

impl<S: TryStream> Flow<S> {
    /// Makes a flow of which readers can be cloned: all of them get every item, and upstream runs once.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/share.svg"))]
    ///
    /// A clone gives what the original would give from here on, so those that are made before the first poll get
    /// everything. Whoever polls and finds nothing polls upstream for all, on whatever task it is. A reader that was
    /// woken is polled again or dropped: one that is kept, while its task turns to something else, may make others wait.
    ///
    /// The slowest reader holds the others back when they are [`hold_back`](Self::hold_back)`(n)` items ahead, 256 if
    /// not said. So readers are read side by side, not one after another, and one that is not wanted is dropped: kept
    /// unread, it stops the others for ever, which a [`timeout`](Self::timeout) behind them turns into a failure. With
    /// [`drop_oldest`](Self::drop_oldest)`(n)` slow readers lose items instead.
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
    /// A panic upstream goes on in the reader that polled, and all others panic when they get there.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "sedge"]).share();
    /// let letters = words.clone().fold(0, |sum, word| sum + word.len());
    /// let (number, letters) = futures::join!(words.count(), letters);
    /// assert_eq!((number, letters), (Ok(3), Ok(13)));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`share_from`](crate::share_from), which counts its readers and runs again, as ReactiveX's `share` does;
    /// [`replay`](Self::replay) for readers that come late; [`publish`](Self::publish) to say when it begins;
    /// [`tee`](Self::tee), [`broadcast`](Self::broadcast); [`balance`](Self::balance) to give each item to one reader only.
    /// ReactiveX: `publish` and `ref_count` of a flow that ends once; Kotlin: `shareIn`; `publish` with a selector is
    /// a function that clones.
    #[doc(alias = "shareIn")]
    #[doc(alias = "publish_with")]
    pub fn share(self) -> Flow<Share<S>> {
        Flow::new(Share::new(Hub::new(self.into_inner(), 0, Bound::new())))
    }
}

impl<S: TryStream> Share<S> {
    pub(super) fn new(hub: Arc<Hub<S>>) -> Self {
        Self { reader: Reader::joined(hub) }
    }
}

impl<S: TryStream> Clone for Share<S> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.beside() }
    }
}

impl<S: TryStream> fmt::Debug for Share<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl<S: TryStream> sealed::Sealed for Share<S> {}

impl<S: TryStream> Buffered for Share<S> {
    fn change(&self, change: Change) {
        self.reader.hub().change(change);
    }
}

impl<S> Stream for Share<S>
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
