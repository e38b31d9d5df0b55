//! Shards that are split and merged.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::worker::{Worker, recover};
use crate::{Size, sizes};

sizes! {
    split_and_merged_under_load_with_kills
    split_and_merged_while_nobody_runs
}

async fn split_and_merged_under_load_with_kills(size: &Size) {
    let bed = Bed::new(3).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mut workers: Vec<_> = (0..2).map(|_| Worker::start(&bed)).collect();
    for _ in 0..size.reshards {
        bed.produce(size.records / u64::from(size.reshards), Mix { poison: 1, ..Mix::default() }, &mut dice).await;
        bed.reshard(&mut dice).await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..800))).await;
        let victim = dice.random_range(0..workers.len());
        std::mem::replace(&mut workers[victim], Worker::start(&bed)).kill();
    }
    workers.into_iter().for_each(Worker::kill);
    let recovery = recover(&bed).await;
    let faults = format!("{} under load, a kill each", size.reshards);
    bed.is_exact("splits and merges", &faults, recovery).await;
}

async fn split_and_merged_while_nobody_runs(size: &Size) {
    let bed = Bed::new(3).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(1_000, Mix::default(), &mut dice).await;
    recover(&bed).await;
    for _ in 0..size.reshards {
        bed.produce(size.records / u64::from(size.reshards), Mix::default(), &mut dice).await;
        bed.reshard(&mut dice).await;
    }
    let recovery = recover(&bed).await;
    bed.is_exact("splits and merges", &format!("{} while nobody runs", size.reshards), recovery).await;
}
