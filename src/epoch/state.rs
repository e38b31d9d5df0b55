//! [`State`] and [`Carry`]: what a partition's epochs hand on, one to the next.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::course::Course;
use super::header::Header;
use super::ledger::Ledger;
use super::objects::load_state;
use super::retry::Patience;
use super::saved::{SavedState, Unsaved};
use crate::source::KeyRange;
use crate::store::Store;
use crate::{Error, ErrorKind, Partition};

/// The state of one partition, as the closure of [`commit_to_with_state`](super::Epochs::commit_to_with_state) gets it: a
/// handle to what the epochs before have left, valid for one epoch. Clones are one.
///
/// What it is when the epoch's flow has ended is committed with the epoch, and what the next begins with. If the epoch is
/// not committed, neither is its state: the next attempt begins with the state of the last committed epoch.
pub struct State<S> {
    value: Arc<Mutex<Option<S>>>,
    course: Arc<Course>,
}

impl<S> State<S> {
    pub(super) fn new(value: S, course: Arc<Course>) -> Self {
        Self { value: Arc::new(Mutex::new(Some(value))), course }
    }

    /// Looks at the state, or changes it. Other clones wait meanwhile, so `f` is to be short; called in `f` again, it
    /// waits for ever.
    ///
    /// # Panics
    ///
    /// If the epoch's flow has ended: what it leaves behind, such as a task that runs on, has no part in the state.
    #[track_caller]
    pub fn with<T>(&self, f: impl FnOnce(&mut S) -> T) -> T {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        match value.as_mut() {
            Some(value) => f(value),
            None => panic!("the state of an epoch was used behind the epoch's end"),
        }
    }

    /// Whether nothing follows this epoch in this run: its partition is closed, its source has ended, or, in a run that
    /// ends with the records that are there, those have been read. It is known when the epoch's records have ended, and
    /// false before. A run that is asked to stop is to be gone on with, so it has no last epoch.
    pub fn is_last(&self) -> bool {
        self.course.is_last()
    }

    /// Tells that groups are open in it, which may end before the next record.
    pub(super) fn set_open_groups(&self) {
        self.course.set_open_groups();
    }

    /// Takes the state away from all clones, when the epoch's flow has ended.
    pub(super) fn take(&self) -> Option<S> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), course: Arc::clone(&self.course) }
    }
}

impl<S> fmt::Debug for State<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("is_last", &self.is_last()).finish_non_exhaustive()
    }
}

/// What a parent partition has left to those that came of it by a split or a merge.
#[derive(Clone, Debug)]
pub struct Inherited<S> {
    /// The parent.
    pub partition: Partition,
    /// Its state at its end.
    pub state: S,
}

type Inherit<S> = dyn Fn(Vec<Inherited<S>>, Option<KeyRange>) -> S + Send + Sync;

/// Which state epochs hand on: how it begins, which version it has, and what children inherit.
///
/// States are written as JSON. What is read must be what was written: keys of maps must be text, and floating-point numbers
/// finite.
///
/// ```
/// use std::collections::BTreeMap;
/// use anabranch::epoch::Carry;
///
/// // The last price of each paper. A child gets the papers whose keys are its own now.
/// let prices = Carry::new(1, BTreeMap::<String, f64>::new).inherit(|parents, keys| {
///     let all = parents.into_iter().flat_map(|parent| parent.state);
///     all.filter(|(paper, _)| keys.is_none_or(|keys| keys.contains_key(paper))).collect()
/// });
/// # let _ = prices;
/// ```
pub struct Carry<S> {
    /// Unset where there is no state.
    version: Option<u32>,
    init: Box<dyn Fn() -> S + Send + Sync>,
    inherit: Option<Box<Inherit<S>>>,
}

impl<S> Carry<S> {
    /// A state that begins as `init` says: in each partition that has none yet, so also where a pipeline had no state
    /// before. `version` is that of its form: a state that was saved with another version is refused, and stops the
    /// pipeline.
    pub fn new(version: u32, init: impl Fn() -> S + Send + Sync + 'static) -> Self {
        Self { version: Some(version), init: Box::new(init), inherit: None }
    }

    /// Lets partitions that come of a split or a merge begin with what `inherit` makes of the last states of their parents,
    /// in the order of their names, and of the keys that the partition has now. Without it they begin as new ones do.
    ///
    /// What belongs to keys goes to the child that has the key: see [`KeyRange::contains_key`]. Totals are to stay behind:
    /// both children of a split would count them once more; who reads the states adds those of ended parents to those of
    /// their children. It may be called more than once, and must give the same each time. It is not called if no parent has
    /// a state.
    #[must_use = "it gives what it was called on, changed"]
    pub fn inherit(
        mut self,
        inherit: impl Fn(Vec<Inherited<S>>, Option<KeyRange>) -> S + Send + Sync + 'static,
    ) -> Self {
        self.inherit = Some(Box::new(inherit));
        self
    }

    /// Whether there is any state.
    pub(super) const fn is_some(&self) -> bool {
        self.version.is_some()
    }

    /// Whether children begin with anything of their parents'.
    pub(super) const fn inherits(&self) -> bool {
        self.inherit.is_some()
    }

    /// What a partition begins with.
    pub(super) fn begin(&self, mut parents: Vec<Inherited<S>>, keys: Option<KeyRange>) -> S {
        match &self.inherit {
            Some(inherit) if !parents.is_empty() => {
                parents.sort_by(|a, b| a.partition.as_str().cmp(b.partition.as_str()));
                inherit(parents, keys)
            }
            _ => (self.init)(),
        }
    }
}

impl Carry<()> {
    /// No state.
    pub(super) fn nothing() -> Self {
        Self { version: None, init: Box::new(|| ()), inherit: None }
    }
}

impl<S: Serialize + DeserializeOwned> Carry<S> {
    /// Writes a state; nothing if there is none.
    pub(super) fn write(&self, partition: &Partition, state: &S) -> Result<Option<Unsaved>, Error> {
        let Some(version) = self.version else { return Ok(None) };
        let json = serde_json::to_string(state).map_err(|error| {
            Error::new(ErrorKind::Invalid, "the state of a partition cannot be written as JSON")
                .at(partition)
                .cure("let the pipeline keep what serde_json can write: maps need text as keys")
                .because(error)
        })?;
        Ok(Some(Unsaved { version, json }))
    }

    /// Reads a state back.
    pub(super) async fn read(&self, ledger: &Ledger, partition: &Partition, saved: &SavedState) -> Result<S, Error> {
        let store = &**ledger.store();
        let wrong = |what: String| {
            Error::new(ErrorKind::Conflict, what)
                .at(format!("{partition}, {}", store.uri()))
                .cure("run the version of the pipeline that wrote it, or begin anew with another sink")
        };
        match self.version {
            Some(version) if version == saved.version => {
                parse(store, saved, &load_state(store, &ledger.patience, saved).await?)
            }
            Some(version) => Err(wrong(format!(
                "the state of this partition has version {}, and this pipeline knows version {version}",
                saved.version
            ))),
            None => Err(wrong("this partition has a state, and this pipeline keeps none".to_owned())),
        }
    }
}

impl<S> fmt::Debug for Carry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carry")
            .field("version", &self.version)
            .field("inherits", &self.inherits())
            .finish_non_exhaustive()
    }
}

/// The state behind an epoch, from its header; unset if its pipeline keeps none.
///
/// That of a partition's last epoch is what the partition's next one begins with. It is read as `S` whatever its version
/// is: see [`SavedState::version`].
///
/// # Errors
///
/// If it is no `S`, or its object is gone or was changed.
pub async fn saved_state<S: DeserializeOwned>(store: &dyn Store, header: &Header) -> Result<Option<S>, Error> {
    match &header.state {
        Some(saved) => parse(store, saved, &load_state(store, &Patience::default(), saved).await?).map(Some),
        None => Ok(None),
    }
}

fn parse<S: DeserializeOwned>(store: &dyn Store, saved: &SavedState, json: &[u8]) -> Result<S, Error> {
    serde_json::from_slice(json).map_err(|error| {
        Error::new(ErrorKind::Invalid, "the state of a partition cannot be read")
            .at(format!("{}, version {}", store.uri(), saved.version))
            .cure("its type has changed: read it as it was, and give another one another version")
            .because(error)
    })
}
