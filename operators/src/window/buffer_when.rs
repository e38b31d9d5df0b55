//! `buffer_when`: lists that are cut where another flow says.
//!
//! ```text
//! in:      a-b----c-|
//! signal:  ---x-x-----
//! out:     ---[ab]-[]---([c]|)
//! ```

use futures::TryStream;

use super::lists::Lists;
use super::plan::Moved;
use super::signalled::BySignal;
use crate::Flow;

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
    /// | Holds | all items between two of `signal`: **their number is not bounded** |
    /// | Ahead | all items between two of `signal`, which is polled from the first poll on |
    /// | Dropped | the items that are held |
    /// | Time | none; `signal` is looked at before upstream, so the cut comes first when both are ready |
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
    /// # See also
    ///
    /// [`buffer_toggle`](Self::buffer_toggle); [`buffer_time`](Self::buffer_time); [`buffer_until`](Self::buffer_until)
    /// for cuts that the items themselves make; [`window_when`](Self::window_when) for flows in the place of lists.
    /// ReactiveX: `buffer`, `buffer_when`, `bufferWhen`.
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
