//! Records that are dropped before they are read, and shards that are idle for longer than records are kept. The proxy sets
//! the service's clock forward, since streams keep records for a day at least.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bed::{Bed, Mix};
use crate::http::Deed;
use crate::kinesis_proxy::{Call, Deed as Kinesis};
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    trimmed_under_the_reader
    trimmed_while_nobody_runs
    idle_for_longer_than_records_are_kept
}

/// So far apart, records can be told from each other by their arrival.
const APART: Duration = Duration::from_secs(2);

const MIX: Mix = Mix { poison: 5, aggregates: 0, damaged: 0, oversize: 0 };

/// The service's clock, and whether it gives records.
#[derive(Clone, Default)]
struct Service {
    hours_ahead: Arc<AtomicI64>,
    withholds: Arc<AtomicBool>,
}

impl Service {
    fn of(bed: &Bed) -> Self {
        let service = Self::default();
        let told = service.clone();
        bed.trouble_kinesis(move |request| {
            let call = Call::of(request);
            if call.operation == "GetRecords" && told.withholds.load(Ordering::Relaxed) {
                return Kinesis::Refuse(400, "ProvisionedThroughputExceededException").on(call);
            }
            Deed::Ahead(TimeDelta::hours(told.hours_ahead.load(Ordering::Relaxed)))
        });
        service
    }

    fn later(&self, hours: i64) {
        self.hours_ahead.fetch_add(hours, Ordering::Relaxed);
    }
}

/// The worker is at the tip, then its reads are refused for three days.
async fn trimmed_under_the_reader(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records / 2, MIX, &mut dice).await;
    recover(&bed).await;
    let service = Service::of(&bed);
    let before = bed.epochs();
    let mut workers = [Worker::start(&bed)];
    bed.produce(500, MIX, &mut dice).await;
    until("commits", &mut workers, || bed.epochs() >= before + 2).await;
    // What was put is all in one answer of each shard.
    service.withholds.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(500)).await;
    dropped(&bed, &service, size, workers, &mut dice).await;
}

async fn trimmed_while_nobody_runs(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records / 2, MIX, &mut dice).await;
    recover(&bed).await;
    let service = Service::of(&bed);
    dropped(&bed, &service, size, [], &mut dice).await;
}

/// Records are put and dropped, others are put, and only then the stream is read again, three days later.
async fn dropped<const N: usize>(
    bed: &Bed,
    service: &Service,
    size: &Size,
    mut workers: [Worker<'_>; N],
    dice: &mut StdRng,
) {
    tokio::time::sleep(APART).await;
    bed.produce_and_trim(size.records / 4, MIX, dice).await;
    tokio::time::sleep(APART).await;
    bed.produce(size.records / 4, MIX, dice).await;
    service.later(72);
    service.withholds.store(false, Ordering::Relaxed);
    let before = bed.epochs();
    if N > 0 {
        until("commits behind the gap", &mut workers, || bed.epochs() >= before + 2).await;
    }
    for worker in workers {
        worker.stops_well().await;
    }
    let begin = Instant::now();
    Worker::once(bed).ends_well().await;
    let row = if N > 0 { "records trimmed under the reader" } else { "records trimmed while nobody runs" };
    let faults = format!("{} trimmed, all in declared gaps", bed.trimmed());
    bed.is_exact(row, &faults, begin.elapsed()).await;
}

/// Nothing comes for days. The worker would end if it saw a gap; neither it nor who goes on after it is killed does.
async fn idle_for_longer_than_records_are_kept(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records / 2, MIX, &mut dice).await;
    recover(&bed).await;
    bed.cloud.trim(crate::bed::STREAM).await.unwrap();
    let service = Service::of(&bed);
    let start = || Worker::at(&bed, "", &["--epoch", "300ms", "--stop-at-gaps"]);
    let mut workers = [start()];
    let steps = 2 * size.stops;
    for step in 0..steps {
        let before = bed.epochs();
        // Nobody has read for longer after a kill.
        service.later(if step > 0 && step % 3 == 0 { 17 } else { 11 });
        // Each shard tells that nothing is missing.
        until("signs of life", &mut workers, || bed.epochs() >= before + 2).await;
        if step % 3 == 2 {
            std::mem::replace(&mut workers[0], start()).kill();
        }
    }
    bed.produce(size.records / 2, MIX, &mut dice).await;
    let [worker] = workers;
    worker.kill();
    let begin = Instant::now();
    Worker::at(&bed, "", &["--once", "--stop-at-gaps"]).ends_well().await;
    let faults = format!("{} h without records, {} kills", service.hours_ahead.load(Ordering::Relaxed), steps / 3 + 1);
    bed.is_exact("shards idle for longer than the retention", &faults, begin.elapsed()).await;
}
