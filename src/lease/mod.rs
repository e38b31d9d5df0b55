//! Who works on which partition: the contract of a table of leases that workers of one pipeline share.
//!
//! Each partition has a row in the table. A worker that holds a row's lease renews it, and others leave it alone; a lease
//! that is not renewed for [the failover time](Leases::failover) is taken by another worker. Workers even out by stealing,
//! one lease at a time. Partitions come after those that they came from.
//!
//! Leases decide who works, and never what counts: two workers that both believe to hold a lease do work twice, and the
//! [ledger](crate::epoch) takes one result. So the table is a convenience. It may be lost, be wrong or be away: workers
//! that run go on with what they have, and nothing in it is ever a place to read from.
//!
//! What is committed is also written into the row, as a checkpoint, for the tools that show such tables. One that is ahead
//! of the ledger is an error: something else has worked with that table.

#[cfg(feature = "dynamodb")]
mod dynamodb;
mod keeper;
mod view;

#[cfg(feature = "dynamodb")]
pub use self::dynamodb::{DynamoDbTable, DynamoDbTableBuilder};

pub(crate) use self::keeper::{Keeper, checkpoints};
pub(crate) use self::view::Counts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Error, ErrorKind, Position};

/// After what time without a renewal a lease is taken away.
const FAILOVER: Duration = Duration::from_secs(10);

/// A lease that lasts less is lost by a call or two that are slow.
const SHORTEST_FAILOVER: Duration = Duration::from_secs(1);

/// For how long a worker may hold a lease without a result.
const GIVE_UP: Duration = Duration::from_secs(600);

/// A partition in a lease table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    /// The key of its row.
    pub key: String,
    /// The keys of the partitions that it came from.
    pub parents: Vec<String>,
    /// The first and the last hash of its keys.
    pub range: Option<(u128, u128)>,
}

/// A row of a lease table, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose lease it is: the partition's key.
    pub key: String,
    /// The worker that holds it.
    pub owner: Option<String>,
    /// Grows with each write: a lease whose counter stands still is not renewed.
    pub counter: u64,
    /// How far the partition is committed.
    pub checkpoint: Checkpoint,
}

/// How far a partition is committed, in the words of a lease table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// Nothing yet; it begins with the oldest record.
    TrimHorizon,
    /// Nothing yet; it begins with what comes.
    Latest,
    /// Nothing yet; it begins at an instant, which the table does not name.
    AtTimestamp,
    /// Up to here.
    At(Position),
    /// All of it, for good.
    End,
}

/// What is done to a row. All but [`Create`](Self::Create) and [`Remove`](Self::Remove) count up its counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes it, unless it is there.
    Create(Shard, Checkpoint),
    /// Renews it, if its counter is this.
    Renew(u64),
    /// Makes the worker its owner, if its counter is this; `true` if another worker was before.
    Take(u64, bool),
    /// Leaves it without an owner, if the worker is its owner.
    Evict,
    /// Says how far it is committed, if its counter is this, and which partitions came of it.
    Checkpoint(u64, Checkpoint, Vec<String>),
    /// Removes it, if its counter is this.
    Remove(u64),
}

/// A table of leases.
///
/// What an implementation owes: each write is one conditional step that happens or does not, reads show all that was
/// written before, rows that are not leases are left out, and attributes that it does not know stay as they are. Temporary
/// trouble is tried again for a second or two, not longer: who asks will ask again.
pub trait LeaseTable: fmt::Debug + Send + Sync + 'static {
    /// Its name and place, for people.
    fn uri(&self) -> String;

    /// Makes the table if there is none.
    fn prepare(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// All leases.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Lease>, Error>>;

    /// One lease, if it is there.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Lease>, Error>>;

    /// Changes the row of `key` in the name of a worker; `false` if its condition does not hold.
    fn write<'a>(&'a self, key: &'a str, change: &'a Change, worker: &'a str) -> BoxFuture<'a, Result<bool, Error>>;
}

/// How a pipeline shares its partitions with other workers: see [`Pipeline::leases`](crate::epoch::Pipeline::leases).
///
/// Each ledger needs a table of its own: workers on one table share the partitions, wherever their results go.
#[derive(Clone, Debug)]
pub struct Leases {
    table: Arc<dyn LeaseTable>,
    worker: Arc<str>,
    failover: Duration,
    give_up: Duration,
}

impl Leases {
    /// Leases in this table, for a worker with a name of its own.
    pub fn new(table: Arc<dyn LeaseTable>) -> Self {
        let worker = format!("{}:{:032x}", host(), rand::random::<u128>()).into();
        Self { table, worker, failover: FAILOVER, give_up: GIVE_UP }
    }

    /// Leases in the DynamoDB table of that name, which is made if there is none. Region, credentials and endpoint are
    /// those of the environment: see [`DynamoDbTable`] for more.
    ///
    /// # Errors
    ///
    /// If the name is none for a table, or there is no region.
    #[cfg(feature = "dynamodb")]
    pub async fn dynamodb(table: impl Into<String>) -> Result<Self, Error> {
        Ok(Self::new(Arc::new(DynamoDbTable::builder(table).build().await?)))
    }

    /// The worker's name; unless set, it is that of the machine with a random number. No two that run may have the same
    /// name: they would take each other's leases for their own.
    #[must_use]
    pub fn worker(mut self, name: impl Into<Arc<str>>) -> Self {
        self.worker = name.into();
        self
    }

    /// After what time without a renewal a lease is taken by another worker; 10 seconds unless set, and a second at least. Each
    /// worker measures it by a clock of its own that never goes back; it renews its leases every third of it, and looks for
    /// others as often, but at least every three seconds. All workers should have the same.
    #[must_use]
    pub const fn failover(mut self, after: Duration) -> Self {
        self.failover = after;
        self
    }

    /// For how long a worker may hold the lease of a partition of which it has read something and commits nothing, beyond the
    /// time that an epoch lasts; 10 minutes unless set. Then it gives the lease up, so that another worker can try.
    #[must_use]
    pub const fn give_up_after(mut self, after: Duration) -> Self {
        self.give_up = after;
        self
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.failover < SHORTEST_FAILOVER {
            return Err(Error::new(ErrorKind::Usage, "leases last too short a time to be kept")
                .at(format!("a failover time of {:?}", self.failover))
                .cure(format!("let them last {SHORTEST_FAILOVER:?} or longer; 10s is usual")));
        }
        Ok(())
    }

    pub(crate) const fn table(&self) -> &Arc<dyn LeaseTable> {
        &self.table
    }

    pub(crate) const fn gives_up_after(&self) -> Duration {
        self.give_up
    }
}

/// What people call this machine.
fn host() -> String {
    let name = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "worker".to_owned())
}
