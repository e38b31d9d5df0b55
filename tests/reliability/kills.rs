//! Workers that are killed at any time.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    killed_at_random_points_while_three_work_on_eight_shards
    killed_while_they_begin
}

async fn killed_at_random_points_while_three_work_on_eight_shards(size: &Size) {
    let bed = Bed::new(8).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mut workers: Vec<_> = (0..3).map(|_| Worker::start(&bed)).collect();
    for kill in 0..size.kills {
        let share = size.kill_records / u64::from(size.kills);
        bed.produce(share, Mix { poison: 1, ..Mix::default() }, &mut dice).await;
        let victim = dice.random_range(0..workers.len());
        if kill % 2 == 0 {
            let (before, more) = (bed.epochs(), dice.random_range(1..6));
            until("commits", &mut workers, || bed.epochs() >= before + more).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..200_000))).await;
        std::mem::replace(&mut workers[victim], Worker::start(&bed)).kill();
    }
    workers.into_iter().for_each(Worker::kill);
    let recovery = recover(&bed).await;
    let faults = format!("{} of 3 workers on 8 shards", size.kills);
    bed.is_exact("kill -9 at random points", &faults, recovery).await;
}

/// Three that make the root at the same time, and die of it.
async fn killed_while_they_begin(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records, Mix::default(), &mut dice).await;
    for _ in 0..size.stops {
        let mut workers: Vec<_> = (0..3).map(|_| Worker::start(&bed)).collect();
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..400))).await;
        workers.iter_mut().for_each(|worker| assert!(worker.runs(), "{}", worker.said()));
        workers.into_iter().for_each(Worker::kill);
    }
    let recovery = recover(&bed).await;
    bed.is_exact("kill -9 while the root is made", &format!("{} x 3 workers", size.stops), recovery).await;
}
