//! Ends the chain of a partition that is gone before it was read to its end.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;

use super::header::{Gap, Root};
use super::horizon::AtGaps;
use super::ledger::{Committed, Head, Ledger, Outcome};
use super::records::Taken;
use crate::source::Source;
use crate::{Error, ErrorKind, Partition};

/// A partition that is gone, and whose chain has its end mark.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Whether this worker has ended it, with a gap.
    pub(super) gap: bool,
    /// Until when nothing of it was lost. Its child may have lost what arrived later, if it was not read before.
    pub(super) seen: Option<DateTime<Utc>>,
}

/// Ends the chain of `parent`, which is gone, with an epoch that has nothing but the gap, unless it is ended.
///
/// A parent that was gone when the root was made was never this ledger's: then its child stands in the root, and it
/// does not.
///
/// # Errors
///
/// [`Unavailable`](ErrorKind::Unavailable) if the source can read the parent all the same: a list may be incomplete, and an
/// end mark is for good. If it is to [stop](AtGaps::Stop) at gaps, an error that says from when to when.
pub(super) async fn end(
    ledger: &Ledger,
    source: &dyn Source,
    root: &Root,
    child: &Partition,
    parent: &Partition,
    at_gaps: AtGaps,
) -> Result<Ended, Error> {
    if root.partitions.contains(child) && !root.partitions.contains(parent) {
        return Ok(Ended::default());
    }
    let mut head = Head::first(root, parent);
    loop {
        head = ledger.walk(parent, head).await?;
        if head.end {
            return Ok(Ended { gap: false, seen: head.seen });
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
        let gap = Gap { after: head.seen, until: Utc::now() };
        at_gaps.meet(parent, &gap)?;
        let gap = Some(gap);
        let outcome = Outcome { taken: Taken::default(), rows: ledger.rows()?, dead: None, end: true, tip: None, gap };
        match ledger.commit(parent, &head, outcome).await? {
            Committed::Ours(_) => return Ok(Ended { gap: true, seen: head.seen }),
            Committed::Theirs(theirs) => head = theirs,
        }
    }
}
