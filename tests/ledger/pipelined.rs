//! The next epoch, read and computed while one is put; and heartbeats, which are epochs of nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt};
use tokio::time::{Instant, sleep};

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close, Fail, Forever, Tip, Wait};
use crate::{chains, dir, each, is_exact, records, run, sizes, store};

const SECOND: Duration = Duration::from_secs(1);

fn commits_take(span: Duration) -> impl Fn(&Call) -> Duration + Send + Sync {
    move |call| if call.is_commit() { span } else { Duration::ZERO }
}

#[tokio::test(start_paused = true)]
async fn the_next_epoch_is_computed_while_one_is_put_and_no_other() {
    let (dir, source, begin) = (dir(), Scripted::one([Batch(30)]), Instant::now());
    let slow = Faulty::new(store(&dir), |_| Fate::Pass).slow(commits_take(10 * SECOND));
    let log = Arc::new(Mutex::new(Vec::new()));
    let rows = Arc::clone(&log);
    let chain = move |records, dead| {
        let rows = Arc::clone(&rows);
        each(records, dead).map_async(1, move |row| {
            rows.lock().unwrap().push((row.number, begin.elapsed().as_secs()));
            async move {
                sleep(SECOND).await;
                row
            }
        })
    };
    let pipeline = source.clone().epochs(records(10)).commit_to(Ledger::new(slow, "test"), chain);
    let report = pipeline.run(std::future::pending()).await.unwrap();
    assert_eq!((report.epochs, report.records), (3, 30));
    // One epoch of ten seconds, two of which the next is computed beside, and the put of the last.
    assert_eq!(begin.elapsed().as_secs(), 40);
    let log = log.lock().unwrap().clone();
    assert_eq!((log[0], log[10], log[20]), ((1, 0), (11, 10), (21, 20)));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_one_epoch_is_computed_ahead() {
    let (dir, source) = (dir(), Scripted::one([Batch(30)]));
    let slow = Faulty::new(store(&dir), |_| Fate::Pass).slow(commits_take(1_000 * SECOND));
    let pipeline = source.clone().epochs(records(10)).commit_to(Ledger::new(slow, "test"), each);
    let stats = pipeline.stats();
    let watch = async {
        sleep(500 * SECOND).await;
        assert_eq!((stats.records.get(), stats.committed.get()), (20, 0));
        sleep(1_000 * SECOND).await;
        assert_eq!((stats.records.get(), stats.committed.get()), (30, 10));
        std::future::pending().await
    };
    pipeline.run(watch).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

/// The next is put only behind one that is there: nothing is under its key before.
#[tokio::test(start_paused = true)]
async fn what_was_computed_ahead_is_thrown_away_when_its_epoch_is_lost() {
    let dir = dir();
    let slow = Scripted::one([Batch(10), Wait(SECOND), Batch(10), Forever]);
    let quick = Scripted::one([Batch(7)]);
    let late = Faulty::new(store(&dir), |_| Fate::Pass).slow(commits_take(10 * SECOND));
    let pipeline = slow.clone().epochs(records(10)).commit_to(Ledger::new(Arc::<Faulty>::clone(&late), "test"), each);
    let stats = pipeline.stats();
    let place = store(&dir);
    let (report, ()) = tokio::join!(pipeline.run(sleep(100 * SECOND)), async {
        sleep(5 * SECOND).await;
        assert_eq!(stats.records.get(), 20, "it has not computed ahead");
        assert_eq!(run(&quick, &place, records(100)).await.unwrap().records, 7);
    });
    let report = report.unwrap();
    assert_eq!((report.records, report.lost), (13, 1));
    let commits: Vec<_> = late.calls().into_iter().filter(Call::is_commit).collect();
    assert_eq!(commits.len(), 3, "{commits:?}");
    assert_eq!(sizes(&place, "p").await, [7, 10, 3]);
    is_exact(&slow, &place).await;
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_committed_when_the_one_behind_it_fails() {
    let broken = anabranch::Error::new(anabranch::ErrorKind::Invalid, "the source broke");
    let (dir, source) = (dir(), Scripted::one([Batch(10), Fail(broken)]));
    let slow = Faulty::new(store(&dir), |_| Fate::Pass).slow(commits_take(10 * SECOND));
    let error = run(&source, &(slow as _), records(10)).await.unwrap_err();
    assert_eq!(error.to_string(), "the source broke");
    assert_eq!(sizes(&store(&dir), "p").await, [10]);
}

#[tokio::test(start_paused = true)]
async fn an_end_behind_an_epoch_that_is_put_is_put_behind_it() {
    let (dir, source) = (dir(), Scripted::one([Batch(10), Close(0)]).with("child", &["p"], [Batch(3)]));
    let slow = Faulty::new(store(&dir), |_| Fate::Pass).slow(commits_take(10 * SECOND));
    run(&source, &(slow as _), records(10)).await.unwrap();
    assert_eq!(sizes(&store(&dir), "p").await, [10, 0]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_quiet_partition_says_that_it_is_at_its_tip_once_in_a_period() {
    const MINUTE: Duration = Duration::from_secs(60);
    let quiet = (0..300).flat_map(|_| [Tip(0), Wait(MINUTE)]);
    let steps = || [Tip(5)].into_iter().chain(quiet.clone());
    for (heartbeat, expected) in [(Some(60 * MINUTE), vec![5, 0, 0, 0, 0]), (None, vec![5])] {
        // Where nothing was heard from the source, nothing can be said; and who is behind is not at the tip.
        let source =
            Scripted::one(steps()).with("mute", &[], [Tip(1), Forever]).with("behind", &[], [Batch(1), Forever]);
        let dir = dir();
        let begin = Instant::now();
        let now = chrono::Utc::now();
        let ledger = Ledger::new(store(&dir), "test").clock(move || now + begin.elapsed());
        let pipeline = source.clone().epochs(Every::secs(60)).commit_to(ledger, each);
        let pipeline = if let Some(heartbeat) = heartbeat { pipeline.heartbeat(heartbeat) } else { pipeline };
        let report = pipeline.run(sleep(290 * MINUTE)).await.unwrap();
        assert_eq!((sizes(&store(&dir), "p").await, report.records), (expected.clone(), 7));
        assert_eq!(report.epochs as usize, expected.len() + 2);
        let chains = chains(&store(&dir)).await;
        assert_eq!((chains["mute"].len(), chains["behind"].len()), (1, 1));
        let tips: Vec<_> = chains["p"].iter().map(|epoch| epoch.header.tip.unwrap()).collect();
        assert!(tips.is_sorted() && tips.iter().skip(1).all(|tip| *tip > now + 55 * MINUTE), "{tips:?}");
        is_exact(&source, &store(&dir)).await;
    }
}
