//! [`Verify`]: looks at a whole ledger.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures::TryStreamExt as _;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::audit::{Audit, Finding, Object, Verdict};
use super::committed::{HEADERS_AT_ONCE, dead_letters, keys, listed, root, rows};
use super::format::{Encoding, Found};
use super::header::{Header, newer_form};
use super::keys::DEAD;
use super::objects::{head, header_of};
use super::retry::retried;
use crate::Error;
use crate::error::causes;
use crate::store::Store;

/// How many objects are read whole at once.
const OBJECTS_AT_ONCE: usize = 4;

/// Looks at a whole ledger, and says what is wrong with it: [`Finding`] lists what is looked for. Changes nothing.
///
/// It may run beside the pipeline; dead letters of an epoch that is being written are then found as unnamed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verify {
    deep: bool,
    stalled_after: Option<Duration>,
}

impl Verify {
    /// Reads one header for each epoch, and for each that has dead letters whether they are there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also reads all rows and dead letters, and counts them. Holds four epochs at a time.
    #[must_use]
    pub const fn deep(mut self, deep: bool) -> Self {
        self.deep = deep;
        self
    }

    /// Also finds partitions that have not been committed to, or seen at their tip, for so long. An idle partition is among
    /// them, unless its [heartbeat](super::Pipeline::heartbeat) is more frequent.
    #[must_use]
    pub const fn stalled_after(mut self, after: Duration) -> Self {
        self.stalled_after = Some(after);
        self
    }

    /// Looks at the ledger of this store.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no ledger; [`Invalid`](crate::ErrorKind::Invalid) if this program does
    /// not know its format; what the store says if it cannot be read. What is
    /// wrong with the ledger is no error but a finding.
    pub async fn run(self, store: Arc<dyn Store>) -> Result<Verdict, Error> {
        let root = root(&*store).await?;
        // In a format that this program does not know, nothing would be found sound.
        Encoding::of_ext(&root.format)?;
        let mut audit = Audit::new(root);
        let at_once = if self.deep { OBJECTS_AT_ONCE } else { HEADERS_AT_ONCE };
        let mut objects =
            listed(&store, at_once, move |store, key| async move { inspect(&*store, &key, self.deep).await });
        while let Some((key, inspected)) = objects.try_next().await? {
            // What is listed and gone again is missed when the next of its chain comes.
            let Some(inspected) = inspected else { continue };
            while let Some(missed) = audit.look(&key, &inspected.object) {
                let Object::Epoch(header) = &inspected.object else { break };
                match inspect(&*store, &missed, self.deep).await? {
                    // It was written since that part of the listing was made.
                    Some(earlier) if matches!(earlier.object, Object::Epoch(_)) => {
                        if audit.look(&missed, &earlier.object).is_some() {
                            break;
                        }
                        earlier.tell(&mut audit);
                    }
                    there => {
                        audit.gone(there.is_none().then_some(missed), &key, header);
                        break;
                    }
                }
            }
            inspected.tell(&mut audit);
        }
        let mut letters = keys(Arc::clone(&store), DEAD);
        while let Some(key) = letters.try_next().await? {
            audit.letters(&key);
        }
        if let Some(after) = self.stalled_after {
            let limit = TimeDelta::from_std(after).ok().and_then(|after| Utc::now().checked_sub_signed(after));
            if let Some(limit) = limit {
                audit.stalled(limit);
            }
        }
        Ok(audit.verdict())
    }
}

/// What was found out about an object by itself.
struct Inspected {
    object: Object,
    findings: Vec<Finding>,
    expired: bool,
}

impl Inspected {
    fn tell(self, audit: &mut Audit) {
        self.findings.into_iter().for_each(|finding| audit.find(finding));
        if self.expired {
            audit.expired();
        }
    }
}

async fn inspect(store: &dyn Store, key: &str, deep: bool) -> Result<Option<Inspected>, Error> {
    let bytes = if deep { retried(|| store.get(key)).await? } else { head(store, key).await? };
    let Some(bytes) = bytes else { return Ok(None) };
    let encoding = Encoding::of_key(key);
    let expired = encoding.as_ref().is_ok_and(|encoding| encoding.emptied(&bytes).is_some());
    let mut findings = Vec::new();
    let object = match header_of(store, key, &bytes) {
        Ok(header) => {
            if deep {
                findings.extend(wrong_rows(key, &header, bytes.clone(), expired));
            }
            findings.extend(letters(store, key, &header, deep).await?);
            Object::Epoch(Box::new(header))
        }
        Err(error) => {
            let newer = encoding.ok().and_then(|encoding| match encoding.header(&bytes) {
                Found::Header(json) => newer_form(&json),
                Found::Longer(_) | Found::Nothing => None,
            });
            newer.map_or_else(|| Object::Unreadable(causes(&error)), Object::Newer)
        }
    };
    Ok(Some(Inspected { object, findings, expired }))
}

/// Reads an epoch's rows and counts them.
fn wrong_rows(key: &str, header: &Header, object: Bytes, expired: bool) -> Option<Finding> {
    let counted = Encoding::of_key(key).and_then(|encoding| match encoding {
        Encoding::JsonLines => count::<IgnoredAny>(encoding, key, object),
        // Rows with columns.
        _ => count::<HashMap<String, IgnoredAny>>(encoding, key, object),
    });
    let found = match counted {
        Ok(found) => found,
        Err(error) => return Some(Finding::Rows { key: key.to_owned(), why: causes(&error) }),
    };
    let said = if expired { 0 } else { header.rows };
    let why = format!("there are {found} rows, and the header says {said}");
    (found != said).then(|| Finding::Rows { key: key.to_owned(), why })
}

fn count<T: DeserializeOwned>(encoding: Encoding, key: &str, object: Bytes) -> Result<u64, Error> {
    rows::<T>(encoding, key.to_owned(), object).try_fold(0, |count, row| row.map(|_| count + 1))
}

/// Whether the dead letters are there that an epoch names.
async fn letters(store: &dyn Store, key: &str, header: &Header, deep: bool) -> Result<Option<Finding>, Error> {
    let Some(dead) = &header.dead else { return Ok(None) };
    let Some(first) = head(store, &dead.key).await? else {
        return Ok(Some(Finding::LettersGone { key: key.to_owned(), letters: dead.key.clone() }));
    };
    if !deep {
        return Ok(None);
    }
    let said = if Encoding::JsonLines.emptied(&first).is_some() { 0 } else { dead.letters };
    let why = match dead_letters(store, header).await {
        Ok(letters) if letters.len() as u64 == said => return Ok(None),
        Ok(letters) => format!("there are {} dead letters, and the header of the epoch says {said}", letters.len()),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => causes(&error),
    };
    Ok(Some(Finding::Letters { key: dead.key.clone(), why }))
}
