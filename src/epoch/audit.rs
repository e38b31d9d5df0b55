//! [`Audit`]: what is wrong with a ledger, from its objects one by one. Pure.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::chains::{Chains, Flaw, Place};
use super::header::{Gap, Header, Root};
use crate::Partition;

/// How many findings are kept; more are only counted.
const KEPT: usize = 1_000;

/// Something about a ledger that is not as it should be, or that one should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// An object that a chain leads to has no header that can be read.
    Unreadable {
        /// Its key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// An object is of a newer version of this program: what it means cannot be known here.
    Newer {
        /// Its key.
        key: String,
        /// The form of its header.
        schema: u32,
    },
    /// An epoch does not go on where the one before it ends.
    Broken {
        /// Its key.
        key: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// An epoch is gone.
    Gone {
        /// Its key.
        key: String,
        /// The next epoch of its chain that is there.
        found: String,
    },
    /// An object lies among the epochs and is in no chain. Readers of the ledger leave it out; what reads all objects
    /// that are there counts it.
    Stray {
        /// Its key.
        key: String,
    },
    /// The dead letters that an epoch names are gone.
    LettersGone {
        /// The key of the epoch.
        key: String,
        /// The key that it names.
        letters: String,
    },
    /// An epoch's dead letters, or their number, are not as its header says. Only found by a deep look.
    Letters {
        /// The key of the letters.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// An epoch's rows, or their number, are not as its header says. Only found by a deep look.
    Rows {
        /// The key of the epoch.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A partition that is not at its end has not moved for longer than was allowed.
    Stalled {
        /// The partition.
        partition: Partition,
        /// Its last epoch, or its last time at the tip.
        since: DateTime<Utc>,
    },
    /// A note: dead letters that no epoch names. They are of an attempt that was not committed, or not yet, and do not
    /// exist for readers.
    Unnamed {
        /// Their key.
        key: String,
    },
    /// A note: an epoch says that records before it were lost at the source.
    Lost {
        /// The key of the epoch.
        key: String,
        /// From when to when.
        gap: Gap,
    },
}

impl Finding {
    /// Whether the ledger is sound all the same.
    pub const fn is_note(&self) -> bool {
        matches!(self, Self::Unnamed { .. } | Self::Lost { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { key, why } => write!(f, "{key}: this should be an epoch, and is none: {why}"),
            Self::Newer { key, schema } => {
                write!(f, "{key}: this is of a newer version of this program, with headers of form {schema}")
            }
            Self::Broken { key, flaw } => write!(f, "{key}: the chain is broken here: {flaw}"),
            Self::Gone { key, found } => write!(f, "{key}: this epoch is gone; the chain goes on with {found}"),
            Self::Stray { key } => write!(f, "{key}: this object is in no chain"),
            Self::LettersGone { key, letters } => write!(f, "{key}: its dead letters are gone: {letters}"),
            Self::Letters { key, why } | Self::Rows { key, why } => write!(f, "{key}: {why}"),
            Self::Stalled { partition, since } => write!(f, "{partition}: has not moved since {since}"),
            Self::Unnamed { key } => write!(f, "{key}: no epoch names these dead letters"),
            Self::Lost { key, gap: Gap { after: Some(after), until } } => {
                write!(f, "{key}: records between {after} and {until} were lost at the source")
            }
            Self::Lost { key, gap: Gap { after: None, until } } => {
                write!(f, "{key}: records before {until} were lost at the source")
            }
        }
    }
}

/// What came of looking at a whole ledger.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// How many epochs the chains have.
    pub epochs: u64,
    /// How many records they count.
    pub records: u64,
    /// How many rows they have, expired ones included.
    pub rows: u64,
    /// How many dead letters, expired ones included.
    pub dead_letters: u64,
    /// How many epochs have no rows any more, since they are expired. Those without rows or letters never do.
    pub expired: u64,
    /// How many findings are not notes.
    pub problems: u64,
    /// How many are.
    pub notes: u64,
    /// The first thousand problems, and the first thousand notes.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether there are no problems.
    pub const fn is_sound(&self) -> bool {
        self.problems == 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let count = if finding.is_note() { &mut self.notes } else { &mut self.problems };
        *count += 1;
        if *count <= KEPT as u64 {
            self.findings.push(finding);
        }
    }
}

/// What there is under a key.
pub(super) enum Object {
    Epoch(Box<Header>),
    Newer(u32),
    Unreadable(String),
}

/// Looks at a ledger's objects in the order of their keys. Holds a few hundred bytes for each partition, eight for each
/// epoch with dead letters, and the findings that are kept.
pub(super) struct Audit {
    chains: Chains,
    verdict: Verdict,
    /// When each partition was last seen to move, if it is not at its end.
    moved: HashMap<Partition, Option<DateTime<Utc>>>,
    /// Hashes of the keys of dead letters that epochs name.
    named: HashSet<u64>,
}

impl Audit {
    pub(super) fn new(root: Root) -> Self {
        let moved = root.partitions.iter().map(|partition| (partition.clone(), Some(root.created))).collect();
        let mut audit = Self { chains: Chains::new(root), verdict: Verdict::default(), moved, named: HashSet::new() };
        for end in audit.chains.root().imported.iter().flat_map(|imported| &imported.ends) {
            let since = (!end.end).then_some(audit.chains.root().created);
            audit.moved.insert(end.partition.clone(), since);
        }
        audit
    }

    /// The next object of the listing. Gives the key of an epoch that should have come before it: if it is there after all,
    /// it is to be given first, and then this once more; if not, say so with [`gone`](Self::gone).
    pub(super) fn look(&mut self, key: &str, object: &Object) -> Option<String> {
        let header = match object {
            Object::Epoch(header) => header,
            Object::Newer(schema) => {
                self.verdict.add(Finding::Newer { key: key.to_owned(), schema: *schema });
                return None;
            }
            Object::Unreadable(why) if self.chains.leads_to(key) => {
                self.verdict.add(Finding::Unreadable { key: key.to_owned(), why: why.clone() });
                return None;
            }
            Object::Unreadable(_) => {
                self.verdict.add(Finding::Stray { key: key.to_owned() });
                return None;
            }
        };
        match self.chains.place(key, header) {
            Place::Behind(missed) => return Some(missed),
            Place::Stray => self.verdict.add(Finding::Stray { key: key.to_owned() }),
            Place::Flawed(flaw) => {
                self.verdict.add(Finding::Broken { key: key.to_owned(), flaw });
                self.count(key, header);
            }
            Place::Next => self.count(key, header),
        }
        None
    }

    /// The epoch that should come before `found` is not there, or cannot be read, which has been said then.
    pub(super) fn gone(&mut self, missed: Option<String>, found: &str, header: &Header) {
        if let Some(key) = missed {
            self.verdict.add(Finding::Gone { key, found: found.to_owned() });
        }
        self.chains.go_on(&header.partition, found, header);
        self.count(found, header);
    }

    fn count(&mut self, key: &str, header: &Header) {
        let verdict = &mut self.verdict;
        verdict.epochs += 1;
        verdict.records += header.records;
        verdict.rows += header.rows;
        if let Some(dead) = &header.dead {
            verdict.dead_letters += dead.letters;
            self.named.insert(hash(&dead.key));
        }
        if let Some(gap) = &header.gap {
            verdict.add(Finding::Lost { key: key.to_owned(), gap: gap.clone() });
        }
        let since = (!header.end).then(|| header.tip.map_or(header.committed, |tip| tip.max(header.committed)));
        self.moved.insert(header.partition.clone(), since);
    }

    pub(super) fn expired(&mut self) {
        self.verdict.expired += 1;
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.verdict.add(finding);
    }

    /// An object of dead letters, after all epochs.
    pub(super) fn letters(&mut self, key: &str) {
        if !self.named.contains(&hash(key)) {
            self.verdict.add(Finding::Unnamed { key: key.to_owned() });
        }
    }

    /// Finds the partitions that have not moved since `limit`. What was redriven moves only when it is asked to.
    pub(super) fn stalled(&mut self, limit: DateTime<Utc>) {
        let mut stalled: Vec<_> = self
            .moved
            .iter()
            .filter(|(partition, _)| !partition.redriven_of().is_some_and(|of| self.moved.contains_key(&of)))
            .filter_map(|(partition, since)| Some((partition.clone(), (*since)?)))
            .filter(|(_, since)| *since < limit)
            .collect();
        stalled.sort();
        for (partition, since) in stalled {
            self.verdict.add(Finding::Stalled { partition, since });
        }
    }

    pub(super) fn verdict(self) -> Verdict {
        self.verdict
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
