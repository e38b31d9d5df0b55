//! [`Driver`]: reads the source of a [`Hub`](super::hub::Hub) for whoever is polled, and sorts what it gives into the lanes.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::ahead::Ahead;
use super::baton::Baton;
use super::hub::{Opened, Out};
use super::route::Route;
use crate::budget::{Budget, Slice};
use crate::sync::TURN;
use crate::time::clock::{self, Timer};
use crate::{OperatorError, TryStream};

/// What came of a poll of the source.
pub(super) enum Drove {
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

/// The source, and what tells where its items go. Whoever polls the source has it meanwhile.
pub(super) struct Driver<S, R, K>
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
{
    pub(super) fn new(baton: Arc<Baton>, source: S, route: R, stall_after: Duration) -> Self {
        Self {
            waker: Waker::from(baton),
            source: Ahead::new(source),
            route,
            started: false,
            full: None,
            stall: None,
            stall_after,
            failure: None,
            timer: Timer::new(),
            slice: Slice::new(),
        }
    }
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
    #[inline]
    pub(super) fn drive(&mut self, out: &Out<K, S::Ok, S::Error>, for_all: bool, served: impl Fn() -> bool) -> Drove {
        if !for_all {
            self.slice = Slice::new();
        }
        let drove = self.read(out, for_all, served);
        if !matches!(drove, Drove::Served) {
            self.slice = Slice::new();
        }
        drove
    }

    fn read(&mut self, out: &Out<K, S::Ok, S::Error>, for_all: bool, served: impl Fn() -> bool) -> Drove {
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

    /// Hands over to the lanes what has gathered.
    pub(super) fn hand_over(&mut self, out: &Out<K, S::Ok, S::Error>) {
        self.route.hand_over(out);
    }

    /// Sorts what the source gave before it panicked.
    pub(super) fn rescue(&mut self, out: &Out<K, S::Ok, S::Error>) {
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
