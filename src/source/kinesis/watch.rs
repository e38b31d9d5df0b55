//! [`Watch`]: what the stream says of itself, asked for again from time to time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::client::{Described, Kinesis};
use super::shards::STREAM;
use crate::aws::retry::{Class, Retry};
use crate::{Error, ErrorKind};

/// How long what the stream said of itself is believed. Its retention may be changed, and it may be deleted and made
/// again. The service allows 20 of these calls a second in an account.
const BELIEVED: Duration = Duration::from_secs(300);

/// Looks at the stream, and remembers.
#[derive(Debug)]
pub(super) struct Watch {
    kinesis: Arc<dyn Kinesis>,
    retry: Arc<Retry>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone, Debug)]
struct Seen {
    asked: Instant,
    said: Described,
}

impl Watch {
    pub(super) fn new(kinesis: Arc<dyn Kinesis>, retry: Arc<Retry>) -> Self {
        Self { kinesis, retry, seen: Mutex::default() }
    }

    /// What the stream says now.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) if it is another one than it was before.
    pub(super) async fn look(&self) -> Result<Described, Error> {
        let said = self.retry.call(|| self.kinesis.describe()).await.map_err(|trouble| trouble.error);
        self.remember(said)
    }

    /// How long the stream keeps its records. Asked for again now and then; if there is no answer then, the last one
    /// counts.
    pub(super) async fn retention(&self) -> Result<Duration, Error> {
        let before = match &mut *self.lock() {
            Some(seen) if seen.asked.elapsed() < BELIEVED => return Ok(seen.said.retention),
            Some(seen) => {
                // Meanwhile others go by what is known.
                seen.asked = Instant::now();
                Some(seen.said.retention)
            }
            None => None,
        };
        let Some(before) = before else { return Ok(self.look().await?.retention) };
        match self.kinesis.describe().await {
            Err(trouble) if trouble.class != Class::Fatal => Ok(before),
            said => Ok(self.remember(said.map_err(|trouble| trouble.error))?.retention),
        }
    }

    /// Why a call failed for good that needs the stream as it was: because it is not, if so.
    pub(super) async fn explain(&self, error: Error) -> Error {
        let was_there = self.lock().is_some();
        if !was_there || !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Invalid) {
            return error;
        }
        match self.look().await {
            Err(now) if now.kind() == ErrorKind::Conflict => now.because(error),
            _ => error,
        }
    }

    fn remember(&self, said: Result<Described, Error>) -> Result<Described, Error> {
        let mut seen = self.lock();
        let before = seen.as_ref().map(|seen| &seen.said);
        let said = match (said, before) {
            (Err(error), Some(before)) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::new(ErrorKind::Conflict, "the stream was deleted while it was read")
                    .at(&before.arn)
                    .cure("its records are gone: leave the ledger as it is, and begin a new one for another stream")
                    .because(error));
            }
            (said, before) => {
                let said = said?;
                if let Some(before) = before {
                    same(&said.identity(), &before.identity(), "when it was first looked at")?;
                }
                said
            }
        };
        *seen = Some(Seen { asked: Instant::now(), said: said.clone() });
        Ok(said)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Identity = BTreeMap<String, String>;

/// Refuses a stream that is not the one it was; `then` says when.
pub(super) fn same(here: &Identity, before: &Identity, then: &str) -> Result<(), Error> {
    if here == before {
        return Ok(());
    }
    let (what, cure) = if here.get(STREAM) == before.get(STREAM) {
        ("the stream was deleted and made again since this ledger began", "begin a new ledger under another prefix")
    } else {
        ("this ledger belongs to another source", "read that source, or begin a new ledger under another prefix")
    };
    let place = format!("here {}, {then} {}", Shown(here), Shown(before));
    Err(Error::new(ErrorKind::Conflict, what).at(place).cure(cure))
}

/// An identity, for an error's text.
struct Shown<'a>(&'a Identity);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}
