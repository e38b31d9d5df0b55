//! [`Ring`]: the items that some reader has yet to take, each of them once.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Counter;

/// What happens when one reader is far behind another.
#[derive(Clone)]
pub(super) struct Bound {
    /// How far.
    pub(super) items: usize,
    /// Whether the slow one loses items then. If not, the source is held back.
    pub(super) lossy: bool,
    /// Counts what is lost.
    pub(super) lost: Counter,
}

impl Bound {
    /// How far readers may be apart if nothing is said.
    pub(super) const ITEMS: usize = 256;

    pub(super) fn new() -> Self {
        Self { items: Self::ITEMS, lossy: false, lost: Counter::new() }
    }
}

/// Items in the order in which they came. Readers know by a number which is their next. It is used under a lock, so
/// what is to be dropped is given to the caller, who lets go of it after the lock.
pub(super) struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    /// The number of the first slot.
    first: u64,
    readers: usize,
    /// How many items stay for late readers though everybody has taken them.
    keep: usize,
    bound: Bound,
    /// Whether somebody waits for room.
    held: bool,
}

struct Slot<T> {
    item: Arc<T>,
    /// How many readers have yet to take it. It never falls from one slot to the next.
    left: usize,
}

/// What a change of the ring leaves to be done after the lock.
#[must_use]
pub(super) struct After<T> {
    /// Items that nobody will take any more.
    pub(super) dropped: Dropped<T>,
    /// Whether somebody waited for room that there is now.
    pub(super) room: bool,
}

/// Items to let go of. It is nearly always one, so that one needs no list.
pub(super) struct Dropped<T> {
    one: Option<Arc<T>>,
    more: Vec<Arc<T>>,
}

impl<T> Dropped<T> {
    const fn new() -> Self {
        Self { one: None, more: Vec::new() }
    }

    fn push(&mut self, item: Arc<T>) {
        self.more.extend(self.one.replace(item));
    }
}

impl<T> Ring<T> {
    pub(super) const fn new(keep: usize, bound: Bound) -> Self {
        Self { slots: VecDeque::new(), first: 0, readers: 0, keep, bound, held: false }
    }

    /// One reader more, which begins with what is kept for late ones: the number of its next item.
    pub(super) fn join(&mut self) -> u64 {
        let kept = self.kept();
        self.join_at(self.end() - kept as u64)
    }

    /// One reader more, whose next item is this, or the first after it that is still there.
    pub(super) fn join_at(&mut self, next: u64) -> u64 {
        let next = next.max(self.first);
        self.readers += 1;
        for slot in self.slots.range_mut((next - self.first) as usize..) {
            slot.left += 1;
        }
        next
    }

    /// A reader whose next item would be this is gone.
    pub(super) fn leave(&mut self, next: u64) -> After<T> {
        self.readers -= 1;
        for slot in self.slots.range_mut((next.max(self.first) - self.first) as usize..) {
            slot.left -= 1;
        }
        self.let_go()
    }

    /// Adds an item. Gives those that it pushes out.
    pub(super) fn push(&mut self, item: T) -> Dropped<T> {
        let mut pushed_out = Dropped::new();
        while self.bound.lossy && self.slots.len() >= self.bound.items.max(self.keep) {
            let Some(slot) = self.pop() else { break };
            self.bound.lost.add(slot.left as u64);
            pushed_out.push(slot.item);
        }
        self.slots.push_back(Slot { item: Arc::new(item), left: self.readers });
        self.let_go_of(&mut pushed_out);
        pushed_out
    }

    /// The item with the number `next`, or the first after it that is still there. Moves `next` on.
    pub(super) fn take(&mut self, next: &mut u64) -> Option<(Arc<T>, After<T>)> {
        let from = (*next).max(self.first);
        let slot = self.slots.get_mut((from - self.first) as usize)?;
        slot.left -= 1;
        let item = Arc::clone(&slot.item);
        *next = from + 1;
        Some((item, self.let_go()))
    }

    /// How many items a reader can take whose next one is this.
    pub(super) fn unread(&self, next: u64) -> usize {
        (self.end() - next.max(self.first)) as usize
    }

    /// How many items are kept for late readers now.
    pub(super) fn kept(&self) -> usize {
        self.slots.len().min(self.keep)
    }

    /// Whether another item may be read. If not, whoever makes room will say so.
    pub(super) fn has_room(&mut self) -> bool {
        self.held = self.is_full();
        !self.held
    }

    pub(super) const fn bound(&self) -> &Bound {
        &self.bound
    }

    pub(super) fn set_bound(&mut self, bound: Bound) -> After<T> {
        self.bound = bound;
        self.let_go()
    }

    /// The number of the item that comes next.
    fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    fn is_full(&self) -> bool {
        let read = self.slots.partition_point(|slot| slot.left == 0);
        !self.bound.lossy && self.slots.len() - read >= self.bound.items
    }

    fn let_go(&mut self) -> After<T> {
        let mut dropped = Dropped::new();
        self.let_go_of(&mut dropped);
        let room = self.held && !self.is_full();
        self.held &= !room;
        After { dropped, room }
    }

    fn let_go_of(&mut self, dropped: &mut Dropped<T>) {
        while self.slots.len() > self.keep && self.slots.front().is_some_and(|slot| slot.left == 0) {
            if let Some(slot) = self.pop() {
                dropped.push(slot.item);
            }
        }
    }

    fn pop(&mut self) -> Option<Slot<T>> {
        let slot = self.slots.pop_front()?;
        self.first += 1;
        Some(slot)
    }
}
