//! [`Rota`]: which streams of a merge have been woken.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::task::Waker;

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

/// The streams that were woken, or wait for their turn, and whose turn has not begun.
#[derive(Default)]
pub(crate) struct Rota(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    members: VecDeque<Member>,
    /// Who reads the merge, if it waits.
    reader: Option<Waker>,
}

impl Rota {
    /// These are to have their turn.
    pub(crate) fn call(&self, members: impl IntoIterator<Item = Member>) {
        let mut queue = lock(&self.0);
        queue.members.extend(members);
        let reader = queue.reader.take();
        drop(queue);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Moves all that were called into an empty queue, if there are any.
    pub(crate) fn take_ready(&self, turns: &mut VecDeque<Member>) {
        std::mem::swap(&mut lock(&self.0).members, turns);
    }

    /// Moves all that were called into an empty queue. If there are none, says so, and the reader waits.
    pub(crate) fn take(&self, turns: &mut VecDeque<Member>, reader: &Waker) -> bool {
        let mut queue = lock(&self.0);
        if queue.members.is_empty() && !queue.reader.as_ref().is_some_and(|waiting| waiting.will_wake(reader)) {
            drop(queue);
            let reader = reader.clone();
            queue = lock(&self.0);
            if queue.members.is_empty() {
                let old = queue.reader.replace(reader);
                drop(queue);
                drop(old);
                return false;
            }
        }
        std::mem::swap(&mut queue.members, turns);
        !turns.is_empty()
    }
}
