//! [`KinesisSink`]: messages into an Amazon Kinesis data stream.
//!
//! **Guarantee**: at least once. A message counts as delivered when Kinesis has accepted it, entry by entry; entries that
//! it turned away are sent again, alone. One whose answer was lost is sent again too, and may then be there twice.
//! **Order**: none is promised, not even within a key: entries of one request may be taken in any order, several
//! requests are on their way at once, and what was turned away comes later.
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | 500 records and 5 MiB a request | requests are cut to it |
//! | a record with its key: 1 MiB, or what the stream says | a larger one is refused before it is sent |
//! | a key of 1 to 256 characters | any other is refused before it is sent |
//! | 1 MB and 1,000 records a second and shard | entries turned away wait, with full jitter, for as long as it takes |
//!
//! A refused message is an error of that one `start_send` alone: the sink goes on. Any other error is final.
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:PutRecords`.
//!
//! | setting | default | |
//! |---|---|---|
//! | [`linger`](KinesisSinkBuilder::linger) | 100 ms | how long a message may wait for others to fill its request |
//! | [`in_flight`](KinesisSinkBuilder::in_flight) | 4 | requests under way at once |
//! | [`patience`](KinesisSinkBuilder::patience) | 5 min | how long an endpoint may be silent before the sink fails |
//! | [`sdk_config`](KinesisSinkBuilder::sdk_config) | environment, profile, machine | region, credentials, endpoint |
//!
//! At most `in_flight + 1` requests' worth of messages are held; then `poll_ready` holds the caller back.
//!
//! ```no_run
//! # async fn example() -> Result<(), anabranch::Error> {
//! use anabranch::sink::kinesis::KinesisSink;
//! use anabranch::Message;
//! use futures::SinkExt;
//!
//! let mut sink = KinesisSink::builder("flights").build().await?;
//! sink.feed(Message { key: "UA".into(), data: r#"{"carrier":"UA"}"#.into() }).await?;
//! sink.close().await?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod client;

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_config::SdkConfig;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Sink, StreamExt};
use rand::rngs::StdRng;
use tokio::time::{Instant, Sleep, sleep_until};

use self::batch::{Batcher, Entry};
use self::client::{Put, StreamWriter};
use crate::aws::kinesis::{StreamClient, StreamName, entry_trouble};
use crate::aws::retry::{self, Class, Retry, Trouble};
use crate::uri::Uri;
use crate::{Error, ErrorKind, Message};

/// A record's largest size where the stream does not say: its own default.
const DEFAULT_RECORD_KIB: i32 = 1_024;
/// A partition key's greatest length in characters.
const MAX_KEY_CHARS: usize = 256;

/// What became of a request: its entries, and for each one why it was turned away, if it was.
type Answered = (Vec<Entry>, Result<Vec<Option<String>>, Trouble>);

/// An Amazon Kinesis data stream as a sink of [`Message`]s.
///
/// Made by [`builder`](Self::builder). Like any [`Sink`] it works only while it is polled. A flush waits for the
/// [`linger`](KinesisSinkBuilder::linger) of what it has to send, since `forward` flushes at each pause of its upstream,
/// and would otherwise make a request of each record; closing waits for nothing.
#[must_use = "sinks do nothing unless polled"]
pub struct KinesisSink {
    kinesis: Arc<dyn Put>,
    batcher: Batcher,
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    max_in_flight: usize,
    max_record: usize,
    timer: Pin<Box<Sleep>>,
    random: StdRng,
    patience: Duration,
    /// Since when nothing was heard from the other side, if calls fail.
    silent_since: Option<Instant>,
    failure: Option<Error>,
}

/// Makes a [`KinesisSink`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct KinesisSinkBuilder {
    stream: String,
    linger: Duration,
    in_flight: usize,
    patience: Duration,
    config: Option<SdkConfig>,
}

impl KinesisSink {
    /// Begins with the stream's name or ARN.
    pub fn builder(stream: impl Into<String>) -> KinesisSinkBuilder {
        KinesisSinkBuilder {
            stream: stream.into(),
            linger: Duration::from_millis(100),
            in_flight: 4,
            patience: retry::PATIENCE,
            config: None,
        }
    }

    pub(super) async fn from_uri(mut uri: Uri<'_>) -> Result<Self, Error> {
        let mut builder = Self::builder(uri.place);
        if let Some(millis) = uri.parsed("linger_ms", "a whole number of milliseconds")? {
            builder = builder.linger(Duration::from_millis(millis));
        }
        uri.finish(&["linger_ms"])?;
        builder.build().await
    }

    fn new(kinesis: Arc<dyn Put>, builder: &KinesisSinkBuilder, max_record: usize, random: StdRng) -> Self {
        Self {
            kinesis,
            batcher: Batcher::new(builder.linger, builder.in_flight),
            in_flight: FuturesUnordered::new(),
            max_in_flight: builder.in_flight,
            max_record,
            timer: Box::pin(sleep_until(Instant::now())),
            random,
            patience: builder.patience,
            silent_since: None,
            failure: None,
        }
    }

    /// Takes answers in and sends requests out, as far as that goes now.
    fn drive(&mut self, cx: &mut Context<'_>, hurry: bool) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        loop {
            while let Poll::Ready(Some((entries, answer))) = self.in_flight.poll_next_unpin(cx) {
                if let Err(error) = self.settle(entries, answer) {
                    let error = self.undelivered(error);
                    self.failure = Some(error.clone());
                    self.in_flight.clear();
                    return Err(error);
                }
            }
            if self.in_flight.len() >= self.max_in_flight {
                return Ok(());
            }
            if let Some(entries) = self.batcher.request(Instant::now(), hurry) {
                let kinesis = Arc::clone(&self.kinesis);
                self.in_flight.push(
                    async move {
                        let answer = kinesis.put(&entries).await;
                        (entries, answer)
                    }
                    .boxed(),
                );
                continue;
            }
            let Some(at) = self.batcher.wake_at() else { return Ok(()) };
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            if self.timer.poll_unpin(cx).is_pending() {
                return Ok(());
            }
        }
    }

    /// Takes in what became of a request.
    fn settle(&mut self, entries: Vec<Entry>, answer: Result<Vec<Option<String>>, Trouble>) -> Result<(), Error> {
        let now = Instant::now();
        let trouble = match answer {
            Ok(verdicts) => {
                self.silent_since = None;
                let place = || self.kinesis.place();
                let fatal = verdicts.iter().flatten().find_map(|code| entry_trouble(code, place));
                self.batcher.answered(entries, &verdicts, now, &mut self.random);
                return fatal.map_or(Ok(()), Err);
            }
            Err(trouble) => trouble,
        };
        self.batcher.failed(entries, now, &mut self.random);
        match trouble.class {
            Class::Busy => self.silent_since = None,
            Class::Unreachable | Class::Unsigned => {
                let since = *self.silent_since.get_or_insert(now);
                if now.duration_since(since) >= self.patience {
                    return Err(trouble.error);
                }
            }
            Class::Stale | Class::Fatal => return Err(trouble.error),
        }
        trouble.log(self.batcher.wake_at().map(|at| at.duration_since(now)).unwrap_or_default());
        Ok(())
    }

    fn undelivered(&self, error: Error) -> Error {
        let held = self.batcher.held();
        let messages = if held == 1 { "message was" } else { "messages were" };
        Error::new(error.kind(), format!("{held} {messages} not delivered")).at(self.kinesis.place()).because(error)
    }

    /// Whether Kinesis would take the message.
    fn check(&self, message: &Message) -> Result<(), Error> {
        let (what, cure) = match message.key.chars().count() {
            0 => ("the partition key is empty".to_owned(), "give each message a key of 1 to 256 characters"),
            chars if chars > MAX_KEY_CHARS => {
                (format!("the partition key has {chars} characters"), "shorten it to 256, or use a hash of it")
            }
            _ => match batch::size(message) {
                size if size > self.max_record => (
                    format!(
                        "a record of {size} bytes with its key is larger than the stream's limit of {}",
                        self.max_record
                    ),
                    "split it, or raise the limit: aws kinesis update-max-record-size",
                ),
                _ => return Ok(()),
            },
        };
        Err(Error::new(ErrorKind::Invalid, what).at(self.kinesis.place()).cure(cure))
    }
}

impl KinesisSinkBuilder {
    /// How long a message may wait for others to fill its request; 100 ms unless set, and never more than a day.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// How many requests may be under way at once; 4 unless set.
    ///
    /// # Panics
    ///
    /// If `requests` is zero.
    #[track_caller]
    pub const fn in_flight(mut self, requests: usize) -> Self {
        assert!(requests > 0, "a sink with no request under way sends nothing");
        self.in_flight = requests;
        self
    }

    /// How long an endpoint may be silent before the sink fails: 5 minutes unless set. One that answers that it is busy
    /// is never given up.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Region, credentials and endpoint; those of the environment, profile and machine unless set.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Looks at the stream, and makes the sink.
    ///
    /// # Errors
    ///
    /// If the stream is not there, cannot be reached within about 10 s, or may not be looked at.
    pub async fn build(self) -> Result<KinesisSink, Error> {
        let stream: StreamName = self.stream.parse()?;
        let client = StreamClient::new(stream, self.config.clone()).await?;
        let retry = Retry::new(self.patience, retry::jitter());
        let summary = retry.call(|| client.describe().boxed()).await.map_err(|trouble| trouble.error)?;
        let kib = summary.max_record_size_in_kib.unwrap_or(DEFAULT_RECORD_KIB);
        let max_record = usize::try_from(kib).unwrap_or_default() * 1_024;
        Ok(KinesisSink::new(Arc::new(StreamWriter::new(client)), &self, max_record, retry::jitter()))
    }
}

impl Sink<Message> for KinesisSink {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, false)?;
        if self.batcher.has_room() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.check(&message)?;
        self.batcher.push(message, Instant::now());
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, false)?;
        if self.batcher.held() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, true)?;
        if self.batcher.held() == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl fmt::Debug for KinesisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisSink")
            .field("place", &self.kinesis.place())
            .field("held", &self.batcher.held())
            .field("in_flight", &self.in_flight.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
