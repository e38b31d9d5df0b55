//! [`records`]: all of a source as one flow.

use std::collections::HashSet;
use std::sync::Arc;

use futures::stream::{BoxStream, SelectAll, iter, try_unfold};
use futures::{StreamExt, TryStreamExt};

use crate::source::{Batch, Source, Start};
use crate::{BoxFlow, Error, Partition, Record, Records, from_results};

/// The records of all partitions of a source as one flow: for producers, and for pipelines that commit nothing.
///
/// Partitions that exist at the first poll are read from where the source's description says, and merged; when one is
/// closed, those that came from it are read from their beginning, once all their parents were read to their ends. So
/// records of one partition come in order, and a child's behind its parents'. The flow ends when all partitions have
/// ended, and fails with the first that fails. It holds one batch of records.
///
/// To end it early, put [`take_until`](crate::Flow::take_until) behind it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let source = anabranch::source::open("random:?count=3").await?;
/// let count = anabranch::source::records(source).count().await?;
/// assert_eq!(count, 3);
/// # Ok::<(), anabranch::Error>(())
/// # }).unwrap();
/// ```
pub fn records(source: Arc<dyn Source>) -> BoxFlow<'static, Record, Error> {
    let merged = Merged {
        source,
        seen: HashSet::new(),
        open: HashSet::new(),
        batches: SelectAll::new(),
        first: None,
        listed: false,
    };
    // What is merged goes from hand to hand with each item, so the items are batches, and not records.
    let batches = try_unfold(merged, Merged::next);
    from_results(batches.map_ok(|records| iter(records).map(Ok)).try_flatten()).boxed()
}

struct Merged {
    source: Arc<dyn Source>,
    /// All partitions of which reading was begun.
    seen: HashSet<Partition>,
    /// Those of them that were not read to their ends yet.
    open: HashSet<Partition>,
    batches: SelectAll<BoxStream<'static, Result<Step, Error>>>,
    /// What the first listing held, and where that is read from.
    first: Option<(Start, HashSet<Partition>)>,
    /// Whether the partitions were listed since the last was closed.
    listed: bool,
}

enum Step {
    Batch(Partition, Batch),
    Ended(Partition),
}

impl Merged {
    async fn next(mut self) -> Result<Option<(Records, Self)>, Error> {
        loop {
            if !self.listed {
                self.begin().await?;
            }
            match self.batches.try_next().await? {
                Some(Step::Batch(partition, batch)) => {
                    if batch.closed {
                        self.open.remove(&partition);
                        self.listed = false;
                    }
                    return Ok(Some((batch.records, self)));
                }
                Some(Step::Ended(partition)) => {
                    self.open.remove(&partition);
                }
                None => return Ok(None),
            }
        }
    }

    /// Begins to read the partitions that are new and whose parents have ended. A parent that was closed and cannot be
    /// read any more has ended too.
    async fn begin(&mut self) -> Result<(), Error> {
        let description = if self.first.is_none() { Some(self.source.describe().await?) } else { None };
        let listed = self.source.partitions().await?;
        let names: HashSet<_> = listed.iter().map(|listed| listed.partition.clone()).collect();
        let (start, first) = match description {
            Some(description) => self.first.insert((description.start, names.clone())),
            None => self.first.get_or_insert_with(|| (Start::Beginning, HashSet::new())),
        };
        for one in listed {
            let waits = |parent: &Partition| {
                self.open.contains(parent) || names.contains(parent) && !self.seen.contains(parent)
            };
            if self.seen.contains(&one.partition) || one.parents.iter().any(waits) {
                continue;
            }
            let partition = one.partition;
            let start = if first.contains(&partition) { start.clone() } else { Start::Beginning };
            let batches = self.source.read(&partition, start);
            let (name, last) = (partition.clone(), partition.clone());
            let steps = TryStreamExt::into_stream(batches).map_ok(move |batch| Step::Batch(name.clone(), batch));
            self.batches.push(steps.chain(iter([Ok(Step::Ended(last))])).boxed());
            self.open.insert(partition.clone());
            self.seen.insert(partition);
        }
        self.listed = true;
        Ok(())
    }
}
