//! The few calls that reading takes, and their answers in our own words.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::describe_stream_consumer::DescribeStreamConsumerError;
use aws_sdk_kinesis::primitives::DateTime as AwsTime;
use aws_sdk_kinesis::types::{
    ConsumerStatus, Record as AwsRecord, ShardIteratorType, StartingPosition, SubscribeToShardEventStream,
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::shards::STREAM;
use super::unpack::Cursor;
use crate::Position;
use crate::aws::kinesis::{HttpStatus, StreamClient, time};
use crate::aws::retry::Trouble;
pub(super) use crate::aws::shards::Page;
/// A record as it came; it may be an aggregate.
pub(super) use crate::record::Own as Raw;
use crate::source::Start;

/// The most records in one answer: the service's own limit.
pub(super) const RECORDS_PER_CALL: usize = 10_000;

/// Kinesis as the source sees it. Implemented by [`ShardReader`] on the SDK, and by a script in tests.
pub(super) trait Kinesis: fmt::Debug + Send + Sync {
    fn describe(&self) -> BoxFuture<'_, Result<Described, Trouble>>;
    /// A page of the shard list: the first one, or the one of that token.
    fn list(&self, token: Option<String>) -> BoxFuture<'_, Result<Page, Trouble>>;
    fn iterator<'a>(&'a self, shard: &'a str, from: &'a Cursor) -> BoxFuture<'a, Result<String, Trouble>>;
    /// The records at an iterator; the shard is for errors.
    fn records<'a>(&'a self, shard: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Answer, Trouble>>;
    /// The consumer of that name, made if it is not there.
    fn consumer<'a>(&'a self, stream: &'a str, name: &'a str) -> BoxFuture<'a, Result<Registered, Trouble>>;
    /// Begins a subscription, by the consumer's ARN.
    fn subscribe<'a>(
        &'a self,
        shard: &'a str,
        consumer: &'a str,
        from: &'a Cursor,
    ) -> BoxFuture<'a, Result<Events, Trouble>>;
}

/// What comes of a subscription, until it is over.
pub(super) type Events = BoxStream<'static, Result<Answer, Trouble>>;

/// A consumer as the service knows it.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) arn: String,
    /// Whether it may subscribe yet.
    pub(super) active: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) arn: String,
    pub(super) created: Option<DateTime<Utc>>,
    /// The time by the service's clock.
    pub(super) now: DateTime<Utc>,
    /// How long records are kept.
    pub(super) retention: Duration,
}

impl Described {
    pub(super) fn identity(&self) -> BTreeMap<String, String> {
        let created = self.created.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true));
        BTreeMap::from([
            ("kind".to_owned(), "kinesis".to_owned()),
            (STREAM.to_owned(), self.arn.clone()),
            ("created".to_owned(), created.unwrap_or_default()),
        ])
    }
}

/// An answer of `GetRecords`, or an event of a subscription.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) records: Vec<Raw>,
    /// The iterator to go on with, of an answer.
    pub(super) next: Option<String>,
    /// The position to go on with, of an event.
    pub(super) on: Option<Position>,
    /// The shard is closed and was read to its end.
    pub(super) ended: bool,
    /// An event names the shard's children: it is closed.
    pub(super) children: bool,
    pub(super) behind: Option<Duration>,
    /// The time by the service's clock.
    pub(super) now: DateTime<Utc>,
}

/// [`Kinesis`] on the SDK.
#[derive(Debug)]
pub(super) struct ShardReader(StreamClient);

impl ShardReader {
    pub(super) const fn new(client: StreamClient) -> Self {
        Self(client)
    }

    /// What to make of a failed call on a shard. One that was listed a moment ago and is not there is no reason to make
    /// a stream.
    fn trouble<E, R>(&self, doing: &str, shard: &str, error: SdkError<E, R>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + HttpStatus,
    {
        let gone = error.code() == Some("ResourceNotFoundException");
        let trouble = self.0.trouble(&format!("{doing} {shard}"), error);
        if !gone {
            return trouble;
        }
        let cure = "run again: a closed shard is gone, with what was not read of it, once the stream's retention is \
                    over; if it happens again, check that the stream was not deleted";
        Trouble { error: trouble.error.cure(cure), ..trouble }
    }

    /// The time by the service's clock, to the second below.
    fn now(&self) -> DateTime<Utc> {
        self.0.service_time().unwrap_or_else(Utc::now)
    }

    fn arn(&self) -> Option<String> {
        self.0.stream.arn().map(str::to_owned)
    }
}

impl Kinesis for ShardReader {
    fn describe(&self) -> BoxFuture<'_, Result<Described, Trouble>> {
        async {
            let summary = self.0.describe().await?;
            Ok(Described {
                created: time(summary.stream_creation_timestamp),
                now: self.now(),
                retention: Duration::from_secs(u64::try_from(summary.retention_period_hours).unwrap_or(0) * 60 * 60),
                arn: summary.stream_arn,
            })
        }
        .boxed()
    }

    fn list(&self, token: Option<String>) -> BoxFuture<'_, Result<Page, Trouble>> {
        self.0.list_shards(token).boxed()
    }

    fn iterator<'a>(&'a self, shard: &'a str, from: &'a Cursor) -> BoxFuture<'a, Result<String, Trouble>> {
        async move {
            let call = self
                .0
                .client
                .get_shard_iterator()
                .stream_name(self.0.stream.name())
                .set_stream_arn(self.arn())
                .shard_id(shard);
            let Place { kind, time, number } = place_of(from);
            let call = call.shard_iterator_type(kind).set_timestamp(time).set_starting_sequence_number(number);
            let answer = call.send().await.map_err(|error| self.trouble("cannot begin to read", shard, error))?;
            answer.shard_iterator.ok_or_else(|| self.0.nonsense("an answer without a shard iterator"))
        }
        .boxed()
    }

    fn records<'a>(&'a self, shard: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Answer, Trouble>> {
        async move {
            let answer = self
                .0
                .client
                .get_records()
                .shard_iterator(iterator)
                .set_stream_arn(self.arn())
                .limit(RECORDS_PER_CALL as i32)
                .send()
                .await
                .map_err(|error| self.trouble("cannot read", shard, error))?;
            Ok(Answer {
                records: raws(&self.0, answer.records)?,
                next: answer.next_shard_iterator,
                behind: answer.millis_behind_latest.and_then(millis),
                now: self.now(),
                ..Answer::default()
            })
        }
        .boxed()
    }

    fn consumer<'a>(&'a self, stream: &'a str, name: &'a str) -> BoxFuture<'a, Result<Registered, Trouble>> {
        async move {
            let call = self.0.client.describe_stream_consumer().stream_arn(stream).consumer_name(name);
            match call.send().await {
                Ok(answer) => {
                    let known = answer.consumer_description;
                    let known = known.ok_or_else(|| self.0.nonsense("an answer without a consumer"))?;
                    let active = known.consumer_status == ConsumerStatus::Active;
                    return Ok(Registered { arn: known.consumer_arn, active });
                }
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(DescribeStreamConsumerError::is_resource_not_found_exception) => {}
                Err(error) => return Err(self.0.trouble(&format!("cannot look at the consumer {name}"), error)),
            }
            let call = self.0.client.register_stream_consumer().stream_arn(stream).consumer_name(name);
            let answer = call.send().await;
            let answer =
                answer.map_err(|error| self.0.trouble(&format!("cannot register the consumer {name}"), error))?;
            let known = answer.consumer.ok_or_else(|| self.0.nonsense("an answer without a consumer"))?;
            Ok(Registered { arn: known.consumer_arn, active: known.consumer_status == ConsumerStatus::Active })
        }
        .boxed()
    }

    fn subscribe<'a>(
        &'a self,
        shard: &'a str,
        consumer: &'a str,
        from: &'a Cursor,
    ) -> BoxFuture<'a, Result<Events, Trouble>> {
        async move {
            let Place { kind, time, number } = place_of(from);
            let place = StartingPosition::builder().r#type(kind).set_timestamp(time).set_sequence_number(number);
            let place = place.build().map_err(|error| self.0.nonsense(&error.to_string()))?;
            let call = self.0.client.subscribe_to_shard().consumer_arn(consumer).shard_id(shard);
            let answer = call.starting_position(place).send().await;
            let answer = answer.map_err(|error| self.trouble("cannot subscribe to", shard, error))?;
            let (client, doing) = (self.0.clone(), format!("the subscription failed to {shard}"));
            let (then, begun) = (self.now(), Instant::now());
            let events = stream::try_unfold(answer.event_stream, move |mut events| {
                let (client, doing) = (client.clone(), doing.clone());
                async move {
                    let event = match events.recv().await {
                        Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event))) => event,
                        // What Kinesis may send some day.
                        Ok(Some(_)) => return Ok(Some((None, events))),
                        Ok(None) => return Ok(None),
                        Err(error) => return Err(client.event_trouble(&doing, error)),
                    };
                    let on = event.continuation_sequence_number;
                    let answer = Answer {
                        records: raws(&client, event.records)?,
                        // It is never empty but at the end; the SDK makes an empty text of what is not there.
                        ended: on.is_empty(),
                        on: if on.is_empty() { None } else { Some(position(&client, &on)?) },
                        children: event.child_shards.is_some_and(|children| !children.is_empty()),
                        behind: millis(event.millis_behind_latest),
                        now: then + begun.elapsed(),
                        next: None,
                    };
                    Ok(Some((Some(answer), events)))
                }
            });
            Ok(events.filter_map(async |event| event.transpose()).boxed())
        }
        .boxed()
    }
}

/// A cursor in the words of the service.
struct Place {
    kind: ShardIteratorType,
    time: Option<AwsTime>,
    number: Option<String>,
}

fn place_of(cursor: &Cursor) -> Place {
    use ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, TrimHorizon};
    let (kind, time, position) = match cursor {
        Cursor::Start(Start::Beginning) => (TrimHorizon, None, None),
        Cursor::Start(Start::At(time)) => (AtTimestamp, Some(AwsTime::from_millis(time.timestamp_millis())), None),
        // If it is an aggregate, the records in it behind that position are still to be read.
        Cursor::Start(Start::After(position)) | Cursor::With(position) => (AtSequenceNumber, None, Some(position)),
        Cursor::Behind(position) => (AfterSequenceNumber, None, Some(position)),
    };
    Place { kind, time, number: position.map(Position::major_digits) }
}

fn raws(client: &StreamClient, records: Vec<AwsRecord>) -> Result<Vec<Raw>, Trouble> {
    // Many arrive together, and to make a date of an instant takes its time.
    let mut latest = None;
    let raw = |record: AwsRecord| {
        let arrived = match latest {
            Some((instant, arrived)) if record.approximate_arrival_timestamp == Some(instant) => arrived,
            _ => {
                let arrived = record.approximate_arrival_timestamp.and_then(time).unwrap_or_else(Utc::now);
                latest = record.approximate_arrival_timestamp.map(|instant| (instant, arrived));
                arrived
            }
        };
        Ok(Raw {
            position: position(client, &record.sequence_number)?,
            data: record.data.into_bytes(),
            arrived,
            key: record.partition_key.unwrap_or_default().into(),
        })
    };
    records.into_iter().map(raw).collect()
}

fn position(client: &StreamClient, digits: &str) -> Result<Position, Trouble> {
    Position::from_digits(digits, 0).map_err(|_| client.nonsense("a sequence number that is not a number"))
}

fn millis(millis: i64) -> Option<Duration> {
    u64::try_from(millis).ok().map(Duration::from_millis)
}
