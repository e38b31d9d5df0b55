//! [`committed`]: what a ledger holds, read back.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use serde::de::DeserializeOwned;

use super::dead::DeadLine;
use super::format::{Encoding, Reading};
use super::header::Header;
use super::ledger::header_of;
use super::retry::retried;
use crate::store::Store;
use crate::{BoxFlow, Error, ErrorKind, FlowExt};

/// An epoch as it stands in a store.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// Its key.
    pub key: String,
    /// What it says of itself.
    pub header: Header,
    encoding: Encoding,
    object: Bytes,
}

impl Epoch {
    /// Its rows, decoded and read one by one, whatever the ledger's [`Format`](super::Format).
    ///
    /// # Errors
    ///
    /// If one is not what `T` says, or the object is damaged; nothing comes after that.
    pub fn rows<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, Error>> + use<T> {
        rows(self.encoding, self.key.clone(), self.object.clone())
    }
}

/// All committed epochs of the ledger in `store`, in the order of their keys: hour by hour.
///
/// The result of a pipeline is the sum over all of them. Each is read whole, one at a time.
pub fn committed(store: Arc<dyn Store>) -> BoxFlow<'static, Epoch, Error> {
    let listing = (store, VecDeque::<String>::new(), None::<String>);
    let epochs = stream::try_unfold(listing, |(store, mut keys, mut last)| async move {
        loop {
            let Some(key) = keys.pop_front() else {
                keys = retried(|| store.list_after("dt=", last.as_deref())).await?.into();
                match keys.back() {
                    Some(key) => last = Some(key.clone()),
                    None => return Ok(None),
                }
                continue;
            };
            // What is listed and gone again has been taken away meanwhile.
            if let Some(object) = retried(|| store.get(&key)).await? {
                let header = header_of(&*store, &key, &object)?;
                let encoding = Encoding::of_key(&key)?;
                return Ok(Some((Epoch { key, header, encoding, object }, (store, keys, last))));
            }
        }
    });
    epochs.try_into_flow().boxed()
}

/// The dead letters of a committed epoch, each with its layout.
///
/// # Errors
///
/// If they cannot be read, or are gone.
pub async fn dead_letters(store: &dyn Store, header: &Header) -> Result<Vec<DeadLine>, Error> {
    let Some(dead) = &header.dead else { return Ok(Vec::new()) };
    let object = retried(|| store.get(&dead.key)).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the dead letters of an epoch are gone")
            .at(format!("{}, {}", store.uri(), dead.key))
            .cure("restore the object: the epoch's header names it")
    })?;
    let mut layout = None;
    let with_layout = |line: Result<DeadLine, Error>| {
        let mut line = line?;
        layout = line.layout.take().or_else(|| layout.take());
        line.layout.clone_from(&layout);
        Ok(line)
    };
    rows(Encoding::JsonLines, dead.key.clone(), object).map(with_layout).collect()
}

fn rows<T: DeserializeOwned>(
    encoding: Encoding,
    key: String,
    object: Bytes,
) -> impl Iterator<Item = Result<T, Error>> + use<T> {
    Reading::new(encoding, object).map(move |row| {
        row.map_err(|error| {
            Error::new(ErrorKind::Invalid, "a row cannot be read")
                .at(&key)
                .cure("the object is damaged, or its rows are of another type: restore it from a copy")
                .because(error)
        })
    })
}
