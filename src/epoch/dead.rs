//! [`DeadLetters`]: where an epoch keeps the records that it cannot use.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use futures::Sink;
use serde::{Deserialize, Serialize};

use super::budget::Held;
use super::format::JsonLines;
use crate::codec::{MAX_RECORD, Undecodable};
use crate::{Error, Layout, Origin, Partition, Position, Record, RecordParts};

/// A record that could not be used, and why.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The record as its source gave it.
    pub record: Record,
    /// On which line of a file it begins.
    pub line: Option<u64>,
    /// What was wrong with it, for people.
    pub reason: String,
}

impl From<Undecodable> for DeadLetter {
    fn from(undecodable: Undecodable) -> Self {
        let line = undecodable.line();
        let (record, reason) = undecodable.into_parts();
        Self { record, line, reason: reason.to_string() }
    }
}

/// So that a closure can give a letter boxed: one is large beside what a record becomes when it is good.
impl From<Box<Self>> for DeadLetter {
    fn from(letter: Box<Self>) -> Self {
        *letter
    }
}

/// A line of the object that holds an epoch's dead letters: all that it takes to send the record once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLine {
    /// The partition of the record.
    pub partition: Partition,
    /// Its position.
    pub position: Position,
    /// On which line of a file it begins; unset if it is from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The key that put it into its partition; empty where the source has none.
    #[serde(default, skip_serializing_if = "CompactString::is_empty")]
    pub key: CompactString,
    /// When it arrived at its source.
    pub arrived: DateTime<Utc>,
    /// How its bytes are to be read. An object says so in its first line, and again only where it changes;
    /// [`dead_letters`](super::dead_letters) gives it with every line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What was wrong with it.
    pub reason: String,
    /// Its bytes, if they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its bytes in base64, if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether these are only its first bytes: it is longer than [`MAX_RECORD`], and stands whole in its file alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl DeadLine {
    fn new(DeadLetter { record, line, reason }: DeadLetter, layout: Option<Layout>) -> Self {
        let RecordParts { origin, position, arrived, key, data } = record.into_parts();
        let text = str::from_utf8(&data).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(&data));
        let cut = matches!(origin.layout, Layout::Delimited { .. }) && data.len() > MAX_RECORD;
        let partition = origin.partition.clone();
        Self { partition, position, line, key, arrived, layout, reason, text, base64, cut }
    }
}

/// The dead letters of one epoch: a sink for [`Flow::dead_letters`](crate::Flow::dead_letters).
///
/// They are held, compressed, until the epoch is committed; then they are put into one object under `_dead/`, which the
/// epoch's header names. If the epoch is not committed, they do not exist: its records are read again.
///
/// Takes [`DeadLetter`]s and what can be made into them, such as the error of
/// [`EventDecoder::decode`](crate::codec::EventDecoder::decode).
#[derive(Clone, Default)]
pub struct DeadLetters(Arc<Mutex<Letters>>);

#[derive(Default)]
struct Letters {
    lines: Option<JsonLines>,
    /// Whose layout was written last.
    origin: Option<Arc<Origin>>,
    held: Held,
}

impl Letters {
    fn push(&mut self, letter: DeadLetter) -> Result<(), Error> {
        let origin = Arc::clone(letter.record.origin());
        let said = self.origin.as_ref().is_some_and(|last| Arc::ptr_eq(last, &origin) || last.layout == origin.layout);
        let line = DeadLine::new(letter, (!said).then(|| origin.layout.clone()));
        let lines = self.lines.get_or_insert_with(JsonLines::new);
        lines.push(&line)?;
        self.held.set(lines.held());
        self.origin = Some(origin);
        Ok(())
    }
}

impl DeadLetters {
    /// A place for those of an epoch that takes from a budget.
    pub(super) fn within(held: Held) -> Self {
        Self(Arc::new(Mutex::new(Letters { held, ..Letters::default() })))
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// If it cannot be compressed.
    pub fn push(&self, letter: impl Into<DeadLetter>) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter.into())
    }

    /// What has come so far.
    pub(super) fn take(&self) -> Option<JsonLines> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).lines
    }
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters").finish_non_exhaustive()
    }
}

impl<L: Into<DeadLetter>> Sink<L> for DeadLetters {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, letter: L) -> Result<(), Error> {
        self.push(letter)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}
