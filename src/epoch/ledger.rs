//! [`Ledger`]: the chain of committed epochs of each partition, in an object store.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::gzip::{self, GzipLines};
use super::header::{Dead, Gap, Header, Root, SCHEMA, parse};
use super::keys::{self, Hour};
use super::records::Taken;
use super::retry::retried;
use crate::source::{Source, Start};
use crate::store::{About, Put, Store};
use crate::{Error, ErrorKind, Partition, Position};

/// The extension of objects with JSON lines, compressed with gzip.
const EXT: &str = "jsonl.gz";

const CONTENT_TYPE: &str = "application/gzip";

/// The results of one pipeline in one store, which count every record exactly once.
///
/// Each epoch is one object: its rows, and in its gzip header where it begins and ends. Writing it, if there is none
/// under its key, is the commit. So an epoch is there whole or not at all, two workers cannot both commit it, and the
/// objects themselves say where to go on.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Arc<dyn Store>,
    pipeline: Arc<str>,
    version: u32,
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
}

impl Head {
    fn behind(header: Header) -> Self {
        let seen = header.tip.max(header.last_arrival).max(header.gap.map(|gap| gap.until));
        Self { n: header.n + 1, key: header.next, from: header.to, end: header.end, seen }
    }

    /// Where the source is to be read for the next epoch.
    pub(super) fn start(&self, root: &Root, partition: &Partition) -> Start {
        self.from.clone().map_or_else(|| root.start_of(partition), Start::After)
    }
}

/// What an epoch came to.
pub(super) struct Outcome {
    pub(super) taken: Taken,
    pub(super) rows: GzipLines,
    pub(super) dead: Option<GzipLines>,
    pub(super) end: bool,
    pub(super) tip: Option<DateTime<Utc>>,
    pub(super) gap: Option<Gap>,
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
        Self { store, pipeline: pipeline.into(), version: 1 }
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

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The root, made now if there is none.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) if the ledger was made for another pipeline, format or source;
    /// [`Invalid`](ErrorKind::Invalid) if the store does not keep to put-if-absent, which is tried when the root is made.
    pub(super) async fn open(&self, source: &dyn Source) -> Result<Root, Error> {
        let root = match self.root().await? {
            Some(root) => root,
            None => self.make_root(source).await?,
        };
        self.check(&root)?;
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

    async fn make_root(&self, source: &dyn Source) -> Result<Root, Error> {
        let has_epochs = !retried(|| self.store.list_after("dt=", None)).await?.is_empty();
        if has_epochs && self.root().await?.is_none() {
            // Nothing says any more where their chains begin: a new root would begin others beside them.
            return Err(Error::new(ErrorKind::Conflict, "this sink has epochs, and the ledger's root of them is gone")
                .at(self.place(keys::ROOT))
                .cure("restore that object, or choose an empty prefix or directory"));
        }
        // First the instant at which partitions begin, then which there are: one that appears in between is among them.
        let described = source.describe().await?;
        let listed = source.partitions().await?;
        let root = Root {
            schema: SCHEMA,
            pipeline: self.pipeline.to_string(),
            format: EXT.to_owned(),
            source: described,
            partitions: listed.into_iter().map(|listed| listed.partition).collect(),
            created: Utc::now(),
        };
        let json = serde_json::to_vec_pretty(&root).map_err(|error| self.unwritable(keys::ROOT, error))?;
        let about = About { content_type: "application/json", metadata: Vec::new() };
        let body = Bytes::from(json);
        retried(|| self.store.put_if_absent(keys::ROOT, body.clone(), &about)).await?;
        // A server that ignores the condition says that it was created, each time: then two workers would
        // overwrite each other's epochs. It is the same root, unless another worker was first.
        if retried(|| self.store.put_if_absent(keys::ROOT, body.clone(), &about)).await? != Put::Exists {
            let what = "this store overwrites what it is told to put only if it is absent";
            return Err(Error::new(ErrorKind::Invalid, what)
                .at(self.place(keys::ROOT))
                .cure("use a server with conditional writes (If-None-Match), and an empty prefix"));
        }
        // Whoever was first: what is there counts.
        self.root().await?.ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, "the ledger's root was written, and is not there")
                .at(self.place(keys::ROOT))
                .cure("check whether something else deletes objects there")
        })
    }

    async fn root(&self) -> Result<Option<Root>, Error> {
        match retried(|| self.store.get(keys::ROOT)).await? {
            Some(json) => parse("the ledger's root", &self.place(keys::ROOT), &json).map(Some),
            None => Ok(None),
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
        if root.format != EXT {
            return conflict(format!("this sink has results in the format {:?}, not {EXT:?}", root.format));
        }
        Ok(())
    }

    /// The first epoch of a partition. Its key follows from the root alone: what else could be asked, the partitions
    /// that it came from, is listed no more some day, and then the chain would begin a second time under another key.
    pub(super) fn first(&self, root: &Root, partition: &Partition) -> Head {
        let hour = Hour::of(root.created);
        Head { n: 0, key: keys::epoch(&hour, partition, 0, None, EXT), from: None, end: false, seen: None }
    }

    /// Follows a partition's chain from its first epoch to its end, reading headers only.
    pub(super) async fn walk(&self, partition: &Partition, first: Head) -> Result<Head, Error> {
        let mut head = first;
        while !head.end
            && let Some(header) = self.header(&head.key).await?
        {
            head = self.follow(partition, &head, header)?;
        }
        Ok(head)
    }

    /// What comes behind a committed epoch, if that is the one that the chain leads to.
    fn follow(&self, partition: &Partition, head: &Head, header: Header) -> Result<Head, Error> {
        let next = Hour::of_key(&header.next)
            .map(|hour| keys::epoch(&hour, partition, header.n.saturating_add(1), header.to.as_ref(), EXT));
        let leads_on = next.as_ref() == Some(&header.next);
        if header.partition != *partition || header.n != head.n || header.from != head.from || !leads_on {
            return Err(Error::new(ErrorKind::Invalid, "this object does not continue the chain that leads to it")
                .at(self.place(&head.key))
                .cure("the ledger was tampered with: restore it, or begin with another sink"));
        }
        Ok(Head::behind(header))
    }

    /// Writes an epoch, if nobody else has.
    pub(super) async fn commit(
        &self,
        partition: &Partition,
        head: &Head,
        outcome: Outcome,
    ) -> Result<Committed, Error> {
        let Outcome { taken, rows, dead, end, tip, gap } = outcome;
        let nonce = format!("{:032x}", rand::random::<u128>());
        let committed = Utc::now();
        let dead = match dead {
            Some(lines) => Some(self.put_dead(partition, head, &nonce, lines).await?),
            None => None,
        };
        let to = taken.to.or_else(|| head.from.clone());
        let n = head.n + 1;
        let hour = self.hour_behind(head, taken.last_arrival, committed);
        let header = Header {
            schema: SCHEMA,
            pipeline: self.pipeline.to_string(),
            version: self.version,
            partition: partition.clone(),
            n: head.n,
            from: head.from.clone(),
            next: keys::epoch(&hour, partition, n, to.as_ref(), EXT),
            to,
            nonce,
            records: taken.records,
            rows: rows.lines(),
            dead,
            end,
            gap,
            last_arrival: taken.last_arrival,
            tip,
            committed,
        };
        let json = serde_json::to_vec(&header).map_err(|error| self.unwritable(&head.key, error))?;
        let body = Bytes::from(rows.finish(&json)?);
        let text = |position: &Option<Position>| position.as_ref().map_or_else(String::new, Position::to_string);
        let about = About {
            content_type: CONTENT_TYPE,
            metadata: vec![
                ("n", header.n.to_string()),
                ("from", text(&header.from)),
                ("to", text(&header.to)),
                ("next", header.next.clone()),
                ("nonce", header.nonce.clone()),
            ],
        };
        match retried(|| self.store.put_if_absent(&head.key, body.clone(), &about)).await? {
            Put::Created => Ok(Committed::Ours(Head::behind(header))),
            Put::Exists => {
                // Ours, if an earlier attempt got through and only its answer was lost.
                let winner = self.header(&head.key).await?.ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, "the key of the next epoch is taken, and has no object")
                        .at(self.place(&head.key))
                        .cure("check whether something else writes or deletes objects there")
                })?;
                let ours = winner.nonce == header.nonce;
                let head = self.follow(partition, head, winner)?;
                Ok(if ours { Committed::Ours(head) } else { Committed::Theirs(head) })
            }
        }
    }

    /// The header of an epoch, if it is committed.
    async fn header(&self, key: &str) -> Result<Option<Header>, Error> {
        let Some(object) = retried(|| self.store.get_head(key, gzip::HEAD)).await? else { return Ok(None) };
        header_of(&*self.store, key, &object).map(Some)
    }

    /// Puts the dead letters of one attempt. They exist only once a committed epoch names them.
    async fn put_dead(&self, partition: &Partition, head: &Head, nonce: &str, lines: GzipLines) -> Result<Dead, Error> {
        let key = keys::dead(partition, head.n, head.from.as_ref(), nonce, EXT);
        let dead = Dead { key, letters: lines.lines() };
        let about = serde_json::json!({ "schema": SCHEMA, "partition": partition, "n": head.n, "nonce": nonce });
        let body = Bytes::from(lines.finish(about.to_string().as_bytes())?);
        let about = About { content_type: CONTENT_TYPE, metadata: Vec::new() };
        retried(|| self.store.put_if_absent(&dead.key, body.clone(), &about)).await?;
        Ok(dead)
    }

    /// The hour of the epoch behind `head`. It never goes back, so that listings of new hours show all that is new.
    fn hour_behind(&self, head: &Head, last_arrival: Option<DateTime<Utc>>, committed: DateTime<Utc>) -> Hour {
        let latest = Hour::of(last_arrival.map_or(committed, |arrival| arrival.max(committed)));
        Hour::of_key(&head.key).map_or_else(|| latest.clone(), |before| before.max(latest.clone()))
    }

    fn place(&self, key: &str) -> String {
        place(&*self.store, key)
    }

    fn unwritable(&self, key: &str, error: serde_json::Error) -> Error {
        Error::new(ErrorKind::Invalid, "the ledger's own data cannot be written as JSON")
            .at(self.place(key))
            .because(error)
    }
}

/// The header of an epoch, from its object's first bytes.
pub(super) fn header_of(store: &dyn Store, key: &str, object: &[u8]) -> Result<Header, Error> {
    let json = gzip::header(object).ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "this object is no epoch: it has no header")
            .at(place(store, key))
            .cure("something else has written it: choose another sink, or remove the object")
    })?;
    parse("the header of an epoch", &place(store, key), json)
}

fn place(store: &dyn Store, key: &str) -> String {
    format!("{}, {key}", store.uri())
}
