//! The few calls that reading takes, and their answers in our own words.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::DateTime as AwsTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use compact_str::CompactString;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::shards::STREAM;
use super::unpack::Cursor;
use crate::aws::kinesis::{HttpStatus, StreamClient, time};
use crate::aws::retry::Trouble;
pub(super) use crate::aws::shards::Page;
use crate::source::Start;
use crate::{Error, Position};

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
}

#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) arn: String,
    pub(super) created: Option<DateTime<Utc>>,
    /// The time by the service's clock.
    pub(super) now: DateTime<Utc>,
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

#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) records: Vec<Raw>,
    /// The iterator to go on with; none if the shard is closed and was read to its end.
    pub(super) next: Option<String>,
    pub(super) behind: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) data: Bytes,
    pub(super) position: Position,
    pub(super) arrived: DateTime<Utc>,
    pub(super) key: CompactString,
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
                now: self.0.service_time().unwrap_or_else(Utc::now),
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
            let call = match from {
                Cursor::Start(Start::Beginning) => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
                Cursor::Start(Start::At(time)) => call
                    .shard_iterator_type(ShardIteratorType::AtTimestamp)
                    .timestamp(AwsTime::from_millis(time.timestamp_millis())),
                // If it is an aggregate, the records in it behind that position are still to be read.
                Cursor::Start(Start::After(position)) => call
                    .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                    .starting_sequence_number(position.major_digits()),
                Cursor::Behind(position) => call
                    .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                    .starting_sequence_number(position.major_digits()),
            };
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
            let records = answer.records.into_iter().map(|record| {
                Ok(Raw {
                    data: Bytes::from(record.data.into_inner()),
                    position: Position::from_digits(&record.sequence_number, 0)?,
                    arrived: record.approximate_arrival_timestamp.and_then(time).unwrap_or_else(Utc::now),
                    key: record.partition_key.unwrap_or_default().into(),
                })
            });
            let records = records
                .collect::<Result<_, Error>>()
                .map_err(|_| self.0.nonsense("a sequence number that is not a number"))?;
            let behind = answer.millis_behind_latest.and_then(|millis| u64::try_from(millis).ok());
            Ok(Answer { records, next: answer.next_shard_iterator, behind: behind.map(Duration::from_millis) })
        }
        .boxed()
    }
}
