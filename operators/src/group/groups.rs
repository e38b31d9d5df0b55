//! [`Groups`]: the open groups with everything that ends them, for both ways of reading groups.

use std::hash::Hash;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::table::{Lookup, Table, Vacancy};
use super::until::{GroupSignal, Until};
use super::watch::{Watch, Watching};
use crate::{Counter, OperatorError};

/// How many groups may be open, and what happens beyond.
pub(super) struct Limit<E> {
    pub(super) max_groups: usize,
    /// Makes the failure, where the flow is to fail; otherwise the oldest group is closed early.
    pub(super) fail: Option<fn(OperatorError) -> E>,
    pub(super) closed_early: Counter,
}

pub(super) struct Groups<K, V, W, E>
where
    W: GroupSignal<K, E>,
{
    table: Table<K, Open<V>>,
    watch: Watch<W, K, E>,
    limit: Limit<E>,
}

struct Open<V> {
    value: V,
    /// Kept for its drop.
    _watching: Option<Watching>,
}

impl<K, V, W, E> Groups<K, V, W, E>
where
    K: Hash + Eq,
    W: GroupSignal<K, E>,
{
    pub(super) fn new(until: Until<W>, limit: Limit<E>) -> Self {
        Self { table: Table::new(&until), watch: Watch::new(until.signal), limit }
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.table.set_now(now);
    }

    /// Whether a group that opens may have a signal, which wants a first poll.
    pub(super) const fn has_signals(&self) -> bool {
        W::PRESENT
    }

    /// When a group will be due next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.table.deadline()
    }

    /// A group whose time has come.
    pub(super) fn close_due(&mut self) -> Option<(K, V)> {
        self.table.due().map(|id| self.close(id))
    }

    /// A group whose signal has fired, or failed.
    pub(super) fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<(K, V, Result<(), E>)> {
        self.watch.poll_fired(cx).map(|(id, result)| {
            let (key, value) = self.close(id);
            (key, value, result)
        })
    }

    #[inline]
    pub(super) fn look_up(&self, key: K) -> Lookup<K> {
        self.table.look_up(key)
    }

    /// Makes room for one group more: gives the group that had to be closed for it, if any.
    pub(super) fn make_room(&mut self) -> Result<Option<(K, V)>, E> {
        if self.table.len() < self.limit.max_groups {
            return Ok(None);
        }
        if let Some(fail) = self.limit.fail {
            return Err(fail(OperatorError::TooManyGroups { max_groups: self.limit.max_groups }));
        }
        self.limit.closed_early.add(1);
        Ok(self.close_oldest())
    }

    /// Opens a group and starts its signal.
    pub(super) fn open(&mut self, vacancy: Vacancy<K>, value: V) -> u32 {
        let id = self.table.open(vacancy, Open { value, _watching: None });
        let watching = self.watch.start(id, self.table.key(id));
        self.table.value_mut(id)._watching = watching;
        id
    }

    /// Counts an item of a group. Gives what is kept of the group, and whether that was its last item, so that it is to
    /// be [closed](Self::close).
    #[inline]
    pub(super) fn count_item(&mut self, id: u32) -> (&mut V, bool) {
        let (open, last) = self.table.count_item(id);
        (&mut open.value, last)
    }

    /// What is kept of a group, if there is one of that id.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut V> {
        self.table.get_mut(id).map(|open| &mut open.value)
    }

    pub(super) fn close_oldest(&mut self) -> Option<(K, V)> {
        self.table.oldest().map(|id| self.close(id))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.table.values().map(|open| &open.value)
    }

    /// Lets go of all groups: the flow has failed.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.watch.clear();
    }

    pub(super) fn close(&mut self, id: u32) -> (K, V) {
        let (key, open) = self.table.close(id);
        (key, open.value)
    }
}
