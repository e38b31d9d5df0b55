//! Stores that are away, at the start, while a pipeline runs and when it is to stop; and what is held meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anabranch::ErrorKind;
use anabranch::epoch::{Every, Ledger, SourceExt};
use tokio::time::{Instant, sleep};

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Forever, Tip, Wait};
use crate::{dir, each, is_exact, records, run, sizes, store};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A store that can be taken away, and refuses or swallows every call then.
fn away(dir: &tempfile::TempDir, fate: Fate) -> (Arc<Faulty>, Arc<AtomicBool>) {
    let is_away = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_away);
    let faulty = Faulty::new(store(dir), move |_| if asked.load(Ordering::Relaxed) { fate } else { Fate::Pass });
    (faulty, is_away)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_start_is_given_up_after_a_minute() {
    let (dir, source, begin) = (dir(), Scripted::one([Batch(10)]), Instant::now());
    let faulty = Faulty::new(store(&dir), |_| Fate::Refuse);
    let error = run(&source, &(faulty as _), records(4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!((50..=90).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_day_loses_nothing_and_stops_the_reading() {
    let dir = dir();
    let steps = || (0..3_000).flat_map(|_| [Tip(1), Wait(MINUTE)]);
    let source = Scripted::one(steps()).with("q", &[], steps());
    let (faulty, is_away) = away(&dir, Fate::Refuse);
    let pipeline = source.clone().epochs(Every::span(10 * MINUTE)).commit_to(Ledger::new(faulty, "test"), each);
    let stats = pipeline.stats();
    let watch = async {
        sleep(120 * MINUTE).await;
        assert!(stats.lag().unwrap() <= 12 * MINUTE, "{:?}", stats.lag());
        is_away.store(true, Ordering::Relaxed);
        sleep(60 * MINUTE).await;
        let (read, committed) = (stats.records.get(), stats.committed.get());
        sleep(23 * 60 * MINUTE).await;
        assert_eq!((stats.records.get(), stats.committed.get()), (read, committed), "it read on");
        assert!(read - committed <= 2 * 2 * 11, "more than two epochs of each are held");
        assert!(stats.held() > 0 && stats.retries.get() > 1_000);
        assert!(stats.lag().unwrap() >= 24 * 60 * MINUTE, "{:?}", stats.lag());
        is_away.store(false, Ordering::Relaxed);
        sleep(3 * 60 * MINUTE).await;
        assert!(stats.committed.get() > committed && stats.lag().unwrap() <= 13 * MINUTE, "{:?}", stats.lag());
        std::future::pending().await
    };
    let report = pipeline.run(watch).await.unwrap();
    assert_eq!((report.records, report.lost), (6_000, 0));
    assert_eq!((stats.held(), stats.lag()), (0, None));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_committed_in_time_when_it_is_to_stop_is_named_and_read_again() {
    for (fate, within) in [(Fate::Refuse, 30), (Fate::Vanish, 30), (Fate::Refuse, 7), (Fate::VanishAfter, 7)] {
        let (dir, source) = (dir(), Scripted::one([Batch(5), Forever]).with("q", &[], [Batch(4), Forever]));
        let (faulty, is_away) = away(&dir, fate);
        let mut pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(faulty, "test"), each);
        if within != 30 {
            pipeline = pipeline.stop_within(Duration::from_secs(within));
        }
        let begin = Instant::now();
        let shutdown = async {
            sleep(10 * SECOND).await;
            is_away.store(true, Ordering::Relaxed);
            sleep(SECOND).await;
        };
        let error = pipeline.run(shutdown).await.unwrap_err();
        assert_eq!((error.kind(), begin.elapsed().as_secs()), (ErrorKind::Unavailable, 11 + within));
        for text in ["could not stop within", "p from its start", "q from its start", "is read again"] {
            assert!(error.to_string().contains(text), "{error}");
        }
        source.edit(|script| script.steps.values_mut().for_each(|steps| steps.truncate(1)));
        run(&source, &store(&dir), records(100)).await.unwrap();
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_in_time_gets_the_last_epoch() {
    let (dir, source) = (dir(), Scripted::one([Batch(5), Forever]));
    let (faulty, is_away) = away(&dir, Fate::Refuse);
    let pipeline = source.clone().epochs(Every::secs(600)).commit_to(Ledger::new(faulty, "test"), each);
    let shutdown = async {
        sleep(10 * SECOND).await;
        is_away.store(true, Ordering::Relaxed);
        tokio::spawn(async move {
            sleep(12 * SECOND).await;
            is_away.store(false, Ordering::Relaxed);
        });
    };
    assert_eq!(pipeline.run(shutdown).await.unwrap().records, 5);
    assert_eq!(sizes(&store(&dir), "p").await, [5]);
}

/// Without an answer to its closure there is nothing else to do.
#[tokio::test(start_paused = true)]
async fn a_closure_that_hangs_cannot_hold_up_the_stop() {
    let (dir, source, begin) = (dir(), Scripted::one([Batch(5), Forever]), Instant::now());
    let hang = |records, dead| each(records, dead).map_async(1, |_| std::future::pending::<u64>());
    let pipeline = source.epochs(Every::secs(1)).commit_to(Ledger::new(store(&dir), "test"), hang);
    let error = pipeline.run(sleep(SECOND)).await.unwrap_err();
    assert!(error.to_string().contains("p from its start"), "{error}");
    assert_eq!(begin.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_within_its_bound_over_all_partitions_and_all_is_committed() {
    for most in [0, 1, 2_000, 40_000] {
        let dir = dir();
        let mut source = Scripted::new();
        for name in ["a", "b", "c", "d", "e", "f"] {
            source = source.with(name, &[], (0..40).flat_map(|_| [Batch(50), Wait(SECOND)]));
        }
        let slow = Faulty::new(store(&dir), |_| Fate::Pass);
        let late = slow.slow(|call: &Call| if call.is_commit() { SECOND } else { Duration::ZERO });
        let pipeline = source.clone().epochs(Every::secs(3_600)).commit_to(Ledger::new(late, "test"), each);
        let pipeline = pipeline.hold_at_most(most);
        let (stats, begin) = (pipeline.stats(), Instant::now());
        let watch = async {
            let mut highest = 0;
            loop {
                highest = stats.held().max(highest);
                // Sixteen records of each partition may come before one sees that the bound is reached.
                assert!(highest <= most + 6 * 17 * 30, "{highest} of {most}");
                sleep(SECOND / 20).await;
            }
        };
        let report = pipeline.run(watch).await.unwrap();
        assert_eq!((report.records, stats.held()), (6 * 40 * 50, 0));
        assert!(report.epochs > 6 || most == 40_000, "no epoch was closed early: {report:?}");
        assert!(begin.elapsed() > 40 * SECOND);
        is_exact(&source, &store(&dir)).await;
    }
}
