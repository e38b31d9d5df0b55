//! [`DeadLetters`]: where an epoch keeps the records that it cannot use.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures::Sink;
use serde::{Deserialize, Serialize};

use super::gzip::GzipLines;
use crate::codec::Undecodable;
use crate::{Error, Partition, Position, Record};

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

/// A line of the object that holds an epoch's dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLine {
    /// The partition of the record.
    pub partition: Partition,
    /// Its position.
    pub position: Position,
    /// On which line of a file it begins; unset if it is from none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// When it arrived at its source.
    pub arrived: DateTime<Utc>,
    /// What was wrong with it.
    pub reason: String,
    /// Its bytes, if they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its bytes in base64, if they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

impl From<DeadLetter> for DeadLine {
    fn from(DeadLetter { record, line, reason }: DeadLetter) -> Self {
        let text = str::from_utf8(&record.data).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(&record.data));
        let Record { origin, position, arrived, .. } = record;
        Self { partition: origin.partition.clone(), position, line, arrived, reason, text, base64 }
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
pub struct DeadLetters(Arc<Mutex<Option<GzipLines>>>);

impl DeadLetters {
    /// Adds one.
    ///
    /// # Errors
    ///
    /// If it cannot be compressed.
    pub fn push(&self, letter: impl Into<DeadLetter>) -> Result<(), Error> {
        let line = DeadLine::from(letter.into());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get_or_insert_with(GzipLines::new).push(&line)
    }

    /// What has come so far.
    pub(super) fn take(&self) -> Option<GzipLines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
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
