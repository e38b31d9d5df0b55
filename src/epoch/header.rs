//! [`Root`] and [`Header`]: what the ledger writes about itself. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::saved::SavedState;
use crate::source::{Description, Start};
use crate::{Error, ErrorKind, Partition, Position};

/// The form of roots and headers; another one is refused.
pub(super) const SCHEMA: u32 = 1;

/// What a ledger was made for. Written once, under `_ledger/root`, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// The form of this object.
    pub schema: u32,
    /// Whose results these are.
    pub pipeline: String,
    /// How they are written: the extension of their objects.
    pub format: String,
    /// Where they come from.
    pub source: Description,
    /// The partitions that the source had then. They start where the source says; later ones at their beginning.
    pub partitions: Vec<Partition>,
    /// When it was made, by this machine's clock.
    pub created: DateTime<Utc>,
    /// Where another ledger stood that this one goes on from, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// Where another ledger of the same source, or another application, stood when this one was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// The URI of its store, or of the table of leases.
    pub from: String,
    /// The ends of its chains.
    pub ends: Vec<ChainEnd>,
}

/// The end of another ledger's chain: its partition is read from there on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEnd {
    /// The partition.
    pub partition: Partition,
    /// The last position that it counted; unset if the partition had no record.
    pub to: Option<Position>,
    /// Until when nothing of the partition was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<DateTime<Utc>>,
    /// Whether the partition is closed for good behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
}

impl Root {
    /// Where the other ledger's chain of a partition ended.
    pub(super) fn imported_end(&self, partition: &Partition) -> Option<&ChainEnd> {
        self.imported.as_ref()?.ends.iter().find(|end| end.partition == *partition)
    }

    pub(super) fn start_of(&self, partition: &Partition) -> Start {
        if self.partitions.contains(partition) { self.source.start.clone() } else { Start::Beginning }
    }
}

/// What a committed epoch says of itself, in the very object that holds its output.
///
/// A program that meets a field that it does not know refuses the ledger: the field may mean that it would count wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The form of this header.
    pub schema: u32,
    /// Whose result this is, and of which version of the pipeline.
    pub pipeline: String,
    /// The pipeline's version.
    pub version: u32,
    /// The partition.
    pub partition: Partition,
    /// The epoch's number in its partition, from zero.
    pub n: u64,
    /// The epoch begins behind this position; unset for the start of the partition.
    pub from: Option<Position>,
    /// The epoch ends with this position; unset if the partition has not had a record yet.
    pub to: Option<Position>,
    /// The key of the next epoch.
    pub next: String,
    /// Tells two attempts at one epoch apart.
    pub nonce: String,
    /// How many records the epoch has.
    pub records: u64,
    /// How many rows came of them.
    pub rows: u64,
    /// Where its dead letters are, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<Dead>,
    /// What its pipeline keeps of all records up to the end of this epoch, if it keeps a state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SavedState>,
    /// Whether the partition is closed behind this epoch, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
    /// What was lost before it could be read, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// When the last of the epoch's records arrived at its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_arrival: Option<DateTime<Utc>>,
    /// When the partition had nothing behind this epoch, by its source's clock, or this machine's if it has none; unset if it
    /// had, or if its source cannot tell. Whether records were lost since then can be told from it. An epoch without records
    /// says at least what was known before it: then or later, nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip: Option<DateTime<Utc>>,
    /// When it was written, by this machine's clock.
    pub committed: DateTime<Utc>,
}

/// A span of time from which records of a partition may be lost: its source had them no more when they were to be read.
/// An epoch that met several has one span over all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Until then nothing was lost: the last arrival or the last time at the tip that the chain knows of; unset if it has
    /// neither.
    pub after: Option<DateTime<Utc>>,
    /// Nothing that arrived from then on was lost: the arrival of the oldest record that the source still had, or since when
    /// it kept all. For a partition that was gone, when that was seen.
    pub until: DateTime<Utc>,
}

/// The dead letters of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    /// The key of the object that has them.
    pub key: String,
    /// How many there are.
    pub letters: u64,
}

/// What a root or a header of any form begins with.
#[derive(Deserialize)]
struct Form {
    schema: u32,
}

/// The form of a root or a header, if it is a later one than this program knows.
pub(super) fn newer_form(json: &[u8]) -> Option<u32> {
    serde_json::from_slice(json).ok().map(|Form { schema }| schema).filter(|schema| *schema > SCHEMA)
}

/// Reads a root or a header, which name their form first.
pub(super) fn parse<'a, T: Deserialize<'a>>(what: &str, key: &str, json: &'a [u8]) -> Result<T, Error> {
    let wrong = |error| {
        Error::new(ErrorKind::Invalid, format!("{what} cannot be read"))
            .at(key)
            .cure("it is of a newer version of this program, or of something else: use that version, or choose another sink")
            .because(error)
    };
    let Form { schema } = serde_json::from_slice(json).map_err(wrong)?;
    if schema != SCHEMA {
        return Err(Error::new(ErrorKind::Invalid, format!("{what} has form {schema}, this program knows {SCHEMA}"))
            .at(key)
            .cure("use the version of the program that wrote it, or a newer one"));
    }
    serde_json::from_slice(json).map_err(wrong)
}
