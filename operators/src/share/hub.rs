//! [`Hub`]: one source whose every item is for all readers, and [`Reader`], one of them.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::ring::{After, Bound, Ring};
use super::turns::{End, Turn, Turns};
use crate::TryStream;
use crate::group::baton::Seat;
use crate::sync::{Mutex, lock};

pub(super) struct Hub<S: TryStream> {
    turns: Turns<S>,
    /// Locked for a few instructions at a time; nothing of the user's is called or dropped under the lock.
    ring: Mutex<Ring<S::Ok>>,
}

impl<S: TryStream> Hub<S> {
    /// A hub that keeps so many items for late readers.
    pub(super) fn new(source: S, keep: usize, bound: Bound) -> Arc<Self> {
        Arc::new(Self { turns: Turns::new(source, false), ring: Mutex::new(Ring::new(keep, bound)) })
    }

    /// A hub whose source is not polled before it is opened.
    pub(super) fn shut(source: S) -> Arc<Self> {
        Arc::new(Self { turns: Turns::new(source, true), ring: Mutex::new(Ring::new(0, Bound::new())) })
    }

    /// From now on the source may be polled.
    pub(super) fn open(&self) {
        self.turns.open();
    }

    pub(super) fn is_over(&self) -> bool {
        self.turns.end().is_some()
    }

    pub(super) fn change_bound(&self, change: impl FnOnce(&mut Bound)) {
        let mut ring = lock(&self.ring);
        let mut bound = ring.bound().clone();
        change(&mut bound);
        let after = ring.set_bound(bound);
        drop(ring);
        self.settle(after);
    }

    /// What a change of the ring leaves to be done.
    fn settle(&self, After { dropped, room }: After<S::Ok>) {
        if room {
            self.turns.baton.call();
        }
        drop(dropped);
    }
}

/// One reader of a [`Hub`].
pub(super) struct Reader<S: TryStream> {
    hub: Arc<Hub<S>>,
    state: State,
}

enum State {
    /// It has not begun, and nobody waits for it.
    Idle,
    Reading {
        seat: Seat,
        /// The number of its next item.
        next: u64,
        /// Whether it has a waker in its seat, or has got the baton for it.
        waits: bool,
    },
    Over,
}

impl<S: TryStream> Reader<S> {
    /// A reader that begins when it is first polled.
    pub(super) const fn idle(hub: Arc<Hub<S>>) -> Self {
        Self { hub, state: State::Idle }
    }

    /// A reader that begins with what comes next, and for which others have to wait from now on.
    pub(super) fn joined(hub: Arc<Hub<S>>) -> Self {
        let mut reader = Self::idle(hub);
        reader.join();
        reader
    }

    /// A reader that has not begun, of the same hub.
    pub(super) fn anew(&self) -> Self {
        Self::idle(Arc::clone(&self.hub))
    }

    /// A reader that gives what this one would give from now on. If this one is over, it gives how.
    pub(super) fn beside(&self) -> Self {
        match self.state {
            State::Idle => self.anew(),
            State::Reading { next, .. } => {
                let next = lock(&self.hub.ring).join_at(next);
                let state = State::Reading { seat: self.hub.turns.baton.join(), next, waits: false };
                Self { hub: Arc::clone(&self.hub), state }
            }
            State::Over => Self::joined(Arc::clone(&self.hub)),
        }
    }

    pub(super) fn hub(&self) -> &Hub<S> {
        &self.hub
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn join(&mut self) {
        let next = lock(&self.hub.ring).join();
        self.state = State::Reading { seat: self.hub.turns.baton.join(), next, waits: false };
    }

    fn leave(&mut self) {
        if let State::Reading { seat, next, .. } = std::mem::replace(&mut self.state, State::Over) {
            let after = lock(&self.hub.ring).leave(next);
            self.hub.turns.baton.leave(seat);
            self.hub.settle(after);
        }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let next = match self.state {
            State::Idle => None,
            State::Reading { next, .. } => Some(next),
            State::Over => return (0, Some(0)),
        };
        let end = self.hub.turns.end();
        let ring = lock(&self.hub.ring);
        let unread = next.map_or_else(|| ring.kept(), |next| ring.unread(next));
        match end {
            // Nothing comes after the end, so nothing is pushed out.
            Some(end) => {
                let signals = unread.saturating_add(usize::from(matches!(end, End::Failed(_))));
                (signals, Some(signals))
            }
            None if next.is_none() || ring.bound().lossy => (0, None),
            None => (unread, None),
        }
    }
}

impl<S> Reader<S>
where
    S: TryStream<Ok: Clone, Error: Clone>,
{
    pub(super) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        if matches!(self.state, State::Idle) {
            self.join();
        }
        let hub = &*self.hub;
        let State::Reading { seat, next, waits } = &mut self.state else { return Poll::Ready(None) };
        let mut polled = false;
        let mut over: Option<End<_>> = None;
        loop {
            if let Some(item) = hub.take(*seat, next, waits, over.is_none().then_some(cx), polled) {
                return Poll::Ready(Some(Ok(Arc::unwrap_or_clone(item))));
            }
            if let Some(end) = over {
                let signal = end.signal();
                self.leave();
                return Poll::Ready(signal);
            }
            let mut unread = false;
            let wanted = || {
                let mut ring = lock(&hub.ring);
                unread = ring.unread(*next) > 0;
                !unread && ring.has_room()
            };
            match hub.turns.take(*seat, wanted, |item| hub.put(item)) {
                Turn::Gave => polled = true,
                // Items that came before the end may have come since this reader looked.
                Turn::Over(end) => over = Some(end),
                Turn::Waits if unread => {}
                Turn::Waits => return Poll::Pending,
            }
        }
    }
}

impl<S: TryStream> Hub<S> {
    /// The next item of a reader. If there is none and a context is given, the reader waits in its seat. A reader that
    /// polled the source to get it says so, and lets another go on.
    fn take(
        &self,
        seat: Seat,
        next: &mut u64,
        waits: &mut bool,
        cx: Option<&Context<'_>>,
        polled: bool,
    ) -> Option<Arc<S::Ok>> {
        let mut waker: Option<Waker> = None;
        loop {
            let mut ring = lock(&self.ring);
            if let Some((item, after)) = ring.take(next) {
                drop(ring);
                if std::mem::take(waits) {
                    self.turns.baton.served(seat, polled);
                }
                self.settle(after);
                return Some(item);
            }
            // Waiting begins under the lock, so that an item cannot come in between unnoticed.
            if let Some(waker) = waker.take() {
                *waits = true;
                let unneeded = self.turns.baton.wait(seat, waker);
                drop(ring);
                drop(unneeded);
                return None;
            }
            drop(ring);
            waker = Some(cx?.waker().clone());
        }
    }

    /// Puts an item where all readers find it, and wakes them.
    fn put(&self, item: S::Ok) {
        let pushed_out = lock(&self.ring).push(item);
        self.turns.baton.notify_all();
        drop(pushed_out);
    }
}

impl<S: TryStream> Drop for Reader<S> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<S: TryStream> fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "Idle",
            State::Reading { .. } => "Reading",
            State::Over => "Over",
        };
        f.debug_struct("Reader").field("state", &state).finish_non_exhaustive()
    }
}
