//! A clock that is wrong by ten minutes: AWS refuses what is signed more than five minutes away from its own time.

use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, TimeDelta, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bed::{Bed, Mix};
use crate::http::{Deed, Request};
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! { the_clock_jumps_by_ten_minutes }

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
