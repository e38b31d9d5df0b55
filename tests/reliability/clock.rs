//! A clock that is wrong by ten minutes: AWS refuses what is signed more than five minutes away from its own time.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anabranch::epoch::Ledger;
use chrono::{NaiveDateTime, NaiveTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::http::{Deed, Request};
use crate::inside;
use crate::verdict;
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    the_clock_jumps_by_ten_minutes
    the_ledgers_clock_jumps_over_midnight_and_back
}

const ALLOWED: TimeDelta = TimeDelta::minutes(5);

/// Whether a request is signed too far from the service's time, which is so far from this machine's.
fn is_skewed(request: &Request, ahead: TimeDelta) -> bool {
    let signed = request.header("x-amz-date").unwrap();
    let signed = NaiveDateTime::parse_from_str(signed, "%Y%m%dT%H%M%SZ").unwrap().and_utc();
    (Utc::now() + ahead - signed).abs() > ALLOWED
}

async fn the_clock_jumps_by_ten_minutes(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mix = Mix { poison: 2, ..Mix::default() };
    let (mut worker, mut ended) = (Worker::start(&bed), Vec::new());
    let jumps = 2 * u64::from(size.stops);
    for jump in 0..jumps {
        let before = bed.epochs();
        bed.produce(size.records / jumps / 2, mix, &mut dice).await;
        until("commits", std::slice::from_mut(&mut worker), || bed.epochs() > before).await;

        let ahead = TimeDelta::minutes(if jump % 2 == 0 { 10 } else { -10 });
        bed.trouble_s3(move |request| match is_skewed(request, ahead) {
            true => Deed::Answer(403, "application/xml", b"<Error><Code>RequestTimeTooSkewed</Code></Error>".into()),
            false => Deed::Pass,
        });
        bed.trouble_kinesis(move |request| match is_skewed(request, ahead) {
            true => {
                let body = br#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#;
                Deed::Answer(400, "application/x-amz-json-1.1", body.into())
            }
            false => Deed::Pass,
        });
        bed.produce(size.records / jumps / 2, mix, &mut dice).await;
        let begin = Instant::now();
        while worker.runs() && begin.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bed.calm();
        // One that gave up is started again, as any supervisor does.
        if !worker.runs() {
            let (status, said) = std::mem::replace(&mut worker, Worker::start(&bed)).ends().await;
            assert!(!status.success(), "{said}");
            ended.push(said);
        }
    }
    worker.kill();
    let recovery = recover(&bed).await;
    for said in &ended {
        assert!(said.contains("clock"), "does not say what is wrong: {said}");
    }
    let faults = format!("{jumps} jumps, {} workers gave up and said why", ended.len());
    bed.is_exact("wall clock jumps by 10 minutes", &faults, recovery).await;
}

/// Two race, in epochs of a tenth of a second, and each asks a clock that is ten minutes fast or slow by the dice, a minute
/// before midnight.
async fn the_ledgers_clock_jumps_over_midnight_and_back(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let midnight = (Utc::now() + TimeDelta::days(1)).with_time(NaiveTime::MIN).unwrap();
    let base = midnight - TimeDelta::minutes(1) - Utc::now();
    let begin = Instant::now();
    for _ in 0..2 * size.stops {
        let runs = [dice.random(), dice.random()].map(|seed| {
            let jumps = Mutex::new(StdRng::seed_from_u64(seed));
            let clock = move || {
                let jump = jumps.lock().unwrap().random_range(-1..=1);
                Utc::now() + base + TimeDelta::minutes(10 * jump)
            };
            let bed = &bed;
            async move {
                let ledger = Ledger::new(bed.store("").await, "counts").clock(clock);
                // Slow enough that there are several epochs.
                let look = |_: &_| std::thread::sleep(Duration::from_micros(200));
                inside::count(bed, ledger, Duration::from_millis(100), look).await
            }
        });
        bed.produce(size.records / u64::from(2 * size.stops), Mix { poison: 2, ..Mix::default() }, &mut dice).await;
        futures::future::try_join_all(runs).await.unwrap();
    }
    let keys = verdict::files(&bed.bucket());
    let hours = keys.iter().filter_map(|key| Some(key.rsplit_once('/')?.0)).filter(|key| key.starts_with("dt="));
    let hours = hours.collect::<BTreeSet<_>>().len();
    assert!(hours > 1, "all epochs are in one hour");
    let faults = format!("before every look at it, {hours} hours");
    bed.is_exact("the ledger's clock jumps by 10 minutes", &faults, begin.elapsed()).await;
}
