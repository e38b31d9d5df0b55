//! What a shard list means, without asking anyone: names, parents, hash keys.

use std::collections::HashSet;

use crate::Partition;
pub(super) use crate::aws::shards::{HashRange, Shard};
use crate::source::Listed;

/// The name of the stream's ARN in a description.
pub(super) const STREAM: &str = "stream";

/// The first hash keys that no shard takes that has no child in the list. A closed shard whose children are not listed
/// yet counts.
pub(super) fn uncovered(shards: &[Shard]) -> Option<HashRange> {
    let parents: HashSet<&str> = shards.iter().flat_map(|shard| &shard.parents).map(String::as_str).collect();
    let mut leaves: Vec<HashRange> =
        shards.iter().filter(|shard| !parents.contains(&*shard.id)).map(|shard| shard.range).collect();
    leaves.sort_unstable_by_key(|range| range.start);
    let mut next = 0;
    for HashRange { start, end } in leaves {
        if start > next {
            return Some(HashRange { start: next, end: start - 1 });
        }
        // Nothing is left behind the last hash key.
        next = next.max(end.checked_add(1)?);
    }
    Some(HashRange { start: next, end: u128::MAX })
}

/// The partition of a shard. It has the stream's name in it, since every stream has a `shardId-000000000000`.
pub(super) fn partition(stream: &str, shard: &str) -> Partition {
    Partition::new(format!("{stream}/{shard}"))
}

/// The shard of a partition, if it is one of this stream.
pub(super) fn shard_of(stream: &str, partition: &Partition) -> Option<String> {
    partition.as_str().strip_prefix(stream)?.strip_prefix('/').filter(|shard| !shard.is_empty()).map(str::to_owned)
}

/// The partitions of a shard list. A parent that is no longer listed has expired with all its records.
pub(super) fn listing(stream: &str, shards: &[Shard]) -> Vec<Listed> {
    let listed: HashSet<&str> = shards.iter().map(|shard| &*shard.id).collect();
    let mut seen = HashSet::new();
    shards
        .iter()
        // A listing during a resharding may show a shard on two pages.
        .filter(|shard| seen.insert(&*shard.id))
        .map(|shard| {
            let all = shard.parents.iter();
            let (here, gone): (Vec<&String>, Vec<_>) = all.partition(|parent| listed.contains(&***parent));
            let partitions = |shards: Vec<&String>| shards.into_iter().map(|shard| partition(stream, shard)).collect();
            Listed { partition: partition(stream, &shard.id), parents: partitions(here), gone: partitions(gone) }
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: id.into(), parents: parents.iter().map(|&parent| parent.into()).collect(), ..Shard::default() }
    }

    fn ranged(id: &str, parents: &[&str], start: u128, end: u128) -> Shard {
        Shard { range: HashRange { start, end }, ..shard(id, parents) }
    }

    #[test]
    fn hash_keys_that_no_shard_takes_are_found() {
        let max = u128::MAX;
        let hole = |start, end| Some(HashRange { start, end });
        assert_eq!(uncovered(&[]), hole(0, max));
        assert_eq!(uncovered(&[ranged("a", &[], 0, max)]), None);
        assert_eq!(uncovered(&[ranged("b", &[], 8, max), ranged("a", &[], 0, 7)]), None);
        assert_eq!(uncovered(&[ranged("a", &[], 0, 7), ranged("b", &[], 9, max)]), hole(8, 8));
        assert_eq!(uncovered(&[ranged("a", &[], 1, max)]), hole(0, 0));
        assert_eq!(uncovered(&[ranged("a", &[], 0, max - 1)]), hole(max, max));
        // One that was split counts by its children.
        let split = [ranged("a", &[], 0, max), ranged("b", &["a"], 0, 7), ranged("c", &["a"], 8, max)];
        assert_eq!(uncovered(&split), None);
        assert_eq!(uncovered(&split[..2]), hole(8, max));
        assert_eq!(uncovered(&split[..1]), None);
        // After a merge and with an older generation, ranges overlap.
        assert_eq!(uncovered(&[ranged("a", &[], 0, 9), ranged("b", &[], 5, 6), ranged("c", &[], 7, max)]), None);
    }

    #[test]
    fn a_range_is_two_numbers_in_order() {
        let max = u128::MAX.to_string();
        assert_eq!(HashRange::parse("0", &max), Some(HashRange::ALL));
        for (start, end) in [("", "1"), ("2", "1"), ("0", "340282366920938463463374607431768211456"), ("-1", "1")] {
            assert_eq!(HashRange::parse(start, end), None);
        }
        let range = HashRange { start: 2, end: 3 };
        assert_eq!([1, 2, 3, 4].map(|hash| range.contains(hash)), [false, true, true, false]);
    }

    #[test]
    fn children_name_the_parents_that_are_still_listed() {
        let shards = [shard("a", &[]), shard("b", &["gone"]), shard("ab", &["a", "b"]), shard("c", &["ab"])];
        let gone: Vec<_> = listing("s", &shards).into_iter().flat_map(|listed| listed.gone).collect();
        assert_eq!(gone, [Partition::new("s/gone")]);
        let parents: Vec<Vec<String>> = listing("s", &shards)
            .into_iter()
            .map(|listed| listed.parents.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(parents, [vec![], vec![], vec!["s/a".to_owned(), "s/b".into()], vec!["s/ab".into()]]);
    }

    #[test]
    fn a_shard_on_two_pages_is_one_partition() {
        assert_eq!(listing("s", &[shard("a", &[]), shard("a", &[])]).len(), 1);
    }

    #[test]
    fn a_partition_leads_back_to_its_shard_alone() {
        assert_eq!(shard_of("s", &partition("s", "shardId-1")).unwrap(), "shardId-1");
        for other in ["other/shardId-1", "s", "s/", "ss/shardId-1"] {
            assert_eq!(shard_of("s", &Partition::new(other)), None, "{other}");
        }
    }
}
