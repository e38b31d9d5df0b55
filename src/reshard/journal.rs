//! [`Journal`]: what a controller decided and did, and by that, who is the controller.
//!
//! An entry is an object of its own under the next number, put if there is none. So two controllers never both extend the
//! journal, and one that was taken for dead learns of it when it writes its next plan, which is before it changes anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Change, Planned};
use crate::store::{About, Put, Store};
use crate::{Error, ErrorKind};

/// The form of the entries.
const SCHEMA: u32 = 1;
/// How long to wait for a store that is away.
const AGAIN: Duration = Duration::from_secs(5);

/// An entry of the journal: one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    schema: u32,
    /// Its place in the journal, from 0.
    pub n: u64,
    /// When it was written, by the clock of who wrote it.
    pub at: DateTime<Utc>,
    /// Who wrote it: another name for each run.
    pub controller: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// What is planned and not done yet: whoever takes over goes on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Planned>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A controller took over.
    Began,
    /// Changes were decided: they are what is left.
    Planned,
    /// A change was made, by this controller, or by one that died before it could say so.
    Done {
        /// Which one.
        change: Change,
    },
    /// A change is not made after all.
    Dropped {
        /// Which one.
        change: Change,
        /// Why not.
        why: String,
    },
    /// A shard is hot, and cannot be helped.
    Stuck {
        /// Which one.
        shard: String,
        /// Why not.
        why: String,
    },
    /// The controller stopped when it was told to: another one need not wait.
    Ended,
}

impl Entry {
    pub(super) fn new(n: u64, controller: String, event: Event, left: Vec<Planned>) -> Self {
        Self { schema: SCHEMA, n, at: Utc::now(), controller, event, left }
    }
}

/// One line, for people.
impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.at.to_rfc3339_opts(SecondsFormat::Secs, true))?;
        match &self.event {
            Event::Began => write!(f, "controller {} begins", self.controller)?,
            Event::Planned => {
                let plans = self.left.iter().map(|Planned { change, why }| format!("{change}: {why}"));
                f.write_str(&plans.collect::<Vec<_>>().join("\n  and "))?;
            }
            Event::Done { change } => write!(f, "done: {change}")?,
            Event::Dropped { change, why } => write!(f, "not done: {change}: {why}")?,
            Event::Stuck { shard, why } => write!(f, "cannot help {shard}: {why}")?,
            Event::Ended => write!(f, "controller {} ends", self.controller)?,
        }
        Ok(())
    }
}

/// That a controller lives: overwritten at each window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Beat {
    controller: String,
    beat: u64,
}

/// The end of the journal, as seen by one that may write.
#[derive(Debug)]
pub(super) struct Journal {
    store: Arc<dyn Store>,
    prefix: String,
    /// Who writes.
    pub(super) controller: String,
    /// The number of the next entry.
    next: u64,
    last: Option<Entry>,
    /// An entry that is being written. Whoever writes may be stopped meanwhile, and then it is not known whether it is there.
    begun: Option<Entry>,
    beats: u64,
    beaten: Option<Instant>,
}

/// What shows that a controller lives, or not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sign {
    next: u64,
    beat: Option<Beat>,
}

impl Journal {
    pub(super) fn new(store: Arc<dyn Store>, stream: &str) -> Self {
        let controller = format!("{:016x}", rand::rng().random::<u64>());
        Self { store, prefix: prefix(stream), controller, next: 0, last: None, begun: None, beats: 0, beaten: None }
    }

    /// What is planned and not done.
    pub(super) fn left(&self) -> &[Planned] {
        self.last.as_ref().map_or(&[], |last| &last.left)
    }

    /// Whether nobody is the controller: nobody ever was, or the last one ended.
    pub(super) fn is_free(&self) -> bool {
        self.leader().is_none()
    }

    /// Who is the controller, as far as is known.
    pub(super) fn leader(&self) -> Option<&str> {
        self.last.as_ref().filter(|last| last.event != Event::Ended).map(|last| &*last.controller)
    }

    /// Whether this one is the controller, as far as is known.
    pub(super) fn is_mine(&self) -> bool {
        self.leader() == Some(&self.controller)
    }

    /// Reads on to the end.
    pub(super) async fn catch_up(&mut self) -> Result<(), Error> {
        if self.next == 0 {
            // The last of many is found by their names.
            let (folder, mut last) = (format!("{}journal/", self.prefix), None::<String>);
            loop {
                let page = self.store.list_after(&folder, last.as_deref()).await?;
                let Some(key) = page.into_iter().next_back() else { break };
                last = Some(key);
            }
            let number = last.and_then(|key| key.rsplit('/').next()?.parse::<u64>().ok());
            self.next = number.unwrap_or(0);
        }
        while let Some(bytes) = self.store.get(&self.key()).await? {
            self.last = Some(self.parse(&bytes)?);
            self.next += 1;
        }
        Ok(())
    }

    /// What tells a controller that lives from one that does not.
    pub(super) async fn sign(&mut self) -> Result<Sign, Error> {
        self.catch_up().await?;
        let beat = self.store.get(&self.beat_key()).await?;
        Ok(Sign { next: self.next, beat: beat.and_then(|bytes| serde_json::from_slice(&bytes).ok()) })
    }

    /// Says that this controller lives, if it has not said so for this long.
    pub(super) async fn beat(&mut self, every: Duration) -> Result<(), Error> {
        if self.beaten.is_some_and(|beaten| beaten.elapsed() < every) {
            return Ok(());
        }
        self.beaten = Some(Instant::now());
        self.beats += 1;
        let beat = Beat { controller: self.controller.clone(), beat: self.beats };
        self.store.put(&self.beat_key(), json(&beat)?, &ABOUT).await
    }

    /// Writes the next entry, and says whether that was done: not if another controller has written one. From then on
    /// nothing is written but that this one begins again. A store that is away is waited for.
    pub(super) async fn write(&mut self, event: Event, left: Vec<Planned>) -> Result<bool, Error> {
        if event != Event::Began && !self.is_mine() {
            return Ok(false);
        }
        self.begun = Some(Entry::new(self.next, self.controller.clone(), event, left));
        self.finish().await
    }

    /// Writes the entry whose writing was begun, if there is one.
    async fn finish(&mut self) -> Result<bool, Error> {
        let Some(entry) = self.begun.clone() else { return Ok(false) };
        let body = json(&entry)?;
        loop {
            let error = match self.store.put_if_absent(&self.key(), body.clone(), &ABOUT).await {
                Ok(Put::Created) => {
                    self.begun = None;
                    self.last = Some(entry);
                    self.next += 1;
                    return Ok(true);
                }
                Ok(Put::Exists) => match self.store.get(&self.key()).await {
                    // An answer was lost on the way, and it was this one.
                    Ok(Some(there)) => {
                        let mine = there == body;
                        self.begun = None;
                        self.catch_up().await?;
                        return Ok(mine);
                    }
                    Ok(None) => continue,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if !error.is_transient() {
                return Err(error);
            }
            tracing::warn!(%error, again = ?AGAIN, "the journal of resharding cannot be written, and nothing is changed meanwhile");
            sleep(AGAIN).await;
        }
    }

    /// Ends, if this is the controller, so that the next one need not wait.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        self.finish().await?;
        self.catch_up().await?;
        if self.is_mine() {
            let left = self.left().to_vec();
            self.write(Event::Ended, left).await?;
        }
        Ok(())
    }

    /// The last entry.
    pub(super) const fn last(&self) -> Option<&Entry> {
        self.last.as_ref()
    }

    fn key(&self) -> String {
        format!("{}journal/{:020}", self.prefix, self.next)
    }

    fn beat_key(&self) -> String {
        format!("{}controller", self.prefix)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Entry, Error> {
        let wrong = |what: &str| {
            Error::new(ErrorKind::Invalid, what)
                .at(format!("{}, {}", self.store.uri(), self.key()))
                .cure("give the controller another store, or move this journal away")
        };
        let entry: Entry =
            serde_json::from_slice(bytes).map_err(|error| wrong("this is no entry of a journal").because(error))?;
        if entry.schema != SCHEMA {
            return Err(wrong("a newer version has written this journal"));
        }
        Ok(entry)
    }
}

const ABOUT: About = About { content_type: "application/json", metadata: Vec::new() };

fn prefix(stream: &str) -> String {
    // A name may begin with a dot, and a segment of a key may not.
    format!("_reshard/stream={stream}/")
}

fn json(value: &impl Serialize) -> Result<Bytes, Error> {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::Invalid, "cannot write JSON").because(error))?;
    line.push(b'\n');
    Ok(line.into())
}

/// The journal of a stream's controllers, from its beginning.
///
/// # Errors
///
/// What the store says, or [`Invalid`](ErrorKind::Invalid) if something in it is no entry.
pub async fn journal(store: &Arc<dyn Store>, stream: &str) -> Result<Vec<Entry>, Error> {
    let mut journal = Journal::new(Arc::clone(store), stream);
    let mut entries = Vec::new();
    while let Some(bytes) = journal.store.get(&journal.key()).await? {
        entries.push(journal.parse(&bytes)?);
        journal.next += 1;
    }
    Ok(entries)
}
