//! Ends the chain of a partition that is gone before it was read to its end.

use futures::TryStreamExt;

use super::header::{Gap, Root};
use super::ledger::{Committed, Ledger, Outcome};
use crate::source::Source;
use crate::{Error, ErrorKind, Partition};

/// Ends the chain of `parent`, which is gone, with an epoch that has nothing but the gap, unless it is ended. How many
/// gaps this worker has committed.
///
/// A parent that was gone when the root was made was never this ledger's: then its child stands in the root, and it
/// does not.
///
/// # Errors
///
/// [`Unavailable`](ErrorKind::Unavailable) if the source can read the parent all the same: a list may be incomplete, and an
/// end mark is for good.
pub(super) async fn end(
    ledger: &Ledger,
    source: &dyn Source,
    root: &Root,
    child: &Partition,
    parent: &Partition,
) -> Result<u64, Error> {
    if root.partitions.contains(child) && !root.partitions.contains(parent) {
        return Ok(0);
    }
    let (mut head, _) = ledger.resume(root, parent).await?;
    loop {
        if head.end {
            return Ok(0);
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
        let gap = Some(gap);
        let outcome = Outcome { end: true, gap, ..Outcome::empty(ledger.rows()?, None) };
        match ledger.commit(parent, &head, outcome).await? {
            Committed::Ours(_) => return Ok(1),
            Committed::Theirs(theirs) => head = ledger.walk(parent, theirs).await?,
        }
    }
}
