//! Where results are kept: the contract that every object store keeps, and the stores.
//!
//! [`open`] makes one from a URI; the builders of the stores have more to set.

mod dir;
mod key;
#[cfg(feature = "s3")]
mod s3;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

pub use self::dir::DirStore;
#[cfg(feature = "s3")]
pub use self::s3::{S3Builder, S3Store};
#[cfg(feature = "s3")]
use crate::uri::Uri;
use crate::{Error, ErrorKind};

/// A place for objects under keys, with put-if-absent: a bucket, a directory.
///
/// Implemented by [`DirStore`] and `S3Store`; called by the ledger. What an implementation owes:
///
/// - an object is seen whole or not at all;
/// - of several callers that put the same absent key, exactly one is told [`Put::Created`], also across processes;
/// - what a put was told to be there is still there after a crash of this machine;
/// - a key is `/`-separated segments of `A-Z a-z 0-9 - _ . = %`, none of them empty and none starting with a dot: anything
///   else is an error, and names of other shapes that others put there are not listed;
/// - no key is a folder of another: once `a` is there, a put of `a/b` may fail, and the other way round;
/// - temporary trouble comes out as a [transient](Error::is_transient) error, after a few seconds in which the store itself tries
///   again; the outcome of a put is then unknown. Who has more patience asks again.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where this is, as a user would write it: `s3://bucket/prefix`, `dir:/path`.
    fn uri(&self) -> String;

    /// Puts an object if there is none under its key.
    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>>;

    /// Puts an object, in the place of what is under its key. Of several callers, one is the last.
    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>>;

    /// The object under a key, or `None` if there is none.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// The bytes at one end of the object under a key, or `None` if there is none.
    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// The next keys that begin with `prefix` and come behind `after`, in byte order, at most 1,000 at a time; none
    /// when there are no more.
    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>>;
}

/// What came of a [`Store::put_if_absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is there, and this call put it there.
    Created,
    /// Something was under that key already; nothing was changed. It may be what this very call put there, if the
    /// answer was lost on the way and the client tried again: who must know looks at the object.
    Exists,
}

/// One end of an object. What has fewer bytes is given whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// At most so many bytes from its beginning.
    First(usize),
    /// At most so many bytes up to its end.
    Last(usize),
}

impl Range {
    /// At most so many bytes at the same end.
    #[must_use]
    pub const fn of_length(self, len: usize) -> Self {
        match self {
            Self::First(_) => Self::First(len),
            Self::Last(_) => Self::Last(len),
        }
    }
}

/// What is said of an object beside its bytes, where the store has a place for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its media type.
    pub content_type: &'static str,
    /// Its metadata: ASCII names and values, 2 KB in all.
    pub metadata: Vec<(&'static str, String)>,
}

/// What [`open`] is told beside the URI.
#[derive(Clone, Debug, Default)]
pub struct Options {
    #[cfg(feature = "s3")]
    s3: s3::Settings,
}

/// Opens the store that a URI names, and checks that it is there: `dir:PATH` or, with the feature `s3`,
/// `s3://BUCKET/PREFIX`, with `?checksums=when_required` for a server that does not know checksums in trailers.
///
/// A directory is made if need be; a bucket is not.
///
/// # Errors
///
/// [`Usage`](ErrorKind::Usage) if the URI names no store, and what the store says if it cannot be reached or used.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let dir = tempfile::tempdir().unwrap();
/// # let uri = format!("dir:{}/counts", dir.path().display());
/// use anabranch::store::{self, About, Put};
///
/// let store = store::open(&uri, store::Options::default()).await?;
/// let put = store.put_if_absent("dt=2013-01-01/1", "hello".into(), &About::default()).await?;
/// assert_eq!(put, Put::Created);
/// # Ok::<(), anabranch::Error>(())
/// # }).unwrap();
/// ```
pub async fn open(uri: &str, options: Options) -> Result<Arc<dyn Store>, Error> {
    match uri.split_once(':') {
        Some(("dir", path)) if !path.is_empty() => {
            let store = DirStore::new(path);
            store.check().await?;
            Ok(Arc::new(store))
        }
        #[cfg(feature = "s3")]
        Some(("s3", place)) if place.starts_with("//") => {
            let mut uri = Uri::parse(uri)?;
            let place = &uri.place[2..];
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            let mut builder = S3Store::builder(bucket, prefix).settings(options.s3);
            let when_required = |value: &str| (value == "when_required").then_some(());
            if uri.option("checksums", "when_required, or leave it out", when_required)?.is_some() {
                builder = builder.checksums_when_required();
            }
            uri.finish(&["checksums"])?;
            let store = builder.build().await?;
            store.check().await?;
            Ok(Arc::new(store))
        }
        #[cfg(not(feature = "s3"))]
        Some(("s3", _)) => {
            let Options {} = options;
            Err(Error::new(ErrorKind::Usage, "this program was built without the feature `s3`")
                .at(uri)
                .cure("build it with that feature, or use dir:PATH"))
        }
        _ => Err(Error::new(ErrorKind::Usage, "this names no store")
            .at(format!("{uri:?}"))
            .cure(if cfg!(feature = "s3") { "use dir:PATH or s3://BUCKET/PREFIX" } else { "use dir:PATH" })),
    }
}
