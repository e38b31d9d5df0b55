//! `prefetch`: some items, read before they are asked for.
//!
//! ```text
//! in:   abcdef--|
//! 2, and a consumer that is busy for 3 after each item
//! out:  a--b--c--d--e--f--|
//! ```

use super::overflow::{HoldBack, Overflow};
use super::read_ahead::ReadAhead;
use crate::{Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Reads up to `n` items ahead of the consumer, on a tokio task of its own.
    ///
    /// It is [`on_overflow(Overflow::buffer(n))`](Self::on_overflow) by its other name. [`spawn`](Self::spawn) moves a
    /// flow to a task for the sake of speed and hands items over in chunks, some of 1,000 ahead; this is for an
    /// upstream of which each item is dear, such as a page of a listing or the answer of a service, and reads exactly
    /// `n` ahead, one by one.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/prefetch.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item that was read, as soon as the consumer asks for one |
    /// | Ends | with upstream, after the items that wait |
    /// | Errors | keep their place: they end it after all items that came before |
    /// | Holds | `n` items |
    /// | Ahead | `n` |
    /// | Dropped | the task is aborted: upstream is dropped the next time that it waits, and what waits is lost |
    /// | Time | none; the task starts at the first poll, and goes on while nobody polls. A consumer that polls late gets what waits then |
    ///
    /// # Panics
    ///
    /// If `n` is zero. If it is first polled outside a tokio runtime, or if the runtime was shut down while it ran.
    ///
    /// # Examples
    ///
    /// ```
    /// use anabranch_operators::from_iter;
    ///
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # rt.block_on(async {
    /// let pages = from_iter([1, 2, 3]).map_async(1, |page| async move { format!("page {page}") }).prefetch(2);
    /// assert_eq!(pages.last().await, Ok(Some("page 3".to_owned())));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`spawn`](Self::spawn), [`map_async`](Self::map_async) for several futures at once. ReactiveX: `limitRate`,
    /// `rebatchRequests`, `limitRequest`; Pekko and Kotlin: `buffer`.
    #[doc(alias = "limitRate")]
    #[doc(alias = "limitRequest")]
    #[doc(alias = "rebatchRequests")]
    #[track_caller]
    pub fn prefetch(self, n: usize) -> Flow<ReadAhead<S, Overflow<HoldBack>>>
    where
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Send,
    {
        self.on_overflow(Overflow::buffer(n))
    }
}
