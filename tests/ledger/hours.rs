//! In which hour's folder an epoch lies: that of its commit or the one before, if it has rows.

use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{Epoch, Every, Ledger, Report, SourceExt};
use anabranch::store::Store;
use chrono::{DateTime, TimeZone, Utc};
use tokio::time::{Instant, sleep};

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close, Tip, Wait};
use crate::{chains, dir, each, is_exact, run, store};

const HOUR: Duration = Duration::from_secs(3_600);

/// The paused clock, as a time of day.
fn now() -> impl Fn() -> DateTime<Utc> + Send + Sync + Clone + 'static {
    let (start, begin) = (Utc.with_ymd_and_hms(2026, 11, 20, 21, 30, 0).unwrap(), Instant::now());
    move || start + begin.elapsed()
}

async fn run_by(
    now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    source: &Scripted,
    store: Arc<dyn Store>,
) -> Report {
    let ledger = Ledger::new(store, "test").clock(now);
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(ledger, each);
    pipeline.run(std::future::pending()).await.unwrap()
}

fn hour(instant: DateTime<Utc>) -> String {
    instant.format("dt=%Y-%m-%d/hour=%H").to_string()
}

fn is_where_it_is_looked_for(epoch: &Epoch) -> bool {
    let committed = epoch.header.committed;
    [hour(committed), hour(committed - HOUR)].iter().any(|hour| epoch.key.starts_with(&**hour))
}

#[tokio::test(start_paused = true)]
async fn rows_lie_in_the_hour_of_their_commit_or_the_hour_before_also_after_a_quiet_day() {
    let dir = dir();
    let waits = [0.4, 0.9, 1.3, 2.2, 26.0, 0.1, 50.0];
    let source = Scripted::one(
        waits.into_iter().flat_map(|hours| [Wait(HOUR.mul_f64(hours)), Tip(3)]).chain([Wait(90 * HOUR), Close(0)]),
    );
    let report = run_by(now(), &source, store(&dir)).await;
    let chain = chains(&store(&dir)).await.remove("p").unwrap();
    let (full, empty): (Vec<_>, Vec<_>) = chain.iter().partition(|epoch| epoch.header.rows > 0);
    assert!(full.iter().all(|epoch| is_where_it_is_looked_for(epoch)), "{full:#?}");
    assert_eq!((full.len(), report.epochs as usize), (7, chain.len()));
    // One before each that had been quiet for long, and the end mark, which is no row and lies where it happens to.
    let [leading @ .., end] = &empty[..] else { panic!("there is no end") };
    assert!((3..=4).contains(&leading.len()), "{leading:#?}");
    assert!(end.header.end && !is_where_it_is_looked_for(end));
    for epoch in leading {
        assert_eq!((&epoch.header.from, epoch.header.records), (&epoch.header.to, 0));
        assert!(epoch.header.next.starts_with(&hour(epoch.header.committed)));
        let n = epoch.header.n as usize;
        let before = n.checked_sub(1).map(|n| &chain[n].header);
        let seen = before.and_then(|before| before.tip.max(before.last_arrival));
        assert_eq!(epoch.header.tip, seen, "it knows as much as the one before");
    }
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_epoch_long_after_the_root_lies_in_its_own_hour() {
    let (dir, source) = (dir(), Scripted::one([Wait(30 * HOUR), Batch(3)]));
    run_by(now(), &source, store(&dir)).await;
    let chain = chains(&store(&dir)).await.remove("p").unwrap();
    let [empty, full] = &chain[..] else { panic!("{chain:#?}") };
    assert!(empty.key.starts_with("dt=2026-11-20/hour=21/") && empty.header.to.is_none());
    assert!(full.key.starts_with("dt=2026-11-22/hour=03/") && full.header.from.is_none());
    is_exact(&source, &store(&dir)).await;
}

/// Others commit the empty epoch, or the one with rows behind it, while this one is about to; or both.
#[tokio::test(start_paused = true)]
async fn who_loses_on_the_way_to_a_new_hour_loses_a_race_as_any_other() {
    for (delay, records) in [(5, 7), (0, 10), (12, 4)] {
        let dir = dir();
        let (source, quick) = (Scripted::one([Wait(30 * HOUR), Batch(10)]), Scripted::one([Batch(records)]));
        let now = now();
        let slow = Faulty::new(store(&dir), |_| Fate::Pass)
            .slow(|call: &Call| if call.is_commit() { Duration::from_secs(10) } else { Duration::ZERO });
        let other = async {
            sleep(30 * HOUR + Duration::from_secs(delay)).await;
            let place: Arc<dyn Store> = store(&dir);
            run_by(now.clone(), &quick, place).await
        };
        let (own, other) = tokio::join!(run_by(now.clone(), &source, slow), other);
        assert_eq!(own.records + other.records, 10, "{own:?} {other:?}");
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_on_the_way_to_a_new_hour_leaves_a_chain_that_goes_on() {
    let (dir, source) = (dir(), Scripted::one([Wait(30 * HOUR), Batch(10)]));
    let mut commits = 0;
    let faulty = Faulty::new(store(&dir), move |call| {
        commits += usize::from(call.is_commit());
        if commits == 2 { Fate::Vanish } else { Fate::Pass }
    });
    let now = now();
    let dead = run_by(now.clone(), &source, faulty);
    assert!(tokio::time::timeout(100 * HOUR, dead).await.is_err());
    assert_eq!(crate::sizes(&store(&dir), "p").await, [0]);
    run_by(now, &source, store(&dir)).await;
    assert_eq!(crate::sizes(&store(&dir), "p").await, [0, 0, 10]);
    run(&source, &store(&dir), Every::default()).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}
