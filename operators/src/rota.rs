//! [`Rota`]: which streams of a merge have been woken.
//!
//! All that a merge polls calls here, and its task is woken only if it waits: who calls while the merge is polled is seen at the end
//! of that. Else streams that call each other, as sub-streams and their outer stream do, would wake the task in each poll.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Waker;

use futures::task::ArcWake;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock};

/// A stream's place among those of its merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member(NonZeroU32);

impl Member {
    /// Four billion streams do not fit into memory.
    pub(crate) const fn new(at: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(at as u32))
    }

    pub(crate) const fn at(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The streams that were woken, or wait for their turn, and whose turn has not begun. It is the waker of what is upstream of them.
#[derive(Default)]
pub(crate) struct Rota {
    queue: Mutex<Queue>,
    /// Whether upstream has called since it was last polled. Set under the lock, and unset without when it is polled anyway.
    upstream: AtomicBool,
}

/// Who has called, and was not polled since.
#[derive(Debug)]
pub(crate) enum Called {
    Nobody,
    Streams,
    Upstream,
}

#[derive(Default)]
struct Queue {
    members: VecDeque<Member>,
    /// Who reads the merge, if it waits.
    reader: Option<Waker>,
}

impl Rota {
    /// These are to have their turn.
    pub(crate) fn call(&self, members: impl IntoIterator<Item = Member>) {
        self.note(|queue| queue.members.extend(members));
    }

    fn note(&self, call: impl FnOnce(&mut Queue)) {
        let mut queue = lock(&self.queue);
        call(&mut queue);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Upstream is polled now: what calls from now on is not covered by that.
    #[inline]
    pub(crate) fn begin_upstream(&self) {
        if self.upstream.load(Ordering::Acquire) {
            self.upstream.swap(false, Ordering::AcqRel);
        }
    }

    /// Moves all that were called into an empty queue. Whoever waited is awake.
    pub(crate) fn take(&self, turns: &mut VecDeque<Member>) {
        let mut queue = lock(&self.queue);
        std::mem::swap(&mut queue.members, turns);
        let reader = queue.reader.take();
        drop(queue);
        drop(reader);
    }

    /// The reader waits, unless somebody has called.
    pub(crate) fn wait(&self, reader: &Waker) -> Called {
        let mut own = None;
        loop {
            let mut queue = lock(&self.queue);
            if !queue.members.is_empty() {
                return Called::Streams;
            }
            if self.upstream.swap(false, Ordering::AcqRel) {
                return Called::Upstream;
            }
            if queue.reader.as_ref().is_some_and(|waiting| waiting.will_wake(reader)) {
                return Called::Nobody;
            }
            if own.is_some() {
                let old = std::mem::replace(&mut queue.reader, own);
                drop(queue);
                drop(old);
                return Called::Nobody;
            }
            drop(queue);
            own = Some(reader.clone()); // Outside of the lock, as it is the user's.
        }
    }
}

impl ArcWake for Rota {
    fn wake_by_ref(rota: &Arc<Self>) {
        rota.note(|_| rota.upstream.store(true, Ordering::Release));
    }
}
