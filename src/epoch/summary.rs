//! [`summary`]: what stands in a ledger, partition by partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde::Serialize;

use super::committed::{heads, root};
use super::header::{Gap, Header};
use crate::store::Store;
use crate::{Error, Partition, Position};

/// What the chain of one partition comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The partition.
    pub partition: Partition,
    /// How many epochs it has.
    pub epochs: u64,
    /// How many of them have no rows and dead letters any more, since they are expired.
    pub expired: u64,
    /// How many records they count.
    pub records: u64,
    /// How many rows came of them, expired ones included.
    pub rows: u64,
    /// How many of the rows are expired.
    pub expired_rows: u64,
    /// How many dead letters, expired ones included.
    pub dead_letters: u64,
    /// Behind which position the chain begins; unset for the start of the partition.
    pub first: Option<Position>,
    /// The last position that is counted; unset if there is none.
    pub last: Option<Position>,
    /// When the last of its records arrived at the source.
    pub last_arrival: Option<DateTime<Utc>>,
    /// When its last epoch was written.
    pub last_commit: Option<DateTime<Utc>>,
    /// When the partition was last known to have nothing more.
    pub tip: Option<DateTime<Utc>>,
    /// How many epochs say that records before them were lost.
    pub gaps: u64,
    /// What the last of them says.
    pub last_gap: Option<Gap>,
    /// Whether the partition is closed for good, and read to its end.
    pub end: bool,
    /// The versions of the pipeline that wrote its epochs.
    pub versions: BTreeSet<u32>,
}

impl Summary {
    fn new(partition: Partition, first: Option<Position>, end: bool) -> Self {
        Self {
            partition,
            epochs: 0,
            expired: 0,
            records: 0,
            rows: 0,
            expired_rows: 0,
            dead_letters: 0,
            last: first.clone(),
            first,
            last_arrival: None,
            last_commit: None,
            tip: None,
            gaps: 0,
            last_gap: None,
            end,
            versions: BTreeSet::new(),
        }
    }

    fn add(&mut self, header: Header, expired: bool) {
        self.epochs += 1;
        if expired {
            self.expired += 1;
            self.expired_rows += header.rows;
        }
        self.records += header.records;
        self.rows += header.rows;
        self.dead_letters += header.dead.map_or(0, |dead| dead.letters);
        self.last = header.to;
        self.last_arrival = self.last_arrival.max(header.last_arrival);
        self.last_commit = self.last_commit.max(Some(header.committed));
        self.tip = self.tip.max(header.tip);
        if header.gap.is_some() {
            self.gaps += 1;
            self.last_gap = header.gap;
        }
        self.end = header.end;
        self.versions.insert(header.version);
    }
}

/// Sums up the ledger in `store`, in the order of the partitions' names; those that have no epoch yet are there with
/// nothing. Reads headers only, one for each epoch, and holds one [`Summary`] for each partition.
///
/// # Errors
///
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no ledger, and as [`committed`](super::committed).
pub async fn summary(store: Arc<dyn Store>) -> Result<Vec<Summary>, Error> {
    let root = root(&*store).await?;
    let mut partitions = BTreeMap::new();
    for partition in root.partitions {
        partitions.insert(partition.clone(), Summary::new(partition, None, false));
    }
    for end in root.imported.into_iter().flat_map(|imported| imported.ends) {
        partitions.insert(end.partition.clone(), Summary::new(end.partition, end.to, end.end));
    }
    let mut heads = heads(store);
    while let Some((_, header, encoding, head)) = heads.try_next().await? {
        let partition = header.partition.clone();
        let of =
            partitions.entry(partition.clone()).or_insert_with(|| Summary::new(partition, header.from.clone(), false));
        of.add(header, encoding.emptied(&head).is_some());
    }
    Ok(partitions.into_values().collect())
}
