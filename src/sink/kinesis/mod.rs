//! [`KinesisSink`]: messages into an Amazon Kinesis data stream.
//!
//! | promise | |
//! |---|---|
//! | delivery | at least once. A message counts as delivered when Kinesis has accepted its record; records that were turned away are sent again, alone |
//! | duplicates | a request whose answer was lost is sent again, and its messages may then be there twice. There is no id but what the message itself holds: to drop duplicates, put one into it |
//! | order | none, not even within a key; with [`ordered_per_key`](KinesisSinkBuilder::ordered_per_key) messages of one key arrive in the order in which they were given, though one may come again |
//! | what cannot be delivered | goes to [`dead_messages`](KinesisSinkBuilder::dead_messages), or is an error that names it; never dropped |
//! | memory | the [`budget`](KinesisSinkBuilder::budget), and for each request under way up to 2.5 times its bytes for its form on the wire, 3.5 times with aggregates |
//! | what holds the caller back | the budget alone: a shard that takes no more holds up its own messages until the budget is full of them |
//! | failure | what passes is tried again for as long as it takes: after a call that failed as a whole, one at a time, with waits of up to 10 s, until one is answered; what does not (no permission, no stream) is said at once, with the number of messages that are not known to be delivered, and is final |
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | 500 records and 5 MiB a request, 10 MiB where the stream takes records of more than 1 MiB | requests are cut to it |
//! | a record with its key: 1 MiB, or what the stream says | a larger one is a dead message before it is sent |
//! | a key of 1 to 256 characters | any other is a dead message before it is sent |
//! | 1 MiB and 1,000 records a second and shard | the sink keeps to it, shard by shard; records turned away wait, with full jitter |
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:PutRecords`, and `kinesis:ListShards` unless the rate limit
//! and aggregates are off and no traffic is measured.
//!
//! | setting | URI | default | |
//! |---|---|---|---|
//! | [`linger`](KinesisSinkBuilder::linger) | `linger_ms` | 100 ms | how long a message may wait for others to fill its request |
//! | [`batch_records`](KinesisSinkBuilder::batch_records) | `batch_records` | 500 | records in a request |
//! | [`batch_bytes`](KinesisSinkBuilder::batch_bytes) | `batch_bytes` | the stream's limit | bytes in a request |
//! | [`budget`](KinesisSinkBuilder::budget) | `budget_bytes` | 32 MiB | bytes held, under way or waiting |
//! | [`in_flight`](KinesisSinkBuilder::in_flight) | `in_flight` | 4 | requests under way at once |
//! | [`ordered_per_key`](KinesisSinkBuilder::ordered_per_key) | `ordered_per_key` | `false` | whether messages of a key keep their order |
//! | [`hash_key`](KinesisSinkBuilder::hash_key) | | MD5 of the key | where in the range of hash keys a message belongs |
//! | [`aggregate`](KinesisSinkBuilder::aggregate) | `aggregate=kpl`, `aggregate_bytes` | `off` | several messages in one record, as the Kinesis Producer Library packs them |
//! | [`rate_limit`](KinesisSinkBuilder::rate_limit) | `rate_limit`, percent or `off` | 100 | what is used of each shard's limit |
//! | [`traffic`](KinesisSinkBuilder::traffic) | | none | where what each shard takes is told, for [`reshard`](crate::reshard) |
//! | [`dead_messages`](KinesisSinkBuilder::dead_messages) | `dead_messages`, a file | none | where messages go that Kinesis would never take |
//! | [`patience`](KinesisSinkBuilder::patience) | | 5 min | how long an endpoint may be silent before the sink fails |
//! | [`sdk_config`](KinesisSinkBuilder::sdk_config) | | environment, profile, machine | region, credentials, endpoint |
//!
//! A request goes out when a message has lingered, when there is enough for a full one, or when the budget is full.
//!
//! **The order of a key** is kept by sending no message of a key while an earlier one of it is not accepted: so a key gets
//! one message through for each round trip, whatever the other keys do; with aggregates, as many as one aggregate holds.
//! Two things it cannot promise: that a request which timed out, and was sent again, is not taken late; and that a reader
//! that does not wait for the end of a parent shard sees the order across a split.
//!
//! **Aggregates** are made for each shard, and lie under the hash key of their first message. An aggregate that another
//! shard took than the one it was for, because shards were split or merged meanwhile, is checked against a new list of the
//! shards. Unless all in it belongs to that shard, its messages are sent again, since readers such as the Kinesis Client
//! Library drop it.
//!
//! ```no_run
//! # async fn example() -> Result<(), anabranch::Error> {
//! use anabranch::sink::kinesis::KinesisSink;
//! use anabranch::Message;
//! use futures::SinkExt;
//!
//! let mut sink = KinesisSink::builder("flights").ordered_per_key(true).build().await?;
//! let stats = sink.stats();
//! sink.feed(Message { key: "UA".into(), data: r#"{"carrier":"UA"}"#.into() }).await?;
//! sink.close().await?;
//! assert_eq!(stats.messages.get(), 1);
//! # Ok(())
//! # }
//! ```

mod batch;
mod builder;
mod client;
mod lane;
mod map;
mod pack;
mod stats;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod tests;

pub use self::builder::KinesisSinkBuilder;
pub use self::stats::Stats;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, Sink, StreamExt};
use rand::rngs::StdRng;
use tokio::time::{Instant, Sleep, sleep_until};

use self::batch::{Batcher, THROTTLED, Verdict};
use self::builder::{HashKey, Settings};
use self::client::Kinesis;
use self::map::ShardMap;
use self::pack::Packed;
use super::{DeadMessage, DeadSink};
use crate::aws::kinesis::entry_trouble;
use crate::aws::retry::{Backoff, Class, Retry, Trouble};
use crate::aws::shards::Shard;
use crate::{Error, ErrorKind, Message};

/// A partition key's greatest length in characters.
const MAX_KEY_CHARS: usize = 256;
/// How much of a key an error shows.
const SHOWN_KEY_CHARS: usize = 64;
/// The least time between two lists of the shards.
const REFRESH_SPACING: Duration = Duration::from_secs(1);
/// How old a list of the shards may get while shards have no room: what is split has more.
const REFRESH_WHEN_THROTTLED: Duration = Duration::from_secs(60);

/// What became of a request.
type Answered = (Vec<Packed>, Result<Vec<Verdict>, Trouble>);

/// An Amazon Kinesis data stream as a sink of [`Message`]s.
///
/// Made by [`builder`](Self::builder). Like any [`Sink`] it works only while it is polled. A flush waits for the
/// [`linger`](KinesisSinkBuilder::linger) of what it has to send, since `forward` flushes at each pause of its upstream,
/// and would otherwise make a request of each record; closing waits for no linger. Both are done when every message has
/// been accepted, or kept as a dead message. Dropping the sink drops what it holds.
///
/// # Errors
///
/// Without a sink for dead messages, a message that Kinesis would never take is an error of that one `start_send` alone,
/// [`Invalid`](ErrorKind::Invalid): the sink goes on. Any other error is final, and says how many messages were not
/// delivered.
#[must_use = "sinks do nothing unless polled"]
pub struct KinesisSink {
    kinesis: Arc<dyn Kinesis>,
    retry: Arc<Retry>,
    batcher: Batcher,
    stats: Stats,
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    max_in_flight: usize,
    max_record: usize,
    hash_key: Option<HashKey>,
    /// Whether the shards are listed at all.
    need_map: bool,
    listing: Option<BoxFuture<'static, Result<Vec<Shard>, Trouble>>>,
    listed: Instant,
    /// Whether a shard had no room since they were listed.
    throttled: bool,
    dead: Option<DeadSink>,
    /// Dead messages that their sink has not taken yet. No other message is taken until it has.
    dying: VecDeque<DeadMessage>,
    /// How many messages have come.
    count: u64,
    timer: Pin<Box<Sleep>>,
    random: StdRng,
    patience: Duration,
    outage: Option<Outage>,
    failure: Option<Error>,
}

/// Calls fail as a whole, and none has been answered since.
#[derive(Debug)]
struct Outage {
    since: Instant,
    /// Since when nothing was heard from the other side.
    silent_since: Option<Instant>,
    backoff: Backoff,
    /// When to ask again.
    until: Instant,
    /// Whether a call is under way that was begun since one failed. One is enough to ask.
    asks: bool,
}

impl Outage {
    fn new(now: Instant) -> Self {
        Self { since: now, silent_since: None, backoff: Backoff::default(), until: now, asks: false }
    }
}

impl KinesisSink {
    /// Begins with the stream's name or ARN.
    pub fn builder(stream: impl Into<String>) -> KinesisSinkBuilder {
        KinesisSinkBuilder::new(stream.into())
    }

    /// What this sink has done and holds, to be read meanwhile.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    fn new(kinesis: Arc<dyn Kinesis>, retry: Arc<Retry>, map: ShardMap, settings: Settings, random: StdRng) -> Self {
        let Settings { limits, in_flight, max_record, patience, hash_key, dead } = settings;
        let (stats, now) = (Stats::default(), Instant::now());
        Self {
            kinesis,
            retry,
            need_map: limits.need_map(),
            batcher: Batcher::new(limits, map, stats.clone(), now),
            stats,
            in_flight: FuturesUnordered::new(),
            max_in_flight: in_flight,
            max_record,
            hash_key,
            listing: None,
            listed: now,
            throttled: false,
            dead,
            dying: VecDeque::new(),
            count: 0,
            timer: Box::pin(sleep_until(now)),
            random,
            patience,
            outage: None,
            failure: None,
        }
    }

    /// Takes answers in and sends requests out, as far as that goes now.
    fn drive(&mut self, cx: &mut Context<'_>, hurry: bool) -> Result<(), Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let progress = self.bury(cx).and_then(|()| self.progress(cx, hurry));
        let progress = progress.map_err(|error| self.fail(error));
        self.stats.hold(self.batcher.held(), self.batcher.held_bytes(), self.in_flight.len());
        progress
    }

    fn progress(&mut self, cx: &mut Context<'_>, hurry: bool) -> Result<(), Error> {
        loop {
            while let Poll::Ready(Some((request, answer))) = self.in_flight.poll_next_unpin(cx) {
                self.settle(request, answer)?;
            }
            self.list(cx)?;
            let now = Instant::now();
            let asks = self.outage.as_ref().is_some_and(|outage| outage.asks);
            if asks || self.in_flight.len() >= self.max_in_flight {
                return Ok(());
            }
            let until = self.outage.as_ref().map(|outage| outage.until).filter(|until| *until > now);
            if until.is_none()
                && let Some(request) = self.batcher.request(now, hurry)
            {
                if let Some(outage) = &mut self.outage {
                    outage.asks = true;
                }
                self.stats.requests.add(1);
                let kinesis = Arc::clone(&self.kinesis);
                self.in_flight.push(
                    async move {
                        let answer = kinesis.put(&request).await;
                        (request, answer)
                    }
                    .boxed(),
                );
                continue;
            }
            let Some(at) = until.or_else(|| self.batcher.wake_at()) else { return Ok(()) };
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            if self.timer.poll_unpin(cx).is_pending() {
                return Ok(());
            }
        }
    }

    /// Takes in what became of a request.
    fn settle(&mut self, request: Vec<Packed>, answer: Result<Vec<Verdict>, Trouble>) -> Result<(), Error> {
        let now = Instant::now();
        let trouble = match answer {
            Ok(verdicts) => {
                self.outage = None;
                let place = || self.kinesis.place();
                let refused = || {
                    verdicts.iter().filter_map(|verdict| match verdict {
                        Verdict::Refused(code) => Some(code),
                        Verdict::Taken(_) => None,
                    })
                };
                self.throttled |= refused().any(|code| code == THROTTLED);
                let fatal = refused().find_map(|code| entry_trouble(code, place));
                self.batcher.answered(request, verdicts, now, &mut self.random);
                return fatal.map_or(Ok(()), Err);
            }
            Err(trouble) => trouble,
        };
        self.stats.failed.add(1);
        self.batcher.failed(request, now, &mut self.random);
        let outage = self.outage.get_or_insert_with(|| Outage::new(now));
        outage.asks = false;
        match trouble.class {
            Class::Busy => outage.silent_since = None,
            Class::Unreachable | Class::Unsigned => _ = outage.silent_since.get_or_insert(now),
            Class::Stale | Class::Fatal => return Err(trouble.error),
        }
        let left = outage.silent_since.map(|since| self.patience.saturating_sub(now.duration_since(since)));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(trouble.error);
        }
        // What was under way with a call that failed tells nothing new.
        if outage.until <= now {
            let wait = outage.backoff.next(&mut self.random);
            outage.until = now + left.map_or(wait, |left| wait.min(left));
        }
        trouble.log(outage.until - now, now.duration_since(outage.since));
        Ok(())
    }

    /// Lists the shards anew when the map is out of date, or may be.
    fn list(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let old = self.throttled && self.listed.elapsed() >= REFRESH_WHEN_THROTTLED;
        if self.listing.is_none() && self.need_map && (self.batcher.is_stale() || old) {
            let (kinesis, retry) = (Arc::clone(&self.kinesis), Arc::clone(&self.retry));
            let at = self.listed + REFRESH_SPACING;
            self.listing = Some(
                async move {
                    sleep_until(at).await;
                    retry
                        .call(|| {
                            let kinesis = Arc::clone(&kinesis);
                            async move { kinesis.shards().await }.boxed()
                        })
                        .await
                }
                .boxed(),
            );
        }
        let Some(Poll::Ready(listed)) = self.listing.as_mut().map(|listing| listing.poll_unpin(cx)) else {
            return Ok(());
        };
        self.listing = None;
        let shards = listed.map_err(|trouble| trouble.error)?;
        self.stats.refreshes.add(1);
        (self.listed, self.throttled) = (Instant::now(), false);
        self.batcher.remap(ShardMap::new(shards), self.listed, &mut self.random);
        Ok(())
    }

    /// Hands dead messages to their sink, as far as it takes them now.
    fn bury(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Some(sink) = &mut self.dead else { return Ok(()) };
        while !self.dying.is_empty() && sink.as_mut().poll_ready(cx)?.is_ready() {
            if let Some(dead) = self.dying.pop_front() {
                sink.as_mut().start_send(dead)?;
                self.stats.dead.add(1);
            }
        }
        Ok(())
    }

    /// Notes the failure that this sink has for good.
    fn fail(&mut self, error: Error) -> Error {
        let error = self.undelivered(error);
        self.failure = Some(error.clone());
        self.in_flight.clear();
        self.listing = None;
        error
    }

    fn undelivered(&self, error: Error) -> Error {
        let held = self.batcher.held() + self.dying.len();
        if held == 0 {
            return error;
        }
        let messages = if held == 1 { "message was" } else { "messages were" };
        Error::new(error.kind(), format!("{held} {messages} not known to be delivered"))
            .at(self.kinesis.place())
            .because(error)
    }

    /// What Kinesis would have against the message, and what can be done about it.
    fn objection(&self, message: &Message) -> Option<(String, &'static str)> {
        match message.key.chars().count() {
            0 => Some(("the partition key is empty".to_owned(), "give each message a key of 1 to 256 characters")),
            chars if chars > MAX_KEY_CHARS => {
                Some((format!("the partition key has {chars} characters"), "shorten it to 256, or use a hash of it"))
            }
            _ => {
                let (size, max) = (pack::size(message), self.max_record);
                let what = format!("a record of {size} bytes with its key is larger than the stream's limit of {max}");
                (size > max).then_some((what, "split it, or raise the limit: aws kinesis update-max-record-size"))
            }
        }
    }
}

impl Sink<Message> for KinesisSink {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, false)?;
        if self.batcher.has_room() && self.dying.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.count += 1;
        let Some((reason, cure)) = self.objection(&message) else {
            let hash_key = self.hash_key.as_ref().and_then(|hash_key| hash_key(&message));
            self.batcher.push(message, hash_key, Instant::now());
            return Ok(());
        };
        if self.dead.is_some() {
            self.dying.push_back(DeadMessage { message, reason });
            return Ok(());
        }
        let key: String = message.key.chars().take(SHOWN_KEY_CHARS).collect();
        let place = format!("{}, message {} with the key {key:?}", self.kinesis.place(), self.count);
        Err(Error::new(ErrorKind::Invalid, reason).at(place).cure(cure))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, false)?;
        if let Some(dead) = &mut self.dead {
            ready!(dead.as_mut().poll_flush(cx)).map_err(|error| self.fail(error))?;
        }
        if self.batcher.held() == 0 && self.dying.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive(cx, true)?;
        if self.batcher.held() > 0 || !self.dying.is_empty() {
            return Poll::Pending;
        }
        if let Some(dead) = &mut self.dead {
            ready!(dead.as_mut().poll_close(cx)).map_err(|error| self.fail(error))?;
            self.dead = None;
        }
        Poll::Ready(Ok(()))
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
