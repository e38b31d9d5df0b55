//! The few calls that resharding takes.

use std::fmt;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Change;
use crate::aws::kinesis::StreamClient;
use crate::aws::retry::Trouble;
use crate::aws::shards::Shard;

/// Kinesis as the controller sees it. Implemented on the SDK, and by a model in tests.
pub(super) trait Kinesis: fmt::Debug + Send + Sync {
    /// Whether the stream is not in the middle of a change.
    fn is_active(&self) -> BoxFuture<'_, Result<bool, Trouble>>;
    /// All shards that are listed.
    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>>;
    /// Begins a change.
    fn begin<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<(), Trouble>>;
}

impl Kinesis for StreamClient {
    fn is_active(&self) -> BoxFuture<'_, Result<bool, Trouble>> {
        self.is_active().boxed()
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>> {
        self.shards().boxed()
    }

    fn begin<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<(), Trouble>> {
        match change {
            Change::Split { shard, at } => self.split(shard, *at).boxed(),
            Change::Merge { shards: [first, second] } => self.merge(first, second).boxed(),
        }
    }
}
