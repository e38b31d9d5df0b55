//! [`Ledger`]: the chain of committed epochs of each partition, in an object store.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::OnceCell;

use super::chains::flaw;
use super::clock::Clock;
use super::committed;
use super::format::{Encoding, Format, JsonLines, Rows};
use super::header::{Dead, Gap, Header, Root, SCHEMA, parse};
use super::hint::Hint;
use super::import::Continued;
use super::keys::{self, Hour};
use super::objects::{about, head_with, header_of, place};
use super::records::Taken;
use super::retry::Patience;
use super::saved::{self, SavedState, StateAt, Unsaved};
use crate::source::{Source, Start};
use crate::store::{About, Put, Store};
use crate::{Counter, Error, ErrorKind, Partition, Position};

/// What is said of the ledger's own objects.
pub(super) static JSON: About = About { content_type: "application/json", metadata: Vec::new() };

/// The results of one pipeline in one store, which count every record exactly once.
///
/// Each epoch is one object: its rows, and in its own header where it begins and ends. Writing it, if there is none
/// under its key, is the commit. So an epoch is there whole or not at all, two workers cannot both commit it, and the
/// objects themselves say where to go on.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Arc<dyn Store>,
    pipeline: Arc<str>,
    version: u32,
    format: Format,
    /// What it goes on from.
    pub(super) continued: Option<Continued>,
    clock: Clock,
    pub(super) patience: Patience,
    /// The escaped names of the partitions that had epochs when that was asked for the first time in a run.
    pub(super) begun: Arc<OnceCell<HashSet<String>>>,
}

/// The end of a partition's chain: what the next epoch begins with.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) n: u64,
    pub(super) key: String,
    pub(super) from: Option<Position>,
    /// The partition is closed for good, and the chain is at its end.
    pub(super) end: bool,
    /// Until when nothing of the partition is lost.
    pub(super) seen: Option<DateTime<Utc>>,
    /// The last epoch.
    pub(super) last: Option<Hint>,
    /// What the epochs up to here have left to the next.
    pub(super) state: Option<SavedState>,
}

impl Head {
    /// Before the first epoch. Its key follows from the root alone: what else could be asked, the partitions that this
    /// one came from, is listed no more some day, and then the chain would begin a second time under another key.
    pub(super) fn first(root: &Root, partition: &Partition) -> Self {
        let (from, seen, end) = root
            .imported_end(partition)
            .map_or((None, None, false), |imported| (imported.to.clone(), imported.seen, imported.end));
        let key = keys::epoch(&Hour::of(root.created), partition, 0, from.as_ref(), &root.format);
        Self { n: 0, key, from, end, seen, last: None, state: None }
    }

    /// What is behind the epoch under `key`, in a chain of which `seen` was known.
    pub(super) fn behind(header: &Header, key: &str, seen: Option<DateTime<Utc>>) -> Self {
        // What may have been lost before an end mark may also be lost of the partitions behind it.
        let gap = header.gap.as_ref().filter(|_| !header.end).map(|gap| gap.until);
        let seen = seen.max(header.tip).max(header.last_arrival).max(gap);
        let last = Some(Hint { schema: SCHEMA, n: header.n, key: key.to_owned(), nonce: header.nonce.clone() });
        let n = header.n.saturating_add(1);
        let (from, state) = (header.to.clone(), header.state.clone());
        Self { n, key: header.next.clone(), from, end: header.end, seen, last, state }
    }

    /// Where the source is to be read for the next epoch.
    pub(super) fn start(&self, root: &Root, partition: &Partition) -> Start {
        self.from.clone().map_or_else(|| root.start_of(partition), Start::After)
    }
}

/// What an epoch came to.
pub(super) struct Outcome {
    pub(super) taken: Taken,
    pub(super) rows: Rows,
    pub(super) dead: Option<JsonLines>,
    pub(super) end: bool,
    pub(super) tip: Option<DateTime<Utc>>,
    pub(super) gap: Option<Gap>,
    /// The state behind the epoch; unset if it is as it was before.
    pub(super) state: Option<Unsaved>,
}

impl Outcome {
    /// Whether there is nothing to say: the chain can stay where it is.
    pub(super) fn is_empty(&self) -> bool {
        self.taken.records == 0 && self.rows.count() == 0 && self.dead.is_none() && !self.end && self.gap.is_none()
    }

    /// That of no records, with an object that has no rows, behind which there was nothing at this time. It leaves the state as
    /// it was.
    pub(super) fn empty(rows: Rows, tip: Option<DateTime<Utc>>) -> Self {
        Self { taken: Taken::default(), rows, dead: None, end: false, tip, gap: None, state: None }
    }
}

/// How a commit ended.
pub(super) enum Committed {
    /// The epoch is committed, by us.
    Ours(Head),
    /// Another worker has committed the epoch; ours does not exist.
    Theirs(Head),
}

impl Ledger {
    /// The ledger of the pipeline of that name, in its own store: a bucket's prefix or a directory that nothing else
    /// writes to. Nothing is read or written yet.
    pub fn new(store: Arc<dyn Store>, pipeline: impl Into<Arc<str>>) -> Self {
        Self {
            store,
            pipeline: pipeline.into(),
            version: 1,
            format: Format::json_lines(),
            continued: None,
            clock: Clock::default(),
            patience: Patience::default(),
            begun: Arc::default(),
        }
    }

    /// Says which version of the pipeline this is, 1 if not said. Each epoch's header tells which version made it.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Whose results these are.
    pub(super) fn pipeline(&self) -> &str {
        &self.pipeline
    }

    /// Says how rows are written: [JSON lines](Format::json_lines) if not said. A ledger that was made with another format
    /// is refused.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// An object for an epoch's rows.
    pub(super) fn rows(&self) -> Result<Rows, Error> {
        self.format.rows()
    }

    const fn ext(&self) -> &'static str {
        self.format.encoding().ext()
    }

    /// Says what time of day it is, in the place of this machine's clock: for tests. It decides in which hour's folder an
    /// epoch lies, and stands in headers; what is counted never depends on it.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// For a pipeline that runs: waits for its store for as long as it takes.
    pub(super) fn patient(mut self, retries: Counter) -> Self {
        self.patience = Patience::endless(retries);
        self.begun = Arc::default();
        self
    }

    pub(super) fn its_clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The time of day.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The root of a ledger that is there.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is none; [`Conflict`](ErrorKind::Conflict) if it was made for another
    /// pipeline or format.
    pub(super) async fn reopen(&self) -> Result<Root, Error> {
        let root = committed::root(&*self.store).await?;
        self.check(&root)?;
        Ok(root)
    }

    /// The root, made now if there is none.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) if the ledger was made for another pipeline, format or source;
    /// [`Invalid`](ErrorKind::Invalid) if the store does not keep to put-if-absent, which is tried each time.
    pub(super) async fn open(&self, source: &dyn Source) -> Result<Root, Error> {
        let body = match self.root().await? {
            Some(body) => body,
            None => self.make_root(source).await?,
        };
        let root = parse("the ledger's root", &self.place(keys::ROOT), &body)?;
        self.check(&root)?;
        self.probe(body).await?;
        match source.recognise(&root.source).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let cure = "choose another sink for another source, or delete this one to begin anew";
                Err(Error::new(ErrorKind::Conflict, "this sink has the results of another source")
                    .at(self.store.uri())
                    .cure(cure)
                    .because(error))
            }
            recognised => recognised.map(|()| root),
        }
    }

    async fn make_root(&self, source: &dyn Source) -> Result<Bytes, Error> {
        let has_epochs = !self.patience.retried("a listing", || self.store.list_after("dt=", None)).await?.is_empty();
        if has_epochs && self.root().await?.is_none() {
            // Nothing says any more where their chains begin: a new root would begin others beside them.
            return Err(Error::new(ErrorKind::Conflict, "this sink has epochs, and the ledger's root of them is gone")
                .at(self.place(keys::ROOT))
                .cure("restore that object, or choose an empty prefix or directory"));
        }
        // First the instant at which partitions begin, then which there are: one that appears in between is among them.
        let mut described = source.describe().await?;
        let (partitions, imported) = match &self.continued {
            Some(continued) => {
                let (partitions, imported) = continued.ends(source, &mut described).await?;
                (partitions, Some(imported))
            }
            None => (source.partitions().await?.into_iter().map(|listed| listed.partition).collect(), None),
        };
        let root = Root {
            schema: SCHEMA,
            pipeline: self.pipeline.to_string(),
            format: self.ext().to_owned(),
            source: described,
            partitions,
            created: self.now(),
            imported,
        };
        let json = serde_json::to_vec_pretty(&root).map_err(|error| self.unwritable(keys::ROOT, error))?;
        self.put_root(Bytes::from(json)).await?;
        // Whoever was first: what is there counts.
        self.root().await?.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "the ledger's root was written, and is not there")
                .at(self.place(keys::ROOT))
                .cure("check whether something else deletes objects there")
        })
    }

    async fn root(&self) -> Result<Option<Bytes>, Error> {
        self.patience.retried("the ledger's root", || self.store.get(keys::ROOT)).await
    }

    async fn put_root(&self, body: Bytes) -> Result<Put, Error> {
        let put = || self.store.put_if_absent(keys::ROOT, body.clone(), &JSON);
        self.patience.retried("the put of the ledger's root", put).await
    }

    /// Puts the root that is there once more. A server that ignores the condition says that it was created: then two
    /// workers would overwrite each other's epochs.
    async fn probe(&self, body: Bytes) -> Result<(), Error> {
        match self.put_root(body).await? {
            Put::Exists => Ok(()),
            Put::Created => {
                let what = "this store overwrites what it is told to put only if it is absent";
                Err(Error::new(ErrorKind::Invalid, what)
                    .at(self.place(keys::ROOT))
                    .cure("use a server with conditional writes (If-None-Match), and an empty prefix"))
            }
        }
    }

    fn check(&self, root: &Root) -> Result<(), Error> {
        let conflict = |what: String| {
            Err(Error::new(ErrorKind::Conflict, what)
                .at(self.store.uri())
                .cure("choose another sink: a prefix or directory of its own for each pipeline"))
        };
        if *root.pipeline != *self.pipeline {
            return conflict(format!(
                "this sink has the results of the pipeline {:?}, not {:?}",
                root.pipeline, self.pipeline
            ));
        }
        let imported = root.imported.as_ref().map(|imported| &*imported.from);
        if let Some(old) = &self.continued
            && imported != Some(&*old.uri())
        {
            let what = match imported {
                Some(from) => format!("this sink continues {from}, not {}", old.uri()),
                None => format!("this sink was begun without {}, and cannot continue it any more", old.uri()),
            };
            return Err(Error::new(ErrorKind::Conflict, what)
                .at(self.store.uri())
                .cure("leave out what to continue from, or choose an empty prefix or directory"));
        }
        if root.format != self.ext() {
            return conflict(format!("this sink has results in the format {:?}, not {:?}", root.format, self.ext()));
        }
        Ok(())
    }

    /// Follows a partition's chain from its first epoch to its end, reading headers only.
    pub(super) async fn walk(&self, partition: &Partition, first: Head) -> Result<Head, Error> {
        let mut head = first;
        while !head.end
            && let Some(header) = self.header(&head.key).await?
        {
            head = self.follow(partition, &head, &header)?;
        }
        Ok(head)
    }

    /// What comes behind a committed epoch, if that is the one that the chain leads to.
    pub(super) fn follow(&self, partition: &Partition, head: &Head, header: &Header) -> Result<Head, Error> {
        if let Some(flaw) = flaw(partition, head, header) {
            let what = format!("this object does not continue the chain that leads to it: {flaw}");
            return Err(Error::new(ErrorKind::Invalid, what)
                .at(self.place(&head.key))
                .cure("the ledger was tampered with: restore it, or begin with another sink"));
        }
        Ok(Head::behind(header, &head.key, head.seen))
    }

    /// Writes an epoch, if nobody else has.
    pub(super) async fn commit(
        &self,
        partition: &Partition,
        head: &Head,
        outcome: Outcome,
    ) -> Result<Committed, Error> {
        let Outcome { taken, rows, dead, end, tip, gap, state } = outcome;
        let nonce = format!("{:032x}", rand::random::<u128>());
        let committed = self.now();
        let dead = match dead {
            Some(lines) => Some(self.put_dead(partition, head, &nonce, lines).await?),
            None => None,
        };
        let state = match state {
            Some(unsaved) => Some(self.put_state(partition, head.n, unsaved).await?),
            None => head.state.clone(),
        };
        let to = taken.to.or_else(|| head.from.clone());
        // So that from each epoch alone it is known until when nothing was missed.
        let tip = if taken.records == 0 { tip.max(head.seen) } else { tip };
        let n = head.n + 1;
        let hour = self.hour_behind(head, taken.last_arrival, committed);
        let header = Header {
            schema: SCHEMA,
            pipeline: self.pipeline.to_string(),
            version: self.version,
            partition: partition.clone(),
            n: head.n,
            from: head.from.clone(),
            next: keys::epoch(&hour, partition, n, to.as_ref(), self.ext()),
            to,
            nonce,
            records: taken.records,
            rows: rows.count(),
            dead,
            state,
            end,
            gap,
            last_arrival: taken.last_arrival,
            tip,
            committed,
        };
        let json = serde_json::to_vec(&header).map_err(|error| self.unwritable(&head.key, error))?;
        let body = Bytes::from(rows.finish(&json)?);
        let about = about(&header, self.format.encoding());
        let put = || self.store.put_if_absent(&head.key, body.clone(), &about);
        match self.patience.retried(&head.key, put).await? {
            Put::Created => Ok(Committed::Ours(Head::behind(&header, &head.key, head.seen))),
            Put::Exists => {
                // Ours, if an earlier attempt got through and only its answer was lost.
                let winner = self.header(&head.key).await?.ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, "the key of the next epoch is taken, and has no object")
                        .at(self.place(&head.key))
                        .cure("check whether something else writes or deletes objects there")
                })?;
                let ours = winner.nonce == header.nonce;
                let head = self.follow(partition, head, &winner)?;
                Ok(if ours { Committed::Ours(head) } else { Committed::Theirs(head) })
            }
        }
    }

    /// The header of an epoch, if it is committed.
    pub(super) async fn header(&self, key: &str) -> Result<Option<Header>, Error> {
        match head_with(&self.patience, &*self.store, key).await? {
            Some(bytes) => header_of(&*self.store, key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Puts the dead letters of one attempt. They exist only once a committed epoch names them.
    async fn put_dead(&self, partition: &Partition, head: &Head, nonce: &str, lines: JsonLines) -> Result<Dead, Error> {
        let key = keys::dead(partition, head.n, head.from.as_ref(), nonce, Encoding::JsonLines.ext());
        let dead = Dead { key, letters: lines.lines() };
        let about = serde_json::json!({ "schema": SCHEMA, "partition": partition, "n": head.n, "nonce": nonce });
        let body = Bytes::from(lines.finish(about.to_string().as_bytes())?);
        let about = About { content_type: Encoding::JsonLines.content_type(), metadata: Vec::new() };
        let put = || self.store.put_if_absent(&dead.key, body.clone(), &about);
        self.patience.retried(&dead.key, put).await?;
        Ok(dead)
    }

    /// Puts the state behind an epoch where it does not fit into the header. It exists only once a committed epoch names it.
    async fn put_state(&self, partition: &Partition, n: u64, unsaved: Unsaved) -> Result<SavedState, Error> {
        let fits_inline = unsaved.fits_inline();
        let Unsaved { version, json } = unsaved;
        if fits_inline {
            return Ok(SavedState { version, at: StateAt::Inline(json) });
        }
        let sha256 = saved::hash(json.as_bytes());
        let key = keys::state(partition, n, &sha256);
        let body = Bytes::from(json);
        let put = || self.store.put_if_absent(&key, body.clone(), &JSON);
        self.patience.retried(&key, put).await?;
        Ok(SavedState { version, at: StateAt::Object { key, sha256 } })
    }

    /// Whether an epoch with rows is to lie under a newer key: those who look for what is new look into the present hour
    /// and the one before.
    pub(super) fn is_old(&self, head: &Head) -> bool {
        let before = Hour::of(self.now() - TimeDelta::hours(1));
        Hour::of_key(&head.key).is_some_and(|hour| hour < before)
    }

    /// The hour of the epoch behind `head`. It never goes back, so that listings of new hours show all that is new.
    fn hour_behind(&self, head: &Head, last_arrival: Option<DateTime<Utc>>, committed: DateTime<Utc>) -> Hour {
        let latest = Hour::of(last_arrival.map_or(committed, |arrival| arrival.max(committed)));
        Hour::of_key(&head.key).map_or_else(|| latest.clone(), |before| before.max(latest.clone()))
    }

    pub(super) fn place(&self, key: &str) -> String {
        place(&*self.store, key)
    }

    fn unwritable(&self, key: &str, error: serde_json::Error) -> Error {
        Error::new(ErrorKind::Invalid, "the ledger's own data cannot be written as JSON")
            .at(self.place(key))
            .because(error)
    }
}
