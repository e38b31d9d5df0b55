//! Where another ledger stands, for one that goes on from there.

use std::sync::Arc;

use futures::TryStreamExt as _;

use super::chains::Chains;
use super::committed::{headers, root};
use super::header::{ChainEnd, Imported, Root};
use super::ledger::{Head, Ledger};
use crate::source::Source;
use crate::store::Store;
use crate::{Error, ErrorKind};

/// The root of the ledger in `old`, and the ends of its chains.
///
/// # Errors
///
/// [`Conflict`](ErrorKind::Conflict) if it has the results of another source; [`NotFound`](ErrorKind::NotFound) if there is
/// no ledger, or none with an epoch.
pub(super) async fn ends(old: &Arc<dyn Store>, source: &dyn Source) -> Result<(Root, Imported), Error> {
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
