//! Where another ledger stands, or another application, for a ledger that goes on from there.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures::TryStreamExt as _;

use super::chains::Chains;
use super::committed::{headers, root};
use super::header::{ChainEnd, Imported, Root};
use super::ledger::{Head, Ledger};
use crate::lease::{self, Checkpoint, LeaseTable};
use crate::source::{Description, Listed, Source};
use crate::store::Store;
use crate::{Error, ErrorKind, Partition};

/// What a ledger goes on from.
#[derive(Clone, Debug)]
pub(super) enum Continued {
    /// The ledger in this store.
    Ledger(Arc<dyn Store>),
    /// The checkpoints of another application.
    Leases(Arc<dyn LeaseTable>),
}

impl Continued {
    pub(super) fn uri(&self) -> String {
        match self {
            Self::Ledger(store) => store.uri(),
            Self::Leases(table) => table.uri(),
        }
    }

    /// The partitions that begin where the source says, as `described` has it then, and how far the others are.
    pub(super) async fn ends(
        &self,
        source: &dyn Source,
        described: &mut Description,
    ) -> Result<(Vec<Partition>, Imported), Error> {
        match self {
            Self::Ledger(old) => {
                let (old, imported) = ends(old, source).await?;
                described.start = old.source.start;
                Ok((old.partitions, imported))
            }
            Self::Leases(table) => checkpoints(&**table, source).await,
        }
    }
}

impl Ledger {
    /// Goes on where the ledger in `old` stands, of another pipeline or in another format, if this one is made now: each
    /// partition is read behind the last position that the old one counted, and one that was read to its end there stays
    /// ended. Where a partition begins that the old one had not counted yet, is as the old one had it.
    ///
    /// Both together then count each record once. For that, the old pipeline has to be stopped before: what it commits
    /// afterwards is counted by both. Dead letters stay with the old ledger; redrive them there, with its own pipeline.
    ///
    /// A ledger that was made this way knows it: saying it again changes nothing, and the old store is not needed any more.
    ///
    /// # Errors
    ///
    /// Those of the run: [`Conflict`](ErrorKind::Conflict) if `old` has the results of another source, or if this ledger has
    /// been begun without it; [`NotFound`](ErrorKind::NotFound) if there is no ledger there, or none with an epoch;
    /// [`Usage`](ErrorKind::Usage) if it has state, which cannot be taken over.
    #[must_use]
    pub fn continue_from(mut self, old: Arc<dyn Store>) -> Self {
        self.continued = Some(Continued::Ledger(old));
        self
    }

    /// Goes on where an application of the Kinesis Client Library stands, or another one with such a table of leases, if this
    /// ledger is made now: each partition is read behind its checkpoint, within an aggregate too, and what was read to its
    /// end stays ended. Partitions of which the table says nothing, or that they were not begun, are read from their
    /// beginning; where it says to begin with what comes, or at an instant, from where the source says.
    ///
    /// All workers of that application have to be stopped before, and to stay so.
    ///
    /// # Errors
    ///
    /// Those of the run: [`Conflict`](ErrorKind::Conflict) if one of its workers still runs, if the table is that of another
    /// source, or if this ledger has been begun without it; [`NotFound`](ErrorKind::NotFound) if it has no lease.
    #[must_use]
    pub fn continue_from_leases(mut self, table: Arc<dyn LeaseTable>) -> Self {
        self.continued = Some(Continued::Leases(table));
        self
    }
}

/// The root of the ledger in `old`, and the ends of its chains.
///
/// # Errors
///
/// [`Conflict`](ErrorKind::Conflict) if it has the results of another source; [`NotFound`](ErrorKind::NotFound) if there is
/// no ledger, or none with an epoch.
async fn ends(old: &Arc<dyn Store>, source: &dyn Source) -> Result<(Root, Imported), Error> {
    let root = root(&**old).await?;
    source.recognise(&root.source).await.map_err(|error| match error.kind() {
        ErrorKind::Conflict => Error::new(ErrorKind::Conflict, "the ledger to continue from is of another source")
            .at(old.uri())
            .cure("name a ledger of this source, or begin without one")
            .because(error),
        _ => error,
    })?;
    let mut chains = Chains::new(root.clone());
    let mut headers = headers(Arc::clone(old));
    while let Some((key, header)) = headers.try_next().await? {
        chains.go_on(&header.partition, &key, &header);
    }
    // What was committed while that was read.
    let ledger = Ledger::new(Arc::clone(old), root.pipeline.as_str());
    let mut ends = Vec::new();
    let heads = chains.into_heads();
    for (partition, head) in &heads {
        let Head { n, from, end, seen, state, .. } = ledger.walk(partition, head.clone()).await?;
        if state.is_some() {
            let what = "the ledger to continue from has state, which cannot be taken over";
            return Err(Error::new(ErrorKind::Usage, what)
                .at(old.uri())
                .cure("go on with that ledger, or begin without it"));
        }
        // What is set aside there is put through the pipeline there.
        let is_redriven = partition.redriven_of().is_some_and(|of| heads.contains_key(&of));
        if (n > 0 || end || from.is_some()) && !is_redriven {
            ends.push(ChainEnd { partition: partition.clone(), to: from, seen, end });
        }
    }
    if ends.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "the ledger to continue from has no epochs")
            .at(old.uri())
            .cure("begin without it: it has counted nothing"));
    }
    ends.sort_by(|one, other| one.partition.cmp(&other.partition));
    Ok((root, Imported { from: old.uri(), ends }))
}

/// The partitions that begin where the source says, and how far the others are by the checkpoints of an application that
/// had this table of leases.
///
/// # Errors
///
/// As [`lease::checkpoints`]; [`Conflict`](ErrorKind::Conflict) if the table has a lease of no partition of the source.
async fn checkpoints(table: &dyn LeaseTable, source: &dyn Source) -> Result<(Vec<Partition>, Imported), Error> {
    let rows = lease::checkpoints(table).await?;
    let listed: Vec<Listed> = source.partitions().await?;
    let keys: BTreeMap<Partition, String> =
        listed.iter().map(|listed| (listed.partition.clone(), source.lease_key(&listed.partition))).collect();
    if let Some(some) = rows.keys().next()
        && !keys.values().any(|key| rows.contains_key(key))
    {
        let what =
            format!("the lease table to continue from has no row of this source; one of its rows is that of {some}");
        return Err(Error::new(ErrorKind::Conflict, what).at(table.uri()).cure(
            "name the table of the application that has read this stream; a table of an application that reads several streams \
             cannot be continued from",
        ));
    }
    // The library removes the rows of what is done with, once the partitions that came of it have begun.
    let mut done = HashSet::new();
    let has_row = |partition: &Partition| keys.get(partition).is_some_and(|key| rows.contains_key(key));
    loop {
        let before = done.len();
        for Listed { partition, parents, .. } in &listed {
            if has_row(partition) || done.contains(partition) {
                done.extend(parents.iter().filter(|parent| !has_row(parent)).cloned());
            }
        }
        if done.len() == before {
            break;
        }
    }
    let mut as_the_source_says = Vec::new();
    let mut ends = Vec::new();
    for (partition, key) in &keys {
        let (to, end) = match rows.get(key) {
            Some(Checkpoint::At(position)) => (Some(position.clone()), false),
            Some(Checkpoint::End) => (None, true),
            Some(Checkpoint::Latest | Checkpoint::AtTimestamp) => {
                as_the_source_says.push(partition.clone());
                continue;
            }
            None if done.contains(partition) => (None, true),
            Some(Checkpoint::TrimHorizon) | None => continue,
        };
        ends.push(ChainEnd { partition: partition.clone(), to, seen: None, end });
    }
    let lost = rows.iter().filter(|(key, to)| **to != Checkpoint::End && !keys.values().any(|known| known == *key));
    for (key, _) in lost {
        tracing::warn!(key, "the source has this partition no more; what was not read of it is lost");
    }
    Ok((as_the_source_says, Imported { from: table.uri(), ends }))
}
