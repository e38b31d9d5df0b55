//! [`DeadMessage`]: what a sink cannot deliver, however often it tries.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::Sink;
use serde::Serialize;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::{Error, ErrorKind, Message};

/// A message that the other side would never take, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadMessage {
    /// The message as it was given to the sink.
    pub message: Message,
    /// What was wrong with it, for people.
    pub reason: String,
}

/// A sink for [`DeadMessage`]s whose type need not be named.
pub type DeadSink = Pin<Box<dyn Sink<DeadMessage, Error = Error> + Send>>;

/// A line of a file of dead messages.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Appends dead messages to a file, which is made if need be: a JSON object on each line, with `key`, `reason`, and the
/// message's bytes as `text`, or as `base64` where they are not UTF-8.
///
/// A message is on the disk when the sink is ready again; one is held at a time.
///
/// # Errors
///
/// If the file cannot be opened for appending. The sink fails if it cannot be written.
pub async fn dead_file(path: impl Into<PathBuf> + Send) -> Result<DeadSink, Error> {
    let path = path.into();
    let place: Arc<str> = path.display().to_string().into();
    let file = OpenOptions::new().create(true).append(true).open(&path).await;
    let file = file.map_err(|error| {
        Error::new(kind(&error), "the file for dead messages cannot be opened")
            .at(&*place)
            .cure("name a file in a directory that is there and can be written")
            .because(error)
    })?;
    Ok(Box::pin(futures::sink::unfold(file, move |mut file, dead: DeadMessage| {
        let place = Arc::clone(&place);
        async move {
            let written = append(&mut file, &dead).await;
            written.map(|()| file).map_err(|error| {
                Error::new(kind(&error), "a dead message cannot be kept")
                    .at(&*place)
                    .cure("make room on the disk, or name another file")
                    .because(error)
            })
        }
    })))
}

fn kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    }
}

async fn append(file: &mut File, DeadMessage { message, reason }: &DeadMessage) -> io::Result<()> {
    let text = str::from_utf8(&message.data).ok();
    let base64 = text.is_none().then(|| STANDARD.encode(&message.data));
    let mut line = serde_json::to_vec(&Line { key: &message.key, reason, text, base64 })?;
    line.push(b'\n');
    file.write_all(&line).await?;
    file.flush().await?;
    file.sync_data().await
}
