//! A ledger summed up.

use anabranch::ErrorKind;
use anabranch::epoch::summary;

use crate::scripted::Step::{Batch, Close, Tip};
use crate::scripted::{Scripted, position};
use crate::{by_three, dir, none, run, store};

#[tokio::test(start_paused = true)]
async fn tells_of_each_partition_what_its_chain_comes_to() {
    let (dir, source) = (dir(), Scripted::new().with("idle", &[], [Batch(0)]).with("p", &[], [Batch(3), Tip(4)]));
    run(&source, &store(&dir), 2, by_three).await.unwrap();
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(7), Close(1)]));
    run(&source, &store(&dir), 2, none).await.unwrap();
    let [idle, p] = <[_; 2]>::try_from(summary(store(&dir)).await.unwrap()).unwrap();
    assert_eq!((idle.partition.as_str(), idle.epochs, &idle.last, idle.end), ("idle", 0, &None, false));
    assert_eq!((p.partition.as_str(), p.epochs, p.records, p.rows, p.dead_letters), ("p", 5, 8, 6, 2));
    assert_eq!((p.first, p.last, p.end, p.gaps), (None, Some(position(8)), true, 0));
    assert_eq!(p.last_arrival, Some(source.edit(|script| script.arrived)));
    assert!(p.tip.is_some() && p.last_commit >= p.tip);
    assert_eq!(p.versions.into_iter().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn needs_a_ledger() {
    assert_eq!(summary(store(&dir())).await.unwrap_err().kind(), ErrorKind::NotFound);
}
