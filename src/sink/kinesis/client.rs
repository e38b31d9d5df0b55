//! The few calls that writing takes.

use std::fmt;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::batch::Verdict;
use super::pack::Packed;
use crate::aws::kinesis::StreamClient;
use crate::aws::retry::Trouble;
use crate::aws::shards::Shard;

/// Kinesis as the sink sees it. Implemented by [`StreamWriter`] on the SDK, and by a script in tests.
pub(super) trait Kinesis: fmt::Debug + Send + Sync {
    /// Puts records, and says of each what became of it.
    fn put<'a>(&'a self, records: &'a [Packed]) -> BoxFuture<'a, Result<Vec<Verdict>, Trouble>>;
    /// All shards that are listed.
    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>>;
    /// The stream and the endpoint, for errors.
    fn place(&self) -> String;
}

/// [`Kinesis`] on the SDK.
#[derive(Debug)]
pub(super) struct StreamWriter(StreamClient);

impl StreamWriter {
    pub(super) const fn new(client: StreamClient) -> Self {
        Self(client)
    }
}

impl Kinesis for StreamWriter {
    fn put<'a>(&'a self, records: &'a [Packed]) -> BoxFuture<'a, Result<Vec<Verdict>, Trouble>> {
        async move {
            let entries = records
                .iter()
                .map(|record| {
                    PutRecordsRequestEntry::builder()
                        .data(Blob::new(&*record.data))
                        .partition_key(&*record.key)
                        .set_explicit_hash_key(record.hash_key.map(|hash| hash.to_string()))
                        .build()
                })
                .collect::<Result<_, _>>()
                .map_err(|_| self.0.nonsense("no way to put a record"))?;
            let call = self.0.client.put_records().set_records(Some(entries));
            // Name or ARN, since some servers refuse to be told both.
            let call = match self.0.stream.arn() {
                Some(arn) => call.stream_arn(arn),
                None => call.stream_name(self.0.stream.name()),
            };
            let answer = call.send().await.map_err(|error| self.0.trouble("cannot put records", error))?;
            if answer.records.len() != records.len() {
                let what = format!("{} answers for {} records", answer.records.len(), records.len());
                return Err(self.0.nonsense(&what));
            }
            let verdict = |code: Option<String>, shard| code.map_or(Verdict::Taken(shard), Verdict::Refused);
            Ok(answer.records.into_iter().map(|it| verdict(it.error_code, it.shard_id)).collect())
        }
        .boxed()
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>> {
        self.0.shards().boxed()
    }

    fn place(&self) -> String {
        self.0.place()
    }
}
