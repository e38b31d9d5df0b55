//! `buffer_when`: lists that are cut where another flow says.
//!
//! ```text
//! in:      a-b----c-|
//! signal:  ---x-x-----
//! out:     ---[ab]-[]---([c]|)
//! ```

use super::lists::Lists;
use super::plan::Moved;
use super::signalled::BySignal;
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_when`].
pub type BufferWhen<S, G> = Lists<S, BySignal<G>, Moved>;

impl<S: TryStream> Flow<S> {
    /// Gives what came until `signal` gives an item, then what comes until it gives another, and so on, as lists.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_when.svg"))]
    ///
    /// What the items of `signal` are does not matter.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | at each item of `signal`, also if nothing came |
    /// | Ends | with upstream, after giving the open list, empty or not. When `signal` ends, nothing is cut any more |
    /// | Errors | end it at once, those of `signal` too; the items that are held are lost |
    /// | Holds | all items between two of `signal`: **their number is not bounded**, unless by [`max_count`](Self::max_count) |
    /// | Ahead | all items between two of `signal`, which is polled from the first poll on |
    /// | Dropped | the items that are held |
    /// | Time | none; `signal` is looked at before upstream, so the cut comes first when both are ready; after 255 cuts in a row it is upstream's turn |
    ///
    /// Where each list is to have a signal of its own, made when it opens, let `signal` be made anew for each:
    /// `repeat_from(usize::MAX, || …)`, as in the second example.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// let ticks = interval(Duration::from_millis(400)).take(5);
    /// let Ok(lists) = ticks.buffer_when(interval(Duration::from_secs(1))).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # });
    /// ```
    ///
    /// Each list is open for 100 ms longer than the one before:
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{interval, repeat_from, timer};
    ///
    /// let mut span = Duration::ZERO;
    /// let closing = repeat_from(usize::MAX, || {
    ///     span += Duration::from_millis(100);
    ///     timer(span)
    /// });
    /// let ticks = interval(Duration::from_millis(40)).take(10);
    /// let Ok(lists) = ticks.buffer_when(closing).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![0, 1], vec![2, 3, 4, 5, 6], vec![7, 8, 9]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_toggle`](Self::buffer_toggle); [`buffer_time`](Self::buffer_time); [`buffer_until`](Self::buffer_until)
    /// for cuts that the items themselves make; [`window_when`](Self::window_when) for flows in the place of lists.
    /// ReactiveX: `buffer` with boundaries; `buffer_when`, `bufferWhen`, which make each signal anew.
    #[doc(alias = "buffer")]
    #[doc(alias = "bufferWhen")]
    #[doc(alias = "buffer_boundaries")]
    pub fn buffer_when<G>(self, signal: G) -> Flow<BufferWhen<S, G>>
    where
        G: TryStream<Error = S::Error>,
    {
        Flow::new(Lists::new("BufferWhen", self.into_inner(), BySignal::new(signal)))
    }
}

impl<S: TryStream, G> Flow<BufferWhen<S, G>> {
    /// Gives a list when it has `n` items, without waiting for `signal`, which cuts the next one. To be set before the first
    /// poll.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub fn max_count(mut self, n: usize) -> Self {
        assert!(n > 0, "buffer_when needs a max_count of at least 1: a list of 0 items is never full");
        self.inner_mut().plan.max_count = n;
        self
    }
}
