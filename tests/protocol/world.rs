//! [`World`]: one small scene of the protocol. Several small ones see more than one that is too big to be explored.

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use crate::rules::Rules;
use crate::state::{Faults, Part, Pos};

/// One ordered part of the source.
#[derive(Clone, Debug)]
pub struct Partition {
    pub parents: Vec<Part>,
    pub len: Pos,
    /// It ends behind its last record; its children begin there.
    pub closed: bool,
    /// Which keys it has: bit 0 those of odd positions, bit 1 those of even ones.
    pub range: u8,
    /// Which of its records cannot be used, one bit each.
    pub poison: u8,
}

impl Partition {
    pub const fn open(len: Pos) -> Self {
        Self { parents: Vec::new(), len, closed: false, range: 3, poison: 0 }
    }

    pub fn closed(len: Pos) -> Self {
        Self { closed: true, ..Self::open(len) }
    }

    pub fn of(mut self, parents: &[Part], range: u8) -> Self {
        self.parents = parents.to_vec();
        self.range = range;
        self
    }

    pub fn poison(mut self, records: u8) -> Self {
        self.poison = records;
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stateful {
    No,
    Inline,
    Object,
}

#[derive(Debug)]
pub struct World {
    pub name: &'static str,
    pub rules: Rules,
    pub partitions: Vec<Partition>,
    pub workers: u8,
    /// The most records of an epoch.
    pub longest: u8,
    pub faults: Faults,
    pub state: Stateful,
    pub pipelined: bool,
    /// Records arrive one by one, and the first worker says where the ledger begins.
    pub latest: bool,
    /// Whether each worker is tried alone from every state. A mutant that is unsafe would fail that as well, by and by.
    pub progress: bool,
    /// What has happened in it so far: what a world is for has to have been seen.
    pub seen: Mutex<BTreeSet<&'static str>>,
    /// Pairs of a state and a worker that finishes from there by itself.
    pub finishes: Mutex<HashSet<u64>>,
    /// An invariant was broken: only the first, shortest way there counts.
    pub broken: AtomicBool,
}

impl World {
    pub fn new(name: &'static str, partitions: Vec<Partition>, faults: Faults) -> Self {
        Self {
            name,
            rules: Rules::default(),
            partitions,
            workers: 2,
            longest: 2,
            faults,
            state: Stateful::No,
            pipelined: false,
            latest: false,
            progress: true,
            seen: Mutex::default(),
            finishes: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    pub fn saw(&self, what: &'static str) {
        self.seen.lock().unwrap().insert(what);
    }

    /// Where a record has its place in a [`Sum`](crate::state::Sum).
    pub fn place(&self, part: Part, position: Pos) -> u32 {
        let before: u8 = self.partitions[..usize::from(part)].iter().map(|partition| partition.len).sum();
        1 << (2 * u32::from(before + position - 1))
    }

    /// All places of records whose keys are in a partition's range.
    pub fn range(&self, of: Part) -> u32 {
        let range = self.partitions[usize::from(of)].range;
        let mut mask = 0;
        for (part, partition) in (0..).zip(&self.partitions) {
            for position in 1..=partition.len {
                if range & (if position % 2 == 1 { 1 } else { 2 }) != 0 {
                    mask |= 3 * self.place(part, position);
                }
            }
        }
        mask
    }
}

/// Those of a world's records that lie in `(from, to]`, one bit each.
pub fn bits(from: Pos, to: Pos) -> u8 {
    (from..to).fold(0, |bits, at| bits | 1 << at)
}
