//! [`Lane`]: the buffer between the operator and the reader of one sub-stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use super::baton::Seat;
use super::lanes::Lanes;
use crate::rota::Member;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};

/// Items that wait for their reader, and how the sub-stream ended. Locked for a few instructions at a time; nothing of
/// the user's is called or dropped under the lock.
pub(crate) struct Lane<K, T, E> {
    pub(crate) key: K,
    /// Whether there is anything to take. Set and unset under the lock; may be read without.
    ready: AtomicBool,
    /// Whether it has failed, so that its reader is not to give what it has taken before.
    failed: AtomicBool,
    /// How many of the items that were [added](State::added) its reader has given. Written by that alone.
    given: AtomicUsize,
    state: Mutex<State<T, E>>,
}

/// What the reader of a lane has taken out of it and not yet given: all that was there, under one lock.
pub(crate) struct Taken<T> {
    /// The next one last.
    items: Vec<T>,
    /// How many of them there were when it was last counted what was given.
    counted: u32,
    /// It is counted when there are no more than these.
    few: u32,
    /// Which stream of a merge the lane calls when there is something to take again, unless it has done so since.
    called: Option<Member>,
}

impl<T> Taken<T> {
    pub(crate) const fn new() -> Self {
        Self { items: Vec::new(), counted: 0, few: 0, called: None }
    }

    /// Whether what was given is counted with the next item.
    #[inline(always)]
    fn is_due(&self, lanes: &Lanes) -> bool {
        self.items.len() <= self.few as usize + 1 || lanes.is_held()
    }

    /// Begins to count, with nothing given.
    fn begin(&mut self, uncounted: usize) {
        self.counted = self.items.len() as u32;
        self.count(uncounted);
    }

    /// Gives how many were given and not yet counted, and counts again when `uncounted` more are, or none are left.
    fn count(&mut self, uncounted: usize) -> usize {
        let left = self.items.len() as u32;
        self.few = left.saturating_sub(uncounted as u32);
        (std::mem::replace(&mut self.counted, left) - left) as usize
    }

    /// The reader will wait for itself, if at all.
    pub(crate) const fn forget_call(&mut self) {
        self.called = None;
    }
}

struct State<T, E> {
    items: VecDeque<T>,
    /// How many there have been, without those that were lost.
    added: usize,
    /// Whether no more items come.
    ended: bool,
    /// With what it ended, until that is taken. In a box, because few fail and all have the room.
    error: Option<Box<E>>,
    /// Where its reader waits, once it has had to.
    seat: Option<Seat>,
    /// Which stream of the merge is to be called when there is something to take.
    member: Option<Member>,
    /// Whether the reader has a waker in its seat, or has got the baton for it. Not if it was woken because there is
    /// something to take.
    waits: bool,
    /// The reader is gone: what comes is discarded.
    abandoned: bool,
}

impl<K, T, E> Lane<K, T, E> {
    pub(crate) const fn new(key: K) -> Self {
        Self::with_seat(key, None)
    }

    pub(crate) const fn with_seat(key: K, seat: Option<Seat>) -> Self {
        let state = State {
            items: VecDeque::new(),
            added: 0,
            ended: false,
            error: None,
            seat,
            member: None,
            waits: false,
            abandoned: false,
        };
        let (ready, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { key, ready, failed, given: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Whether its reader would get something now.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Brings both ends of it into the processor's cache.
    #[inline]
    pub(super) fn look_ahead(self: &Arc<Self>) -> (usize, bool) {
        (Arc::strong_count(self), self.is_ready())
    }

    /// Whether it may not get another item.
    pub(crate) fn is_full(&self, lanes: &Lanes) -> bool {
        let state = self.lock();
        self.unread(&state) >= lanes.bounds().each && !state.ended
    }

    /// Items that wait for the reader, or that it has not yet given.
    pub(crate) fn len(&self) -> usize {
        self.unread(&self.lock())
    }

    fn unread(&self, state: &State<T, E>) -> usize {
        state.added - self.given.load(Ordering::Acquire)
    }

    /// Adds an item, or gives it back if nobody will read it.
    pub(crate) fn push(&self, lanes: &Lanes, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.abandoned {
            return Err(item);
        }
        state.items.push_back(item);
        lanes.add(1);
        let member = self.added(lanes, state, 1);
        call(lanes, member);
        Ok(())
    }

    /// Adds an item, or drops it if nobody will read it. Gives the lane if it is full now.
    pub(crate) fn push_or_drop(self: &Arc<Self>, lanes: &Lanes, item: T) -> Option<Arc<Self>> {
        drop(self.push(lanes, item));
        self.is_full(lanes).then(|| Arc::clone(self))
    }

    /// Adds items that have been [counted](Lanes::add) already, or leaves them to be dropped if nobody will read them. Gives the
    /// stream of the merge that is to be called for that, or for the end of the lane, if these are its last.
    #[must_use = "nobody else calls it"]
    pub(super) fn append(&self, lanes: &Lanes, items: &mut Vec<T>, last: bool) -> Option<Member> {
        let count = items.len();
        let mut state = self.lock();
        if state.abandoned {
            drop(state);
            lanes.taken(count);
            return None;
        }
        // One that is far too large for this lane came of another's many items. Handed on, it would leave one like it with each.
        let fits = state.items.capacity() >= count && items.capacity() <= 2 * state.items.capacity().max(4);
        if state.items.is_empty() && fits {
            let empty = std::mem::replace(&mut state.items, VecDeque::from(std::mem::take(items)));
            *items = Vec::from(empty);
        } else {
            // What gathers next finds a buffer, and this one is no larger than it must be, as lanes are many.
            if state.items.capacity() == 0 {
                state.items.reserve_exact(count);
            }
            state.items.extend(items.drain(..));
            if items.capacity() > 2 * state.items.capacity().max(16) {
                *items = Vec::new();
            }
        }
        state.ended |= last;
        self.added(lanes, state, count)
    }

    fn added(&self, lanes: &Lanes, mut state: MutexGuard<'_, State<T, E>>, items: usize) -> Option<Member> {
        state.added += items;
        if self.is_ready() { None } else { self.wake(lanes, state) }
    }

    /// There is something to take: wakes the reader, if it waits in its seat, or gives the stream of the merge that is to be called.
    fn wake(&self, lanes: &Lanes, mut state: MutexGuard<'_, State<T, E>>) -> Option<Member> {
        self.ready.store(true, Ordering::Release);
        let member = state.member.take();
        let seat = state.seat.filter(|_| state.waits);
        let waker = seat.and_then(|seat| lanes.baton.satisfied(seat));
        if waker.is_some() {
            state.waits = false;
        }
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        member
    }

    /// Ends the lane: items that are buffered can still be taken.
    pub(crate) fn end(&self, lanes: &Lanes) {
        let mut state = self.lock();
        if state.ended || state.abandoned {
            return;
        }
        state.ended = true;
        let member = self.wake(lanes, state);
        call(lanes, member);
    }

    /// Fails the lane at once: items that are buffered are dropped with it.
    pub(crate) fn fail(&self, lanes: &Lanes, error: E) -> VecDeque<T> {
        let mut state = self.lock();
        if state.ended || state.abandoned {
            return VecDeque::new();
        }
        state.ended = true;
        state.error = Some(Box::new(error));
        let lost = std::mem::take(&mut state.items);
        state.added -= lost.len();
        self.failed.store(true, Ordering::Release);
        let member = self.wake(lanes, state);
        call(lanes, member);
        lanes.taken(lost.len());
        lost
    }

    /// Gives the seat in which the reader waits from now on, unless there is an item or the end to take.
    pub(crate) fn wait(&self, lanes: &Lanes, cx: &Context<'_>) -> Option<Seat> {
        if self.is_ready() {
            return None;
        }
        let waker = cx.waker().clone();
        let mut state = self.lock();
        // Waiting begins under the lock, so that an item cannot come in between unnoticed.
        if !state.has_nothing() {
            return None;
        }
        let seat = *state.seat.get_or_insert_with(|| lanes.baton.join());
        state.member = None;
        state.waits = true;
        let unneeded = lanes.baton.wait(seat, waker);
        drop(state);
        drop(unneeded);
        Some(seat)
    }

    /// Whether the reader, which is that stream of the merge, waits to be called, without a seat. It does not if there is an
    /// item or the end to take.
    #[inline]
    pub(crate) fn waits_in_merge(&self, lanes: &Lanes, taken: &mut Taken<T>, member: Member) -> bool {
        !self.is_ready() && (taken.called == Some(member) || self.begin_in_merge(lanes, taken, member))
    }

    #[inline(never)]
    fn begin_in_merge(&self, lanes: &Lanes, taken: &mut Taken<T>, member: Member) -> bool {
        let mut state = self.lock();
        if !state.has_nothing() {
            return false;
        }
        state.member = Some(member);
        taken.called = Some(member);
        let seat = state.leaves_seat();
        drop(state);
        if let Some(seat) = seat {
            lanes.baton.served(seat, false); // If it was to poll the source, another is.
        }
        true
    }

    /// The next item that was taken before, unless this is the time to count what was [given](Self::give).
    ///
    /// While the source is held back, each item given makes room at once; otherwise some do together.
    #[inline(always)]
    pub(crate) fn give_one_of_many(&self, lanes: &Lanes, taken: &mut Taken<T>) -> Option<T> {
        if taken.is_due(lanes) || self.failed.load(Ordering::Acquire) { None } else { taken.items.pop() }
    }

    /// The next item that was taken before, if the lane has not failed since; counts what was given with it.
    pub(crate) fn give(&self, lanes: &Lanes, taken: &mut Taken<T>) -> Option<T> {
        if self.failed.load(Ordering::Acquire) {
            self.forget(lanes, taken);
        }
        self.give_and_count(lanes, taken)
    }

    /// Drops what was taken before the lane failed.
    #[cold]
    fn forget(&self, lanes: &Lanes, taken: &mut Taken<T>) {
        taken.items.clear();
        self.count_given(lanes, taken);
    }

    fn give_and_count(&self, lanes: &Lanes, taken: &mut Taken<T>) -> Option<T> {
        let item = taken.items.pop()?;
        self.count_given(lanes, taken);
        Some(item)
    }

    /// Counts as read what was given.
    fn count_given(&self, lanes: &Lanes, taken: &mut Taken<T>) {
        let given = taken.count(lanes.uncounted());
        self.read(lanes, given);
    }

    /// Takes all items, of which there are none taken before, and gives the first; or the end. A reader that polled the
    /// source to get it says so, and lets another go on. One that is a stream of the merge will be called for the next item.
    pub(crate) fn take_all(
        &self,
        lanes: &Lanes,
        taken: &mut Taken<T>,
        polled: bool,
        member: Option<Member>,
    ) -> Option<Result<T, E>> {
        let mut state = self.lock();
        state.member = member;
        taken.called = member;
        if state.items.len() <= 1 {
            // One that comes alone is given at once, so that the reader needs no buffer for it.
            return self.take_first(lanes, state, polled);
        }
        let items = std::mem::replace(&mut state.items, VecDeque::from(std::mem::take(&mut taken.items)));
        self.was_taken(lanes, state, false, polled);
        taken.items = Vec::from(items);
        taken.items.reverse();
        taken.begin(lanes.uncounted());
        // Not looking for a failure that has come meanwhile: it is for the next call.
        let first = if taken.is_due(lanes) { self.give_and_count(lanes, taken) } else { taken.items.pop() };
        first.map(Ok)
    }

    /// Takes an item, or the end.
    pub(crate) fn take_one(&self, lanes: &Lanes, polled: bool) -> Option<Result<T, E>> {
        self.take_first(lanes, self.lock(), polled)
    }

    fn take_first(&self, lanes: &Lanes, mut state: MutexGuard<'_, State<T, E>>, polled: bool) -> Option<Result<T, E>> {
        let item = state.items.pop_front();
        let error = self.was_taken(lanes, state, item.is_none(), polled);
        if item.is_some() {
            self.read(lanes, 1);
        }
        item.map(Ok).or_else(|| error.map(|error| Err(*error)))
    }

    /// Gives the failure, if there was nothing else to take.
    fn was_taken(
        &self,
        lanes: &Lanes,
        mut state: MutexGuard<'_, State<T, E>>,
        nothing: bool,
        polled: bool,
    ) -> Option<Box<E>> {
        let error = if nothing { state.error.take() } else { None };
        self.ready.store(!state.items.is_empty() || state.ended, Ordering::Release);
        let seat = if polled { state.seat } else { None };
        let seat = state.leaves_seat().or(seat);
        drop(state);
        if let Some(seat) = seat {
            lanes.baton.served(seat, polled);
        }
        error
    }

    fn read(&self, lanes: &Lanes, items: usize) {
        self.given.store(self.given.load(Ordering::Relaxed) + items, Ordering::Release);
        lanes.taken(items);
    }

    /// The reader is gone. Gives what it will not read.
    pub(crate) fn abandon(&self, lanes: &Lanes) -> VecDeque<T> {
        let mut state = self.lock();
        if state.abandoned {
            return VecDeque::new();
        }
        state.abandoned = true;
        let unread = std::mem::take(&mut state.items);
        let count = self.unread(&state);
        self.given.store(state.added, Ordering::Release);
        let seat = state.seat.take();
        drop(state);
        lanes.taken(count);
        if let Some(seat) = seat {
            lanes.baton.leave(seat);
        }
        unread
    }

    /// Whether its reader is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        lock(&self.state)
    }
}

impl<T, E> State<T, E> {
    /// Whether its reader would have to wait.
    fn has_nothing(&self) -> bool {
        self.items.is_empty() && !self.ended
    }

    /// The reader does not wait in its seat any more: gives that, if it did.
    fn leaves_seat(&mut self) -> Option<Seat> {
        if std::mem::take(&mut self.waits) { self.seat } else { None }
    }
}

pub(super) fn call(lanes: &Lanes, member: Option<Member>) {
    if member.is_some() {
        lanes.host.call(member);
    }
}

impl<K, T, E> Lane<(), Arc<Lane<K, T, E>>, E> {
    /// Of the sub-streams that nobody has taken, the one that opened first.
    pub(crate) fn first(&self) -> Option<Arc<Lane<K, T, E>>> {
        self.lock().items.front().cloned()
    }
}
