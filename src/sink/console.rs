//! [`ConsoleSink`]: messages as lines of text.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;
use pin_project::pin_project;
use tokio::io::{AsyncWrite, Stdout};

use crate::uri::Uri;
use crate::{Error, ErrorKind, Message};

/// How many bytes wait to be written before the sink holds its caller back.
const BUFFER: usize = 64 * 1024;

/// Writes each message as a line, to standard output or to any other writer: JSON lines, if the messages are JSON.
///
/// A line's end inside a message is written as a space, so that a message stays one line; in JSON that changes
/// nothing. Lines are written when 64 KiB of them wait, or when the sink is flushed; the sink holds that and one message.
/// Closing it flushes, and shuts the writer down.
///
/// Messages that were not flushed when the program stops are lost: at most once across a crash.
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch::Message;
/// use anabranch::sink::ConsoleSink;
/// use futures::SinkExt;
///
/// let mut sink = ConsoleSink::new(Vec::new());
/// sink.send(Message { key: "UA".into(), data: "{\"type\":\"UA\"}".into() }).await?;
/// assert_eq!(sink.into_inner(), b"{\"type\":\"UA\"}\n");
/// # Ok::<(), anabranch::Error>(())
/// # }).unwrap();
/// ```
#[must_use = "sinks do nothing unless polled"]
#[pin_project]
pub struct ConsoleSink<W = Stdout> {
    #[pin]
    writer: W,
    buffer: Vec<u8>,
    /// How much of `buffer` is written.
    written: usize,
    /// How many messages came since the last flush was done.
    unconfirmed: usize,
    closing: bool,
}

impl ConsoleSink {
    /// A sink that writes to standard output.
    pub fn stdout() -> Self {
        Self::new(tokio::io::stdout())
    }

    pub(super) fn from_uri(uri: Uri<'_>) -> Result<Self, Error> {
        if !uri.place.is_empty() {
            return Err(uri.wrong("console: names no place", "write console: alone"));
        }
        uri.finish(&[])?;
        Ok(Self::stdout())
    }
}

impl<W> ConsoleSink<W> {
    /// A sink that writes to `writer`.
    pub const fn new(writer: W) -> Self {
        Self { writer, buffer: Vec::new(), written: 0, unconfirmed: 0, closing: false }
    }

    /// The writer. What was not flushed is lost.
    pub fn into_inner(self) -> W {
        self.writer
    }
}

impl<W: AsyncWrite> ConsoleSink<W> {
    fn poll_write_all(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut this = self.project();
        while *this.written < this.buffer.len() {
            match ready!(this.writer.as_mut().poll_write(cx, &this.buffer[*this.written..])) {
                Ok(0) => return Poll::Ready(Err(failure(io::ErrorKind::WriteZero.into(), *this.unconfirmed))),
                Ok(bytes) => *this.written += bytes,
                Err(error) => return Poll::Ready(Err(failure(error, *this.unconfirmed))),
            }
        }
        this.buffer.clear();
        *this.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite> Sink<Message> for ConsoleSink<W> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.buffer.len() < BUFFER { Poll::Ready(Ok(())) } else { self.poll_write_all(cx) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.project();
        let line = this.buffer.len();
        this.buffer.extend_from_slice(&message.data);
        for byte in this.buffer[line..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')) {
            *byte = b' ';
        }
        this.buffer.push(b'\n');
        *this.unconfirmed += 1;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.as_mut().poll_write_all(cx))?;
        let this = self.project();
        let flushed = ready!(this.writer.poll_flush(cx));
        flushed.map_err(|error| failure(error, *this.unconfirmed))?;
        *this.unconfirmed = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.closing {
            ready!(self.as_mut().poll_flush(cx))?;
            *self.as_mut().project().closing = true;
        }
        let this = self.project();
        this.writer.poll_shutdown(cx).map_err(|error| failure(error, 0))
    }
}

impl<W: fmt::Debug> fmt::Debug for ConsoleSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleSink")
            .field("writer", &self.writer)
            .field("buffered", &(self.buffer.len() - self.written))
            .field("unconfirmed", &self.unconfirmed)
            .finish_non_exhaustive()
    }
}

fn failure(error: io::Error, unconfirmed: usize) -> Error {
    let lost = match unconfirmed {
        0 => String::new(),
        1 => " with 1 message not delivered".to_owned(),
        many => format!(" with up to {many} messages not delivered"),
    };
    let (kind, what, cure) = match error.kind() {
        io::ErrorKind::BrokenPipe => (
            ErrorKind::NotFound,
            "the program that read the output has ended",
            "keep it running until this one has ended",
        ),
        _ => (ErrorKind::Unavailable, "the output cannot be written", "see that there is room where it goes"),
    };
    Error::new(kind, format!("{what}{lost}")).at("console").cure(cure).because(error)
}
