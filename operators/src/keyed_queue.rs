//! [`KeyedQueue`]: entries in the order in which they came, found by their hash.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// A queue whose entries are found by a key of theirs.
///
/// The hash table is apart from the entries and small. Entries lie in the order in which they came, so those that came
/// together lie together, and giving them all in order reads memory from one end to the other.
pub(crate) struct KeyedQueue<T> {
    index: HashTable<Slot>,
    entries: VecDeque<T>,
    /// The number of the first entry; the others are numbered on from it.
    first: u32,
}

/// Half of the hash is enough to tell most entries apart and to let the table grow without a look at them.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    number: u32,
}

impl Slot {
    /// The table takes the place from the low bits of a hash and a mark from the high ones.
    const fn hash(&self) -> u64 {
        (self.hash as u64) << 32 | self.hash as u64
    }
}

impl<T> KeyedQueue<T> {
    /// How many entries it can have.
    pub(crate) const MOST: usize = u32::MAX as usize;

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { index: HashTable::with_capacity(capacity), entries: VecDeque::with_capacity(capacity), first: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.entries.get(at)
    }

    /// The entry with that hash that is the one.
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        let slot = Slot { hash: (hash >> 32) as u32, number: 0 };
        let (entries, first) = (&self.entries, self.first);
        let at = |slot: &Slot| slot.number.wrapping_sub(first) as usize;
        let found = self
            .index
            .find(slot.hash(), |other| other.hash == slot.hash && entries.get(at(other)).is_some_and(&is_it))?;
        let at = at(found);
        self.entries.get_mut(at)
    }

    /// Puts an entry behind the others. None of them may be the same.
    #[inline]
    pub(crate) fn push(&mut self, hash: u64, entry: T) {
        let slot = Slot { hash: (hash >> 32) as u32, number: self.first.wrapping_add(self.entries.len() as u32) };
        self.index.insert_unique(slot.hash(), slot, Slot::hash);
        self.entries.push_back(entry);
    }

    /// Takes the first entry out, of which the hash is to be told.
    pub(crate) fn pop_first(&mut self, hash: impl FnOnce(&T) -> u64) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.forget(hash(&entry), self.first);
        self.first = self.first.wrapping_add(1);
        Some(entry)
    }

    /// The entries, which are not looked for any more.
    pub(crate) fn into_entries(self) -> VecDeque<T> {
        self.entries
    }

    fn forget(&mut self, hash: u64, number: u32) {
        let slot = Slot { hash: (hash >> 32) as u32, number };
        if let Ok(found) = self.index.find_entry(slot.hash(), |other| other.number == number) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// A hash that many keys share, in the half that is kept and in all.
    fn hash(key: u8) -> u64 {
        u64::from(key % 3) << 40 | u64::from(key % 2)
    }

    proptest! {
        #[test]
        fn is_a_queue_in_which_keys_are_found(steps in prop::collection::vec((0..4_u8, 0..12_u8), 0..80), first: u32) {
            let mut queue = KeyedQueue::with_capacity(0);
            // Where the numbers of entries begin anew, too.
            queue.first = first | 0xffff_fff0;
            let mut model = VecDeque::<(u8, u32)>::new();
            for (step, key) in steps {
                let known = model.iter_mut().find(|(other, _)| *other == key);
                let found = queue.find_mut(hash(key), |(other, _)| *other == key);
                prop_assert_eq!(found.as_deref(), known.as_deref());
                match (step, found, known) {
                    (0, ..) => prop_assert_eq!(queue.pop_first(|(key, _)| hash(*key)), model.pop_front()),
                    (_, Some((_, count)), Some((_, counted))) => (*count, *counted) = (*count + 1, *counted + 1),
                    _ => {
                        queue.push(hash(key), (key, 1));
                        model.push_back((key, 1));
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert_eq!(queue.get(1), model.get(1));
            }
            prop_assert_eq!(queue.into_entries(), model);
        }
    }
}
