//! [`Lineage`]: which partitions there are, and which of them came of which. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Checkpoint, Shard};

/// The partitions that the source has, as it said last.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    shards: BTreeMap<String, Shard>,
    /// What a row that is made says of how far the partition is.
    first: BTreeMap<String, Checkpoint>,
    /// The partitions that came of others, by those.
    children: BTreeMap<String, Vec<String>>,
    /// Those that were listed some day and are not any more.
    expired: BTreeSet<String>,
}

impl Lineage {
    /// Which partitions there are now; whether that is new.
    pub(super) fn list(&mut self, shards: impl IntoIterator<Item = (Shard, Checkpoint)>) -> bool {
        let before = std::mem::take(&mut self.shards);
        (self.shards, self.first) =
            shards.into_iter().map(|(shard, first)| ((shard.key.clone(), shard.clone()), (shard.key, first))).unzip();
        let is_new = before != self.shards;
        self.expired.extend(before.into_keys());
        self.expired.retain(|key| !self.shards.contains_key(key));
        self.children.clear();
        for shard in self.shards.values() {
            for parent in &shard.parents {
                self.children.entry(parent.clone()).or_default().push(shard.key.clone());
            }
        }
        is_new
    }

    pub(super) fn get(&self, key: &str) -> Option<&Shard> {
        self.shards.get(key)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.shards.contains_key(key)
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.values()
    }

    pub(super) fn first(&self, key: &str) -> Option<&Checkpoint> {
        self.first.get(key)
    }

    /// The partitions that came of one.
    pub(super) fn children(&self, key: &str) -> &[String] {
        self.children.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether a partition was listed some day, and is not any more.
    pub(super) fn has_expired(&self, key: &str) -> bool {
        self.expired.contains(key)
    }

    /// Those from which partitions with a row came, and that have none themselves: it was removed. What came of a partition
    /// has no row before that is read to its end.
    pub(super) fn removed<T>(&self, rows: &BTreeMap<String, T>) -> BTreeSet<String> {
        let mut removed = BTreeSet::new();
        let mut known: Vec<&String> = rows.keys().collect();
        while let Some(key) = known.pop() {
            for parent in self.shards.get(key).into_iter().flat_map(|shard| &shard.parents) {
                if self.contains(parent) && !rows.contains_key(parent) && removed.insert(parent.clone()) {
                    known.push(parent);
                }
            }
        }
        removed
    }
}
