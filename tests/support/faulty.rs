//! A real store whose calls fail, lose their answers or never come back, as they are told.

use std::fmt;
use std::sync::{Arc, Mutex};

use anabranch::store::{About, Put, Range, Store};
use anabranch::{Error, ErrorKind};
use bytes::Bytes;
use futures::future::BoxFuture;

/// A call of a store: `put` (if absent), `overwrite`, `get`, `get_range` or `list_after`, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) key: String,
}

impl Call {
    pub(crate) fn is_commit(&self) -> bool {
        self.name == "put" && self.key.starts_with("dt=")
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Pass,
    /// Does nothing, and gives an error that may go away.
    Refuse,
    /// Does nothing, and gives an error that stays.
    Deny,
    /// Does what is asked, and gives an error that may go away.
    LoseAnswer,
    /// Does nothing, and never comes back.
    Vanish,
    /// Does what is asked, and never comes back.
    VanishAfter,
}

type Decide = Box<dyn FnMut(&Call) -> Fate + Send>;

/// The store, and all calls that reached it.
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    decide: Mutex<Decide>,
    calls: Mutex<Vec<Call>>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>, decide: impl FnMut(&Call) -> Fate + Send + 'static) -> Arc<Self> {
        Arc::new(Self { inner, decide: Mutex::new(Box::new(decide)), calls: Mutex::default() })
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    async fn call<T>(&self, name: &'static str, key: &str, work: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
        let call = Call { name, key: key.to_owned() };
        let fate = (self.decide.lock().unwrap())(&call);
        self.calls.lock().unwrap().push(call);
        let error = |kind| Err(Error::new(kind, format!("as told: {name}")).at(key));
        match fate {
            Fate::Pass => work.await,
            Fate::Refuse => error(ErrorKind::Unavailable),
            Fate::Deny => error(ErrorKind::Denied),
            Fate::LoseAnswer => work.await.and_then(|_| error(ErrorKind::Unavailable)),
            Fate::Vanish => std::future::pending().await,
            Fate::VanishAfter => {
                let _ = work.await;
                std::future::pending().await
            }
        }
    }
}

impl Store for Faulty {
    fn uri(&self) -> String {
        self.inner.uri()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        Box::pin(self.call("put", key, self.inner.put_if_absent(key, body, about)))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(self.call("get", key, self.inner.get(key)))
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.call("overwrite", key, self.inner.put(key, body, about)))
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(self.call("get_range", key, self.inner.get_range(key, range)))
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        Box::pin(self.call("list_after", prefix, self.inner.list_after(prefix, after)))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}
