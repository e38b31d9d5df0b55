//! An S3 in trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::bed::{Bed, Mix};
use crate::http::{Deed, Request};
use crate::worker::{Worker, until};
use crate::{Size, sizes};

sizes! {
    a_fifth_of_the_calls_fails
    calls_are_slow
    commits_are_done_and_not_answered
    puts_conflict
    bodies_break_off
    s3_is_away_for_a_while
}

const XML: &str = "application/xml";

fn refuse(status: u16, code: &str) -> Deed {
    Deed::Answer(status, XML, format!("<Error><Code>{code}</Code></Error>").into())
}

/// Two workers race, records come, S3 is in trouble for some time; then it is well again, and they are told to stop.
async fn in_trouble(
    row: &str,
    secs: u64,
    records: u64,
    mut trouble: impl FnMut(&Request, &mut StdRng) -> Option<Deed> + Send + 'static,
) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let mut workers: Vec<_> = (0..2).map(|_| Worker::start(&bed)).collect();
    let mix = Mix { poison: 5, ..Mix::default() };
    bed.produce(500, mix, &mut dice).await;
    until("a commit", &mut workers, || bed.epochs() > 0).await;

    let (faults, counted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (mut rolls, count) = (StdRng::seed_from_u64(dice.random()), Arc::clone(&counted));
    let fault = Arc::clone(&faults);
    bed.trouble_s3(move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        let Some(deed) = trouble(request, &mut rolls) else { return Deed::Pass };
        fault.fetch_add(1, Ordering::Relaxed);
        deed
    });
    let begin = Instant::now();
    let slices = secs * 4;
    for slice in 1..=slices {
        bed.produce(records / slices, mix, &mut dice).await;
        let next = begin + Duration::from_millis(slice * 250);
        until("time to go by", &mut workers, || Instant::now() >= next).await;
    }
    bed.calm();
    let begin = Instant::now();
    for worker in workers {
        worker.stops_well().await;
    }
    Worker::once(&bed).ends_well().await;
    let (faults, calls) = (faults.load(Ordering::Relaxed), counted.load(Ordering::Relaxed));
    assert!(faults > 3, "only {faults} of {calls} calls were in trouble");
    bed.is_exact(row, &format!("{faults} of {calls} calls in {secs} s"), begin.elapsed()).await;
}

async fn a_fifth_of_the_calls_fails(size: &Size) {
    in_trouble("S3: 20 % 500 and 503", size.trouble_secs, size.records, |_, dice| match dice.random_range(0..10) {
        0 => Some(refuse(500, "InternalError")),
        1 => Some(refuse(503, "SlowDown")),
        _ => None,
    })
    .await;
}

async fn calls_are_slow(size: &Size) {
    let slow = Duration::from_millis(size.slow_millis);
    let row = format!("S3: every call takes {:.1} s", slow.as_secs_f64());
    in_trouble(&row, size.trouble_secs, size.records, move |_, _| Some(Deed::Delay(slow))).await;
}

async fn commits_are_done_and_not_answered(size: &Size) {
    in_trouble("S3: puts done, no answer", size.trouble_secs, size.records, |request, dice| {
        (request.method == "PUT" && dice.random_bool(0.4)).then_some(Deed::LoseAnswer)
    })
    .await;
}

/// A 409 has done nothing. A 412 that is true comes of the puts that are done, answered with an error, and made again.
async fn puts_conflict(size: &Size) {
    in_trouble("S3: 409 and 412", size.trouble_secs, size.records, |request, dice| {
        match (&*request.method, dice.random_range(0..10)) {
            ("PUT", 0..2) => Some(refuse(409, "ConditionalRequestConflict")),
            ("PUT", 2..4) => {
                Some(Deed::Belie(409, XML, b"<Error><Code>ConditionalRequestConflict</Code></Error>".into()))
            }
            _ => None,
        }
    })
    .await;
}

async fn bodies_break_off(size: &Size) {
    in_trouble("S3: connections reset in the body", size.trouble_secs, size.records, |request, dice| {
        match (&*request.method, dice.random_range(0..10)) {
            ("GET", 0..4) => Some(Deed::CutAnswer),
            ("PUT", 0..4) => Some(Deed::Hangup),
            _ => None,
        }
    })
    .await;
}

async fn s3_is_away_for_a_while(size: &Size) {
    in_trouble("S3: away", size.away_secs, size.records, |_, _| Some(Deed::Hangup)).await;
}
