//! A Kinesis that is busy, and refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch::Message;
use anabranch::sink::kinesis::KinesisSink;
use futures::SinkExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix, STREAM};
use crate::http::Deed;
use crate::kinesis_proxy::{Call, Deed as Kinesis};
use crate::worker::{Worker, recover};
use crate::{Size, sizes};

sizes! { throttled_reads_and_writes_and_refused_entries }

/// Through the library's own sink and source; no answer is lost, so the sink doubles nothing.
async fn throttled_reads_and_writes_and_refused_entries(size: &Size) {
    let bed = Bed::new(4).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let (mut faults, refused) = (StdRng::seed_from_u64(dice.random()), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&refused);
    bed.trouble_kinesis(move |request| {
        let call = Call::of(request);
        let turn = faults.random_range(0..100);
        let deed = match &*call.operation {
            "GetRecords" | "PutRecords" if turn < 30 => Kinesis::Refuse(400, "ProvisionedThroughputExceededException"),
            "PutRecords" if turn < 50 => Kinesis::RefuseEntries(faults.random()),
            _ => return Deed::Pass,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        deed.on(call)
    });
    let worker = Worker::start(&bed);
    let mut sink = KinesisSink::builder(STREAM).sdk_config(bed.through_the_proxy()).build().await.unwrap();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(size.throttled_secs) {
        for _ in 0..200 {
            let (key, data) = bed.record(Mix { poison: 2, ..Mix::default() }, &mut dice);
            sink.feed(Message { key: key.into(), data: data.into() }).await.unwrap();
        }
        sink.flush().await.unwrap();
    }
    sink.close().await.unwrap();
    worker.stops_well().await;
    let recovery = recover(&bed).await;
    let refused = refused.load(Ordering::Relaxed);
    assert!(refused > size.throttled_secs, "only {refused} calls were refused");
    let faults = format!("{refused} calls in {} s", size.throttled_secs);
    bed.is_exact("30 % of reads and writes throttled, entries refused", &faults, recovery).await;
}
