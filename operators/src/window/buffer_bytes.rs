//! `buffer_bytes`: batches for a sink, bounded by size, number and time.
//!
//! ```text
//! max of 4 bytes, each item as large as its digit
//! in:   1-2-3-1-9--1|
//! out:  ----[12]-[31]-[9]---([1]|)
//! ```

use std::fmt;

use super::runs::{Place, Rule, Runs};
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_bytes`].
pub type BufferBytes<S, F> = Runs<S, BySize<F>>;

/// Cuts where the items of a list have become large. Part of the type [`BufferBytes`].
pub struct BySize<F> {
    max_bytes: usize,
    size_of: F,
    /// Those of the list that is open.
    bytes: usize,
}

impl<S: TryStream> Flow<S> {
    /// Gives lists of items that are at most `max_bytes` large together, where `size_of(item)` says how large an item is:
    /// batches, as sinks want them.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_bytes.svg"))]
    ///
    /// [`max_count`](Self::max_count) bounds the number of items as well, and [`max_time`](Self::max_time) the time for
    /// which an item waits. An item that is larger than `max_bytes` by itself is given alone, so that it is for the sink
    /// to refuse. No list is empty.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when an item comes that would make the list too large, which then begins the next; when a list is exactly `max_bytes` large, has `max_count` items, or its first item has waited for `max_time` |
    /// | Ends | with upstream, after giving the items that are held, if any |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | items of less than `max_bytes` together, or one that is larger. Items of no size are bounded by `max_count` and `max_time` alone |
    /// | Ahead | the items of one list, and the first of the next |
    /// | Dropped | the items that are held |
    /// | Time | none without `max_time`; with it clock, and a timer that begins with a list's first item, when that is read. A consumer that polls late gets a list that is due before more is read |
    ///
    /// # Panics
    ///
    /// If `max_bytes` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    ///
    /// let lines = anabranch_operators::from_iter(["a b", "c", "d", "e f g h", "i"]);
    /// let batches = lines.buffer_bytes(6, |line| line.len()).max_count(500).max_time(Duration::from_secs(1));
    /// let Ok(batches) = batches.collect::<Vec<_>>().await;
    /// assert_eq!(batches, [vec!["a b", "c", "d"], vec!["e f g h"], vec!["i"]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count`](Self::buffer_count), [`buffer_time_or_count`](Self::buffer_time_or_count), whose lists are cut at
    /// fixed times and may be empty. tokio-stream: `StreamExt::chunks_timeout`. ReactiveX: `groupedWeighted`,
    /// `groupedWeightedWithin`, `bufferTimeout`.
    #[doc(alias = "groupedWeighted")]
    #[doc(alias = "groupedWeightedWithin")]
    #[doc(alias = "groupedWithin")]
    #[doc(alias = "bufferTimeout")]
    #[doc(alias = "chunks_timeout")]
    #[doc(alias = "batch")]
    #[track_caller]
    pub fn buffer_bytes<F>(self, max_bytes: usize, size_of: F) -> Flow<BufferBytes<S, F>>
    where
        F: FnMut(&S::Ok) -> usize,
    {
        assert!(max_bytes > 0, "buffer_bytes needs max_bytes of at least 1, or every item is too large");
        let rule = BySize { max_bytes, size_of, bytes: 0 };
        Flow::new(Runs::new("BufferBytes", self.into_inner(), rule))
    }
}

impl<T, F: FnMut(&T) -> usize> Rule<T> for BySize<F> {
    fn place(&mut self, item: &T, is_first: bool) -> Place {
        let size = (self.size_of)(item);
        let together = self.bytes.checked_add(size).filter(|bytes| *bytes <= self.max_bytes);
        let before = !is_first && together.is_none();
        self.bytes = together.filter(|_| !is_first).unwrap_or(size);
        Place::In { before, after: self.bytes >= self.max_bytes }
    }
}

impl<F> fmt::Debug for BySize<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BySize").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}
