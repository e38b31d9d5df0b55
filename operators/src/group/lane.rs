//! [`Lane`]: the buffer between the operator and the reader of one sub-stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::baton::{Baton, Seat};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};

/// A sub-stream that nobody reads is buffered up to these bounds; then the source is held back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) each: usize,
    pub(crate) all: usize,
}

/// What all lanes of one operator share.
pub(crate) struct Lanes {
    pub(crate) baton: Arc<Baton>,
    bounds: Bounds,
    /// Items in all lanes together.
    buffered: AtomicUsize,
    /// Whether the source is held back, so that the next item taken lets it go on.
    held: AtomicBool,
}

/// Items that wait for their reader, and how the sub-stream ended. Locked for a few instructions at a time; nothing of
/// the user's is called or dropped under the lock.
pub(crate) struct Lane<K, T, E> {
    pub(crate) key: K,
    seat: Seat,
    /// Whether there is anything to take. Set and unset under the lock; may be read without.
    ready: AtomicBool,
    state: Mutex<State<T, E>>,
}

struct State<T, E> {
    items: VecDeque<T>,
    ended: Option<Result<(), E>>,
    /// Whether the reader has a waker in its seat, or has got the baton for it.
    waits: bool,
    /// The reader is gone: what comes is discarded.
    abandoned: bool,
}

impl Lanes {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { baton: Arc::default(), bounds, buffered: AtomicUsize::new(0), held: AtomicBool::new(false) }
    }

    /// A lane with a seat of its own.
    pub(crate) fn lane<K, T, E>(&self, key: K) -> Lane<K, T, E> {
        Lane::new(key, self.baton.join())
    }

    /// Whether no more items may be buffered.
    pub(crate) fn is_full(&self) -> bool {
        self.buffered() >= self.bounds.all
    }

    /// Items in all lanes together.
    pub(crate) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::SeqCst)
    }

    /// The source is held back from now on. Buffers are to be looked at once more after this: an item taken before it
    /// does not let the source go on.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    fn taken(&self, items: usize) {
        self.buffered.fetch_sub(items, Ordering::SeqCst);
        if self.held.load(Ordering::SeqCst) && self.held.swap(false, Ordering::SeqCst) {
            self.baton.call();
        }
    }
}

impl<K, T, E> Lane<K, T, E> {
    pub(crate) fn new(key: K, seat: Seat) -> Self {
        let state = State { items: VecDeque::new(), ended: None, waits: false, abandoned: false };
        Self { key, seat, ready: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// Where its reader waits.
    pub(crate) const fn seat(&self) -> Seat {
        self.seat
    }

    /// Whether its reader would get something now.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether it may not get another item.
    pub(crate) fn is_full(&self, lanes: &Lanes) -> bool {
        let state = self.lock();
        state.items.len() >= lanes.bounds.each && state.ended.is_none()
    }

    /// Items that wait for the reader.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Adds an item, or gives it back if nobody will read it.
    pub(crate) fn push(&self, lanes: &Lanes, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.abandoned {
            return Err(item);
        }
        state.items.push_back(item);
        lanes.buffered.fetch_add(1, Ordering::SeqCst);
        let was_ready = self.ready.swap(true, Ordering::Release);
        drop(state);
        if !was_ready {
            lanes.baton.notify(self.seat);
        }
        Ok(())
    }

    /// Adds an item, or drops it if nobody will read it. Gives the lane if it is full now.
    pub(crate) fn push_or_drop(self: &Arc<Self>, lanes: &Lanes, item: T) -> Option<Arc<Self>> {
        drop(self.push(lanes, item));
        self.is_full(lanes).then(|| Arc::clone(self))
    }

    /// Ends the lane: items that are buffered can still be taken.
    pub(crate) fn end(&self, lanes: &Lanes) {
        let mut state = self.lock();
        if state.ended.is_some() || state.abandoned {
            return;
        }
        state.ended = Some(Ok(()));
        self.ready.store(true, Ordering::Release);
        drop(state);
        lanes.baton.notify(self.seat);
    }

    /// Fails the lane at once: items that are buffered are dropped with it.
    pub(crate) fn fail(&self, lanes: &Lanes, error: E) -> VecDeque<T> {
        let mut state = self.lock();
        if state.ended.is_some() || state.abandoned {
            return VecDeque::new();
        }
        state.ended = Some(Err(error));
        let lost = std::mem::take(&mut state.items);
        self.ready.store(true, Ordering::Release);
        drop(state);
        lanes.taken(lost.len());
        lanes.baton.notify(self.seat);
        lost
    }

    /// The next item, or the end. If there is neither, the reader waits in its seat. A reader that polled the source to
    /// get it says so, and lets another go on.
    pub(crate) fn poll_take(&self, lanes: &Lanes, cx: &Context<'_>, polled: bool) -> Poll<Option<Result<T, E>>> {
        loop {
            if self.is_ready() {
                return Poll::Ready(self.take(lanes, polled));
            }
            let waker = cx.waker().clone();
            let mut state = self.lock();
            // Waiting begins under the lock, so that an item cannot come in between unnoticed.
            if state.items.is_empty() && state.ended.is_none() {
                state.waits = true;
                let unneeded = lanes.baton.wait(self.seat, waker);
                drop(state);
                drop(unneeded);
                return Poll::Pending;
            }
        }
    }

    fn take(&self, lanes: &Lanes, polled: bool) -> Option<Result<T, E>> {
        let mut state = self.lock();
        let item = state.items.pop_front();
        let end = if item.is_none() { state.ended.replace(Ok(())) } else { None };
        self.ready.store(!state.items.is_empty() || state.ended.is_some(), Ordering::Release);
        let waited = std::mem::take(&mut state.waits);
        drop(state);
        if item.is_some() {
            lanes.taken(1);
        }
        if waited {
            lanes.baton.served(self.seat, polled);
        }
        item.map(Ok).or_else(|| end?.err().map(Err))
    }

    /// The reader is gone. Gives what it will not read.
    pub(crate) fn abandon(&self, lanes: &Lanes) -> VecDeque<T> {
        let mut state = self.lock();
        if state.abandoned {
            return VecDeque::new();
        }
        state.abandoned = true;
        let unread = std::mem::take(&mut state.items);
        drop(state);
        lanes.taken(unread.len());
        lanes.baton.leave(self.seat);
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

impl<K, T, E> Lane<(), Arc<Lane<K, T, E>>, E> {
    /// Of the sub-streams that nobody has taken, the one that opened first.
    pub(crate) fn first(&self) -> Option<Arc<Lane<K, T, E>>> {
        self.lock().items.front().cloned()
    }
}
