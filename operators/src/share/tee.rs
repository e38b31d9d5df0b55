//! `tee`: two readers, both of which get every item.
//!
//! ```text
//! in:   a-b-c-|
//! out:  (01|)
//! 0:    a-b-c-|
//! 1:    a-b-c-|
//! ```

use super::broadcast::Broadcast;
use super::hub::Hub;
use super::ring::Bound;
use crate::{Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Makes two readers, both of which get every item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/tee.svg"))]
    ///
    /// The same as [`broadcast(2)`](Self::broadcast): whoever polls and finds nothing polls upstream for both. The slower
    /// one holds the other back when that is [`hold_back`](Self::hold_back)`(n)` items ahead, 256 if not said, so they
    /// are read side by side; with [`drop_oldest`](Self::drop_oldest)`(n)` it loses items instead.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | each item to both readers: to the first that takes it a clone, to the other the item itself |
    /// | Ends | with upstream, for each reader after all items |
    /// | Errors | keep their place: each reader fails after the items that came before |
    /// | Holds | each item until both have taken it, 256 at most |
    /// | Dropped | when one is dropped the other goes on alone, at its own pace; with both, upstream is dropped |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let (low, high) = from_iter(1..=100).tee();
    /// let (low, high) = (low.filter(|n| *n <= 10).count(), high.filter(|n| *n > 10).count());
    /// assert_eq!(futures::join!(low, high), (Ok(10), Ok(90)));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`share`](Self::share) for readers that can be cloned; [`inspect`](Self::inspect) for a function that only looks.
    /// itertools: `tee`. Pekko: `alsoTo`, `wireTap` (which is the one with `drop_oldest`).
    #[doc(alias = "alsoTo")]
    #[doc(alias = "wireTap")]
    pub fn tee(self) -> (Flow<Broadcast<S>>, Flow<Broadcast<S>>) {
        let hub = Hub::new(self.into_inner(), 0, Bound::new());
        (Flow::new(Broadcast::new(&hub)), Flow::new(Broadcast::new(&hub)))
    }
}
