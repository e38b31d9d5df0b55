//! Iterators that expire, answers that never come, records that are trimmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::http::Deed;
use crate::kinesis_proxy::{Call, Deed as Kinesis};
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    iterators_expire
    reading_stalls_without_a_word
}

async fn iterators_expire(size: &Size) {
    let bed = Bed::new(4).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let (mut faults, expired) = (StdRng::seed_from_u64(dice.random()), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&expired);
    bed.trouble_kinesis(move |request| {
        let call = Call::of(request);
        if call.operation != "GetRecords" || faults.random_bool(0.7) {
            return Deed::Pass;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        Kinesis::Refuse(400, "ExpiredIteratorException").on(call)
    });
    let mut workers = [Worker::start(&bed)];
    for _ in 0..10 {
        let before = bed.epochs();
        bed.produce(size.records / 10, Mix { aggregates: 20, ..Mix::default() }, &mut dice).await;
        until("commits", &mut workers, || bed.epochs() > before).await;
    }
    for worker in workers {
        worker.stops_well().await;
    }
    let recovery = recover(&bed).await;
    let expired = expired.load(Ordering::Relaxed);
    assert!(expired > 5, "only {expired} iterators have expired");
    bed.is_exact("iterators expire", &format!("{expired} times"), recovery).await;
}

/// A call for records that is taken and never answered, while the connection stays.
async fn reading_stalls_without_a_word(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let stalls = Arc::new(AtomicU64::new(0));
    let (counted, most) = (Arc::clone(&stalls), u64::from(size.stops));
    let mut workers = [Worker::start(&bed)];
    bed.produce(size.records / 2, Mix::default(), &mut dice).await;
    until("a commit", &mut workers, || bed.epochs() > 0).await;
    bed.trouble_kinesis(move |request| {
        let reads = Call::of(request).operation == "GetRecords";
        if !reads || counted.fetch_add(1, Ordering::Relaxed) >= most { Deed::Pass } else { Deed::Stall }
    });
    until("stalls", &mut workers, || stalls.load(Ordering::Relaxed) >= most).await;
    let before = bed.epochs();
    bed.produce(size.records / 2, Mix::default(), &mut dice).await;
    until("commits", &mut workers, || bed.epochs() > before).await;
    for worker in workers {
        worker.stops_well().await;
    }
    let recovery = recover(&bed).await;
    bed.is_exact("reading stalls without a word", &format!("{most} calls"), recovery).await;
}
