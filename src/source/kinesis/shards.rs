//! What a shard list means, without asking anyone: names, parents.

use std::collections::HashSet;

use crate::Partition;
use crate::source::Listed;

/// The name of the stream's ARN in a description.
pub(super) const STREAM: &str = "stream";

/// A shard in a shard list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) id: String,
    /// The shards that it came from: one after a split, two after a merge.
    pub(super) parents: Vec<String>,
    /// Whether nothing is written to it any more.
    pub(super) closed: bool,
}

/// The partition of a shard. It has the stream's name in it, since every stream has a `shardId-000000000000`.
pub(super) fn partition(stream: &str, shard: &str) -> Partition {
    Partition::new(format!("{stream}/{shard}"))
}

/// The shard of a partition, if it is one of this stream.
pub(super) fn shard_of(stream: &str, partition: &Partition) -> Option<String> {
    partition.as_str().strip_prefix(stream)?.strip_prefix('/').filter(|shard| !shard.is_empty()).map(str::to_owned)
}

/// The partitions of a shard list. A parent that is no longer listed has expired with all its records, so nothing is
/// left to be read before its children.
pub(super) fn listing(stream: &str, shards: &[Shard]) -> Vec<Listed> {
    let listed: HashSet<&str> = shards.iter().map(|shard| &*shard.id).collect();
    let mut seen = HashSet::new();
    shards
        .iter()
        // A listing during a resharding may show a shard on two pages.
        .filter(|shard| seen.insert(&*shard.id))
        .map(|shard| Listed {
            partition: partition(stream, &shard.id),
            parents: shard
                .parents
                .iter()
                .filter(|parent| listed.contains(&***parent))
                .map(|parent| partition(stream, parent))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: id.into(), parents: parents.iter().map(|&parent| parent.into()).collect(), closed: false }
    }

    #[test]
    fn children_name_the_parents_that_are_still_listed() {
        let shards = [shard("a", &[]), shard("b", &["gone"]), shard("ab", &["a", "b"]), shard("c", &["ab"])];
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
