//! What is kept from epoch to epoch, and what is thrown away.

use std::sync::{Arc, Mutex};

use anabranch::epoch::{Carry, DeadLetters, Report, SourceExt, State, StateAt};
use anabranch::source::Source;
use anabranch::store::Store;
use anabranch::{BoxFlow, Error, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Step::{Batch, Wait};
use crate::scripted::{Scripted, number};
use crate::{Records, SECOND, chains, dir, done, last, ledger, records, refused, state, store};

/// The sum of all numbers, and something to make it long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    sum: u64,
    ballast: String,
    by: String,
}

/// Gives the sum so far with each record.
fn sums(records: Records, state: State<Sum>, by: &'static str, ballast: usize) -> BoxFlow<'static, u64, Error> {
    let sum = move |record: anabranch::Record| {
        state.with(|state| {
            state.sum += number(&record.position());
            state.ballast = "\"".repeat(ballast);
            state.by = by.to_owned();
            state.sum
        })
    };
    records.map(sum).boxed()
}

async fn run(
    source: &Scripted,
    store: &Arc<dyn Store>,
    each: u64,
    (by, ballast): (&'static str, usize),
) -> Result<Report, Error> {
    let carry = Carry::new(1, Sum::default);
    let chain = move |records: Records, _: DeadLetters, state| sums(records, state, by, ballast);
    let pipeline = source.clone().epochs(records(each)).commit_to_with_state(ledger(store), carry, chain);
    done(pipeline.run(std::future::pending())).await
}

/// Every epoch's state and rows are those of a fold over all records up to there. How many epochs there are.
async fn is_folded(store: &Arc<dyn Store>, all: u64) -> usize {
    let chain = chains(store).await.remove("p").unwrap();
    let mut sum = 0;
    for epoch in &chain {
        let from = epoch.header.from.as_ref().map_or(0, number);
        let to = epoch.header.to.as_ref().map_or(0, number);
        for (row, number) in epoch.rows::<u64>().zip(from + 1..=to) {
            sum += number;
            assert_eq!(row.unwrap(), sum);
        }
        assert_eq!(state::<Sum>(store, epoch).await.sum, sum);
        assert_eq!(epoch.header.state.as_ref().unwrap().version, 1);
    }
    assert_eq!(sum, (1..=all).sum::<u64>());
    chain.len()
}

#[tokio::test(start_paused = true)]
async fn the_state_is_the_fold_over_all_records_also_across_runs() {
    let (dir, source) = (dir(), Scripted::one([Batch(151), Wait(SECOND), Batch(150)]));
    let place = store(&dir);
    for stop in [0, 1] {
        source.edit(|script| script.steps.insert("p".into(), vec![Batch(100 + 50 * stop), Batch(1)]));
        run(&source, &place, 3, ("a", 0)).await.unwrap();
    }
    source.edit(|script| script.steps.insert("p".into(), vec![Batch(301)]));
    run(&source, &place, 3, ("a", 0)).await.unwrap();
    assert!(is_folded(&place, 301).await > 100);
    assert_eq!(run(&source, &place, 3, ("a", 0)).await.unwrap().epochs, 0, "nothing new is nothing to say");
}

#[tokio::test(start_paused = true)]
async fn a_long_state_is_an_object_of_its_own_and_a_short_one_stands_in_the_header() {
    // Quotes take two bytes in the state's JSON, and four where that is text in a header.
    for (ballast, is_object) in [(0, false), (8_000, false), (8_300, true), (500_000, true)] {
        let (dir, source) = (dir(), Scripted::one([Batch(9)]));
        let place = store(&dir);
        run(&source, &place, 3, ("a", ballast)).await.unwrap();
        source.edit(|script| script.steps.insert("p".into(), vec![Batch(12)]));
        run(&source, &place, 3, ("a", ballast)).await.unwrap();
        is_folded(&place, 12).await;
        for epoch in &chains(&place).await["p"] {
            match &epoch.header.state.as_ref().unwrap().at {
                StateAt::Inline(json) => assert!(!is_object && serde_json::from_str::<Sum>(json).is_ok()),
                StateAt::Object { key, sha256 } => {
                    assert!(is_object, "{ballast}");
                    assert_eq!(*key, format!("_ledger/p/state/{:020}-{sha256}", epoch.header.n));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_changed_or_is_gone_is_refused() {
    let (dir, source) = (dir(), Scripted::one([Batch(9)]));
    let place = store(&dir);
    run(&source, &place, 9, ("a", 50_000)).await.unwrap();
    let chains = chains(&place).await;
    let Some(StateAt::Object { key, .. }) = chains["p"][0].header.state.as_ref().map(|state| &state.at) else {
        panic!("{:?}", chains["p"][0].header)
    };
    std::fs::write(dir.path().join(key), "{}").unwrap();
    refused(run(&source, &place, 9, ("a", 50_000)).await, "is not the one that its epoch names");
    std::fs::remove_file(dir.path().join(key)).unwrap();
    refused(run(&source, &place, 9, ("a", 50_000)).await, "is gone");
}

/// The state is put before the epoch. Whoever comes next finds it, and no epoch that names it.
#[tokio::test(start_paused = true)]
async fn a_state_whose_epoch_was_never_committed_does_not_count() {
    for (fate, at) in [(Fate::Deny, 2), (Fate::LoseAnswer, 2), (Fate::Deny, 0)] {
        let (dir, source) = (dir(), Scripted::one([Batch(20)]));
        let mut commits = 0;
        let faulty = Faulty::new(store(&dir), move |call: &Call| {
            let here = call.is_commit() && commits == at;
            commits += usize::from(call.is_commit());
            if here { fate } else { Fate::Pass }
        });
        let outcome = run(&source, &(Arc::clone(&faulty) as _), 3, ("a", 50_000)).await;
        assert_eq!(outcome.is_err(), matches!(fate, Fate::Deny));
        let puts =
            |calls: Vec<Call>| calls.iter().filter(|call| call.key.contains("/state/") && call.name == "put").count();
        assert!(puts(faulty.calls()) > at);
        run(&source, &store(&dir), 4, ("b", 50_000)).await.unwrap();
        is_folded(&store(&dir), 20).await;
    }
}

/// One reads ten records and waits; the other commits the first seven of them meanwhile, in one epoch or in several.
#[tokio::test(start_paused = true)]
async fn who_loses_an_epoch_goes_on_with_the_state_of_the_winner() {
    for (each, ballast) in [(7, 0), (7, 50_000), (3, 0), (1, 50_000)] {
        let dir = dir();
        let slow = Scripted::one([Batch(10), Wait(100 * SECOND), Batch(10)]);
        let quick = Scripted::one([Batch(7)]);
        let place = store(&dir);
        let (slow_one, quick_one) = tokio::join!(run(&slow, &place, 100, ("slow", ballast)), async {
            tokio::time::sleep(SECOND).await;
            run(&quick, &place, each, ("quick", ballast)).await
        });
        assert_eq!((slow_one.unwrap().lost, quick_one.unwrap().lost), (1, 0));
        is_folded(&place, 20).await;
        let chain = chains(&place).await.remove("p").unwrap();
        assert_eq!(state::<Sum>(&place, &chain[0]).await.by, "quick");
        assert_eq!(last::<Sum>(&place, "p").await.by, "slow");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_of_another_version_stops_the_pipeline() {
    let (dir, source) = (dir(), Scripted::one([Batch(5)]));
    let place = store(&dir);
    run(&source, &place, 3, ("a", 0)).await.unwrap();
    source.edit(|script| script.steps.insert("p".into(), vec![Batch(9)]));
    let newer = source.clone().epochs(records(3)).commit_to_with_state(
        ledger(&place),
        Carry::new(2, Sum::default),
        |records: Records, _, state| sums(records, state, "newer", 0),
    );
    let error = done(newer.run(std::future::pending())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for says in ["version 1", "version 2", "p, dir:", "run the version of the pipeline that wrote it"] {
        assert!(error.to_string().contains(says), "{error}");
    }
    let without = source
        .clone()
        .epochs(records(3))
        .commit_to(ledger(&place), |records: Records, _| records.map(|record| number(&record.position())).boxed());
    refused(done(without.run(std::future::pending())).await, "this pipeline keeps none");
    run(&source, &place, 3, ("a", 0)).await.unwrap();
    is_folded(&place, 9).await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_had_no_state_can_begin_to_keep_one() {
    let (dir, source) = (dir(), Scripted::one([Batch(5)]));
    let place = store(&dir);
    let without = source
        .clone()
        .epochs(records(3))
        .commit_to(ledger(&place), |records: Records, _| records.map(|record| number(&record.position())).boxed());
    done(without.run(std::future::pending())).await.unwrap();
    source.edit(|script| script.steps.insert("p".into(), vec![Batch(9)]));
    run(&source, &place, 3, ("a", 0)).await.unwrap();
    assert_eq!(last::<Sum>(&place, "p").await.sum, 6 + 7 + 8 + 9);
}

#[tokio::test(start_paused = true)]
async fn the_handle_of_an_epoch_is_of_no_use_behind_its_end() {
    let (dir, source) = (dir(), Scripted::one([Batch(5)]));
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let chain = move |records: Records, _: DeadLetters, state: State<Sum>| {
        *keep.lock().unwrap() = Some(state.clone());
        sums(records, state, "a", 0)
    };
    let pipeline = (Arc::new(source) as Arc<dyn Source>).epochs(records(3)).commit_to_with_state(
        ledger(&store(&dir)),
        Carry::new(1, Sum::default),
        chain,
    );
    done(pipeline.run(std::future::pending())).await.unwrap();
    let state = kept.lock().unwrap().take().unwrap();
    let used = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.with(|state| state.sum)));
    assert!(used.is_err());
}
