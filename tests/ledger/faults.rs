//! Stores that fail, answers that are lost, and workers that are faster.

use std::sync::Arc;
use std::time::Duration;

use anabranch::ErrorKind;
use anabranch::epoch::Every;
use anabranch::store::{About, Store};
use tokio::time::Instant;

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close, Wait};
use crate::{chains, dir, is_exact, records, run, sizes, store};

const SECOND: Duration = Duration::from_secs(1);

/// This fate for the calls that are meant, once or always.
fn fate(meant: impl Fn(&Call) -> bool + Send + 'static, fate: Fate, times: usize) -> impl FnMut(&Call) -> Fate + Send {
    let mut left = times;
    move |call| {
        if left == 0 || !meant(call) {
            return Fate::Pass;
        }
        left -= 1;
        fate
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_whose_answer_is_lost_counts_once() {
    for times in [1, 3] {
        let (dir, source) = (dir(), Scripted::one([Batch(10), Close(2)]));
        let faulty = Faulty::new(store(&dir), fate(Call::is_commit, Fate::LoseAnswer, times));
        let report = run(&source, &(Arc::clone(&faulty) as _), records(4)).await.unwrap();
        assert_eq!((report.epochs, report.records, report.rows, report.lost), (3, 12, 12, 0));
        let puts = faulty.calls().iter().filter(|call| call.is_commit()).count();
        assert!(puts > 3, "nothing was put again");
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_root_whose_answer_is_lost_is_the_root() {
    let (dir, source) = (dir(), Scripted::one([Batch(3)]));
    let faulty = Faulty::new(store(&dir), fate(|call| call.key == "_ledger/root", Fate::LoseAnswer, 3));
    run(&source, &(faulty as _), records(4)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn every_call_is_tried_again_while_its_trouble_may_pass() {
    for name in ["put", "get", "get_range"] {
        let (dir, source, begin) = (dir(), Scripted::one([Batch(10)]), Instant::now());
        let faulty = Faulty::new(store(&dir), fate(move |call| call.name == name, Fate::Refuse, 5));
        let report = run(&source, &(faulty as _), records(4)).await.unwrap();
        assert_eq!((report.records, report.lost), (10, 0));
        assert!(begin.elapsed() > SECOND, "{name} did not wait");
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_come_back_is_given_up_after_a_quarter_of_an_hour() {
    let (dir, source, begin) = (dir(), Scripted::one([Batch(10)]), Instant::now());
    let faulty = Faulty::new(store(&dir), fate(Call::is_commit, Fate::Refuse, usize::MAX));
    let error = run(&source, &(faulty as _), records(4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!((14..=16).contains(&(begin.elapsed().as_secs() / 60)), "{:?}", begin.elapsed());
    run(&source, &store(&dir), records(4)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_not_tried_again() {
    let (dir, source, begin) = (dir(), Scripted::one([Batch(10)]), Instant::now());
    let faulty = Faulty::new(store(&dir), fate(Call::is_commit, Fate::Deny, usize::MAX));
    let error = run(&source, &(Arc::clone(&faulty) as _), records(4)).await.unwrap_err();
    assert_eq!((error.kind(), begin.elapsed() < SECOND), (ErrorKind::Denied, true));
    assert_eq!(faulty.calls().iter().filter(|call| call.is_commit()).count(), 1);
    run(&source, &store(&dir), records(4)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

/// One reads ten records and waits; the other commits the first seven of them meanwhile, in one epoch or in several.
#[tokio::test(start_paused = true)]
async fn who_loses_an_epoch_goes_on_behind_the_chain_of_the_winner() {
    for each in [7, 3, 1] {
        let dir = dir();
        let slow = Scripted::one([Batch(10), Wait(100 * SECOND), Batch(10)]);
        let quick = Scripted::one([Batch(7)]);
        let place = store(&dir);
        let (slow_one, quick_one) = tokio::join!(run(&slow, &place, Every::secs(60)), async {
            tokio::time::sleep(SECOND).await;
            run(&quick, &place, records(each)).await
        });
        let (slow_one, quick_one) = (slow_one.unwrap(), quick_one.unwrap());
        assert_eq!((quick_one.records, quick_one.lost), (7, 0));
        assert_eq!((slow_one.records, slow_one.lost), (13, 1), "epochs of {each}");
        is_exact(&slow, &place).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_last_epoch_takes_its_end_mark() {
    let dir = dir();
    let slow = Scripted::one([Batch(5), Wait(100 * SECOND), Close(5)]).with("child", &["p"], [Batch(2)]);
    let quick = Scripted::one([Close(10)]);
    let place = store(&dir);
    let (slow_one, quick_one) = tokio::join!(run(&slow, &place, Every::secs(60)), async {
        tokio::time::sleep(SECOND).await;
        run(&quick, &place, records(100)).await
    });
    assert_eq!((slow_one.unwrap().records, quick_one.unwrap().records), (2, 10));
    is_exact(&slow, &place).await;
}

#[tokio::test(start_paused = true)]
async fn workers_that_race_count_once_together() {
    let mut lost = 0;
    for round in 0..8_u64 {
        let dir = dir();
        let steps = || (0..30).flat_map(|n| [Batch(n % 4), Wait(Duration::from_millis(n % 3))]);
        let source = Scripted::one(steps()).with("q", &[], steps());
        let runs = (0..3).map(|worker| {
            let (source, place) = (source.clone(), store(&dir));
            async move { run(&source, &place, records(2 + (worker + round) % 3)).await.unwrap() }
        });
        let reports = futures::future::join_all(runs).await;
        is_exact(&source, &store(&dir)).await;
        let all: u64 = source.records().values().sum();
        assert_eq!(reports.iter().map(|report| report.records).sum::<u64>(), all);
        lost += reports.iter().map(|report| report.lost).sum::<u64>();
    }
    assert!(lost > 0, "nobody was ever faster, so this has shown nothing");
}

/// The put of a worker that was killed may still be under way, and arrive when another has gone on.
#[tokio::test(start_paused = true)]
async fn a_put_that_arrives_late_does_no_harm() {
    let (dir, source) = (dir(), Scripted::one([Batch(4), Batch(4)]));
    let faulty = Faulty::new(store(&dir), fate(Call::is_commit, Fate::VanishAfter, 1));
    let place = faulty as _;
    let dead = run(&source, &place, records(3));
    assert!(tokio::time::timeout(10 * SECOND, dead).await.is_err());
    let report = run(&source, &store(&dir), records(5)).await.unwrap();
    assert_eq!(report.records, 5);
    assert_eq!(sizes(&store(&dir), "p").await, [3, 5]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_epoch_in_the_place_of_one_stops_the_partition() {
    let (dir, source) = (dir(), Scripted::one([Batch(4)]));
    run(&source, &store(&dir), records(4)).await.unwrap();
    let next = chains(&store(&dir)).await["p"][0].header.next.clone();
    store(&dir).put_if_absent(&next, "something else".into(), &About::default()).await.unwrap();
    let error = run(&source, &store(&dir), records(4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("this object is no epoch") && error.to_string().contains(&next), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_of_elsewhere_in_the_place_of_the_next_stops_the_partition() {
    let (dir, source) = (dir(), Scripted::one([Batch(4)]));
    run(&source, &store(&dir), records(2)).await.unwrap();
    let chain = chains(&store(&dir)).await.remove("p").unwrap();
    let place: Arc<dyn Store> = store(&dir);
    let copy = place.get(&chain[0].key).await.unwrap().unwrap();
    place.put_if_absent(&chain[1].header.next, copy, &About::default()).await.unwrap();
    let error = run(&source, &place, records(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("does not continue the chain"), "{error}");
}

/// Its next key would lead away from the chain, and another writer's epochs would never be seen.
#[tokio::test(start_paused = true)]
async fn an_epoch_that_leads_elsewhere_stops_the_partition() {
    let (dir, source) = (dir(), Scripted::one([Batch(4)]));
    run(&source, &store(&dir), records(2)).await.unwrap();
    let last = chains(&store(&dir)).await.remove("p").unwrap().pop().unwrap();
    let path = dir.path().join(&last.key);
    let object = std::fs::read(&path).unwrap();
    let (next, other) = (b"/00000000000000000002-", b"/00000000000000000009-");
    let at = object.windows(next.len()).position(|bytes| bytes == next).unwrap();
    let tampered = [&object[..at], other, &object[at + next.len()..]].concat();
    std::fs::write(&path, tampered).unwrap();
    let error = run(&source, &store(&dir), records(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("does not continue the chain"), "{error}");
}
