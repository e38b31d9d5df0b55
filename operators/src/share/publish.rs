//! `publish`: readers are taken first, and then it begins.
//!
//! ```text
//! in:   a-b-c-|
//! out:  (01|)
//! 0:    a-b-c-|
//! 1:    a-b-c-|
//! ```

use std::fmt;
use std::sync::Arc;

use super::hub::Hub;
use super::share::Share;
use crate::{Flow, TryStream};

/// What [`Flow::publish`] makes: takes readers, until it is connected.
#[must_use = "readers are to be taken before it is connected, which dropping it does"]
pub struct Publish<S: TryStream> {
    hub: Arc<Hub<S>>,
}

impl<S: TryStream> Flow<S> {
    /// Makes a flow whose readers are taken first, and read upstream only once [`connect`](Publish::connect) is called.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/publish.svg"))]
    ///
    /// So each of them gets every item, although those taken first are polled at once, on tasks of their own. Apart from
    /// that it is [`share`](Self::share), with its bound: the slowest reader holds the others back when they are
    /// [`hold_back`](Self::hold_back)`(n)` items ahead, 256 if not said; with [`drop_oldest`](Self::drop_oldest)`(n)` it
    /// loses items instead. For readers after it is connected, clone one.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | nothing before it is connected; then each item to every reader |
    /// | Ends | with upstream, for each reader after all items |
    /// | Errors | keep their place: each reader fails after the items that came before |
    /// | Holds | each item until all readers have taken it, 256 at most |
    /// | Dropped | what `publish` gave connects when it is dropped, so that no reader waits for ever; with it and the last reader, upstream is dropped |
    /// | Time | none; upstream is first polled when a reader is polled after it was connected |
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # rt.block_on(async {
    /// let numbers = anabranch_operators::from_iter(1..=100).publish();
    /// let sum = tokio::spawn(numbers.reader().fold(0, |sum, n| sum + n));
    /// let count = tokio::spawn(numbers.reader().count());
    /// numbers.connect();
    /// assert_eq!((sum.await.unwrap(), count.await.unwrap()), (Ok(5050), Ok(100)));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`share`](Self::share), [`replay`](Self::replay). ReactiveX: `publish`, `multicast`, `connectable`, `connect`.
    #[doc(alias = "multicast")]
    #[doc(alias = "connectable")]
    #[doc(alias = "connect")]
    pub fn publish(self) -> Publish<S> {
        Publish { hub: Hub::shut(self.into_inner()) }
    }
}

impl<S: TryStream> Publish<S> {
    /// A reader, which gets everything, but not before [`connect`](Self::connect).
    pub fn reader(&self) -> Flow<Share<S>> {
        Flow::new(Share::new(Arc::clone(&self.hub)))
    }

    /// Lets the readers begin. It is the same as dropping this.
    pub fn connect(self) {
        drop(self);
    }
}

impl<S: TryStream> Drop for Publish<S> {
    fn drop(&mut self) {
        self.hub.open();
    }
}

impl<S: TryStream> fmt::Debug for Publish<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish").finish_non_exhaustive()
    }
}
