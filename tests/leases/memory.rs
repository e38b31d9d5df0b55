//! A table of leases in memory: the contract without a service, for virtual time. The suite holds it to what DynamoDB does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anabranch::Error;
use anabranch::lease::{Change, Checkpoint, Lease, LeaseTable};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Arc<Mutex<BTreeMap<String, Lease>>>);

impl Table {
    pub(crate) fn put(&self, key: &str, owner: Option<&str>, checkpoint: Checkpoint) {
        let lease = Lease { key: key.to_owned(), owner: owner.map(str::to_owned), counter: 1, checkpoint };
        self.0.lock().unwrap().insert(key.to_owned(), lease);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().unwrap().remove(key);
    }

    pub(crate) fn rows(&self) -> BTreeMap<String, Lease> {
        self.0.lock().unwrap().clone()
    }

    fn apply(&self, key: &str, change: &Change, worker: &str) -> bool {
        let mut rows = self.0.lock().unwrap();
        let mine = Some(worker.to_owned());
        match (rows.get_mut(key), change) {
            (None, Change::Create(shard, checkpoint)) => {
                let lease = Lease { key: shard.key.clone(), owner: None, counter: 0, checkpoint: checkpoint.clone() };
                rows.insert(shard.key.clone(), lease);
                return true;
            }
            (Some(row), Change::Renew(counter)) if row.counter == *counter => row.counter += 1,
            (Some(row), Change::Take(counter, _)) if row.counter == *counter => {
                (row.counter, row.owner) = (row.counter + 1, mine);
            }
            (Some(row), Change::Evict) if row.owner == mine => (row.counter, row.owner) = (row.counter + 1, None),
            (Some(row), Change::Checkpoint(counter, to, _)) if row.counter == *counter => {
                (row.counter, row.checkpoint) = (row.counter + 1, to.clone());
            }
            (Some(row), Change::Remove(counter)) if row.counter == *counter => drop(rows.remove(key)),
            _ => return false,
        }
        true
    }
}

impl LeaseTable for Table {
    fn uri(&self) -> String {
        "memory:leases".to_owned()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Lease>, Error>> {
        async { Ok(self.rows().into_values().collect()) }.boxed()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Lease>, Error>> {
        async { Ok(self.rows().remove(key)) }.boxed()
    }

    fn write<'a>(&'a self, key: &'a str, change: &'a Change, worker: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        async { Ok(self.apply(key, change, worker)) }.boxed()
    }
}
