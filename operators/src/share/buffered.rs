//! [`Buffered`]: how far the readers of one flow may be apart.

use super::hub::Hub;
use super::ring::Bound;
use crate::{Counter, Flow, TryStream};

/// A reader that shares a buffer with others: see [`Flow::hold_back`]. Sealed.
pub trait Buffered: sealed::Sealed {
    #[doc(hidden)]
    fn change(&self, change: Change);
}

/// What is to be changed of how readers are kept together.
#[derive(Debug)]
#[doc(hidden)]
pub enum Change {
    HoldBack(usize),
    DropOldest(usize),
    Lost(Counter),
}

impl Change {
    pub(super) fn apply(self, bound: &mut Bound) {
        match self {
            Self::HoldBack(items) => (bound.items, bound.lossy) = (items, false),
            Self::DropOldest(items) => (bound.items, bound.lossy) = (items, true),
            Self::Lost(counter) => bound.lost = counter,
        }
    }
}

impl<S: TryStream> Hub<S> {
    pub(super) fn change(&self, change: Change) {
        self.change_bound(|bound| change.apply(bound));
    }
}

/// How far readers of one flow may be apart: said of one of them, it goes for all.
impl<R: Buffered> Flow<R> {
    /// Lets no reader be more than `n` items ahead of the slowest one: beyond, the source is not read until that has
    /// taken an item, or is dropped. Without this it is 256.
    ///
    /// A reader that is kept but not read holds the others back for ever. Drop it, or use
    /// [`drop_oldest`](Self::drop_oldest). That is no failure by itself, as it is of [groups](crate::OperatorError::Stalled):
    /// groups come unasked, while readers are made by hand, and flows that cannot fail can be shared, too. Where it is to
    /// be noticed, put a [`timeout`](Self::timeout) behind the readers.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn hold_back(self, n: usize) -> Self {
        assert!(n > 0, "readers that are 0 items apart could not read");
        self.inner().change(Change::HoldBack(n));
        self
    }

    /// Lets nobody wait for slow readers: one that is `n` items behind loses the oldest item for each that comes. What
    /// is lost is [counted](Self::lost).
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{Counter, from_iter};
    ///
    /// let lost = Counter::new();
    /// let fast = from_iter(1..=10).share().drop_oldest(3).lost(&lost);
    /// let slow = fast.clone();
    /// assert_eq!(fast.collect::<Vec<_>>().await, Ok((1..=10).collect()));
    /// assert_eq!(slow.collect::<Vec<_>>().await, Ok(vec![8, 9, 10]));
    /// assert_eq!(lost.get(), 7);
    /// # });
    /// ```
    #[track_caller]
    pub fn drop_oldest(self, n: usize) -> Self {
        assert!(n > 0, "a reader must be able to find at least the latest item");
        self.inner().change(Change::DropOldest(n));
        self
    }

    /// Counts in `counter` what [`drop_oldest`](Self::drop_oldest) lets readers lose: an item that two readers miss
    /// counts twice.
    pub fn lost(self, counter: &Counter) -> Self {
        self.inner().change(Change::Lost(counter.clone()));
        self
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
}
