//! [`Hub`]: one source, read by the operator's own reader and by those of its sub-streams.
//!
//! Whoever is polled and finds nothing takes the driver, polls the source and puts each item into its lane, until there
//! is something in its own. While it does, the driver is out, so nobody waits for a lock: who finds it out waits to be
//! woken. The source is always polled with the [`Baton`](super::baton::Baton) as its waker.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::ahead::Ahead;
use super::baton::{Baton, Seat};
use super::lane::{self, Lane, Taken};
use super::lanes::{Bounds, Lanes};
use super::route::Route;
use super::way::gives_way;
use crate::budget::{Budget, Slice};
use crate::sync::{Mutex, MutexGuard, TURN, lock};
use crate::time::clock::{self, Timer};
use crate::{OperatorError, TryStream};

/// Where a [`Route`] sends sub-streams and their items.
pub(crate) struct Out<K, T, E> {
    pub(crate) lanes: Lanes,
    outer: Lane<(), Arc<Lane<K, T, E>>, E>,
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
                    driver.slice = Slice::new();
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
                    driver.route.hand_over(&self.out);
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
        let driver = Driver {
            waker: Waker::from(Arc::clone(&lanes.baton)),
            source: Ahead::new(source),
            route,
            started: false,
            full: None,
            stall: None,
            stall_after,
            failure: None,
            timer: Timer::new(),
            slice: Slice::new(),
        };
        let outer = Lane::with_seat((), Some(Baton::OUTER));
        Self { out: Out { lanes, outer }, driver: Mutex::new(Place::In(Box::new(driver))) }
    }

    /// The outer stream is gone: sub-streams that it gave live on, those that it did not are gone with it.
    pub(crate) fn abandon(&self) {
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

enum Drove {
    /// There is something in the lane that was asked for.
    Served,
    /// The source, or the buffers, have nothing more for now. The baton is called when it is worth going on.
    Waits,
    /// Others are to have their turn before somebody goes on.
    GivesWay,
    /// The buffers are full, and nobody need look before the baton is called: room will do that, or a timer.
    Held,
    /// The source has ended or failed, and so has every lane.
    Ended,
}

struct Driver<S, R, K>
where
    S: TryStream,
{
    waker: Waker,
    source: Ahead<S>,
    route: R,
    started: bool,
    /// A lane that was full when last seen.
    full: Option<Opened<S, K>>,
    stall: Option<Stall>,
    stall_after: Duration,
    /// Read from the source, after something for who polled it, and not yet given.
    failure: Option<S::Error>,
    timer: Timer,
    /// How long it has read for a merge since there was nothing to read or others had their turn.
    slice: Slice,
}

/// The source is held back by full buffers.
struct Stall {
    until: Option<Instant>,
    /// The time is over, and all readers have got one chance more: they may just have been busy elsewhere.
    warned: bool,
}

impl<S, R, K> Driver<S, R, K>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    R: Route<S::Ok, S::Error, Key = K>,
{
    /// If a slice of time has no more items than this, each takes longer than to hand it over, so no more are waited for.
    const FEW: u32 = 2 * TURN as u32;

    /// Reads on until somebody is served: a turn at most, or `for_all` a slice of time. The latter is for a merge, which reads the
    /// outer stream and all others in one task. Of readers by themselves many may be polled in one poll of a task, each after the
    /// other.
    fn drive(&mut self, out: &Out<K, S::Ok, S::Error>, for_all: bool, served: impl Fn() -> bool) -> Drove {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        let mut now = clock::now();
        if !self.started {
            self.started = true;
            self.route.start(now, out);
        }
        if let Some(failure) = self.failure.take() {
            return self.fail(out, failure);
        }
        self.source.ask_again();
        if self.route.hands_over() {
            self.route.hand_over_some(out);
            if served() {
                return Drove::Served;
            }
            waker.wake_by_ref();
            return Drove::Waits;
        }
        let ahead = if R::GATHERS { out.lanes.ahead() } else { 1 };
        let mut budget = Budget::new();
        if !for_all {
            self.slice = Slice::new();
        }
        self.slice.begin(now);
        // How many items may be read before it is looked at what is due and how full the buffers are.
        let mut steps = 0_usize;
        loop {
            if self.slice.is_to_look() {
                now = clock::now();
                match self.slice.next_run(now) {
                    Some(slice) => self.slice = slice,
                    None => {
                        if self.slice.items() <= Self::FEW {
                            self.route.hand_over_some(out);
                        }
                        return if served() { Drove::Served } else { Drove::GivesWay };
                    }
                }
                (budget, steps) = (Budget::new(), 0);
            }
            if steps == 0 {
                match self.route.tick(&mut cx, now, out, &mut budget) {
                    Poll::Ready(Ok(())) if !R::GATHERS && served() => return Drove::Served,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return self.fail(out, error),
                    Poll::Pending => {
                        self.pause(out);
                        return if served() { Drove::Served } else { Drove::Waits };
                    }
                }
                if self.is_held(out) {
                    if served() {
                        return Drove::Served;
                    }
                    let until = match self.stall(&cx, now, out) {
                        Ok(until) => until,
                        Err(drove) => return drove,
                    };
                    // What was due and could not be done waits for room, too.
                    let due = self.route.deadline().filter(|deadline| *deadline > now);
                    match due.into_iter().chain(until).min() {
                        Some(deadline) if self.timer.poll_at(&mut cx, deadline).is_ready() => now = clock::now(),
                        Some(_) => return Drove::Held,
                        None => return Drove::Waits,
                    }
                    continue;
                }
                steps = if R::LOOKS { 1 } else { out.lanes.steps(self.gathered()) };
            }
            match self.source.poll_next(&mut cx, ahead.min(steps).min(self.slice.left() as usize)) {
                Poll::Ready(Some(Ok(item))) => {
                    match self.route.item(item, out) {
                        Ok(None) => steps -= 1,
                        Ok(full) => {
                            self.route.hand_over(out);
                            self.full = full;
                            steps = 0;
                        }
                        Err(error) => return self.fail(out, error),
                    }
                    self.slice.count(1);
                    if self.slice.is_to_look() && self.slice.items() >= TURN as u32 {
                        let handed_over = self.pause(out);
                        if served() {
                            return Drove::Served;
                        }
                        if handed_over || !for_all {
                            return Drove::GivesWay;
                        }
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.route.hand_over(out);
                    if served() {
                        // What was read before goes first: the failure is for whoever reads next.
                        self.failure = Some(error);
                        return Drove::Served;
                    }
                    return self.fail(out, error);
                }
                Poll::Ready(None) => return self.end(out),
                Poll::Pending => {
                    self.route.hand_over(out);
                    steps = 0;
                    match self.route.deadline() {
                        Some(deadline) if self.timer.poll_at(&mut cx, deadline).is_ready() => now = clock::now(),
                        _ => return Drove::Waits,
                    }
                }
            }
        }
    }

    /// What has gathered is handed over if it is enough, and then others are to have their turn.
    fn pause(&mut self, out: &Out<K, S::Ok, S::Error>) -> bool {
        let enough = !self.route.gathers_on(&out.lanes);
        if enough {
            self.route.hand_over_some(out);
        }
        enough
    }

    /// Items that have been read, and are not in their lanes yet.
    #[inline]
    fn gathered(&self) -> usize {
        self.route.gathered() + self.source.len()
    }

    /// Sorts what the source gave before it panicked.
    fn rescue(&mut self, out: &Out<K, S::Ok, S::Error>) {
        for item in self.source.rescue() {
            drop(self.route.item(item, out));
        }
    }

    /// Whether full buffers keep the source from being polled.
    #[inline]
    fn is_held(&mut self, out: &Out<K, S::Ok, S::Error>) -> bool {
        if self.is_full(out) {
            self.route.hand_over(out);
            out.lanes.hold(self.full.is_some());
            if self.is_full(out) {
                return true;
            }
        }
        out.lanes.release();
        self.stall = None;
        false
    }

    #[inline]
    fn is_full(&mut self, out: &Out<K, S::Ok, S::Error>) -> bool {
        if self.full.as_ref().is_some_and(|lane| !lane.is_full(&out.lanes)) {
            self.full = self.route.another_full(&out.lanes);
        }
        self.full.is_some() || out.lanes.is_full(self.gathered())
    }

    /// Until when readers have time to make room. Outside of a runtime nothing can be waited for: there, a stall is seen
    /// when somebody polls.
    fn stall(
        &mut self,
        cx: &Context<'_>,
        now: Instant,
        out: &Out<K, S::Ok, S::Error>,
    ) -> Result<Option<Instant>, Drove> {
        let after = self.stall_after;
        let stall = self.stall.get_or_insert_with(|| Stall { until: now.checked_add(after), warned: false });
        if stall.until.is_none_or(|until| now < until) {
            return Ok(stall.until.filter(|_| clock::can_wait()));
        }
        if !stall.warned {
            stall.warned = true;
            cx.waker().wake_by_ref();
            return Err(Drove::Waits);
        }
        let (key, buffered) = self.blame(out);
        Err(self.fail(out, OperatorError::Stalled { key, buffered, after }.into()))
    }

    /// Who is not read, and what it holds: the fullest group, the first of many that nobody took, or those that have
    /// ended and of which nothing more is known.
    fn blame(&self, out: &Out<K, S::Ok, S::Error>) -> (String, usize) {
        let open = self.route.fullest().map(|lane| (R::name(&lane.key), lane.len()));
        let open = open.filter(|(_, buffered)| *buffered > 0 && *buffered >= out.outer.len());
        let first = || out.outer.first().map(|lane| (R::name(&lane.key), lane.len()));
        open.or_else(first).unwrap_or_else(|| ("groups that have ended".to_owned(), out.lanes.buffered()))
    }

    fn end(&mut self, out: &Out<K, S::Ok, S::Error>) -> Drove {
        self.route.hand_over(out);
        while let Some(lane) = self.route.take_open() {
            lane.end(&out.lanes);
        }
        out.outer.end(&out.lanes);
        Drove::Ended
    }

    fn fail(&mut self, out: &Out<K, S::Ok, S::Error>, error: S::Error) -> Drove {
        self.route.hand_over(out); // So that it is lost with the rest.
        while let Some(lane) = self.route.take_open() {
            drop(lane.fail(&out.lanes, error.clone()));
        }
        for unread in out.outer.fail(&out.lanes, error) {
            drop(unread.abandon(&out.lanes));
        }
        Drove::Ended
    }
}
