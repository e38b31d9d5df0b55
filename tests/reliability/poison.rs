//! Records that are no events, and closures that panic.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anabranch::epoch::Ledger;
use anabranch::{ErrorKind, Record};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::inside;
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    poison_and_oversize_and_damaged_aggregates
    a_closure_that_panics
}

async fn poison_and_oversize_and_damaged_aggregates(size: &Size) {
    let bed = Bed::new(3).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mix = Mix { poison: 10, aggregates: 10, damaged: 10, oversize: 1 };
    let mut workers: Vec<_> = (0..2).map(|_| Worker::start(&bed)).collect();
    for part in 0..5 {
        let before = bed.epochs();
        bed.produce(size.records / 5, mix, &mut dice).await;
        until("commits", &mut workers, || bed.epochs() > before).await;
        std::mem::replace(&mut workers[part % 2], Worker::start(&bed)).kill();
    }
    workers.into_iter().for_each(Worker::kill);
    let recovery = recover(&bed).await;
    bed.is_exact("poison, oversize and damaged aggregates", "1 %, 0.1 %, 1 %; 7 kills", recovery).await;
}

/// Panics when it first sees one of some records; what is started again counts them.
async fn a_closure_that_panics(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records, Mix::default(), &mut dice).await;
    let panics: HashSet<String> =
        (0..5).map(|_| format!("\"flight\":{}}}", dice.random_range(1..size.records))).collect();
    let (left, begin, mut runs) = (Arc::new(Mutex::new(panics.clone())), Instant::now(), 0);
    loop {
        runs += 1;
        assert!(runs < 100, "it panics for ever");
        let left = Arc::clone(&left);
        let look = move |record: &Record| {
            let text = String::from_utf8_lossy(record.data());
            let mut left = left.lock().unwrap();
            let mark = left.iter().find(|mark| text.ends_with(&**mark)).cloned();
            if let Some(mark) = mark {
                left.remove(&mark);
                drop(left);
                panic!("as told");
            }
        };
        let ledger = Ledger::new(bed.store("").await, "counts");
        match inside::count(&bed, ledger, Duration::from_millis(300), look).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Operator, "{error}"),
        }
    }
    assert!(left.lock().unwrap().is_empty(), "no panics");
    let faults = format!("{} panics, {runs} runs", panics.len());
    bed.is_exact("a closure panics", &faults, begin.elapsed()).await;
}
