//! What children of a split or a merge begin with.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{Carry, DeadLetters, Inherited, Ledger, Pipeline, SourceExt, State};
use anabranch::source::KeyRange;
use anabranch::store::Store;
use anabranch::{BoxFlow, Error, Partition};
use chrono::{TimeDelta, Utc};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Step::{Batch, Close};
use crate::scripted::{Scripted, number};
use crate::{Records, chains, dir, done, last, ledger, records, state, store};

/// How often each key came.
type Counts = BTreeMap<String, u64>;

/// Rows that say nothing.
type Nothing = BoxFlow<'static, (), Error>;

fn key(number: u64) -> String {
    format!("key {}", number % 23)
}

fn inherits(parents: Vec<Inherited<Counts>>, keys: Option<KeyRange>) -> Counts {
    let names: Vec<_> = parents.iter().map(|parent| parent.partition.to_string()).collect();
    assert!(names.is_sorted() && !names.is_empty());
    let all = parents.into_iter().flat_map(|parent| parent.state);
    let mut counts = Counts::new();
    for (key, count) in all.filter(|(key, _)| keys.is_none_or(|keys| keys.contains_key(key))) {
        *counts.entry(key).or_default() += count;
    }
    counts
}

fn pipeline(
    source: &Scripted,
    ledger: Ledger,
    carry: Carry<Counts>,
) -> Pipeline<impl Fn(Records, DeadLetters, State<Counts>) -> Nothing + Send + Sync + 'static, Counts> {
    let chain = |records: Records, _: DeadLetters, state: State<Counts>| {
        records
            .map(move |record| {
                let key = key(number(&record.position()));
                state.with(|counts| *counts.entry(key).or_default() += 1);
            })
            .boxed()
    };
    source.clone().epochs(records(7)).commit_to_with_state(ledger, carry, chain)
}

async fn run(source: &Scripted, store: &Arc<dyn Store>, carry: Carry<Counts>) -> u64 {
    done(pipeline(source, ledger(store), carry).run(pending())).await.unwrap().records
}

fn counted(numbers: impl IntoIterator<Item = u64>) -> Counts {
    let mut counts = Counts::new();
    for number in numbers {
        *counts.entry(key(number)).or_default() += 1;
    }
    counts
}

const MIDDLE: u128 = u128::MAX / 2;

fn keys(source: &Scripted, at: usize, first: u128, last: u128) {
    source.edit(|script| script.listed[at].keys = Some(KeyRange { first, last }));
}

/// Split in two, which are merged.
fn split_and_merged() -> Scripted {
    let source = Scripted::new()
        .with("whole", &[], [Batch(40), Close(6)])
        .with("left", &["whole"], [Close(10)])
        .with("right", &["whole"], [Close(3)])
        .with("again", &["left", "right"], [Batch(5)]);
    keys(&source, 0, 0, u128::MAX);
    keys(&source, 1, 0, MIDDLE);
    keys(&source, 2, MIDDLE + 1, u128::MAX);
    keys(&source, 3, 0, u128::MAX);
    source
}

#[tokio::test(start_paused = true)]
async fn children_of_a_split_begin_with_their_keys_and_the_child_of_a_merge_with_all() {
    let (dir, source) = (dir(), split_and_merged());
    let place = store(&dir);
    assert_eq!(run(&source, &place, Carry::new(1, Counts::new).inherit(inherits)).await, 64);
    let whole = counted(1..=46);
    assert_eq!(last::<Counts>(&place, "whole").await, whole);
    let is_left = |key: &String| KeyRange { first: 0, last: MIDDLE }.contains_key(key);
    let (left, right): (Counts, Counts) = whole.into_iter().partition(|(key, _)| is_left(key));
    assert!(!left.is_empty() && !right.is_empty());
    let add = |mut to: Counts, counts: &Counts| {
        counts.iter().for_each(|(key, count)| *to.entry(key.clone()).or_default() += count);
        to
    };
    let (left, right) = (add(left, &counted(1..=10)), add(right, &counted(1..=3)));
    assert_eq!(last::<Counts>(&place, "left").await, left);
    assert_eq!(last::<Counts>(&place, "right").await, right);
    assert_eq!(last::<Counts>(&place, "again").await, add(add(left, &right), &counted(1..=5)));
}

#[tokio::test(start_paused = true)]
async fn children_inherit_also_when_their_parents_ended_in_another_run() {
    let dir = dir();
    let place = store(&dir);
    let before = Scripted::one([Close(46)]);
    run(&before, &place, Carry::new(1, Counts::new).inherit(inherits)).await;
    // One child has its parent still listed, the other not.
    let after = Scripted::one([Close(46)]).with("here", &["p"], [Batch(1)]).with("there", &[], [Batch(2)]);
    after.edit(|script| script.listed[2].gone = vec![Partition::new("p")]);
    run(&after, &place, Carry::new(1, Counts::new).inherit(inherits)).await;
    let all = |more: u64| counted((1..=46).chain(1..=more));
    assert_eq!(last::<Counts>(&place, "here").await, all(1));
    assert_eq!(last::<Counts>(&place, "there").await, all(2));
    // What they inherited is theirs now: it is not inherited again.
    after.edit(|script| script.steps.insert("here".into(), vec![Batch(3)]));
    run(&after, &place, Carry::new(1, Counts::new).inherit(inherits)).await;
    assert_eq!(last::<Counts>(&place, "here").await, all(3));
}

#[tokio::test(start_paused = true)]
async fn without_inherit_children_begin_anew_and_all_states_add_up() {
    let (dir, source) = (dir(), split_and_merged());
    let place = store(&dir);
    run(&source, &place, Carry::new(1, Counts::new)).await;
    assert_eq!(last::<Counts>(&place, "left").await, counted(1..=10));
    let mut all = 0;
    for chain in chains(&place).await.values() {
        all += state::<Counts>(&place, chain.last().unwrap()).await.values().sum::<u64>();
    }
    assert_eq!(all, 64);
}

#[tokio::test(start_paused = true)]
async fn a_child_inherits_behind_the_epoch_that_leads_to_a_new_hour() {
    let (dir, source) = (dir(), Scripted::one([Close(46)]));
    let (place, carry) = (store(&dir), || Carry::new(1, Counts::new).inherit(inherits));
    run(&source, &place, carry()).await;
    source.add("child", &["p"], [Batch(2)]);
    let later = |store| Ledger::new(store, "test").clock(|| Utc::now() + TimeDelta::hours(3));
    let mut commits = 0;
    // Killed between the two.
    let dies = Faulty::new(store(&dir), move |call: &Call| {
        commits += i32::from(call.is_commit());
        if commits > 1 { Fate::Vanish } else { Fate::Pass }
    });
    let killed = pipeline(&source, later(dies as _), carry()).run(pending());
    assert!(timeout(Duration::from_secs(100), killed).await.is_err());
    assert_eq!(chains(&place).await["child"].len(), 1);
    done(pipeline(&source, later(Arc::clone(&place)), carry()).run(pending())).await.unwrap();
    assert_eq!(last::<Counts>(&place, "child").await, counted((1..=46).chain(1..=2)));
}

async fn gone(dir: &TempDir) -> Scripted {
    let place = store(dir);
    run(&Scripted::one([Batch(9)]), &place, Carry::new(1, Counts::new).inherit(inherits)).await;
    let after = Scripted::new().with("child", &[], [Batch(1)]);
    after.edit(|script| script.listed[0].gone = vec![Partition::new("p")]);
    after
}

#[tokio::test(start_paused = true)]
async fn what_a_parent_knew_that_is_gone_is_inherited_from_behind_its_gap() {
    let dir = dir();
    let after = gone(&dir).await;
    let place = store(&dir);
    run(&after, &place, Carry::new(1, Counts::new).inherit(inherits)).await;
    let chains = chains(&place).await;
    let end = chains["p"].last().unwrap();
    assert!(end.header.end && end.header.gap.is_some() && end.header.records == 0);
    assert_eq!(state::<Counts>(&place, end).await, counted(1..=9));
    assert_eq!(last::<Counts>(&place, "child").await, counted((1..=9).chain([1])));
}
