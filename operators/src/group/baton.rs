//! [`Baton`]: which of several readers of one source is woken.
//!
//! The readers share a source that any of them may poll, always with the baton as its waker. When the source has
//! something, one waiting reader gets the baton: it is woken, polls the source for all, and hands the baton on when it
//! has what it wants or is dropped. A reader whose own item has come is woken by itself. So there is one wake for each
//! event of the source and for each item that somebody waits for, however many readers there are.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use slab::Slab;

use super::list::{Links, List};
use crate::budget::Slice;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock, thread_local};

/// Where one reader waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(u32);

/// Since when a reader waits that does not.
const NEVER: NonZeroU64 = NonZeroU64::MAX;

#[derive(Default)]
pub(crate) struct Baton {
    roster: Mutex<Roster>,
    /// Whether nobody need poll the source before it calls. Set and unset under the lock; may be read without.
    quiet: AtomicBool,
    /// How many times a reader has begun to poll the source.
    polls: AtomicUsize,
}

struct Roster {
    seats: Slab<Place>,
    /// The seats whose readers wait, those first who have waited for longest. Without the outer reader, who goes last.
    waiting: List<Place>,
    /// Who was woken to poll the source and has not yet come.
    holder: Option<Seat>,
    /// Who polls the source now, and will see by itself what comes for it.
    polling: Option<Seat>,
    /// Whether the source called while somebody was polling it.
    called: bool,
    /// One more than how many readers have begun to wait.
    begun: NonZeroU64,
}

struct Place {
    /// Set while the reader waits, and then the place is in the list, unless it is the outer reader's.
    waker: Option<Waker>,
    /// Since when it waits for what it wants: a reader that was woken in vain has not lost its place. Never zero, so that a
    /// place needs no more room in the slab.
    since: NonZeroU64,
    links: Links,
}

impl Default for Roster {
    fn default() -> Self {
        let mut seats = Slab::new();
        let outer = seats.insert(Place { waker: None, since: NEVER, links: Links::new() });
        debug_assert_eq!(outer, Baton::OUTER.0 as usize);
        let waiting = List::new(|place: &mut Place| &mut place.links);
        Self { seats, waiting, holder: None, polling: None, called: false, begun: NonZeroU64::MIN }
    }
}

impl Baton {
    /// The seat of the reader of the outer stream. It always goes last: what stands between it and the outer stream may keep it from
    /// polling that, such as a merge at its limit. Where it waits on behalf of all, no other has a seat.
    pub(crate) const OUTER: Seat = Seat(0);

    /// A seat for one reader more.
    pub(crate) fn join(&self) -> Seat {
        Seat(self.lock().seats.insert(Place { waker: None, since: NEVER, links: Links::new() }) as u32)
    }

    /// The reader is gone.
    pub(crate) fn leave(&self, seat: Seat) {
        let mut roster = self.lock();
        let waker = roster.stop_waiting(seat);
        if seat != Self::OUTER {
            roster.seats.remove(seat.0 as usize);
        }
        let next = roster.release(seat);
        drop(roster);
        drop(waker);
        self.wake_one(next);
    }

    /// The reader waits, and is to be woken by this waker. Gives back a waker that is not needed.
    #[must_use = "a waker is dropped outside of all locks"]
    pub(crate) fn wait(&self, seat: Seat, waker: Waker) -> Option<Waker> {
        let mut roster = self.lock();
        if roster.holder == Some(seat) {
            roster.holder = None; // It has come, and will poll the source next.
        }
        let place = &mut roster.seats[seat.0 as usize];
        match &place.waker {
            Some(old) if old.will_wake(&waker) => Some(waker),
            Some(_) => place.waker.replace(waker),
            None => {
                roster.start_waiting(seat, waker);
                None
            }
        }
    }

    /// The reader has what it wants. If it polled the source for that, another goes on polling.
    pub(crate) fn served(&self, seat: Seat, polled: bool) {
        let mut roster = self.lock();
        let waker = roster.stop_waiting(seat);
        roster.seats[seat.0 as usize].since = NEVER;
        roster.stop_polling(seat);
        // It may have got the baton while it polled, by a call that came of that very poll: another is to go on.
        let held = roster.holder.take_if(|holder| *holder == seat).is_some();
        let next = if polled || held { roster.pass() } else { None };
        drop(roster);
        drop(waker);
        self.wake_one(next);
    }

    /// Something has come for this reader: gives its waker, if it waits. Then it has what it wants, and need not be told so
    /// [again](Self::served). Who polls the source sees by itself what comes.
    pub(crate) fn satisfied(&self, seat: Seat) -> Option<Waker> {
        let mut roster = self.lock();
        if roster.polling == Some(seat) {
            return None;
        }
        let waker = roster.stop_waiting(seat)?;
        roster.seats[seat.0 as usize].since = NEVER;
        Some(waker)
    }

    /// Something has come for all readers.
    pub(crate) fn notify_all(&self) {
        let mut roster = self.lock();
        let mut wakers = Vec::new();
        let mut polling = None;
        while let Some(first) = roster.first() {
            let waker = roster.stop_waiting(first);
            if roster.polling == Some(first) {
                polling = waker.map(|waker| (first, waker));
            } else {
                wakers.extend(waker);
            }
        }
        if let Some((seat, waker)) = polling {
            roster.start_waiting(seat, waker);
        }
        drop(roster);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A reader begins to poll the source: whoever was woken to do that need not come any more. It may have turned to
    /// something else, and then nobody is to wait for it.
    pub(crate) fn begin(&self, seat: Seat) {
        let mut roster = self.lock();
        roster.called = false;
        self.quiet.store(false, Ordering::SeqCst);
        roster.holder = None;
        roster.polling = Some(seat);
        self.polls.fetch_add(1, Ordering::SeqCst);
    }

    /// How many times a reader has begun to poll the source.
    pub(crate) fn polls(&self) -> usize {
        self.polls.load(Ordering::SeqCst)
    }

    /// Whether the reader of the outer stream waits, or has been woken to poll the source.
    pub(super) fn outer_waits(&self) -> bool {
        let roster = self.lock();
        roster.seats[Self::OUTER.0 as usize].waker.is_some() || roster.holder == Some(Self::OUTER)
    }

    /// The reader of the outer stream was woken to poll the source, if it was, and cannot: another does.
    pub(super) fn outer_steps_back(&self) {
        let mut roster = self.lock();
        let next = roster.release(Self::OUTER);
        drop(roster);
        self.wake_one(next);
    }

    /// A reader has stopped polling the source, which others can poll from now on.
    ///
    /// Whoever was woken by a call that came meanwhile found the source taken, and waits again.
    pub(crate) fn finish(&self, seat: Seat) {
        let mut roster = self.lock();
        roster.stop_polling(seat);
        let next = if roster.called { roster.pass() } else { None };
        drop(roster);
        self.wake_one(next);
    }

    /// A reader has stopped polling the source, and somebody is to poll it again, once others have had their turn.
    pub(crate) fn give_way(self: &Arc<Self>, seat: Seat) {
        let mut roster = self.lock();
        roster.stop_polling(seat);
        let is_alone = seat == Self::OUTER && roster.waiting.first().is_none();
        drop(roster);
        if is_alone {
            // Nobody else waits for the call, so it may come late. Who comes meanwhile can poll the source.
            Slice::give_way(&Context::from_waker(&Waker::from(Arc::clone(self))));
        } else {
            self.call();
        }
    }

    /// The reader that polls the source, and still keeps others from it, says that they need not poll it before the next
    /// call.
    pub(crate) fn rest(&self) {
        let roster = self.lock();
        self.quiet.store(!roster.called, Ordering::SeqCst);
    }

    /// Whether a reader that finds nothing need not poll the source.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::SeqCst)
    }

    /// The source can be polled with success.
    pub(crate) fn call(&self) {
        let mut roster = self.lock();
        roster.called = true;
        self.quiet.store(false, Ordering::SeqCst);
        let next = roster.pass();
        let comes = next.is_none() && (roster.is_held() || roster.polling.is_some());
        drop(roster);
        if !comes && !self.wake_one(next) {
            _ = HEARD.try_with(|heard| heard.set(false));
        }
    }

    /// Wakes who has got the baton, and tells whether anybody comes. If it is a group from which others are made, and nobody waits for one of
    /// these, the next gets it.
    fn wake_one(&self, mut next: Option<(Seat, Waker)>) -> bool {
        while let Some((seat, waker)) = next {
            if wake(waker) {
                return true;
            }
            next = self.lock().release(seat); // If another has it by now, one more comes than need be.
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }
}

impl Wake for Baton {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}

impl Roster {
    fn start_waiting(&mut self, seat: Seat, waker: Waker) {
        let place = &mut self.seats[seat.0 as usize];
        place.waker = Some(waker);
        if seat == Baton::OUTER {
            return;
        }
        if place.since == NEVER {
            place.since = self.begun;
            self.begun = self.begun.saturating_add(1);
        }
        let since = place.since;
        self.waiting.insert(&mut self.seats, seat.0, |other| other.since > since);
    }

    fn stop_waiting(&mut self, seat: Seat) -> Option<Waker> {
        let waker = self.seats[seat.0 as usize].waker.take()?;
        if seat != Baton::OUTER {
            self.waiting.remove(&mut self.seats, seat.0);
        }
        Some(waker)
    }

    /// Who goes first of those that wait.
    fn first(&self) -> Option<Seat> {
        let outer_waits = self.seats[Baton::OUTER.0 as usize].waker.is_some();
        let outer = outer_waits.then_some(Baton::OUTER);
        self.waiting.first().map(Seat).or(outer)
    }

    /// By now another reader may have begun.
    fn stop_polling(&mut self, seat: Seat) {
        if self.polling == Some(seat) {
            self.polling = None;
        }
    }

    /// Hands the baton on, if this reader had it.
    fn release(&mut self, seat: Seat) -> Option<(Seat, Waker)> {
        if self.holder != Some(seat) {
            return None;
        }
        self.holder = None;
        self.pass()
    }

    /// Whether somebody who has the baton is on the way. The outer reader may not be able to come.
    fn is_held(&self) -> bool {
        self.holder.is_some_and(|holder| holder != Baton::OUTER)
    }

    /// Gives the baton to the next who waits, unless somebody who has it is on the way.
    fn pass(&mut self) -> Option<(Seat, Waker)> {
        if self.is_held() {
            return None;
        }
        let next = self.first()?;
        self.holder = Some(next);
        self.stop_waiting(next).map(|waker| (next, waker))
    }
}

thread_local! {
    /// Whether whoever was woken last may come: what a waker tells the one who wakes it. A baton of which nobody waits says that it will
    /// not; of all other wakers, such as those of tasks, and of merges that are not waited for, nothing is known.
    static HEARD: Cell<bool> = const { Cell::new(true) };
}

/// Wakes, and tells whether that was heard.
fn wake(waker: Waker) -> bool {
    _ = HEARD.try_with(|heard| heard.set(true));
    waker.wake();
    HEARD.try_with(Cell::get).unwrap_or(true)
}
