//! Finds partitions that are gone before they were read to their end.

use futures::TryStreamExt;

use super::header::{Gap, Root};
use super::horizon::AtGaps;
use super::ledger::{Head, Ledger};
use crate::source::Source;
use crate::{Error, ErrorKind, Partition};

/// What the chain of a partition that its source has no more comes to.
pub(super) enum Gone {
    /// It was gone when the root was made: it was never this ledger's.
    Before,
    /// It has its end mark.
    Ended(Head),
    /// It was not read to its end.
    Unfinished(Head, Gap),
}

/// What there is of `parent`, which is gone, in the ledger.
///
/// A parent that was gone when the root was made was never this ledger's: then its child stands in the root, and it
/// does not.
///
/// # Errors
///
/// [`Unavailable`](ErrorKind::Unavailable) if the source can read the parent all the same: a list may be incomplete, and an
/// end mark is for good. If it is to [stop](AtGaps::Stop) at gaps, an error that says from when to when.
pub(super) async fn behind(
    ledger: &Ledger,
    source: &dyn Source,
    root: &Root,
    (child, parent): (&Partition, &Partition),
    at_gaps: AtGaps,
) -> Result<Gone, Error> {
    if root.partitions.contains(child) && !root.partitions.contains(parent) {
        return Ok(Gone::Before);
    }
    let (head, _) = ledger.resume(root, parent).await?;
    if head.end {
        return Ok(Gone::Ended(head));
    }
    match source.read(parent, head.start(root, parent)).try_next().await {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(_) => {
            return Err(Error::new(ErrorKind::Unavailable, "a partition is not listed, but can be read")
                .at(parent)
                .cure("run again: the list of partitions was not complete"));
        }
    }
    let gap = Gap { after: head.seen, until: ledger.now() };
    at_gaps.meet(parent, &gap)?;
    Ok(Gone::Unfinished(head, gap))
}
