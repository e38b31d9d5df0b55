//! A stream's shard list, in our own words.

use aws_sdk_kinesis::types::StreamStatus;

use super::kinesis::StreamClient;
use super::retry::{Class, Trouble};

/// The most shards in one answer: the service's own limit.
const SHARDS_PER_CALL: i32 = 1_000;

/// A shard in a shard list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) id: String,
    /// The shards that it came from: one after a split, two after a merge.
    pub(crate) parents: Vec<String>,
    /// Whether nothing is written to it any more.
    pub(crate) closed: bool,
    /// The hash keys of its records.
    pub(crate) range: HashRange,
}

/// Hash keys from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HashRange {
    pub(crate) start: u128,
    pub(crate) end: u128,
}

/// A page of a shard list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) shards: Vec<Shard>,
    /// The token of the next page.
    pub(crate) next: Option<String>,
}

impl HashRange {
    pub(crate) const ALL: Self = Self { start: 0, end: u128::MAX };

    /// The range between two numbers in decimal digits.
    pub(crate) fn parse(start: &str, end: &str) -> Option<Self> {
        let range = Self { start: start.parse().ok()?, end: end.parse().ok()? };
        (range.start <= range.end).then_some(range)
    }

    pub(crate) const fn contains(self, hash: u128) -> bool {
        self.start <= hash && hash <= self.end
    }
}

impl Default for HashRange {
    fn default() -> Self {
        Self::ALL
    }
}

impl StreamClient {
    /// All shards that are listed.
    pub(crate) async fn shards(&self) -> Result<Vec<Shard>, Trouble> {
        let (mut shards, mut token) = (Vec::new(), None);
        loop {
            // A page token that has expired is no reason to give up: the list is begun anew.
            let page = self.list_shards(token).await.map_err(|trouble| match trouble.class {
                Class::Stale => Trouble { class: Class::Busy, ..trouble },
                _ => trouble,
            })?;
            shards.extend(page.shards);
            token = page.next;
            if token.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Whether the stream is not in the middle of a change.
    pub(crate) async fn is_active(&self) -> Result<bool, Trouble> {
        Ok(self.describe().await?.stream_status == StreamStatus::Active)
    }

    /// Begins to split a shard; `at` is the first hash key of the second child.
    pub(crate) async fn split(&self, shard: &str, at: u128) -> Result<(), Trouble> {
        let call = self.client.split_shard().shard_to_split(shard).new_starting_hash_key(at.to_string());
        // Name or ARN, since some servers refuse to be told both.
        let call = match self.stream.arn() {
            Some(arn) => call.stream_arn(arn),
            None => call.stream_name(self.stream.name()),
        };
        call.send().await.map_err(|error| self.trouble("cannot split a shard", error))?;
        Ok(())
    }

    /// Begins to merge two neighbours, which are in the order of their hash keys.
    pub(crate) async fn merge(&self, first: &str, second: &str) -> Result<(), Trouble> {
        let call = self.client.merge_shards().shard_to_merge(first).adjacent_shard_to_merge(second);
        let call = match self.stream.arn() {
            Some(arn) => call.stream_arn(arn),
            None => call.stream_name(self.stream.name()),
        };
        call.send().await.map_err(|error| self.trouble("cannot merge shards", error))?;
        Ok(())
    }

    /// A page of the shard list: the first one, or the one of that token.
    pub(crate) async fn list_shards(&self, token: Option<String>) -> Result<Page, Trouble> {
        let call = self.client.list_shards().max_results(SHARDS_PER_CALL);
        // The token stands for the stream: both together are refused.
        let call = match token {
            Some(token) => call.next_token(token),
            None => call.stream_name(self.stream.name()).set_stream_arn(self.stream.arn().map(str::to_owned)),
        };
        let answer = call.send().await.map_err(|error| self.trouble("cannot list the shards", error))?;
        let shards = answer.shards.unwrap_or_default().into_iter().map(|shard| {
            let range = shard.hash_key_range.as_ref();
            Some(Shard {
                range: range.and_then(|it| HashRange::parse(&it.starting_hash_key, &it.ending_hash_key))?,
                closed: shard.sequence_number_range.is_some_and(|range| range.ending_sequence_number.is_some()),
                parents: shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect(),
                id: shard.shard_id,
            })
        });
        let shards = shards.collect::<Option<_>>();
        let shards = shards.ok_or_else(|| self.nonsense("a shard without a range of hash keys"))?;
        Ok(Page { shards, next: answer.next_token })
    }
}
