//! `buffer_time_every`: lists of what came in a span of time, a new one every so often.
//!
//! ```text
//! span of 4, shift of 3
//! in:   a--b---c|
//! out:  ----[ab]--[b]([c]|)
//! ```

use std::time::Duration;

use super::lists::Lists;
use super::plan::{ByTime, Cloned};
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_time_every`].
pub type BufferTimeEvery<S> = Lists<S, ByTime, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Gives lists of what came within a `span` of time, of which each begins `shift` after the one before: hopping lists.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_time_every.svg"))]
    ///
    /// With a `shift` less than `span` lists overlap, and an item is in `span / shift` of them, rounded up or down. With
    /// a `shift` greater than `span`, items between lists are left out.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | at each multiple of `shift` plus one `span`, also if nothing came |
    /// | Ends | with upstream, after giving the open lists, that which was opened first first, empty or not |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | all items of one span, each once: **their number is not bounded**, see [`window_time_every`](Self::window_time_every) for a bound; and `span / shift` lists, rounded up |
    /// | Ahead | all items of one span, and those that are left out |
    /// | Dropped | the items that are held |
    /// | Time | clock; time zero is the first poll. An item's time is when it was read, so what a consumer that polls late finds waiting goes into the lists that are then open; the lists that fell due meanwhile are given first, one after another |
    ///
    /// # Panics
    ///
    /// If `span` or `shift` is zero, or if more than 65,536 lists would be open at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    ///
    /// // A number every 2 seconds, the first after 2 seconds.
    /// let numbers = anabranch_operators::interval(Duration::from_secs(2)).take(3);
    /// let lists = numbers.buffer_time_every(Duration::from_secs(5), Duration::from_secs(3));
    /// let Ok(lists) = lists.collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![0, 1], vec![1, 2], vec![2]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_time`](Self::buffer_time) for lists one after another, without `Clone`;
    /// [`buffer_count_every`](Self::buffer_count_every); [`window_time_every`](Self::window_time_every) for flows in the
    /// place of lists. ReactiveX: `buffer_with_time`, `bufferTime`.
    #[doc(alias = "buffer_with_time")]
    #[doc(alias = "bufferTime")]
    #[doc(alias = "hopping")]
    #[doc(alias = "buffer")]
    #[track_caller]
    pub fn buffer_time_every(self, span: Duration, shift: Duration) -> Flow<BufferTimeEvery<S>>
    where
        S::Ok: Clone,
    {
        assert!(!span.is_zero(), "the span of buffer_time_every must not be zero");
        assert!(!shift.is_zero(), "the shift of buffer_time_every must not be zero");
        assert!(
            span.as_nanos().div_ceil(shift.as_nanos()) <= 1 << 16,
            "more than 65,536 lists would be open at once: use a longer shift"
        );
        Flow::new(Lists::new("BufferTimeEvery", self.into_inner(), ByTime::new(span, shift)))
    }
}
