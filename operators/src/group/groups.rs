//! [`Groups`]: the open groups with everything that ends them, for both ways of reading groups.

use std::hash::Hash;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::carrier::OpenGroup;
use super::table::{Hashed, Id, Lookup, Table, Vacancy};
use super::until::{GroupSignal, Until};
use super::watch::Watch;
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
    table: Table<K, V>,
    watch: Watch<W, K, E>,
    limit: Limit<E>,
}

impl<K, V, W, E> Groups<K, V, W, E>
where
    W: GroupSignal<K, E>,
{
    /// Counts items of groups, as a flow that goes on with them will want to know.
    pub(super) fn count_items(&mut self) {
        self.table.count_items();
    }
}

impl<K, V, W, E> Groups<K, V, W, E>
where
    K: Hash + Eq,
    W: GroupSignal<K, E>,
{
    /// Their entries take a megabyte or more, and no longer stand in the processor's nearer caches.
    const MANY: usize = 1 << 15;

    pub(super) fn new(until: Until<W>, limit: Limit<E>) -> Self {
        Self { table: Table::new(&until, W::PRESENT), watch: Watch::new(until.signal), limit }
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.table.set_now(now);
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether a group that opens may have a signal, which wants a first poll.
    pub(super) const fn has_signals(&self) -> bool {
        W::PRESENT
    }

    /// Whether so many groups are open that the processor waits for their memory, and the next `items` items can end none.
    pub(super) fn only_take(&self, items: usize) -> bool {
        !W::PRESENT
            && self.table.is_endless()
            && self.table.len() >= Self::MANY
            && self.limit.max_groups.saturating_sub(self.table.len()) >= items
    }

    /// When a group will be due next.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        self.table.deadline()
    }

    /// A group whose time has come.
    pub(super) fn close_due(&mut self) -> Option<(K, V)> {
        self.table.due().and_then(|id| self.close(id))
    }

    /// A group whose signal has fired, or failed.
    pub(super) fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<(K, V, Result<(), E>)> {
        loop {
            let (id, result) = ready!(self.watch.poll_fired(cx));
            if let Some((key, value)) = self.close(id) {
                return Poll::Ready((key, value, result));
            }
        }
    }

    /// Counts an item of that key now, if its group is open.
    #[inline(always)]
    pub(super) fn count_item(&mut self, key: K) -> Lookup<'_, K, V> {
        self.table.count_item(key)
    }

    /// A key to be [counted](Self::count_hashed) later.
    #[inline(always)]
    pub(super) fn hash(&self, key: K) -> Hashed<K> {
        self.table.hash(key)
    }

    /// Has the processor fetch the memory of a key's group, if it is open.
    #[inline]
    pub(super) fn fetch(&self, key: &Hashed<K>) {
        self.table.fetch(key);
    }

    /// Counts an item of that key now, if its group is open.
    #[inline(always)]
    pub(super) fn count_hashed(&mut self, key: Hashed<K>) -> Lookup<'_, K, V> {
        self.table.count_hashed(key)
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

    /// Opens a group with its first item, and starts its signal. Gives its id if that was its last item too, so that it
    /// is to be [closed](Self::close).
    pub(super) fn open(&mut self, vacancy: Vacancy<K>, value: V) -> Option<Id> {
        let fired = self.watch.signal(vacancy.key());
        let (id, last) = self.table.open(vacancy, value);
        self.watch.start(id, fired);
        last.then_some(id)
    }

    /// Gets ready for groups that a flow before has left open, the oldest of which is that old.
    pub(super) fn begin_at(&mut self, age: Duration) {
        self.table.begin_at(age);
    }

    /// Goes on with a group that a flow before has left open. They come oldest first. Gives a group that
    /// ends by it: one to make room, or the group itself.
    pub(super) fn restore(&mut self, group: OpenGroup<K, V>) -> Result<Option<(K, V)>, E> {
        let OpenGroup { key, state, age, idle, items } = group;
        if self.table.is_full(items) {
            return Ok(Some((key, state)));
        }
        let vacancy = match self.table.vacancy(key) {
            Ok(vacancy) => vacancy,
            Err(key) => return Ok(Some((key, state))),
        };
        let evicted = self.make_room()?;
        let fired = self.watch.signal(vacancy.key());
        let id = self.table.open_again(vacancy, state, age, idle, items);
        self.watch.start(id, fired);
        Ok(evicted)
    }

    /// Lets go of all groups, oldest first, for another flow to go on with.
    pub(super) fn leave_open(&mut self) -> Vec<OpenGroup<K, V>> {
        let mut open = Vec::with_capacity(self.table.len());
        while let Some((age, idle, items)) = self.table.ages_of_oldest()
            && let Some((key, state)) = self.close_oldest()
        {
            open.push(OpenGroup { key, state, age, idle, items });
        }
        open
    }

    /// The source has ended, and all groups with it: gives some of them, oldest first, until there are none.
    pub(super) fn drain_oldest(&mut self) -> Vec<(K, V)> {
        self.watch.clear();
        self.table.drain_oldest()
    }

    pub(super) fn close_oldest(&mut self) -> Option<(K, V)> {
        self.table.oldest().and_then(|id| self.close(id))
    }

    /// Lets go of all groups: the flow has failed.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.watch.clear();
    }

    /// Ends a group, if it is open.
    pub(super) fn close(&mut self, id: Id) -> Option<(K, V)> {
        self.watch.stop(id);
        self.table.close(id)
    }
}
