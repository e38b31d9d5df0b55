//! Whatever the batches, limits, faults and crashes: every record is in exactly one epoch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::store::Store;
use futures::FutureExt;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::faulty::{Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{self, Batch, Close, Tip, Wait};
use crate::{dir, each, is_exact, store};

/// A step of the program: a call of a store, or a step of the source. At the one where it is to die it goes no further.
struct Life {
    steps: AtomicUsize,
    dies_at: usize,
    dead: Notify,
}

impl Life {
    fn new(dies_at: usize) -> Arc<Self> {
        Arc::new(Self { steps: AtomicUsize::new(0), dies_at, dead: Notify::new() })
    }

    /// Whether this is where it ends.
    fn step(&self) -> bool {
        let ends = self.steps.fetch_add(1, Ordering::Relaxed) >= self.dies_at;
        if ends {
            self.dead.notify_one();
        }
        ends
    }
}

/// A store whose calls fail by the dice, and end with the life.
fn mortal(dir: &TempDir, life: &Arc<Life>, seed: u64) -> Arc<dyn Store> {
    let (life, dice) = (Arc::clone(life), Mutex::new(StdRng::seed_from_u64(seed)));
    Faulty::new(store(dir), move |_| {
        let mut dice = dice.lock().unwrap();
        match (life.step(), dice.random_range(0..10)) {
            (true, 0..5) => Fate::Vanish,
            (true, _) => Fate::VanishAfter,
            (false, 0) => Fate::Refuse,
            (false, 1) => Fate::LoseAnswer,
            (false, _) => Fate::Pass,
        }
    })
}

/// Runs until it ends by itself or dies.
async fn live(source: &Scripted, dir: &TempDir, every: Every, once: bool, dies_at: usize, seed: u64) {
    let life = Life::new(dies_at);
    let pulse = Arc::clone(&life);
    // A source of its own, so that the hook of one life is not that of another.
    let own = Scripted::new();
    let (listed, steps) = source.edit(|script| (script.listed.clone(), script.steps.clone()));
    own.edit(|script| {
        script.listed = listed;
        script.steps = steps;
        script.hook = Some(Arc::new(move |_| {
            if pulse.step() { std::future::pending().boxed() } else { tokio::task::yield_now().boxed() }
        }));
    });
    let pipeline = own.epochs(every).commit_to(Ledger::new(mortal(dir, &life, seed), "test"), each).once(once);
    tokio::select! {
        report = pipeline.run(std::future::pending()) => drop(report.unwrap()),
        () = life.dead.notified() => {}
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..20).prop_map(Batch),
        1 => (0_u64..5).prop_map(Tip),
        2 => (0_u64..5).prop_map(|secs| Wait(Duration::from_secs(secs))),
    ];
    prop::collection::vec(step, 0..8)
}

fn every() -> impl Strategy<Value = Every> {
    let limits = (1_u64..5, prop_oneof![Just(u64::MAX), 0_u64..60], prop_oneof![Just(u64::MAX), 1_u64..30]);
    limits.prop_map(|(secs, bytes, records)| Every::secs(secs).or_bytes(bytes).or_records(records.try_into().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn each_record_is_counted_once(
        parents in prop::collection::vec((steps(), any::<bool>()), 1..3),
        child in steps(),
        lives in prop::collection::vec((every(), any::<bool>(), 0_usize..60, any::<u64>()), 0..6),
        pairs in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let source = Scripted::new();
            let names: Vec<_> = (0..parents.len()).map(|n| format!("parent {n}")).collect();
            let closed = parents.iter().all(|(_, closes)| *closes);
            for (name, (mut steps, closes)) in names.iter().zip(parents) {
                steps.extend(closes.then_some(Close(1)));
                source.add(name, &[], steps);
            }
            source.add("child", &names.iter().map(|name| &**name).collect::<Vec<_>>(), child);
            let dir = dir();
            for lives in lives.chunks(if pairs { 2 } else { 1 }) {
                let lives = lives.iter().map(|(every, once, dies_at, seed)| {
                    live(&source, &dir, *every, *once, *dies_at, *seed)
                });
                futures::future::join_all(lives).await;
            }
            live(&source, &dir, Every::default(), false, usize::MAX, 1).await;
            if !closed {
                source.edit(|script| script.steps.insert("child".to_owned(), Vec::new()));
            }
            is_exact(&source, &store(&dir)).await;
        });
    }
}
