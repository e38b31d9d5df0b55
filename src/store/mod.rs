//! Where results are kept: the contract that every object store keeps.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::Error;

/// A place for objects under keys, with put-if-absent: a bucket, a directory.
///
/// Implemented by [`dir`](crate::store::DirStore) and `s3`; called by the ledger. What an implementation owes:
///
/// - an object is seen whole or not at all;
/// - of several callers that put the same absent key, exactly one is told [`Put::Created`], also across processes;
/// - what a `put_if_absent` was told to be created is still there after a crash of this machine;
/// - a key is `/`-separated segments of `A-Z a-z 0-9 - _ . = %`, none of them empty and none starting with a dot: anything
///   else is an error;
/// - temporary trouble comes out as a [transient](Error::is_transient) error *after* the client's own retries; the outcome
///   of a put is then unknown.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Where this is, as a user would write it: `s3://bucket/prefix`, `dir:/path`.
    fn uri(&self) -> String;

    /// Puts an object if there is none under its key.
    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>>;

    /// The object under a key, or `None` if there is none.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// At most the first `len` bytes of the object under a key, or `None` if there is none.
    fn get_head<'a>(&'a self, key: &'a str, len: usize) -> BoxFuture<'a, Result<Option<Bytes>, Error>>;

    /// The next keys that begin with `prefix` and come behind `after`, in byte order, at most 1,000 at a time; none
    /// when there are no more.
    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>>;
}

/// What came of a [`Store::put_if_absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is there, and this call put it there.
    Created,
    /// Something was under that key already; nothing was changed.
    Exists,
}

/// What is said of an object beside its bytes, where the store has a place for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its media type.
    pub content_type: &'static str,
    /// Its metadata: ASCII names and values, 2 KB in all.
    pub metadata: Vec<(&'static str, String)>,
}
