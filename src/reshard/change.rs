//! [`Change`]: a split or a merge, and how far it has got by what the stream says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::aws::shards::{HashRange, Shard as Known};

/// A shard that is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its name in the stream.
    pub id: String,
    /// The first hash key that it takes.
    pub first: u128,
    /// The last hash key that it takes.
    pub last: u128,
}

impl Shard {
    pub(super) const fn contains(&self, hash: u128) -> bool {
        HashRange { start: self.first, end: self.last }.contains(hash)
    }

    /// Those of a list that are written to, in the order of their hash keys.
    pub(super) fn open(listed: &[Known]) -> Vec<Self> {
        let open = listed.iter().filter(|shard| !shard.closed);
        let mut open: Vec<_> =
            open.map(|shard| Self { id: shard.id.clone(), first: shard.range.start, last: shard.range.end }).collect();
        open.sort_unstable_by_key(|shard| shard.first);
        // A list that is made during a change may have a shard twice.
        open.dedup_by(|next, kept| next.id == kept.id);
        open
    }
}

/// A split of a shard, or a merge of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A shard is split in two.
    Split {
        /// The shard.
        shard: String,
        /// The first hash key of the second child.
        #[serde(with = "decimal")]
        at: u128,
    },
    /// Two neighbours are made one.
    Merge {
        /// The shards, in the order of their hash keys.
        shards: [String; 2],
    },
}

impl Change {
    /// The shards that it ends.
    pub fn shards(&self) -> &[String] {
        match self {
            Self::Split { shard, .. } => std::slice::from_ref(shard),
            Self::Merge { shards } => shards,
        }
    }

    /// How far it has got.
    pub(super) fn standing(&self, listed: &[Known]) -> Standing {
        let find = |id: &String| listed.iter().find(|shard| shard.id == *id);
        if self.shards().iter().all(|id| find(id).is_some_and(|shard| !shard.closed)) {
            return Standing::Before;
        }
        let comes_of = |child: &Known, id: &String| child.parents.contains(id);
        let done = listed.iter().any(|child| match self {
            Self::Split { shard, at } => comes_of(child, shard) && child.parents.len() == 1 && child.range.start == *at,
            Self::Merge { shards } => shards.iter().all(|id| comes_of(child, id)),
        });
        if done { Standing::Done } else { Standing::Overtaken }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split { shard, at } => write!(f, "split {shard} at {at}"),
            Self::Merge { shards: [first, second] } => write!(f, "merge {first} and {second}"),
        }
    }
}

/// How far a change has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its shards are as they were.
    Before,
    /// Its children are there.
    Done,
    /// Its shards were ended in another way.
    Overtaken,
}

/// Hash keys in decimal digits, as Kinesis writes them: they are larger than what JSON's readers take for a number.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: &str, parents: &[&str], start: u128, end: u128, closed: bool) -> Known {
        let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
        Known { id: id.to_owned(), parents, closed, range: HashRange { start, end } }
    }

    #[test]
    fn the_shards_say_how_far_a_split_has_got() {
        let split = Change::Split { shard: "a".to_owned(), at: 8 };
        let closed = known("a", &[], 0, 9, true);
        let children = [known("b", &["a"], 0, 7, false), known("c", &["a"], 8, 9, true)];
        assert_eq!(split.standing(&[known("a", &[], 0, 9, false)]), Standing::Before);
        assert_eq!(split.standing(&[closed.clone(), children[0].clone(), children[1].clone()]), Standing::Done);
        assert_eq!(split.standing(&children), Standing::Done, "a parent may be listed no more");
        let elsewhere = [closed.clone(), known("b", &["a"], 0, 4, false), known("c", &["a"], 5, 9, false)];
        assert_eq!(split.standing(&elsewhere), Standing::Overtaken);
        assert_eq!(split.standing(&[closed, known("c", &["a", "b"], 8, 9, false)]), Standing::Overtaken, "merged");
        assert_eq!(split.standing(&[]), Standing::Overtaken);
    }

    #[test]
    fn the_shards_say_how_far_a_merge_has_got() {
        let merge = Change::Merge { shards: ["a".to_owned(), "b".to_owned()] };
        let [a, b] = [known("a", &[], 0, 4, false), known("b", &[], 5, 9, false)];
        assert_eq!(merge.standing(&[a.clone(), b.clone()]), Standing::Before);
        let [a, b] = [a, b].map(|shard| Known { closed: true, ..shard });
        assert_eq!(merge.standing(&[a.clone(), b.clone(), known("c", &["b", "a"], 0, 9, false)]), Standing::Done);
        assert_eq!(merge.standing(&[a, b, known("c", &["a", "x"], 0, 4, false)]), Standing::Overtaken);
    }
}
