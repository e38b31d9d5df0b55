//! [`Reshard`]: as many shards as there is traffic for.
//!
//! A controller beside a pipeline, or as a program of its own, that measures what each shard of a stream takes, splits those that are hot
//! where half of their traffic is on either side, and merges neighbours that are cold.
//!
//! | promise | |
//! |---|---|
//! | where a shard is split | at the weighted median of the hash keys of its bytes, not in the middle of its range |
//! | one key | that alone overloads a shard cannot be split: it says so, and leaves the shard alone |
//! | hot and cold | by the use over several windows, with room between the two, and a rest for shards that are new: see [`Policy`] |
//! | one controller | at a time for a stream: others wait, and take over from one that is silent |
//! | a crash | at any time leaves a plan in the [journal](journal()), and the next controller goes on with it |
//! | what is not measured | is not changed: a shard whose traffic is not known, or all of them while there is no traffic at all |
//! | readers | that know shards which end and have children, as the `kinesis:` source does, miss nothing and see nothing twice |
//!
//! | limit of the service | what is done about it |
//! |---|---|
//! | one change at a time, while the stream is active | they are made one after the other |
//! | 5 splits or merges a second in an account | two at most |
//! | an account's limit of shards | a change that finds no room for 10 minutes is dropped, and decided anew |
//! | `UpdateShardCount`: 10 in 24 hours, evenly spaced | not used: it would undo where shards were split |
//!
//! Permissions: `kinesis:DescribeStreamSummary`, `kinesis:ListShards`, `kinesis:SplitShard`, `kinesis:MergeShards`; the first
//! two in a dry run.
//!
//! ```no_run
//! # async fn example() -> Result<(), anabranch::Error> {
//! use anabranch::reshard::{Policy, Reshard, Traffic};
//! use anabranch::source::kinesis::KinesisSource;
//! use anabranch::store;
//!
//! let traffic = Traffic::new();
//! let source = KinesisSource::builder("flights").traffic(traffic.clone()).build().await?;
//! let reshard = Reshard::builder("flights", traffic)
//!     .store(store::open("s3://counts/flights", store::Options::default()).await?)
//!     .policy(Policy { max_shards: 16, ..Policy::default() })
//!     .build()
//!     .await?;
//! let status = reshard.status();
//! let controller = tokio::spawn(reshard.run(std::future::pending()));
//! // Run a pipeline on the source, and look at `status.view()` meanwhile.
//! # drop((source, status, controller));
//! # Ok(())
//! # }
//! ```
//!
//! The [guide](crate::guide::resharding) has what it does with a day of traffic, against a fixed number of shards.

mod builder;
mod change;
mod client;
mod controller;
mod cut;
mod journal;
mod planner;
mod policy;
mod status;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod controller_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod model;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod planner_tests;

pub use self::builder::ReshardBuilder;
pub use self::change::{Change, Shard};
pub use self::controller::Reshard;
pub use self::journal::{Entry, Event, journal};
pub use self::planner::{Plan, Planned, Planner};
pub use self::policy::{Limits, Policy};
pub use self::status::{ShardView, Status, View};
pub use crate::aws::traffic::{Load, Traffic, Usage};
pub use crate::codec::kpl::hash_of;
