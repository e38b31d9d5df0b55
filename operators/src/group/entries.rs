//! [`Entries`]: the open groups by key.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::table::Id;

/// A hash table of groups, as small as it can be.
///
/// With many groups open an item takes as long as it waits for the memory of its group, the longer the larger the table is. Where
/// groups end in the order in which they opened and their items are not counted, all that an entry needs is key and state.
pub(super) struct Entries<K, V> {
    hasher: DefaultHashBuilder,
    groups: Groups<K, V>,
}

enum Groups<K, V> {
    /// A group is known by its hash, which no other has.
    Bare(HashTable<(K, V)>),
    /// A group is known by its number.
    Full(HashTable<Entry<K, V>>),
}

/// Aligned so that the entry of a key and a state of eight bytes each is within one line of the cache.
#[repr(align(32))]
struct Entry<K, V> {
    key: K,
    value: V,
    more: More,
}

/// What is known of a group besides.
#[derive(Clone, Copy)]
pub(super) struct More {
    /// When it had its latest item.
    pub(super) used: u64,
    /// How many items it has had, if they are counted, without those that an `ItemLimit` knows of.
    pub(super) items: u32,
    pub(super) number: u32,
}

impl<K, V> Entries<K, V> {
    /// With more than keys and states only if that is asked for: without, a group may be taken out only while it is the oldest.
    pub(super) fn new(full: bool) -> Self {
        let groups = if full { Groups::Full(HashTable::new()) } else { Groups::Bare(HashTable::new()) };
        Self { hasher: DefaultHashBuilder::default(), groups }
    }

    pub(super) fn len(&self) -> usize {
        match &self.groups {
            Groups::Bare(groups) => groups.len(),
            Groups::Full(groups) => groups.len(),
        }
    }

    pub(super) fn clear(&mut self) {
        match &mut self.groups {
            Groups::Bare(groups) => groups.clear(),
            Groups::Full(groups) => groups.clear(),
        }
    }

    /// What is known of the group at a place, if more is kept than its key and its state.
    #[inline]
    pub(super) fn more(&self, place: usize) -> Option<More> {
        match &self.groups {
            Groups::Bare(_) => None,
            Groups::Full(groups) => Some(groups.get_bucket(place)?.more),
        }
    }

    /// Takes the group out that is at a place.
    #[inline]
    pub(super) fn remove(&mut self, place: usize) -> Option<(K, V)> {
        match &mut self.groups {
            Groups::Bare(groups) => Some(groups.get_bucket_entry(place).ok()?.remove().0),
            Groups::Full(groups) => {
                let (Entry { key, value, .. }, _) = groups.get_bucket_entry(place).ok()?.remove();
                Some((key, value))
            }
        }
    }
}

impl<K: Hash + Eq, V> Entries<K, V> {
    #[inline(always)]
    pub(super) fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The state of the group of a key, and what is known of it besides, if that is kept.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: u64, key: &K) -> Option<(&mut V, Option<&mut More>)> {
        match &mut self.groups {
            Groups::Bare(groups) => groups.find_mut(hash, |group| group.0 == *key).map(|group| (&mut group.1, None)),
            Groups::Full(groups) => {
                groups.find_mut(hash, |entry| entry.key == *key).map(|entry| (&mut entry.value, Some(&mut entry.more)))
            }
        }
    }

    /// Looks at the group of a key, and does nothing with it: what the processor has begun for one it need not end for another.
    #[inline]
    pub(super) fn fetch(&self, hash: u64, key: &K) {
        let found = match &self.groups {
            Groups::Bare(groups) => groups.find(hash, |group| group.0 == *key).is_some(),
            // Most likely the first that is met is that of the key, and all of its entry lies together.
            Groups::Full(groups) => groups.find(hash, |entry| black_box(entry.more.number) != u32::MAX).is_some(),
        };
        black_box(found);
    }

    /// Where a group is until another one opens, if it is open.
    #[inline]
    pub(super) fn place(&self, id: Id) -> Option<usize> {
        match &self.groups {
            Groups::Bare(groups) => groups.find_bucket_index(id.hash, |group| self.hash(&group.0) == id.hash),
            Groups::Full(groups) => groups.find_bucket_index(id.hash, |entry| entry.more.number == id.number),
        }
    }

    /// Whether a group is open from which another one of that hash could not be told: then [more must be
    /// kept](Self::keep_more).
    #[inline]
    pub(super) fn has_twin(&self, hash: u64) -> bool {
        match &self.groups {
            Groups::Bare(groups) => groups.find(hash, |group| self.hash(&group.0) == hash).is_some(),
            Groups::Full(_) => false,
        }
    }

    /// Adds a group whose key has none, and whose hash no [twin](Self::has_twin).
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, (key, value): (K, V), more: More) {
        let hasher = &self.hasher;
        match &mut self.groups {
            Groups::Bare(groups) => {
                groups.insert_unique(hash, (key, value), |group| hasher.hash_one(&group.0));
            }
            Groups::Full(groups) => {
                groups.insert_unique(hash, Entry { key, value, more }, |entry| hasher.hash_one(&entry.key));
            }
        }
    }

    /// Keeps more than keys and states from now on. These groups are open.
    #[cold]
    pub(super) fn keep_more(&mut self, open: impl Iterator<Item = Id>) {
        let Groups::Bare(bare) = &mut self.groups else { return };
        let hasher = &self.hasher;
        let mut full = HashTable::with_capacity(bare.len());
        for Id { number, hash } in open {
            if let Ok(found) = bare.find_entry(hash, |group| hasher.hash_one(&group.0) == hash) {
                let ((key, value), _) = found.remove();
                let more = More { used: 0, items: 0, number };
                full.insert_unique(hash, Entry { key, value, more }, |entry| hasher.hash_one(&entry.key));
            }
        }
        self.groups = Groups::Full(full);
    }
}
