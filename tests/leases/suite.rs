//! What every table of leases does.

use anabranch::Position;
use anabranch::lease::{Change, Checkpoint, Lease, LeaseTable, Shard};

use crate::memory::Table;

pub(crate) fn shard(key: &str, parents: &[&str]) -> Shard {
    let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
    Shard { key: key.to_owned(), parents, range: Some((0, u128::MAX)) }
}

fn lease(key: &str, owner: Option<&str>, counter: u64, checkpoint: Checkpoint) -> Lease {
    Lease { key: key.to_owned(), owner: owner.map(str::to_owned), counter, checkpoint }
}

/// Runs through all writes, each with its condition and without.
pub(crate) async fn run(table: &dyn LeaseTable) {
    table.prepare().await.unwrap();
    table.prepare().await.unwrap();
    assert_eq!(table.list().await.unwrap(), []);
    assert_eq!(table.get("a").await.unwrap(), None);
    let write = async |change: Change, worker: &str| table.write("a", &change, worker).await.unwrap();
    let is = async |expected: Lease| assert_eq!(table.get("a").await.unwrap(), Some(expected));

    // Nothing but making it makes a row.
    let at =
        Checkpoint::At(Position::from_digits("49590338271490256608559692538361571095921575989136588898", 3).unwrap());
    for change in [
        Change::Renew(0),
        Change::Take(0, true),
        Change::Evict,
        Change::Checkpoint(0, at.clone(), Vec::new()),
        Change::Remove(0),
    ] {
        assert!(!write(change, "one").await);
    }
    assert!(write(Change::Create(shard("a", &["p", "q"]), Checkpoint::TrimHorizon), "one").await);
    assert!(!write(Change::Create(shard("a", &[]), Checkpoint::Latest), "two").await);
    is(lease("a", None, 0, Checkpoint::TrimHorizon)).await;

    assert!(!write(Change::Take(1, true), "one").await);
    assert!(write(Change::Take(0, true), "one").await);
    assert!(!write(Change::Take(0, true), "two").await);
    is(lease("a", Some("one"), 1, Checkpoint::TrimHorizon)).await;
    assert!(!write(Change::Renew(0), "one").await);
    assert!(write(Change::Renew(1), "one").await);
    is(lease("a", Some("one"), 2, Checkpoint::TrimHorizon)).await;

    assert!(!write(Change::Checkpoint(1, at.clone(), Vec::new()), "one").await);
    assert!(write(Change::Checkpoint(2, at.clone(), Vec::new()), "one").await);
    is(lease("a", Some("one"), 3, at.clone())).await;
    assert!(write(Change::Take(3, true), "two").await);
    assert!(!write(Change::Evict, "one").await);
    assert!(write(Change::Checkpoint(4, Checkpoint::End, vec!["b".to_owned(), "c".to_owned()]), "two").await);
    assert!(write(Change::Evict, "two").await);
    assert!(!write(Change::Evict, "two").await);
    is(lease("a", None, 6, Checkpoint::End)).await;

    for (key, checkpoint) in [("b", Checkpoint::Latest), ("c", Checkpoint::AtTimestamp)] {
        assert!(table.write(key, &Change::Create(shard(key, &["a"]), checkpoint), "one").await.unwrap());
    }
    let mut all = table.list().await.unwrap();
    all.sort_by(|one, other| one.key.cmp(&other.key));
    let expected = [
        lease("a", None, 6, Checkpoint::End),
        lease("b", None, 0, Checkpoint::Latest),
        lease("c", None, 0, Checkpoint::AtTimestamp),
    ];
    assert_eq!(all, expected);

    assert!(!write(Change::Remove(5), "one").await);
    assert!(write(Change::Remove(6), "one").await);
    assert!(!write(Change::Remove(6), "one").await);
    assert_eq!(table.get("a").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn in_memory() {
    run(&Table::default()).await;
}
