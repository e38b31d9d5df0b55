//! A fault at every single call to S3: the steps of opening a ledger, walking its chains, and committing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::bed::{Bed, Mix};
use crate::http::{Deed, Request};
use crate::kinesis_proxy::Call;
use crate::worker::{Worker, until};

/// What is counted at each step.
#[derive(Clone, Copy)]
struct Work {
    /// What is said of it in the table.
    name: &'static str,
    /// The worker's arguments.
    args: &'static [&'static str],
    /// How many records an answer of Kinesis has, so that there are several epochs.
    answer: usize,
    /// How many records there are before a split, and behind it.
    records: [u64; 2],
}

const PLAIN: Work = Work { name: "", args: &["--once", "--epoch", "100ms"], answer: 100, records: [150, 60] };

/// The state of some epochs is in their headers, that of others is too large for that.
const WITH_STATE: Work = Work {
    name: " with open groups",
    args: &["--once", "--epoch", "100ms", "--carry"],
    answer: 300,
    records: [900, 60],
};

/// What happens at the step.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The worker is killed before the call has got to S3.
    KilledBefore,
    /// The worker is killed when the call is done and not answered yet.
    KilledBehind,
    /// The call is answered with 500 and has done nothing.
    Fails,
    /// The call is done, and the connection breaks before its answer.
    LosesAnswer,
    /// The call is answered with 403, which stops the worker.
    Denied,
}

/// Small answers, of which all but the last say that there is more.
fn small_answers(request: &Request, most: usize) -> Deed {
    let Call { operation, mut body } = Call::of(request);
    if operation != "GetRecords" {
        return Deed::Pass;
    }
    body["Limit"] = most.into();
    let edit = move |answer: Vec<u8>| {
        let mut body: Value = serde_json::from_slice(&answer).unwrap();
        if body["Records"].as_array().is_some_and(|records| records.len() == most) {
            body["MillisBehindLatest"] = 1_000.into();
        }
        body.to_string().into_bytes()
    };
    Deed::Edit(body.to_string().into(), Box::new(edit))
}

/// Runs a worker into the fault at a step; false if it never came to that step. Then another one finishes the work.
async fn run(bed: &Bed, prefix: &str, step: usize, fault: Fault, work: Work) -> bool {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    bed.trouble_s3(move |_| {
        if counted.fetch_add(1, Ordering::Relaxed) != step {
            return Deed::Pass;
        }
        match fault {
            Fault::KilledBefore => Deed::Stall,
            Fault::KilledBehind => Deed::StallAnswer,
            Fault::Fails => Deed::Answer(500, "application/xml", b"<Error><Code>InternalError</Code></Error>".into()),
            Fault::LosesAnswer => Deed::LoseAnswer,
            Fault::Denied => Deed::Answer(403, "application/xml", b"<Error><Code>AccessDenied</Code></Error>".into()),
        }
    });
    let mut worker = Worker::at(bed, prefix, work.args);
    match fault {
        Fault::KilledBefore | Fault::KilledBehind => {
            let mut ended = false;
            until("the step", &mut [], || {
                ended = !worker.runs();
                ended || calls.load(Ordering::Relaxed) > step
            })
            .await;
            if !ended {
                // Other shards go on meanwhile; the call that is not to come back is under way.
                tokio::time::sleep(Duration::from_millis(20)).await;
                worker.kill();
            }
        }
        Fault::Fails | Fault::LosesAnswer => worker.ends_well().await,
        Fault::Denied => drop(worker.ends().await),
    }
    bed.trouble_s3(|_| Deed::Pass);
    Worker::at(bed, prefix, work.args).ends_well().await;
    calls.load(Ordering::Relaxed) > step
}

/// A shard that was split, with a few epochs and dead letters each: all steps that there are.
async fn every_step(fault: Fault, work: Work) {
    let (lanes, next) = (2, Arc::new(AtomicUsize::new(0)));
    let lane = || {
        let next = Arc::clone(&next);
        async move {
            let bed = Bed::new(1).await;
            let mut dice = StdRng::seed_from_u64(bed.seed);
            let mix = Mix { poison: 30, ..Mix::default() };
            bed.produce(work.records[0], mix, &mut dice).await;
            bed.reshard(&mut dice).await;
            bed.produce(work.records[1], mix, &mut dice).await;
            bed.trouble_kinesis(move |request| small_answers(request, work.answer));
            let mut slowest = Duration::ZERO;
            loop {
                let step = next.fetch_add(1, Ordering::Relaxed);
                let begin = Instant::now();
                let reached = run(&bed, &format!("step-{step}"), step, fault, work).await;
                slowest = slowest.max(begin.elapsed());
                let verdict = bed.verdict(&format!("step-{step}")).await;
                verdict.check(bed.seed);
                let states = bed.states(&format!("step-{step}"));
                assert_eq!(states > 0, work.records[0] > 500, "{states} states are too large for a header");
                assert!(verdict.epochs >= 4, "too few epochs: {verdict:?}");
                if !reached {
                    return (verdict, slowest, step, bed);
                }
            }
        }
    };
    let begin = Instant::now();
    let ended = futures::future::join_all((0..lanes).map(|_| lane())).await;
    let (verdict, slowest, steps, bed) = ended.into_iter().min_by_key(|lane| lane.2).unwrap();
    assert!(steps > 15, "only {steps} steps were found");
    let (slowest, took) = (slowest.as_secs_f64(), begin.elapsed().as_secs());
    let peak = bed.peak.load(Ordering::Relaxed) / 1024;
    println!(
        "| a fault at every call to S3{} | {fault:?}, {steps} steps | {verdict} | {slowest:.1} s | {peak} MB | {took} s |",
        work.name
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_every_step() {
    every_step(Fault::KilledBefore, PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_behind_every_step() {
    every_step(Fault::KilledBehind, PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_at_every_step() {
    every_step(Fault::Fails, PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_at_every_step() {
    every_step(Fault::LosesAnswer, PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_at_every_step() {
    every_step(Fault::Denied, PLAIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_every_step_with_state() {
    every_step(Fault::KilledBefore, WITH_STATE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_behind_every_step_with_state() {
    every_step(Fault::KilledBehind, WITH_STATE).await;
}
