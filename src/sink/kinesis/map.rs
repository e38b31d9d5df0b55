//! [`ShardMap`]: which shard takes which hash keys.

use std::collections::HashMap;
use std::sync::Arc;

use crate::aws::shards::{HashRange, Shard};

/// The shards of a stream as they were listed.
#[derive(Clone, Debug, Default)]
pub(super) struct ShardMap {
    /// Those that are written to, by their hash keys.
    open: Vec<(HashRange, Arc<str>)>,
    /// All that were listed.
    ranges: HashMap<Arc<str>, HashRange>,
}

impl ShardMap {
    pub(super) fn new(shards: Vec<Shard>) -> Self {
        let mut map = Self::default();
        for shard in shards {
            let id: Arc<str> = shard.id.into();
            if map.ranges.insert(Arc::clone(&id), shard.range).is_none() && !shard.closed {
                map.open.push((shard.range, id));
            }
        }
        map.open.sort_unstable_by_key(|(range, _)| range.start);
        map
    }

    /// How many shards are written to.
    pub(super) const fn len(&self) -> usize {
        self.open.len()
    }

    /// The index of the shard that takes a hash key; [`len`](Self::len) if none is known.
    pub(super) fn index(&self, hash: u128) -> usize {
        let behind = self.open.partition_point(|(range, _)| range.start <= hash);
        behind.checked_sub(1).filter(|at| self.open[*at].0.contains(hash)).unwrap_or(self.open.len())
    }

    /// The id of the shard of an index, if there is one.
    pub(super) fn id(&self, index: usize) -> Option<&Arc<str>> {
        self.open.get(index).map(|(_, id)| id)
    }

    /// The hash keys of a shard, open or closed.
    pub(super) fn range(&self, id: &str) -> Option<HashRange> {
        self.ranges.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, start: u128, end: u128, closed: bool) -> Shard {
        Shard { id: id.into(), range: HashRange { start, end }, closed, parents: Vec::new() }
    }

    #[test]
    fn a_hash_key_leads_to_the_open_shard_that_takes_it() {
        let map = ShardMap::new(vec![
            shard("old", 0, u128::MAX, true),
            shard("high", 100, u128::MAX, false),
            shard("low", 0, 9, false),
            shard("low", 0, 9, false),
        ]);
        assert_eq!(map.len(), 2);
        let id = |hash| map.id(map.index(hash)).map(|id| &**id);
        assert_eq!([0, 9, 100, u128::MAX].map(id), [Some("low"), Some("low"), Some("high"), Some("high")]);
        assert_eq!([10, 99].map(id), [None, None], "nobody takes these");
        assert_eq!(map.range("old"), Some(HashRange::ALL));
        assert_eq!(map.range("other"), None);
    }

    #[test]
    fn without_a_list_no_shard_is_known() {
        let map = ShardMap::default();
        assert_eq!((map.len(), map.index(7), map.id(0)), (0, 0, None));
    }
}
