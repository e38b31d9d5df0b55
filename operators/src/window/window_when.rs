//! `window_when`: one sub-stream after another, cut where another flow says.
//!
//! ```text
//! in:      a-b--c-|
//! signal:  ---x-----
//! out:     0--1---|
//! 0:       a-b|
//! 1:       -----c-|
//! ```

use super::plan::Moved;
use super::signalled::BySignal;
use super::windows::Windows;
use crate::{Flow, TryStream};

/// The stream of [`Flow::window_when`].
pub type WindowWhen<S, G> = Windows<S, BySignal<G>, Moved>;

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream until `signal` gives an item, the next until it gives another, and so on.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/window_when.svg"))]
    ///
    /// Windows are [`Group`](crate::group::Group)s whose [`key`](Flow::key) is their number, counted from zero; they are
    /// read in the same ways. What the items of `signal` are does not matter.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the first window at the first poll, a window more at each item of `signal` |
    /// | Ends | with upstream, and the open window with it. When `signal` ends, the open window goes on until then |
    /// | Errors | end it at once, those of `signal` too, and the open window with it; what it holds is lost |
    /// | Holds | at most 1,024 unread items a window and 65,536 in all, windows not yet taken included; then upstream is held back |
    /// | Ahead | up to those bounds; `signal` is polled from the first poll on |
    /// | Dropped | a dropped window discards its items. When the outer stream is dropped, the open window lives on, and no more open |
    /// | Time | none, but for the detection of stalls; `signal` is looked at before upstream, so the cut comes first when both are ready; after 255 cuts in a row it is upstream's turn |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`](crate::OperatorError::Stalled) if buffers were full for 5 s while somebody waited and
    /// nobody made room.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, interval};
    ///
    /// let ticks = interval(Duration::from_millis(400)).take(5).fails_with::<OperatorError>();
    /// let cuts = interval(Duration::from_secs(1)).fails_with();
    /// let numbered = ticks.window_when(cuts).concat_map(|window| {
    ///     let number = *window.key();
    ///     window.map(move |tick| (number, tick))
    /// });
    /// let numbered = numbered.collect::<Vec<_>>().await.unwrap();
    /// assert_eq!(numbered, [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_when`](Self::buffer_when), which gives lists; [`window_toggle`](Self::window_toggle);
    /// [`window_time`](Self::window_time). ReactiveX: `window` with boundaries; `window_when`, `windowWhen`, which make each
    /// signal anew: [`repeat_from`](crate::repeat_from()) as `signal`, as on the page of `buffer_when`.
    #[doc(alias = "window")]
    #[doc(alias = "windowWhen")]
    #[doc(alias = "window_boundaries")]
    pub fn window_when<G>(self, signal: G) -> Flow<WindowWhen<S, G>>
    where
        G: TryStream<Error = S::Error>,
    {
        Flow::new(Windows::new("WindowWhen", self.into_inner(), BySignal::new(signal)))
    }
}
