//! Records that are no events, and closures that panic.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anabranch::ErrorKind;
use anabranch::codec::{Event, EventDecoder, Minute};
use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::group::Until;
use anabranch::source::kinesis::KinesisSource;
use compact_str::CompactString;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use crate::bed::{Bed, Mix, STREAM};
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

/// As the rows of `per_minute_count`.
#[derive(Serialize)]
struct Count {
    #[serde(rename = "type")]
    kind: CompactString,
    minute: Minute,
    count: usize,
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
        let source = KinesisSource::builder(STREAM).sdk_config(bed.cloud.sdk_config()).build().await.unwrap();
        let left = Arc::clone(&left);
        let pipeline = source
            .epochs(Every::span(Duration::from_millis(300)))
            .commit_to(Ledger::new(bed.store("").await, "counts"), move |records, dead| {
                let left = Arc::clone(&left);
                records
                    .inspect(move |record: &anabranch::Record| {
                        let text = String::from_utf8_lossy(&record.data);
                        let mut left = left.lock().unwrap();
                        let mark = left.iter().find(|mark| text.ends_with(&**mark)).cloned();
                        if let Some(mark) = mark {
                            left.remove(&mark);
                            drop(left);
                            panic!("as told");
                        }
                    })
                    .map(EventDecoder::new("departed_at", "carrier").to_fn())
                    .dead_letters(dead)
                    .group_until(
                        |event: &Event| (event.kind.clone(), event.minute()),
                        Until::idle(Duration::from_secs(1)),
                    )
                    .count_each()
                    .map(|((kind, minute), count)| Count { kind, minute, count })
            })
            .once(true);
        match pipeline.run(std::future::pending()).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Operator, "{error}"),
        }
    }
    assert!(left.lock().unwrap().is_empty(), "no panics");
    let faults = format!("{} panics, {runs} runs", panics.len());
    bed.is_exact("a closure panics", &faults, begin.elapsed()).await;
}
