//! [`Discovery`]: which shards there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client::Kinesis;
use super::shards::{HashRange, Shard, uncovered};
use crate::aws::retry::{Class, Retry, Trouble};
use crate::{Error, ErrorKind};

/// How often a listing is begun again because its pages took longer than a page token lives, or because it was made
/// during a resharding and has a hole.
pub(super) const LISTING_TRIES: usize = 3;
/// The time between two listings of which the first had a hole.
const HOLE_PAUSE: Duration = Duration::from_secs(1);

/// Lists a stream's shards, and remembers what was said of them last.
#[derive(Debug)]
pub(super) struct Discovery {
    kinesis: Arc<dyn Kinesis>,
    retry: Arc<Retry>,
    stream: String,
    known: Mutex<HashMap<String, Known>>,
}

/// What the last listing said of a shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) closed: bool,
    range: HashRange,
}

impl Discovery {
    pub(super) fn new(kinesis: Arc<dyn Kinesis>, retry: Arc<Retry>, stream: String) -> Self {
        Self { kinesis, retry, stream, known: Mutex::default() }
    }

    /// All shards. Those that have no children cover all hash keys: else one is missing, and its records would be.
    pub(super) async fn shards(&self) -> Result<Vec<Shard>, Error> {
        let mut tries = 1;
        let shards = loop {
            let trouble = match self.list().await {
                Ok(shards) => match uncovered(&shards) {
                    None => break shards,
                    Some(hole) => {
                        tokio::time::sleep(HOLE_PAUSE).await;
                        self.incomplete(hole)
                    }
                },
                Err(trouble) if trouble.class == Class::Stale => trouble.error,
                Err(trouble) => return Err(trouble.error),
            };
            if tries == LISTING_TRIES {
                return Err(trouble);
            }
            tries += 1;
        };
        let known = shards.iter().map(|shard| (shard.id.clone(), Known { closed: shard.closed, range: shard.range }));
        *self.lock() = known.collect();
        Ok(shards)
    }

    /// What is known of a shard without asking.
    pub(super) fn known(&self, shard: &str) -> Option<Known> {
        self.lock().get(shard).copied()
    }

    /// The hash keys of a shard.
    pub(super) async fn range(&self, shard: &str) -> Result<HashRange, Error> {
        if self.known(shard).is_none() {
            self.shards().await?;
        }
        self.known(shard).map(|known| known.range).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the shard is not listed, so its hash keys are not known")
                .at(format!("{shard} of stream {}", self.stream))
                .cure("run again; to keep all records of aggregates, set the source's aggregates to keep_all")
        })
    }

    /// All pages of the shard list, from the first one.
    async fn list(&self) -> Result<Vec<Shard>, Trouble> {
        let mut shards = Vec::new();
        let mut token = None;
        loop {
            let page = self.retry.call(|| self.kinesis.list(token.clone())).await?;
            shards.extend(page.shards);
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(shards),
            }
        }
    }

    fn incomplete(&self, HashRange { start, end }: HashRange) -> Error {
        Error::new(ErrorKind::Unavailable, "the shard list has a hole: no shard takes some of the hash keys")
            .at(format!("stream {}, hash keys {start} to {end}", self.stream))
            .cure("run again when the stream is ACTIVE")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
