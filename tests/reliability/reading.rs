//! Iterators that expire, answers that never come, subscriptions that break or fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    subscriptions_break_every_few_seconds
    subscriptions_fall_silent
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

/// Enhanced fan-out.
fn subscriber(bed: &Bed) -> Worker<'_> {
    Worker::of(bed, "consumer=proof", "", &["--epoch", "300ms"])
}

/// No subscription lasts longer than two seconds, and the worker is killed twice.
async fn subscriptions_break_every_few_seconds(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let begun = Arc::new(AtomicU64::new(0));
    let (mut faults, counted) = (StdRng::seed_from_u64(dice.random()), Arc::clone(&begun));
    bed.trouble_kinesis(move |request| {
        if Call::of(request).operation != "SubscribeToShard" {
            return Deed::Pass;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        Deed::CutAfter(Duration::from_millis(faults.random_range(300..2_000)))
    });
    let mut workers = [subscriber(&bed)];
    let rounds = 4 * u64::from(size.stops);
    for round in 0..rounds {
        let before = bed.epochs();
        bed.produce(size.records / rounds, Mix { poison: 2, ..Mix::default() }, &mut dice).await;
        until("commits", &mut workers, || bed.epochs() > before).await;
        if round % 5 == 4 {
            let [worker] = std::mem::replace(&mut workers, [subscriber(&bed)]);
            worker.kill();
        }
    }
    for worker in workers {
        worker.stops_well().await;
    }
    let recovery = recover(&bed).await;
    let begun = begun.load(Ordering::Relaxed);
    assert!(begun >= 4, "only {begun} subscriptions");
    let faults = format!("{begun} subscriptions, {} kills", rounds / 5);
    bed.is_exact("subscriptions break every few seconds", &faults, recovery).await;
}

/// The first subscription of each shard gives nothing more after some time, and its connection stays.
async fn subscriptions_fall_silent(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let begun = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&begun);
    bed.trouble_kinesis(move |request| {
        let subscribes = Call::of(request).operation == "SubscribeToShard";
        if !subscribes || counted.fetch_add(1, Ordering::Relaxed) >= 2 {
            return Deed::Pass;
        }
        Deed::SilentAfter(Duration::from_millis(1_500))
    });
    let mut workers = [subscriber(&bed)];
    bed.produce(size.records / 2, Mix::default(), &mut dice).await;
    until("commits", &mut workers, || bed.epochs() >= 2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    bed.produce(size.records / 2, Mix::default(), &mut dice).await;
    // Both are given up, and subscribed to anew.
    let before = bed.epochs();
    until("subscriptions", &mut workers, || begun.load(Ordering::Relaxed) >= 4 && bed.epochs() >= before + 2).await;
    for worker in workers {
        worker.stops_well().await;
    }
    let recovery = recover(&bed).await;
    bed.is_exact("subscriptions fall silent", "2 of 2", recovery).await;
}
