//! [`Chains`]: which of the objects in a listing are epochs, and of which chain. Pure.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::format::Encoding;
use super::header::{Header, Root};
use super::keys::{self, Hour};
use super::ledger::Head;
use crate::{Partition, Position};

/// What is wrong with an object that a chain leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flaw {
    /// Its header is of another partition, or has another number.
    Another,
    /// It begins before the position where the epoch before it ends: records are counted twice.
    Overlap,
    /// It begins behind the position where the epoch before it ends: records are counted nowhere.
    Hole,
    /// It ends before it begins.
    Backwards,
    /// The key that it names for the next epoch is not the one that follows from it, or not behind its own.
    Next,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Another => "it is of another partition, or has another number",
            Self::Overlap => "it begins before the epoch before it ends",
            Self::Hole => "it begins behind the end of the epoch before it",
            Self::Backwards => "it ends before it begins",
            Self::Next => "it names another key for the next epoch than follows from it",
        })
    }
}

/// What keeps the header of `partition` from being that of the epoch behind `head`.
pub(super) fn flaw(partition: &Partition, head: &Head, header: &Header) -> Option<Flaw> {
    if header.partition != *partition || header.n != head.n {
        return Some(Flaw::Another);
    }
    match order(header.from.as_ref(), head.from.as_ref()) {
        Ordering::Less => return Some(Flaw::Overlap),
        Ordering::Greater => return Some(Flaw::Hole),
        Ordering::Equal => {}
    }
    if order(header.to.as_ref(), header.from.as_ref()).is_lt() {
        return Some(Flaw::Backwards);
    }
    let next = Hour::of_key(&header.next).zip(Encoding::of_key(&head.key).ok()).is_some_and(|(hour, encoding)| {
        let n = header.n.saturating_add(1);
        let follows = keys::epoch(&hour, partition, n, header.to.as_ref(), encoding.ext());
        follows == header.next && Hour::of_key(&head.key).is_some_and(|before| before <= hour)
    });
    (!next).then_some(Flaw::Next)
}

/// The beginning of a partition comes before all of its positions.
fn order(one: Option<&Position>, other: Option<&Position>) -> Ordering {
    one.cmp(&other)
}

/// Where an object of a listing belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the next epoch of its chain.
    Next,
    /// Its chain leads to it, and it does not continue it. The chain goes on behind it all the same.
    Flawed(Flaw),
    /// It may be in a chain, which leads to this key first. That was not in the listing, though it comes before.
    Behind(String),
    /// It is in no chain.
    Stray,
}

/// The chains of a ledger, as far as the objects have come that [`place`](Self::place) was given in the order of their
/// keys. Holds the last epoch of each.
///
/// The keys of a chain grow. So a listing, in which chains are mixed, has the epochs of each in their order.
pub(super) struct Chains {
    root: Root,
    heads: HashMap<Partition, Head>,
    /// To which key each of them leads.
    next: HashMap<String, Partition>,
}

impl Chains {
    pub(super) fn new(root: Root) -> Self {
        let known = root.imported.iter().flat_map(|imported| imported.ends.iter().map(|end| &end.partition));
        let known: Vec<_> = root.partitions.iter().chain(known).cloned().collect();
        let mut chains = Self { root, heads: HashMap::new(), next: HashMap::new() };
        for partition in known {
            chains.begin(&partition);
        }
        chains
    }

    fn begin(&mut self, partition: &Partition) -> &Head {
        let (root, next) = (&self.root, &mut self.next);
        self.heads.entry(partition.clone()).or_insert_with(|| {
            let head = Head::first(root, partition);
            next.insert(head.key.clone(), partition.clone());
            head
        })
    }

    /// Whether some chain leads to this key, or would if the partition were known: then it has to be an epoch.
    pub(super) fn leads_to(&self, key: &str) -> bool {
        self.next.contains_key(key) || keys::is_first(key, &Hour::of(self.root.created))
    }

    /// Where the object under this key belongs, and goes on behind it if that is a chain.
    pub(super) fn place(&mut self, key: &str, header: &Header) -> Place {
        let partition = self.next.get(key).unwrap_or(&header.partition).clone();
        let format = self.root.format.clone();
        let head = self.begin(&partition);
        if head.key == key && !head.end {
            let flaw = flaw(&partition, head, header);
            self.go_on(&partition, header);
            return flaw.map_or(Place::Next, Place::Flawed);
        }
        let own = Hour::of_key(key)
            .is_some_and(|hour| keys::epoch(&hour, &partition, header.n, header.from.as_ref(), &format) == key);
        if own && !head.end && header.n > head.n && *head.key < *key {
            return Place::Behind(head.key.clone());
        }
        Place::Stray
    }

    /// Goes on behind an epoch, whatever came before it.
    pub(super) fn go_on(&mut self, partition: &Partition, header: &Header) {
        let head = Head::behind(header);
        if !head.end {
            self.next.insert(head.key.clone(), partition.clone());
        }
        if let Some(before) = self.heads.insert(partition.clone(), head) {
            self.next.remove(&before.key);
        }
    }

    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    /// Where the chain of each partition goes on.
    pub(super) fn into_heads(self) -> HashMap<Partition, Head> {
        self.heads
    }
}
