//! Workers that stand still, as in a long pause of the machine, while others take over.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! { stopped_while_another_takes_over }

async fn stopped_while_another_takes_over(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mut workers: Vec<_> = (0..2).map(|_| Worker::start(&bed)).collect();
    let mix = Mix { poison: 1, ..Mix::default() };
    for stop in 0..size.stops {
        bed.produce(size.records / 4 / u64::from(size.stops), mix, &mut dice).await;
        let before = bed.epochs();
        until("commits", &mut workers, || bed.epochs() > before).await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..400))).await;
        let stopped = &workers[stop as usize % 2];
        stopped.signal("-STOP");
        for _ in 0..3 {
            let before = bed.epochs();
            bed.produce(size.records / 4 / u64::from(size.stops), mix, &mut dice).await;
            until("the other one's commits", &mut [], || bed.epochs() > before).await;
        }
        stopped.signal("-CONT");
    }
    for worker in workers {
        worker.stops_well().await;
    }
    let recovery = recover(&bed).await;
    bed.is_exact("SIGSTOP, another takes over, SIGCONT", &format!("{} times", size.stops), recovery).await;
}
