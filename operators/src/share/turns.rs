//! [`Turns`]: a source of which one reader at a time has hold.
//!
//! A reader that finds nothing takes the source, polls it for all, and puts it back. While it does, the source is out,
//! so nobody waits for a lock: who finds it out waits to be woken. The source is always polled with the
//! [`Baton`] as its waker.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::TryStream;
use crate::group::baton::{Baton, Seat};
use crate::sync::{Mutex, lock};

pub(super) struct Turns<S: TryStream> {
    pub(super) baton: Arc<Baton>,
    waker: Waker,
    place: Mutex<Place<S>>,
}

enum Place<S: TryStream> {
    /// Nobody may poll the source yet.
    Shut(Pin<Box<S>>),
    /// Nobody polls it.
    In(Pin<Box<S>>),
    /// Somebody does.
    Out,
    /// It is gone.
    Over(End<S::Error>),
}

/// How a source has ended.
pub(super) enum End<E> {
    Ended,
    Failed(Arc<E>),
    /// There can be no right answer any more.
    Panicked,
}

impl<E> Clone for End<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Ended => Self::Ended,
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
        }
    }
}

impl<E: Clone> End<E> {
    /// What a reader gives that has got there.
    pub(super) fn signal<T>(self) -> Option<Result<T, E>> {
        match self {
            Self::Ended => None,
            Self::Failed(error) => Some(Err(Arc::unwrap_or_clone(error))),
            Self::Panicked => {
                panic!("the flow that these readers share panicked earlier, so nobody knows what is missing")
            }
        }
    }
}

/// What came of a reader's turn.
pub(super) enum Turn<E> {
    /// The source gave an item, which was put where it belongs.
    Gave,
    /// There is nothing to do now. The reader is woken when there is.
    Waits,
    /// The source is over. All items that it gave have been put where they belong.
    Over(End<E>),
}

impl<S: TryStream> Turns<S> {
    pub(super) fn new(source: S, shut: bool) -> Self {
        let baton = Arc::<Baton>::default();
        let source = Box::pin(source);
        let place = Mutex::new(if shut { Place::Shut(source) } else { Place::In(source) });
        Self { waker: Waker::from(Arc::clone(&baton)), baton, place }
    }

    /// From now on the source may be polled.
    pub(super) fn open(&self) {
        let mut place = lock(&self.place);
        *place = match std::mem::replace(&mut *place, Place::Out) {
            Place::Shut(source) => Place::In(source),
            other => other,
        };
        drop(place);
        self.baton.call();
    }

    /// How the source has ended, if it has.
    pub(super) fn end(&self) -> Option<End<S::Error>> {
        match &*lock(&self.place) {
            Place::Over(end) => Some(end.clone()),
            _ => None,
        }
    }

    /// Polls the source once, if nobody else does and `wanted` says so. `put` gets the item, before anybody else can
    /// poll. The reader waits in its seat already.
    pub(super) fn take(&self, seat: Seat, wanted: impl FnOnce() -> bool, put: impl FnOnce(S::Ok)) -> Turn<S::Error> {
        let mut source = {
            let mut place = lock(&self.place);
            match std::mem::replace(&mut *place, Place::Out) {
                Place::In(source) => source,
                other => {
                    let turn = match &other {
                        Place::Over(end) => Turn::Over(end.clone()),
                        _ => Turn::Waits,
                    };
                    *place = other;
                    return turn;
                }
            }
        };
        let guard = Guard { turns: self, seat, panics: true };
        self.baton.begin(seat);
        if !wanted() {
            guard.over(Place::In(source));
            self.baton.finish(seat);
            return Turn::Waits;
        }
        let end = match source.as_mut().poll_next(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Some(Ok(item))) => {
                put(item);
                guard.over(Place::In(source));
                return Turn::Gave;
            }
            Poll::Pending => {
                guard.over(Place::In(source));
                self.baton.finish(seat);
                return Turn::Waits;
            }
            Poll::Ready(Some(Err(error))) => End::Failed(Arc::new(error)),
            Poll::Ready(None) => End::Ended,
        };
        drop(source);
        guard.over(Place::Over(end.clone()));
        self.baton.notify_all();
        self.baton.finish(seat);
        Turn::Over(end)
    }
}

/// Sees to it that the others are told when a turn ends with a panic.
struct Guard<'a, S: TryStream> {
    turns: &'a Turns<S>,
    seat: Seat,
    panics: bool,
}

impl<S: TryStream> Guard<'_, S> {
    fn over(mut self, place: Place<S>) {
        self.panics = false;
        *lock(&self.turns.place) = place;
    }
}

impl<S: TryStream> Drop for Guard<'_, S> {
    fn drop(&mut self) {
        if self.panics {
            *lock(&self.turns.place) = Place::Over(End::Panicked);
            self.turns.baton.finish(self.seat);
            self.turns.baton.notify_all();
        }
    }
}
