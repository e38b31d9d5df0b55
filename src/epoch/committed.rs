//! [`committed`] and [`headers`]: what a ledger holds, read back along its chains.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use super::chains::{Chains, Place};
use super::dead::DeadLine;
use super::format::{Encoding, Reading};
use super::header::{Header, Root};
use super::objects::{head, header_of, place, root_of};
use super::retry::{Patience, retried};
use crate::store::Store;
use crate::{BoxFlow, Error, ErrorKind, FlowExt, Partition};

/// How many headers are read at once.
pub(super) const HEADERS_AT_ONCE: usize = 32;

/// How many whole objects are read at once: each may have many megabytes.
const OBJECTS_AT_ONCE: usize = 4;

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
    /// Its rows, decoded and read one by one, whatever the ledger's [`Format`](super::Format). There are none if they are
    /// [expired](Self::expired).
    ///
    /// # Errors
    ///
    /// If one is not what `T` says, or the object is damaged; nothing comes after that.
    pub fn rows<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, Error>> + use<T> {
        rows(self.encoding, self.key.clone(), self.object.clone())
    }

    /// When its rows were taken away by [`Expire`](super::Expire), if they were: the header still says how many there
    /// have been.
    pub fn expired(&self) -> Option<DateTime<Utc>> {
        self.encoding.emptied(&self.object)
    }
}

/// All committed epochs of the ledger in `store`, in the order of their keys: hour by hour, then by partition and number.
///
/// The result of a pipeline is the sum over all of them. What the ledger's chains lead to is read, and nothing else that
/// may lie beside it. While a pipeline writes, each partition is given as far as it was when its hour was listed, without
/// a hole. Up to four objects are held, and a few hundred bytes for each partition.
///
/// A store without a ledger has no epochs.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) if an epoch is damaged, or gone while later ones are there; what the store says if it
/// cannot be read.
pub fn committed(store: Arc<dyn Store>) -> BoxFlow<'static, Epoch, Error> {
    walk(store, OBJECTS_AT_ONCE, |store, key| async move { retried(|| store.get(&key)).await })
        .map(|(key, header, encoding, object)| Epoch { key, header, encoding, object })
        .boxed()
}

/// The keys and headers of all committed epochs, as [`committed`] gives them, without their rows: a few hundred bytes
/// are read of each, up to 32 at once.
///
/// # Errors
///
/// As [`committed`].
pub fn headers(store: Arc<dyn Store>) -> BoxFlow<'static, (String, Header), Error> {
    heads(store).map(|(key, header, ..)| (key, header)).boxed()
}

/// The same, with as much of each object as has its header.
pub(super) fn heads(store: Arc<dyn Store>) -> BoxFlow<'static, Found, Error> {
    walk(store, HEADERS_AT_ONCE, |store, key| async move { head(&*store, &key).await })
}

/// All keys that begin with `prefix`, in order.
pub(super) fn keys(store: Arc<dyn Store>, prefix: &'static str) -> BoxStream<'static, Result<String, Error>> {
    keys_behind(Patience::default(), store, prefix, None)
}

/// Those that come behind `last`, if that is set, page by page.
pub(super) fn keys_behind(
    patience: Patience,
    store: Arc<dyn Store>,
    prefix: &'static str,
    last: Option<String>,
) -> BoxStream<'static, Result<String, Error>> {
    let pages = stream::try_unfold(last, move |last| {
        let (patience, store) = (patience.clone(), Arc::clone(&store));
        async move {
            let page = patience.retried("a listing", || store.list_after(prefix, last.as_deref())).await?;
            let behind = page.last().cloned();
            let page = stream::iter(page.into_iter().map(Ok::<_, Error>));
            Ok::<_, Error>(behind.map(|last| (page, Some(last))))
        }
    });
    pages.try_flatten().boxed()
}

/// What `read` makes of each object under `dt=`, in the order of their keys, several at once.
pub(super) fn listed<F, Fut, T>(store: &Arc<dyn Store>, at_once: usize, read: F) -> BoxStream<'static, Listed<T>>
where
    F: Fn(Arc<dyn Store>, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, Error>> + Send + 'static,
    T: Send + 'static,
{
    let of = Arc::clone(store);
    keys(Arc::clone(store), "dt=")
        .map_ok(move |key| {
            let read = read(Arc::clone(&of), key.clone());
            async move { Ok((key, read.await?)) }
        })
        .try_buffered(at_once)
        .boxed()
}

type Listed<T> = Result<(String, T), Error>;

/// A ledger that is being read.
struct Walk {
    store: Arc<dyn Store>,
    chains: Chains,
    objects: BoxStream<'static, Listed<Option<Bytes>>>,
    /// Partitions that have gone on since their part of the listing was made: they are given up to there.
    left: HashSet<Partition>,
}

pub(super) type Found = (String, Header, Encoding, Bytes);

fn walk<F, Fut>(store: Arc<dyn Store>, at_once: usize, read: F) -> BoxFlow<'static, Found, Error>
where
    F: Fn(Arc<dyn Store>, String) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Option<Bytes>, Error>> + Send + 'static,
{
    let begin = async move {
        let Some(root) = root_of(&*store).await? else {
            return match retried(|| store.list_after("dt=", None)).await?.first() {
                Some(key) => Err(rootless(&*store, key)),
                None => Ok(stream::empty().boxed()),
            };
        };
        let objects = listed(&store, at_once, read);
        let walk = Walk { store, chains: Chains::new(root), objects, left: HashSet::new() };
        let found = stream::try_unfold(walk, |mut walk| async move {
            Ok::<_, Error>(walk.next().await?.map(|found| (found, walk)))
        });
        Ok(found.boxed())
    };
    stream::once(begin).try_flatten().try_into_flow().boxed()
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Found>, Error> {
        while let Some((key, object)) = self.objects.try_next().await? {
            // What is listed and gone again is missed when the next of its chain comes.
            let Some(object) = object else { continue };
            let header = match header_of(&*self.store, &key, &object) {
                Ok(header) => header,
                Err(error) if self.chains.leads_to(&key) => return Err(error),
                Err(_) => continue,
            };
            if self.left.contains(&header.partition) {
                continue;
            }
            match self.chains.place(&key, &header) {
                Place::Next => {
                    let encoding = Encoding::of_key(&key)?;
                    return Ok(Some((key, header, encoding, object)));
                }
                Place::Stray => {}
                Place::Flawed(flaw) => {
                    return Err(Error::new(ErrorKind::Invalid, format!("a chain is broken: {flaw}"))
                        .at(place(&*self.store, &key))
                        .cure(
                            "the ledger was tampered with: look at all of it with `verify`, and restore it from a copy",
                        ));
                }
                Place::Behind(missed) => {
                    if head(&*self.store, &missed).await?.is_none() {
                        return Err(Error::new(
                            ErrorKind::Invalid,
                            format!("an epoch is gone that comes before {key}"),
                        )
                        .at(place(&*self.store, &missed))
                        .cure("restore that object from a copy: look for more of its kind with `verify`"));
                    }
                    self.left.insert(header.partition);
                }
            }
        }
        Ok(None)
    }
}

/// Epochs without a root, which says where their chains begin.
pub(super) fn rootless(store: &dyn Store, key: &str) -> Error {
    Error::new(ErrorKind::Conflict, "there are epochs here, and the ledger's root of them is gone")
        .at(place(store, key))
        .cure("restore the object _ledger/root from a copy")
}

/// The root of the ledger in `store`.
///
/// # Errors
///
/// [`NotFound`](ErrorKind::NotFound) if there is none.
pub async fn root(store: &dyn Store) -> Result<Root, Error> {
    root_of(store).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "there is no ledger here")
            .at(store.uri())
            .cure("name the prefix or directory that a pipeline was told to write to")
    })
}

/// The dead letters of a committed epoch, each with its layout. There are none if they are expired.
///
/// # Errors
///
/// If they cannot be read, or are gone.
pub async fn dead_letters(store: &dyn Store, header: &Header) -> Result<Vec<DeadLine>, Error> {
    let Some(dead) = &header.dead else { return Ok(Vec::new()) };
    let object = retried(|| store.get(&dead.key)).await?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the dead letters of an epoch are gone")
            .at(place(store, &dead.key))
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

pub(super) fn rows<T: DeserializeOwned>(
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
