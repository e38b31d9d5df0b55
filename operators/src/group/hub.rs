//! [`Hub`]: one source, read by the operator's own reader and by those of its sub-streams.
//!
//! Whoever is polled and finds nothing takes the driver, polls the source and puts each item into its lane, until there
//! is something in its own. While it does, the driver is out, so nobody waits for a lock: who finds it out waits to be
//! woken. The source is always polled with the [`Baton`] as its waker.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::baton::{Baton, Seat};
use super::driver::{Driver, Drove};
use super::lane::{self, Lane, Taken};
use super::lanes::{Bounds, Lanes};
use super::route::Route;
use super::way::gives_way;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::{OperatorError, TryStream};

/// Where a [`Route`] sends sub-streams and their items.
pub(crate) struct Out<K, T, E> {
    pub(crate) lanes: Lanes,
    pub(super) outer: Lane<(), Arc<Lane<K, T, E>>, E>,
}

impl<K, T, E> Out<K, T, E> {
    /// Opens a sub-stream, or gives nothing if the outer stream is gone, so that nobody could read it.
    pub(crate) fn open(&self, key: K) -> Option<Arc<Lane<K, T, E>>> {
        let lane = Arc::new(Lane::new(key));
        if let Err(unread) = self.outer.push(&self.lanes, Arc::clone(&lane)) {
            drop(unread.abandon(&self.lanes));
            return None;
        }
        Some(lane)
    }

    /// Gives to the reader of the outer stream what has opened, and was [counted](Lanes::add) already.
    pub(super) fn give(&self, mut opened: Vec<Arc<Lane<K, T, E>>>) {
        lane::call(&self.lanes, self.outer.append(&self.lanes, &mut opened, false));
        for unread in opened {
            drop(unread.abandon(&self.lanes));
        }
    }

    /// Whether sub-streams can still open: not when the outer stream is gone.
    pub(crate) fn can_open(&self) -> bool {
        !self.outer.is_abandoned()
    }
}

pub(crate) struct Hub<S, R, K>
where
    S: TryStream,
{
    pub(crate) out: Out<K, S::Ok, S::Error>,
    driver: Mutex<Place<S, R, K>>,
}

enum Place<S, R, K>
where
    S: TryStream,
{
    /// Nobody polls the source.
    In(Box<Driver<S, R, K>>),
    /// Somebody does.
    Out,
    /// The source has ended, and is gone.
    Done,
    /// A closure or the source panicked while it was polled: there can be no right answer any more.
    Panicked,
}

impl<S, R, K> Hub<S, R, K>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    R: Route<S::Ok, S::Error, Key = K>,
{
    /// The next item of a sub-stream.
    #[inline(always)]
    pub(crate) fn poll_item(
        &self,
        lane: &Lane<K, S::Ok, S::Error>,
        taken: &mut Taken<S::Ok>,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<S::Ok, S::Error>>> {
        match lane.give_one_of_many(&self.out.lanes, taken) {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None => self.poll_more(lane, taken, cx),
        }
    }

    /// The next item of a sub-stream, whether its reader has one or not. Out of line, so that what goes before is short.
    #[inline(never)]
    fn poll_more(
        &self,
        lane: &Lane<K, S::Ok, S::Error>,
        taken: &mut Taken<S::Ok>,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let lanes = &self.out.lanes;
        if let Some(item) = lane.give(lanes, taken) {
            return Poll::Ready(Some(Ok(item)));
        }
        let member = lanes.host.member(cx);
        if lane.is_ready() {
            return Poll::Ready(lane.take_all(lanes, taken, false, member));
        }
        if member.is_some_and(|member| lane.waits_in_merge(lanes, taken, member)) {
            return Poll::Pending;
        }
        taken.forget_call();
        self.poll_lane(lane, cx).map(|polled| lane.take_all(lanes, taken, polled, member))
    }

    /// The next sub-stream.
    #[allow(clippy::type_complexity)]
    pub(crate) fn poll_open(&self, cx: &Context<'_>) -> Poll<Option<Result<Opened<S, K>, S::Error>>> {
        let outer = &self.out.outer;
        self.out.lanes.host.outer_is_polled();
        self.poll_lane(outer, cx).map(|polled| outer.take_one(&self.out.lanes, polled))
    }

    /// Ready when there is something to take; says whether the source was polled for it.
    #[inline(never)]
    fn poll_lane<L, T>(&self, lane: &Lane<L, T, S::Error>, cx: &Context<'_>) -> Poll<bool> {
        let lanes = &self.out.lanes;
        let mut polled = false;
        loop {
            let Some(seat) = lane.wait(lanes, cx) else { return Poll::Ready(polled) };
            if lanes.baton.is_quiet() || gives_way(&lanes.baton) {
                return Poll::Pending;
            }
            let Some((mut driver, turn)) = self.take_turn(seat) else { return Poll::Pending };
            lanes.baton.begin(seat);
            polled = true;
            let for_all = seat == Baton::OUTER && lanes.host.reads_outer();
            match catch_unwind(AssertUnwindSafe(|| driver.drive(&self.out, for_all, || lane.is_ready()))) {
                Ok(Drove::Served) => turn.over(Place::In(driver)),
                Ok(drove @ (Drove::Waits | Drove::Held | Drove::GivesWay)) => {
                    if matches!(drove, Drove::Held) {
                        lanes.baton.rest();
                    }
                    turn.over(Place::In(driver));
                    match drove {
                        Drove::GivesWay => lanes.baton.give_way(seat),
                        _ => lanes.baton.finish(seat),
                    }
                    if !lane.is_ready() {
                        return Poll::Pending;
                    }
                }
                Ok(Drove::Ended) => {
                    drop(driver);
                    turn.over(Place::Done);
                }
                Err(panic) => {
                    // What came before can be read.
                    drop(catch_unwind(AssertUnwindSafe(|| driver.rescue(&self.out))));
                    driver.hand_over(&self.out);
                    resume_unwind(panic);
                }
            }
        }
    }

    /// The driver, unless somebody else has it or it is done with.
    #[allow(clippy::type_complexity)]
    fn take_turn(&self, seat: Seat) -> Option<(Box<Driver<S, R, K>>, Turn<'_, S, R, K>)> {
        let mut place = self.lock();
        match std::mem::replace(&mut *place, Place::Out) {
            Place::In(driver) => Some((driver, Turn { hub: self, seat, panics: true })),
            Place::Out => None,
            Place::Done => {
                *place = Place::Done;
                None
            }
            Place::Panicked => {
                *place = Place::Panicked;
                drop(place);
                self.out.lanes.baton.served(seat, true);
                panic!("what gives these groups panicked earlier: its source, or a closure that sorts its items");
            }
        }
    }
}

/// The lane of a sub-stream.
pub(crate) type Opened<S, K> = Arc<Lane<K, <S as TryStream>::Ok, <S as TryStream>::Error>>;

impl<S, R, K> Hub<S, R, K>
where
    S: TryStream,
{
    pub(crate) fn new(source: S, route: R, bounds: Bounds, stall_after: Duration) -> Self {
        let lanes = Lanes::new(bounds);
        let driver = Driver::new(Arc::clone(&lanes.baton), source, route, stall_after);
        let outer = Lane::with_seat((), Some(Baton::OUTER));
        Self { out: Out { lanes, outer }, driver: Mutex::new(Place::In(Box::new(driver))) }
    }

    /// The outer stream is gone: sub-streams that it gave live on, those that it did not are gone with it.
    pub(crate) fn abandon(&self) {
        self.out.lanes.host.outer_goes();
        for lane in self.out.outer.abandon(&self.out.lanes) {
            drop(lane.abandon(&self.out.lanes));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Place<S, R, K>> {
        lock(&self.driver)
    }
}

/// Somebody's turn to poll the source. If a panic ends it, the others are told.
struct Turn<'a, S, R, K>
where
    S: TryStream,
{
    hub: &'a Hub<S, R, K>,
    seat: Seat,
    panics: bool,
}

impl<S, R, K> Turn<'_, S, R, K>
where
    S: TryStream,
{
    fn over(mut self, place: Place<S, R, K>) {
        self.panics = false;
        *self.hub.lock() = place;
    }
}

impl<S, R, K> Drop for Turn<'_, S, R, K>
where
    S: TryStream,
{
    fn drop(&mut self) {
        if self.panics {
            *self.hub.lock() = Place::Panicked;
            self.hub.out.lanes.baton.served(self.seat, true);
        }
    }
}
