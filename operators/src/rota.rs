//! [`Rota`]: which streams of a merge have been woken.
//!
//! All that a merge polls calls here, and its task is woken only if it waits: who calls while the merge is polled is seen at the end
//! of that. Else streams that call each other, as sub-streams and their outer stream do, would wake the task in each poll.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures::task::ArcWake;

use crate::budget::Slice;
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
    /// Whether upstream has called since it was last polled. Set under the lock.
    upstream: AtomicBool,
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

    /// Moves all that were called into an empty queue.
    pub(crate) fn take(&self, turns: &mut VecDeque<Member>) {
        std::mem::swap(&mut lock(&self.queue).members, turns);
    }

    /// The reader waits, unless streams were called: then it says so. If upstream was, the reader comes again once others have had
    /// their turn.
    pub(crate) fn wait(&self, cx: &Context<'_>) -> bool {
        let mut reader = None;
        loop {
            let mut queue = lock(&self.queue);
            if !queue.members.is_empty() {
                return false;
            }
            if self.upstream.swap(false, Ordering::AcqRel) {
                drop(queue);
                Slice::give_way(cx);
                return true;
            }
            if queue.reader.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
                return true;
            }
            if reader.is_some() {
                let old = std::mem::replace(&mut queue.reader, reader);
                drop(queue);
                drop(old);
                return true;
            }
            drop(queue);
            reader = Some(cx.waker().clone()); // Which may call something of the user's.
        }
    }
}

impl ArcWake for Rota {
    fn wake_by_ref(rota: &Arc<Self>) {
        rota.note(|_| rota.upstream.store(true, Ordering::Release));
    }
}
