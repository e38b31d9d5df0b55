//! Hints: a long chain is resumed with a few reads, and a hint that is wrong in any way is as good as none.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anabranch::ErrorKind;
use anabranch::epoch::{Epoch, Every, Ledger, SourceExt};
use anabranch::store::About;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::faulty::{Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Tip, Wait};
use crate::{chains, dir, each, is_exact, keys, records, run, store};

const HINT: &str = "_ledger/p/hint";

async fn hint(dir: &TempDir) -> Option<Value> {
    store(dir).get(HINT).await.unwrap().map(|json| serde_json::from_slice(&json).unwrap())
}

async fn put(dir: &TempDir, hint: impl Into<bytes::Bytes>) {
    store(dir).put(HINT, hint.into(), &About::default()).await.unwrap();
}

fn naming(epoch: &Epoch) -> Value {
    json!({ "schema": 1, "n": epoch.header.n, "key": epoch.key, "nonce": epoch.header.nonce })
}

/// How many reads the next run takes to find out that there is nothing to do.
async fn reads(source: &Scripted, dir: &TempDir) -> usize {
    let faulty = Faulty::new(store(dir), |_| Fate::Pass);
    let report = run(source, &(Arc::clone(&faulty) as _), records(1)).await.unwrap();
    assert_eq!((report.records, report.epochs), (0, 0));
    faulty.calls().iter().filter(|call| call.name.starts_with("get")).count()
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_a_thousand_epochs_is_resumed_with_a_handful_of_reads() {
    let (dir, source) = (dir(), Scripted::one([Batch(1_000)]));
    run(&source, &store(&dir), records(1)).await.unwrap();
    let chain = chains(&store(&dir)).await.remove("p").unwrap();
    assert_eq!(hint(&dir).await.unwrap(), naming(&chain[999]));
    let with_hint = reads(&source, &dir).await;
    assert!(with_hint <= 4, "{with_hint}");

    fs::remove_file(dir.path().join(HINT)).unwrap();
    let without = reads(&source, &dir).await;
    assert!(without > 1_000, "{without}");
    assert_eq!(hint(&dir).await.unwrap(), naming(&chain[999]), "the next start is spared that");

    put(&dir, naming(&chain[900]).to_string()).await;
    let stale = reads(&source, &dir).await;
    assert!((100..110).contains(&stale), "{stale}");
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_is_wrong_is_as_good_as_none() {
    let (dir, source) = (dir(), Scripted::one([Batch(20)]).with("q", &[], [Batch(20)]));
    run(&source, &store(&dir), records(1)).await.unwrap();
    let mut all = chains(&store(&dir)).await;
    let (chain, other) = (all.remove("p").unwrap(), all.remove("q").unwrap());
    let with = |name: &str, value: Value| {
        let mut hint = naming(&chain[19]);
        hint[name] = value;
        hint.to_string()
    };
    let nothing_there = &chain[19].header.next;
    let wrong = [
        String::new(),
        "nonsense".to_owned(),
        "[]".to_owned(),
        json!({ "schema": 1, "n": 19 }).to_string(),
        with("schema", json!(2)),
        with("n", json!(18)),
        with("nonce", json!("0".repeat(32))),
        with("key", json!(nothing_there)),
        with("key", json!("../../etc/passwd")),
        with("key", json!("_ledger/root")),
        with("key", json!(chain[18].key)),
        naming(&other[19]).to_string(),
    ];
    for hint in wrong {
        put(&dir, hint.clone()).await;
        source.edit(|script| script.reads.clear());
        assert!(reads(&source, &dir).await > 20, "{hint}");
        let reads = source.edit(|script| script.reads.clone());
        assert!(reads.iter().all(|(_, start)| *start != anabranch::source::Start::Beginning), "{hint}: {reads:?}");
    }
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_put_at_most_once_a_minute_and_when_it_spares_something() {
    let (dir, source) = (dir(), Scripted::one((0..600).flat_map(|_| [Batch(1), Wait(Duration::from_secs(1))])));
    let faulty = Faulty::new(store(&dir), |_| Fate::Pass);
    run(&source, &(Arc::clone(&faulty) as _), records(1)).await.unwrap();
    let hints = faulty.calls().iter().filter(|call| call.name == "overwrite" && call.key == HINT).count();
    assert!((9..=12).contains(&hints), "{hints}");

    let short = crate::dir();
    run(&Scripted::one([Batch(9)]), &store(&short), records(1)).await.unwrap();
    assert!(!keys(&store(&short)).await.iter().any(|key| key.contains("hint")));
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_cannot_be_put_holds_nothing_up() {
    for fate in [Fate::Refuse, Fate::Deny, Fate::Vanish, Fate::LoseAnswer] {
        let (dir, source) = (dir(), Scripted::one([Batch(30)]));
        let faulty = Faulty::new(store(&dir), move |call| if call.name == "overwrite" { fate } else { Fate::Pass });
        assert_eq!(run(&source, &(faulty as _), records(1)).await.unwrap().epochs, 30);
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_of_the_roots_name_has_a_hint_beside_it() {
    let (dir, source) = (dir(), Scripted::new().with("root", &[], [Batch(30)]));
    run(&source, &store(&dir), records(1)).await.unwrap();
    assert!(store(&dir).get("_ledger/%72oot/hint").await.unwrap().is_some());
    is_exact(&source, &store(&dir)).await;
}

/// Two days later, by the clock that the ledger is given.
async fn run_later(source: &Scripted, dir: &TempDir) -> Result<anabranch::epoch::Report, anabranch::Error> {
    let ledger = Ledger::new(store(dir), "test").clock(|| Utc::now() + TimeDelta::days(2));
    source.clone().epochs(Every::default()).commit_to(ledger, each).run(sleep(Duration::from_secs(100))).await
}

#[tokio::test(start_paused = true)]
async fn an_old_chain_without_hint_and_first_epoch_is_not_begun_anew() {
    let (dir, source) = (dir(), Scripted::one([Batch(20)]).with("q", &[], [Batch(20)]));
    run(&source, &store(&dir), records(1)).await.unwrap();
    let first = dir.path().join(&chains(&store(&dir)).await["p"][0].key);
    let epoch = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    assert_eq!(run_later(&source, &dir).await.unwrap().records, 0, "the hint spares the first epoch");

    fs::remove_file(dir.path().join(HINT)).unwrap();
    let before = keys(&store(&dir)).await;
    let error = run_later(&source, &dir).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    for text in ["the first epoch of a partition that has others is gone", first.file_name().unwrap().to_str().unwrap()]
    {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(keys(&store(&dir)).await, before);
    fs::write(&first, epoch).unwrap();
    assert_eq!(run_later(&source, &dir).await.unwrap().records, 0);
    is_exact(&source, &store(&dir)).await;
}

/// Whoever deletes one, by hand or by a bucket's expiry, would have its records counted once more.
#[tokio::test(start_paused = true)]
async fn an_epoch_that_is_gone_before_others_is_not_made_again() {
    let (dir, source) = (dir(), Scripted::one([Batch(8)]).with("q", &[], [Batch(8)]));
    run(&source, &store(&dir), records(2)).await.unwrap();
    let chain = chains(&store(&dir)).await.remove("p").unwrap();
    for n in [0, 1, 2] {
        let path = dir.path().join(&chain[n].key);
        let epoch = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let before = keys(&store(&dir)).await;
        let error = run(&source, &store(&dir), records(2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.to_string().contains(name) && error.to_string().contains("restore"), "{n}: {error}");
        assert_eq!(keys(&store(&dir)).await, before);
        fs::write(&path, epoch).unwrap();
        assert_eq!(run(&source, &store(&dir), records(2)).await.unwrap().records, 0);
    }
    is_exact(&source, &store(&dir)).await;
}

/// An idle one, and a child that was made a moment ago.
#[tokio::test(start_paused = true)]
async fn a_partition_that_never_had_an_epoch_begins_however_old_the_root_is() {
    let (dir, source) = (dir(), Scripted::one([Tip(0)]).with("q", &[], [Batch(3)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(4)]));
    source.add("late", &[], [Batch(2)]);
    assert_eq!(run_later(&source, &dir).await.unwrap().records, 6);
    is_exact(&source, &store(&dir)).await;
}
