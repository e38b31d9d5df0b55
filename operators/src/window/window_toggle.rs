//! `window_toggle`: sub-streams that another flow opens, each closed by a signal of its own.
//!
//! ```text
//! closes 4 later
//! in:        a-b---c|
//! openings:  -x--y---
//! out:       -0--1--|
//! 0:         --b--|
//! 1:         ------c|
//! ```

use super::plan::Cloned;
use super::signalled::ByToggle;
use super::windows::Windows;
use crate::{Flow, Signal, TryStream};

/// The stream of [`Flow::window_toggle`].
pub type WindowToggle<S, O, F, G, Kind> = Windows<S, ByToggle<O, F, G, Kind>, Cloned>;

impl<S: TryStream> Flow<S> {
    /// Opens a sub-stream at each item of `openings`, and closes it when `close(opening)`, a future or a flow, says
    /// "now".
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_toggle.svg"))]
    ///
    /// Windows may overlap, and an item is cloned into all that are open; one that comes while none is open is left out.
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways. Those that are open at the same time are to be read together, by a
    /// [`merge_map`](Self::merge_map) whose limit is more than their number.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | a window at each item of `openings` |
    /// | Ends | with upstream, and the open windows with it. When `openings` ends, no more windows open; a signal that ends without an item never closes its window |
    /// | Errors | end it at once, those of `openings` and of signals too, and the open windows with it; what they hold is lost |
    /// | Holds | the signal of each open window. At most [`max_open`](Self::max_open) are open (65,536 unless set), those that were dropped and wait for their signal among them: beyond, `openings` is not polled until one closes. At most 1,024 unread items a window and 65,536 in all, windows not yet taken included, where an item counts once for each of its windows; then upstream is held back |
    /// | Ahead | up to those bounds; `openings` is polled from the first poll on |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open windows live on, and no more open |
    /// | Time | none, but for the detection of stalls; signals and `openings` are looked at before upstream, so they come first when all are ready; after 255 times in a row it is upstream's turn |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Panics
    ///
    /// Once `close` has panicked, so does whoever still reads.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, interval};
    ///
    /// let ticks = interval(Duration::from_millis(350)).take(8).fails_with::<OperatorError>();
    /// let seconds = interval(Duration::from_secs(1)).fails_with();
    /// let windows = ticks.window_toggle(seconds, |_| tokio::time::sleep(Duration::from_millis(500)));
    /// let seen = windows.concat_map(|window| window);
    /// assert_eq!(seen.collect::<Vec<_>>().await.unwrap(), [2, 3, 5, 6]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_toggle`](Self::buffer_toggle), which gives lists; [`window_when`](Self::window_when) for one window after
    /// another. ReactiveX: `window_toggle`, `windowToggle`.
    #[doc(alias = "windowToggle")]
    #[doc(alias = "window")]
    #[doc(alias = "windowWhen")]
    pub fn window_toggle<O, F, G, Kind>(self, openings: O, close: F) -> Flow<WindowToggle<S, O, F, G, Kind>>
    where
        S::Ok: Clone,
        O: TryStream<Error = S::Error>,
        F: FnMut(O::Ok) -> G,
        G: Signal<S::Error, Kind>,
    {
        Flow::new(Windows::new("WindowToggle", self.into_inner(), ByToggle::new(openings, close)))
    }
}

impl<S: TryStream, O: TryStream, F, G, Kind> Flow<WindowToggle<S, O, F, G, Kind>> {
    /// Lets at most `n` windows be open at once; 65,536 if not said. Beyond, the next item of `openings` waits until one
    /// has closed.
    ///
    /// # Panics
    ///
    /// If `n` is zero, or if the flow has been polled.
    #[track_caller]
    pub fn max_open(mut self, n: usize) -> Self {
        assert!(n > 0, "at least one window must be allowed to be open");
        self.plan_mut().max_open = n;
        self
    }
}
