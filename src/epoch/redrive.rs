//! [`Redrive`]: the dead letters of a ledger's committed epochs, as a source of the records that they were.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use futures::{TryStreamExt as _, stream};

use super::committed::{dead_letters, keys};
use super::dead::DeadLine;
use super::format::{Encoding, Found};
use super::header::{Header, Root};
use super::keys::{self as names, DEAD};
use super::ledger::{Head, Ledger};
use super::objects::{head, place};
use crate::source::{Batch, Description, Listed, Source, Start};
use crate::store::Store;
use crate::{BoxFlow, Counter, Error, ErrorKind, FlowExt, Origin, Partition, Position, Record, RecordParts};

/// The dead letters of each chain, in order, as the records of a partition that [`Partition::redriven`] names. The position
/// of a letter is the number of its epoch, and its index there.
///
/// Only letters that were written before it was made are read, so it ends. Letters of one epoch are held at a time, for
/// each partition.
#[derive(Debug)]
pub(super) struct Redrive {
    ledger: Ledger,
    root: Root,
    chains: HashMap<Partition, Letters>,
    /// Letters that are not whole.
    cut: Counter,
}

/// The letters of one chain.
#[derive(Clone, Debug)]
struct Letters {
    /// Whose they are.
    of: Partition,
    /// The last epoch that may have some.
    last: u64,
}

impl Redrive {
    /// Looks for the partitions that have dead letters.
    pub(super) async fn new(ledger: Ledger, root: Root, cut: Counter) -> Result<Self, Error> {
        let store = Arc::clone(ledger.store());
        let mut folders = BTreeMap::<String, Letters>::new();
        let mut listing = keys(Arc::clone(&store), DEAD);
        while let Some(key) = listing.try_next().await? {
            let Some((folder, n)) = names::of_dead(&key) else { continue };
            if let Some(letters) = folders.get_mut(folder) {
                letters.last = letters.last.max(n);
            } else if let Some(of) = whose(&*store, &key).await?.filter(|of| names::escape(of) == folder) {
                folders.insert(folder.to_owned(), Letters { of, last: n });
            }
        }
        let chains = folders.into_values().map(|letters| (letters.of.redriven(), letters)).collect();
        Ok(Self { ledger, root, chains, cut })
    }
}

/// The partition of which an object has dead letters; none if it is something else.
async fn whose(store: &dyn Store, key: &str) -> Result<Option<Partition>, Error> {
    #[derive(serde::Deserialize)]
    struct Of {
        partition: Partition,
    }
    let Some(object) = head(store, key).await? else { return Ok(None) };
    let Found::Header(json) = Encoding::JsonLines.header(&object) else { return Ok(None) };
    Ok(serde_json::from_slice(&json).ok().map(|Of { partition }| partition))
}

impl Source for Redrive {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        Box::pin(async { Ok(self.root.source.clone()) })
    }

    fn recognise<'a>(&'a self, _: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        let listed = |partition: &Partition| Listed {
            partition: partition.clone(),
            parents: Vec::new(),
            gone: Vec::new(),
            keys: None,
        };
        Box::pin(async move { Ok(self.chains.keys().map(listed).collect()) })
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let Some(letters) = self.chains.get(partition).cloned() else { return stream::empty().try_into_flow().boxed() };
        let after = if let Start::After(position) = start { Some(position) } else { None };
        let reading = Reading {
            ledger: self.ledger.clone(),
            head: Head::first(&self.root, &letters.of),
            letters,
            partition: partition.clone(),
            after,
            cut: self.cut.clone(),
        };
        let batches = stream::try_unfold(reading, |mut reading| async move {
            Ok::<_, Error>(reading.next().await?.map(|batch| (batch, reading)))
        });
        batches.try_into_flow().boxed()
    }
}

/// A chain whose dead letters are being read.
struct Reading {
    ledger: Ledger,
    letters: Letters,
    head: Head,
    partition: Partition,
    after: Option<Position>,
    cut: Counter,
}

impl Reading {
    /// The letters of the next epoch that has some which have not been read.
    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        while !self.head.end && self.head.n <= self.letters.last {
            let Some(header) = self.ledger.header(&self.head.key).await? else {
                if self.head.n == self.letters.last {
                    break;
                }
                return Err(Error::new(ErrorKind::NotFound, "an epoch is gone that comes before dead letters")
                    .at(self.ledger.place(&self.head.key))
                    .cure("restore that object from a copy: look for more of its kind with `verify`"));
            };
            self.head = self.ledger.follow(&self.letters.of, &self.head, &header)?;
            let done = self.after.as_ref().and_then(Position::major).is_some_and(|done| header.n < done);
            if header.dead.is_none() || done {
                continue;
            }
            let records = self.records(&header).await?;
            if !records.is_empty() {
                return Ok(Some(Batch { records: records.into(), ..Batch::default() }));
            }
        }
        Ok(None)
    }

    async fn records(&self, header: &Header) -> Result<Vec<Record>, Error> {
        let store = &**self.ledger.store();
        let lines = dead_letters(store, header).await?;
        let (mut records, mut cut) = (Vec::new(), 0);
        let mut origin: Option<Arc<Origin>> = None;
        for (index, line) in (0..).zip(lines) {
            let position = Position::new(header.n, index);
            if self.after.as_ref().is_some_and(|after| position <= *after) {
                continue;
            }
            if line.cut {
                cut += 1;
                continue;
            }
            let key = header.dead.as_ref().map_or("", |dead| &dead.key);
            let damaged =
                |what: &str| Error::new(ErrorKind::Invalid, what).at(place(store, key)).cure("restore it from a copy");
            let DeadLine { key, arrived, layout, text, base64, .. } = line;
            let data = match (text, base64) {
                (Some(text), _) => text.into(),
                (None, Some(base64)) => STANDARD
                    .decode(base64)
                    .map_err(|error| damaged("a dead letter is no base64").because(error))?
                    .into(),
                (None, None) => return Err(damaged("a dead letter has no bytes")),
            };
            let layout = layout.ok_or_else(|| damaged("a dead letter does not say how it is to be read"))?;
            let known = origin.as_ref().filter(|origin| origin.layout == layout).map(Arc::clone);
            let of = known.unwrap_or_else(|| Arc::new(Origin { partition: self.partition.clone(), layout }));
            origin = Some(Arc::clone(&of));
            records.push(RecordParts { data, origin: of, position, arrived, key }.into());
        }
        if cut > 0 {
            self.cut.add(cut);
            tracing::warn!(
                partition = %self.letters.of, epoch = header.n, letters = cut,
                "dead letters are left out: only their first bytes are kept, they stand whole in their file alone"
            );
        }
        Ok(records)
    }
}
