//! `buffer_toggle`: lists that another flow opens, each given when a signal of its own says.
//!
//! ```text
//! given 4 later
//! in:        a-b---c|
//! openings:  -x--y---
//! out:       -----[b]-([c]|)
//! ```

use super::lists::Lists;
use super::plan::Cloned;
use super::signalled::ByToggle;
use crate::{Flow, Signal, TryStream};

/// The stream of [`Flow::buffer_toggle`].
pub type BufferToggle<S, O, F, G, Kind> = Lists<S, ByToggle<O, F, G, Kind>, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Opens a list at each item of `openings`, and gives it when `close(opening)`, a future or a flow, says "now".
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_toggle.svg"))]
    ///
    /// Lists may overlap: an item is in all that are open when it comes, and in none if none is.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the signal of an open list comes, also if the list is empty |
    /// | Ends | with upstream, after giving the open lists, that which was opened first first, empty or not. When `openings` ends, no more lists open; a signal that ends without an item leaves its list open |
    /// | Errors | end it at once, those of `openings` and of signals too; the items that are held are lost |
    /// | Holds | what came since the oldest open list was opened, each item once, **whose number is not bounded**; and the signal of each list, of which at most [`max_open`](Self::max_open) are open (65,536 unless set): beyond, `openings` is not polled until one is given |
    /// | Ahead | what comes while lists are open; items that no list wants are read and left out. `openings` is polled from the first poll on |
    /// | Dropped | the items that are held |
    /// | Time | none; signals and `openings` are looked at before upstream, so they come first when all are ready; after 255 times in a row it is upstream's turn |
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// let ticks = interval(Duration::from_millis(350)).take(8);
    /// let seconds = interval(Duration::from_secs(1));
    /// let lists = ticks.buffer_toggle(seconds, |_| tokio::time::sleep(Duration::from_millis(500)));
    /// let Ok(lists) = lists.collect::<Vec<_>>().await;
    /// assert_eq!(lists, [[2, 3], [5, 6]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_when`](Self::buffer_when) for one list after another; [`window_toggle`](Self::window_toggle) for flows in
    /// the place of lists, which hold upstream back when they are full. ReactiveX: `buffer_toggle`, `bufferToggle`.
    #[doc(alias = "bufferToggle")]
    #[doc(alias = "buffer")]
    #[doc(alias = "bufferWhen")]
    pub fn buffer_toggle<O, F, G, Kind>(self, openings: O, close: F) -> Flow<BufferToggle<S, O, F, G, Kind>>
    where
        S::Ok: Clone,
        O: TryStream<Error = S::Error>,
        F: FnMut(O::Ok) -> G,
        G: Signal<S::Error, Kind>,
    {
        Flow::new(Lists::new("BufferToggle", self.into_inner(), ByToggle::new(openings, close)))
    }
}

impl<S: TryStream, O: TryStream, F, G, Kind> Flow<BufferToggle<S, O, F, G, Kind>> {
    /// Lets at most `n` lists be open at once; 65,536 if not said. Beyond, the next item of `openings` waits until one has
    /// been given. To be set before the first poll.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn max_open(mut self, n: usize) -> Self {
        assert!(n > 0, "at least one list must be allowed to be open");
        self.inner_mut().plan.max_open = n;
        self
    }
}
