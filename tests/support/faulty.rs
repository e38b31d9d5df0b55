//! A real store whose calls fail, lose their answers or never come back, as they are told.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anabranch::store::{About, Put, Store};
use anabranch::{Error, ErrorKind};
use bytes::Bytes;
use futures::future::BoxFuture;

/// A call of a store: `put` (if absent), `overwrite`, `get`, `get_head` or `list_after`, and its key.
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
type Delay = Box<dyn Fn(&Call) -> Duration + Send + Sync>;

/// The store, and all calls that reached it.
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    decide: Mutex<Decide>,
    /// How long a call takes, before it is decided what becomes of it.
    delay: OnceLock<Delay>,
    calls: Mutex<Vec<Call>>,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Store>, decide: impl FnMut(&Call) -> Fate + Send + 'static) -> Arc<Self> {
        Arc::new(Self { inner, decide: Mutex::new(Box::new(decide)), delay: OnceLock::new(), calls: Mutex::default() })
    }

    /// The same, with calls that take so long.
    #[allow(dead_code, reason = "not all who use this need it")]
    pub(crate) fn slow(self: Arc<Self>, delay: impl Fn(&Call) -> Duration + Send + Sync + 'static) -> Arc<Self> {
        assert!(self.delay.set(Box::new(delay)).is_ok(), "it is slow already");
        self
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    async fn call<T>(&self, name: &'static str, key: &str, work: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
        let call = Call { name, key: key.to_owned() };
        let delay = self.delay.get().map_or(Duration::ZERO, |delay| delay(&call));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
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

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.call("overwrite", key, self.inner.put(key, body, about)))
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(self.call("get", key, self.inner.get(key)))
    }

    fn get_head<'a>(&'a self, key: &'a str, len: usize) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(self.call("get_head", key, self.inner.get_head(key, len)))
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
