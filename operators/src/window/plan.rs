//! [`Plan`]: when windows open and close, for windows that are lists and for those that are sub-streams.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A window opens; its number is that of those before it.
    Open,
    /// The window with this number closes.
    Close(u64),
}

/// Decides when windows open and close.
pub(crate) trait Plan<E> {
    /// Whether windows that are still empty are given as lists when the source ends.
    const EMPTY_AT_END: bool = true;

    /// The first poll: time zero.
    fn start(&mut self, _now: Instant) {}

    /// What is due, one thing after another. Asked before each item until there is nothing left.
    fn poll_turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<Turn, E>>;

    /// An item has gone into the windows that are open.
    fn item(&mut self) {}

    /// Windows that open from now on are not asked for any more; those that are open are still to be closed.
    fn stop_opening(&mut self) {}

    /// When the next turn is due, as far as that depends on the clock.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// How an item gets into windows beyond the last that is open.
pub(crate) trait Copies<T> {
    fn copy(item: &T) -> Option<T>;
}

/// Windows do not overlap: an item is moved into the one that is open.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Moved;

/// Windows may overlap: an item is cloned into all that are open.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cloned;

impl<T> Copies<T> for Moved {
    fn copy(_item: &T) -> Option<T> {
        None
    }
}

impl<T: Clone> Copies<T> for Cloned {
    fn copy(item: &T) -> Option<T> {
        Some(item.clone())
    }
}

/// Windows of one size, a new one every so many items.
#[derive(Clone, Debug)]
pub struct ByCount {
    step: u64,
    /// Items that were read.
    items: u64,
    closed: u64,
    /// With which number of items the oldest open window closes.
    closes: u64,
    opened: u64,
    opens: u64,
}

impl ByCount {
    pub(super) const fn new(size: usize, step: usize) -> Self {
        let (size, step) = (size as u64, step as u64);
        Self { step, items: 0, closed: 0, closes: size, opened: 0, opens: 0 }
    }
}

impl<E> Plan<E> for ByCount {
    const EMPTY_AT_END: bool = false;

    fn poll_turn(&mut self, _cx: &mut Context<'_>, _now: Instant) -> Poll<Result<Turn, E>> {
        if self.closed < self.opened && self.closes <= self.items {
            self.closes = self.closes.saturating_add(self.step);
            self.closed += 1;
            return Poll::Ready(Ok(Turn::Close(self.closed - 1)));
        }
        if self.opens <= self.items {
            self.opens = self.opens.saturating_add(self.step);
            self.opened += 1;
            return Poll::Ready(Ok(Turn::Open));
        }
        Poll::Pending
    }

    fn item(&mut self) {
        self.items += 1;
    }
}

/// Windows of one length, a new one every so often.
#[derive(Clone, Debug)]
pub struct ByTime {
    span: Duration,
    shift: Duration,
    closed: u64,
    /// When the oldest open window closes, or, if none is open, the next one to open. Unset before the first poll, and
    /// if that is beyond the clock's reach.
    closes: Option<Instant>,
    opened: u64,
    opens: Option<Instant>,
}

impl ByTime {
    pub(super) const fn new(span: Duration, shift: std::time::Duration) -> Self {
        Self { span, shift, closed: 0, closes: None, opened: 0, opens: None }
    }

    fn closes(&self) -> Option<Instant> {
        self.closes.filter(|_| self.closed < self.opened)
    }
}

impl<E> Plan<E> for ByTime {
    fn start(&mut self, now: Instant) {
        self.closes = now.checked_add(self.span);
        self.opens = Some(now);
    }

    fn poll_turn(&mut self, _cx: &mut Context<'_>, now: Instant) -> Poll<Result<Turn, E>> {
        let due = |instant: &Instant| *instant <= now;
        if let Some(closes) = self.closes().filter(due)
            && self.opens.is_none_or(|opens| closes <= opens)
        {
            self.closes = closes.checked_add(self.shift);
            self.closed += 1;
            return Poll::Ready(Ok(Turn::Close(self.closed - 1)));
        }
        if let Some(opens) = self.opens.filter(due) {
            self.opens = opens.checked_add(self.shift);
            self.opened += 1;
            return Poll::Ready(Ok(Turn::Open));
        }
        Poll::Pending
    }

    fn deadline(&self) -> Option<Instant> {
        self.closes().into_iter().chain(self.opens).min()
    }
}

/// Windows of one length, but of no more than so many items, one after another.
#[derive(Clone, Debug)]
pub struct ByTimeOrCount {
    span: Duration,
    size: usize,
    /// Items in the open window.
    items: usize,
    number: u64,
    state: Due,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    /// Before the first poll.
    Unknown,
    /// A window is to open, whose time begins then.
    Opens(Instant),
    Closes(Instant),
    /// Beyond the clock's reach.
    Never,
}

impl ByTimeOrCount {
    pub(super) const fn new(span: Duration, size: usize) -> Self {
        Self { span, size, items: 0, number: 0, state: Due::Unknown }
    }
}

impl<E> Plan<E> for ByTimeOrCount {
    fn start(&mut self, now: Instant) {
        self.state = Due::Opens(now);
    }

    fn poll_turn(&mut self, _cx: &mut Context<'_>, now: Instant) -> Poll<Result<Turn, E>> {
        let next_opens = match self.state {
            Due::Opens(opens) => {
                self.state = opens.checked_add(self.span).map_or(Due::Never, Due::Closes);
                return Poll::Ready(Ok(Turn::Open));
            }
            Due::Closes(_) | Due::Never if self.items == self.size => now,
            Due::Closes(closes) if closes <= now => closes,
            Due::Unknown | Due::Closes(_) | Due::Never => return Poll::Pending,
        };
        self.state = Due::Opens(next_opens);
        self.items = 0;
        self.number += 1;
        Poll::Ready(Ok(Turn::Close(self.number - 1)))
    }

    fn item(&mut self) {
        self.items += 1;
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            Due::Closes(closes) => Some(closes),
            Due::Unknown | Due::Opens(_) | Due::Never => None,
        }
    }
}
