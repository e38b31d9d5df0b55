//! The one call that writing takes.

use std::fmt;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::batch::Entry;
use crate::aws::kinesis::StreamClient;
use crate::aws::retry::Trouble;

/// Kinesis as the sink sees it. Implemented by [`StreamWriter`] on the SDK, and by a script in tests.
pub(super) trait Put: fmt::Debug + Send + Sync {
    /// Puts entries, and says for each why it was turned away, if it was.
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Option<String>>, Trouble>>;
    /// The stream and the endpoint, for errors.
    fn place(&self) -> String;
}

/// [`Put`] on the SDK.
#[derive(Debug)]
pub(super) struct StreamWriter(StreamClient);

impl StreamWriter {
    pub(super) const fn new(client: StreamClient) -> Self {
        Self(client)
    }
}

impl Put for StreamWriter {
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Option<String>>, Trouble>> {
        async move {
            let records = entries
                .iter()
                .map(|entry| {
                    PutRecordsRequestEntry::builder()
                        .data(Blob::new(&*entry.message.data))
                        .partition_key(&*entry.message.key)
                        .build()
                })
                .collect::<Result<_, _>>()
                .map_err(|_| self.0.nonsense("no way to put a record"))?;
            let call = self.0.client.put_records().set_records(Some(records));
            // Name or ARN, since some servers refuse to be told both.
            let call = match self.0.stream.arn() {
                Some(arn) => call.stream_arn(arn),
                None => call.stream_name(self.0.stream.name()),
            };
            let answer = call.send().await.map_err(|error| self.0.trouble("cannot put records", error))?;
            if answer.records.len() != entries.len() {
                let what = format!("{} answers for {} records", answer.records.len(), entries.len());
                return Err(self.0.nonsense(&what));
            }
            Ok(answer.records.into_iter().map(|record| record.error_code).collect())
        }
        .boxed()
    }

    fn place(&self) -> String {
        self.0.place()
    }
}
