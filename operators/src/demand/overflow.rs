//! [`Overflow`]: what to do when more items wait than may.

use std::collections::VecDeque;
use std::fmt;

use super::read_ahead::{Place, Policy, sealed};
use crate::{Counter, OperatorError};

/// What [`on_overflow`](crate::Flow::on_overflow) does with an item for which there is no room.
///
/// ```
/// use anabranch_operators::{Counter, Overflow};
///
/// let lost = Counter::new();
/// let policy = Overflow::drop_oldest(1_000).lost(&lost);
/// ```
#[derive(Clone, Debug)]
pub struct Overflow<P> {
    /// How many items may wait.
    n: usize,
    beyond: P,
}

/// The [`Overflow`] of [`buffer`](Overflow::buffer).
#[derive(Clone, Copy, Debug)]
pub struct HoldBack;

/// The [`Overflow`] of [`drop_newest`](Overflow::drop_newest), [`drop_oldest`](Overflow::drop_oldest) and
/// [`latest`](Overflow::latest).
#[derive(Clone, Debug)]
pub struct Lose {
    newest: bool,
    lost: Counter,
}

/// The [`Overflow`] of [`error`](Overflow::error).
#[derive(Clone, Copy, Debug)]
pub struct Fail;

impl<P> Overflow<P> {
    #[track_caller]
    fn new(n: usize, beyond: P) -> Self {
        assert!(n > 0, "at least one item must be able to wait for the consumer");
        Self { n, beyond }
    }
}

impl Overflow<HoldBack> {
    /// Lets `n` items wait, and holds upstream back until there is room.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn buffer(n: usize) -> Self {
        Self::new(n, HoldBack)
    }
}

impl Overflow<Lose> {
    /// Lets `n` items wait, and drops those that come while there is no room.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn drop_newest(n: usize) -> Self {
        Self::losing(n, true)
    }

    /// Lets `n` items wait, and drops the one that waited longest when another comes.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn drop_oldest(n: usize) -> Self {
        Self::losing(n, false)
    }

    /// Lets the latest item wait: `drop_oldest(1)`.
    pub fn latest() -> Self {
        Self::drop_oldest(1)
    }

    /// Counts in `counter` the items that are dropped.
    pub fn lost(mut self, counter: &Counter) -> Self {
        self.beyond.lost = counter.clone();
        self
    }

    #[track_caller]
    fn losing(n: usize, newest: bool) -> Self {
        Self::new(n, Lose { newest, lost: Counter::new() })
    }
}

impl Overflow<Fail> {
    /// Lets `n` items wait, and fails with [`OperatorError::Overflow`] behind them when another comes.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn error(n: usize) -> Self {
        Self::new(n, Fail)
    }
}

/// What an [`Overflow`] does beyond its limit. The trait is sealed.
pub trait Beyond<E>: fmt::Debug + sealed::Sealed {
    /// Whether upstream is asked for nothing while there is no room, so that nothing is ever too much.
    #[doc(hidden)]
    const HOLDS_BACK: bool = false;

    /// Which item is lost, of those that wait and the one that came.
    #[doc(hidden)]
    fn displace<T>(&self, _held: &mut VecDeque<T>, item: T) -> T {
        item
    }

    /// Called when an item was lost.
    #[doc(hidden)]
    fn lost(&self, _waiting: usize) -> Result<(), E> {
        Ok(())
    }
}

impl sealed::Sealed for HoldBack {}
impl sealed::Sealed for Lose {}
impl sealed::Sealed for Fail {}
impl<P> sealed::Sealed for Overflow<P> {}

impl<E> Beyond<E> for HoldBack {
    const HOLDS_BACK: bool = true;
}

impl<E> Beyond<E> for Lose {
    fn displace<T>(&self, held: &mut VecDeque<T>, item: T) -> T {
        if self.newest {
            return item;
        }
        held.push_back(item);
        held.pop_front().unwrap_or_else(|| unreachable!("an item was just put there"))
    }

    fn lost(&self, _waiting: usize) -> Result<(), E> {
        self.lost.add(1);
        Ok(())
    }
}

impl<E: From<OperatorError>> Beyond<E> for Fail {
    fn lost(&self, waiting: usize) -> Result<(), E> {
        Err(OperatorError::Overflow { waiting }.into())
    }
}

impl<T, E, P: Beyond<E>> Policy<T, E> for Overflow<P> {
    type Held = VecDeque<T>;
    type Given = T;

    const ONE_TO_ONE: bool = P::HOLDS_BACK;
    const NAME: &'static str = "on_overflow or prefetch";

    fn has_room(&self, held: &VecDeque<T>) -> bool {
        !P::HOLDS_BACK || held.len() < self.n
    }

    fn put(&mut self, place: &Place<VecDeque<T>, E>, item: T) -> Result<(), E> {
        let displaced = place.put(|held| {
            if held.len() < self.n {
                held.push_back(item);
                None
            } else {
                Some(self.beyond.displace(held, item))
            }
        });
        if displaced.is_some() { self.beyond.lost(self.n) } else { Ok(()) }
    }

    fn take(held: &mut VecDeque<T>) -> Option<T> {
        held.pop_front()
    }

    fn waiting(held: &VecDeque<T>) -> usize {
        held.len()
    }
}
