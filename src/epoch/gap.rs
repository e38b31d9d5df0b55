//! Finds partitions that are gone before they were read to their end.

use futures::TryStreamExt;

use super::header::{Gap, Root};
use super::ledger::{Head, Ledger};
use crate::source::Source;
use crate::{Error, ErrorKind, Partition};

/// What is lost of `parent`, which is gone, and where its chain stands; nothing if that has its end mark.
///
/// A parent that was gone when the root was made was never this ledger's: then its child stands in the root, and it
/// does not.
///
/// # Errors
///
/// [`Unavailable`](ErrorKind::Unavailable) if the source can read the parent all the same: a list may be incomplete, and an
/// end mark is for good.
pub(super) async fn behind(
    ledger: &Ledger,
    source: &dyn Source,
    root: &Root,
    child: &Partition,
    parent: &Partition,
) -> Result<Option<(Head, Gap)>, Error> {
    if root.partitions.contains(child) && !root.partitions.contains(parent) {
        return Ok(None);
    }
    let (head, _) = ledger.resume(root, parent).await?;
    if head.end {
        return Ok(None);
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
    tracing::error!(
        partition = %parent, after = ?gap.after, until = %gap.until,
        "the source has this partition no more, and it was not read to its end: records may be lost"
    );
    Ok(Some((head, gap)))
}
