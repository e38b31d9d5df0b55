//! [`Expire`]: takes the rows of old epochs away, and leaves the epochs where they are.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde::Serialize;

use super::committed::{headers, root};
use super::format::{Encoding, Found};
use super::header::Header;
use super::keys::Hour;
use super::objects::{about, place};
use super::retry::retried;
use crate::store::{About, Store};
use crate::{Error, ErrorKind};

/// Takes the rows and dead letters of old epochs away.
///
/// Their objects are overwritten, each with one that has the same header, byte for byte, and no rows. So their keys stay
/// occupied and the chains go on as before; deleting them would let their records be counted a second time. The rows are
/// gone for good: what a reader adds up is less by them. Epochs go by the hour in their key.
///
/// It may run beside the pipeline, be stopped at any time and run again. What the store keeps of older versions of an
/// object, and what inline state says, is not touched.
#[derive(Clone, Copy, Debug)]
pub struct Expire {
    before: DateTime<Utc>,
    dry_run: bool,
}

/// What [`Expire`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Expired {
    /// Epochs whose rows were taken away now, or would have been.
    pub epochs: u64,
    /// How many rows those are.
    pub rows: u64,
    /// How many dead letters.
    pub dead_letters: u64,
    /// Epochs that had expired before.
    pub before: u64,
}

impl Expire {
    /// Expires epochs of hours before that of `instant`.
    pub const fn before(instant: DateTime<Utc>) -> Self {
        Self { before: instant, dry_run: false }
    }

    /// Says what would be taken away, and changes nothing.
    #[must_use]
    pub const fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Does so in the ledger of this store. One epoch is held at a time. Dropping the future leaves some of them expired;
    /// the next run does the others.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no ledger, and as [`committed`](super::committed).
    pub async fn run(self, store: Arc<dyn Store>) -> Result<Expired, Error> {
        root(&*store).await?;
        let limit = Hour::of(self.before).folder();
        let mut expired = Expired::default();
        let mut epochs = headers(Arc::clone(&store));
        while let Some((key, header)) = epochs.try_next().await? {
            if key >= limit {
                break;
            }
            self.expire(&*store, &key, header, &mut expired).await?;
        }
        Ok(expired)
    }

    async fn expire(&self, store: &dyn Store, key: &str, header: Header, expired: &mut Expired) -> Result<(), Error> {
        let dead = header.dead.as_ref();
        if header.rows == 0 && dead.is_none() {
            return Ok(());
        }
        let Some(object) = retried(|| store.get(key)).await? else { return Err(gone(store, key)) };
        let encoding = Encoding::of_key(key)?;
        if encoding.emptied(&object).is_some() {
            expired.before += 1;
            return Ok(());
        }
        expired.epochs += 1;
        expired.rows += header.rows;
        expired.dead_letters += dead.map_or(0, |dead| dead.letters);
        if self.dry_run {
            return Ok(());
        }
        // The epoch comes last: what is stopped before is done again.
        if let Some(dead) = dead {
            let letters = retried(|| store.get(&dead.key)).await?.ok_or_else(|| gone(store, &dead.key))?;
            let encoding = Encoding::JsonLines;
            let about = About { content_type: encoding.content_type(), metadata: Vec::new() };
            empty(store, &dead.key, encoding, &letters, &about).await?;
        }
        empty(store, key, encoding, &object, &about(&header, encoding)).await
    }
}

/// Nobody else writes to a key that is taken, so nothing is lost by doing so without a condition.
async fn empty(store: &dyn Store, key: &str, encoding: Encoding, object: &Bytes, about: &About) -> Result<(), Error> {
    let Found::Header(header) = encoding.header(object) else {
        return Err(Error::new(ErrorKind::Invalid, "an object cannot be expired: it has no header")
            .at(place(store, key))
            .cure("something else has written it: restore it from a copy"));
    };
    let emptied = encoding.emptied_of(object, &header, Utc::now()).map_err(|error| error.at(place(store, key)))?;
    let body = Bytes::from(emptied);
    retried(|| store.put(key, body.clone(), about)).await
}

fn gone(store: &dyn Store, key: &str) -> Error {
    Error::new(ErrorKind::NotFound, "an object is gone that the ledger names")
        .at(place(store, key))
        .cure("restore it from a copy: look for more of its kind with `verify`")
}
