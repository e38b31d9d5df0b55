//! [`Hint`]: where a chain was last seen to end, so that nobody needs to follow it from its beginning.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use super::committed::keys_behind;
use super::header::{Root, SCHEMA};
use super::keys::{self, Hour};
use super::ledger::{Head, JSON, Ledger};
use crate::error::causes;
use crate::{Error, ErrorKind, Partition};

/// How long a hint may take. It only saves work, so nothing waits for it any longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a partition's hint is put at most.
const EVERY: Duration = Duration::from_secs(60);

/// How many epochs it has to spare the next reader. Short chains do without.
const SPARES: u64 = 10;

/// A committed epoch, as `_ledger/<partition>/hint` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    pub(super) schema: u32,
    pub(super) n: u64,
    pub(super) key: String,
    pub(super) nonce: String,
}

/// When the hint of one partition is to be put.
#[derive(Debug)]
pub(super) struct Hints {
    /// The hint that is there leads to this epoch.
    n: u64,
    put: Option<Instant>,
}

impl Hints {
    pub(super) const fn behind(n: u64) -> Self {
        Self { n, put: None }
    }

    fn spares(&self, head: &Head) -> bool {
        head.n.saturating_sub(self.n) >= SPARES
    }

    /// Puts the hint if it is time to.
    pub(super) async fn put(&mut self, ledger: &Ledger, partition: &Partition, head: &Head) {
        if self.put.is_none_or(|put| put.elapsed() >= EVERY) {
            self.put_last(ledger, partition, head).await;
        }
    }

    /// Puts the hint if it spares anyone anything.
    pub(super) async fn put_last(&mut self, ledger: &Ledger, partition: &Partition, head: &Head) {
        if let Some(last) = head.last.as_ref().filter(|_| self.spares(head)) {
            ledger.put_hint(partition, last).await;
            *self = Self { n: head.n, put: Some(Instant::now()) };
        }
    }
}

impl Ledger {
    /// The end of a partition's chain, and the epoch to which a hint led that was right; 0 without one.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) if the chain has lost its first epoch, and there is no hint that spares it, or a later
    /// one of which others are behind.
    pub(super) async fn resume(&self, root: &Root, partition: &Partition) -> Result<(Head, u64), Error> {
        if let Some(hinted) = self.hinted(partition).await? {
            let n = hinted.n;
            let head = self.walk(partition, hinted).await?;
            return Ok((self.whole(partition, head).await?, n));
        }
        let head = self.walk(partition, Head::first(root, partition)).await?;
        if head.n > 0 {
            return Ok((self.whole(partition, head).await?, 0));
        }
        if !self.has_begun(partition).await? {
            return Ok((head, 0));
        }
        // Another worker may have begun it just now.
        let head = self.walk(partition, head).await?;
        if head.n > 0 {
            return Ok((head, 0));
        }
        Err(Error::new(ErrorKind::Conflict, "the first epoch of a partition that has others is gone, and so is the hint to them")
            .at(self.place(&head.key))
            .cure("restore one of them from a copy, or choose an empty prefix; objects of a ledger must not be deleted or expire"))
    }

    /// The end of a chain, if that is its end: an epoch that something has deleted would be counted once more.
    async fn whole(&self, partition: &Partition, mut head: Head) -> Result<Head, Error> {
        while !head.end
            && let Some(later) = self.later(partition, &head.key).await?
        {
            // Another worker may have gone on just now.
            let walked = self.walk(partition, head.clone()).await?;
            if walked.n == head.n {
                return Err(Error::new(ErrorKind::Conflict, format!("an epoch is gone that comes before {later}"))
                    .at(self.place(&head.key))
                    .cure("restore it from a copy or an older version of the object, with its exact bytes"));
            }
            head = walked;
        }
        Ok(head)
    }

    /// The key of an epoch of a partition that lies behind another.
    async fn later(&self, partition: &Partition, key: &str) -> Result<Option<String>, Error> {
        let mut later = self.epochs_behind(Some(key.to_owned()));
        while let Some(key) = later.try_next().await? {
            if keys::partition_of(&key).is_some_and(|name| keys::is_name_of(name, partition)) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The keys of all epochs, or of those behind a key.
    fn epochs_behind(&self, key: Option<String>) -> BoxStream<'static, Result<String, Error>> {
        keys_behind(self.patience.clone(), Arc::clone(self.store()), "dt=", key)
    }

    /// What is behind the epoch that the hint names, if that epoch is there.
    async fn hinted(&self, partition: &Partition) -> Result<Option<Head>, Error> {
        let key = keys::hint(partition);
        let Some(json) = self.patience.retried(&key, || self.store().get(&key)).await? else { return Ok(None) };
        let Ok(hint) = serde_json::from_slice::<Hint>(&json) else { return Ok(None) };
        if hint.schema != SCHEMA || Hour::of_key(&hint.key).is_none() {
            return Ok(None);
        }
        let header = match self.header(&hint.key).await {
            Ok(header) => header,
            // What is there is no epoch.
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Usage) => None,
            Err(error) => return Err(error),
        };
        let is_it = |header: &crate::epoch::Header| {
            header.partition == *partition && header.n == hint.n && header.nonce == hint.nonce
        };
        Ok(header.filter(is_it).map(|header| Head::behind(&header, &hint.key, None)))
    }

    async fn put_hint(&self, partition: &Partition, hint: &Hint) {
        let key = keys::hint(partition);
        let put = async {
            let json = serde_json::to_vec(hint).map_err(|error| error.to_string())?;
            let put = self.store().put(&key, Bytes::from(json), &JSON);
            timeout(PATIENCE, put).await.map_err(|error| error.to_string())?.map_err(|error| causes(&error))
        };
        if let Err(error) = put.await {
            tracing::warn!(key, error, "a hint cannot be put; a start will take longer");
        }
    }

    /// Whether the store had epochs of a partition when that was first asked.
    async fn has_begun(&self, partition: &Partition) -> Result<bool, Error> {
        let names = self.begun.get_or_try_init(|| self.names()).await?;
        Ok(names.iter().any(|name| keys::is_name_of(name, partition)))
    }

    /// The names in the keys of all epochs.
    async fn names(&self) -> Result<HashSet<String>, Error> {
        tracing::info!(store = self.store().uri(), "listing all epochs, since a partition seems to have none");
        let mut names = HashSet::new();
        let mut epochs = self.epochs_behind(None);
        while let Some(key) = epochs.try_next().await? {
            if let Some(name) = keys::partition_of(&key)
                && !names.contains(name)
            {
                names.insert(name.to_owned());
            }
        }
        Ok(names)
    }
}
