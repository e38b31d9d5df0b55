//! Prefixes and streams that are not what they were.

use std::time::{Duration, Instant};

use anabranch::store::About;
use aws_sdk_kinesis::types::StreamStatus;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bed::{Bed, Mix, STREAM};
use crate::verdict;
use crate::worker::{Worker, recover, until};
use crate::{Size, sizes};

sizes! {
    two_pipelines_on_one_prefix
    a_stream_that_was_made_again_under_its_name
    hints_are_lost_damaged_and_old
}

/// They begin at the same time: one makes the root, and the other one is refused, with what to do about it.
async fn two_pipelines_on_one_prefix(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records, Mix::default(), &mut dice).await;
    let mut won = 0;
    for round in 0..2 * size.stops {
        let prefix = format!("round-{round}");
        let other = ["--once", "--key-column", "departed_at"];
        let (one, other) = (Worker::at(&bed, &prefix, &["--once"]), Worker::at(&bed, &prefix, &other));
        let ((one, said), (other, others)) = tokio::join!(one.ends(), other.ends());
        assert_ne!(one.success(), other.success(), "{said}\n{others}");
        let refused = if one.success() { others } else { said };
        assert!(refused.contains("this sink has the results of the pipeline"), "{refused}");
        assert!(refused.contains("a prefix or directory of its own"), "{refused}");
        if one.success() {
            won += 1;
            bed.verdict(&prefix).await.check(bed.seed);
        }
    }
    Worker::once(&bed).ends_well().await;
    // Now there is a root, so it is always the other one that is refused.
    let (status, said) = Worker::at(&bed, "", &["--once", "--key-column", "departed_at"]).ends().await;
    assert!(!status.success() && said.contains("this sink has the results of the pipeline"), "{said}");
    let recovery = recover(&bed).await;
    let faults = format!("{} races, {won} won", 2 * size.stops);
    bed.is_exact("two pipelines on one prefix", &faults, recovery).await;
}

async fn a_stream_that_was_made_again_under_its_name(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    bed.produce(size.records, Mix::default(), &mut dice).await;
    recover(&bed).await;
    let created = || async {
        let described = bed.client.describe_stream_summary().stream_name(STREAM).send().await.ok()?;
        let summary = described.stream_description_summary?;
        (summary.stream_status == StreamStatus::Active).then_some(summary.stream_creation_timestamp)
    };
    let before = created().await.unwrap();
    let begin = Instant::now();
    // Two streams that were made within the same second cannot be told apart, and need not be.
    while created().await.is_none_or(|now| now.secs() == before.secs()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "the stream is not made again");
        bed.client.delete_stream().stream_name(STREAM).send().await.unwrap();
        while created().await.is_some() || bed.cloud.create_stream(STREAM, 2).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let put = bed.client.put_record().stream_name(STREAM).partition_key("k");
    let data = r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":"K1"}"#;
    put.data(aws_sdk_kinesis::primitives::Blob::new(data)).send().await.unwrap();
    let (status, said) = Worker::at(&bed, "", &["--once"]).ends().await;
    assert!(!status.success() && said.contains("deleted and made again"), "{said}");
    assert!(said.contains("begin a new ledger under another prefix"), "{said}");
    bed.is_exact("a stream deleted and made again", "refused", Duration::ZERO).await;
}

/// Whoever goes on after a kill finds no hint, or one that says nothing, or one of before.
async fn hints_are_lost_damaged_and_old(size: &Size) {
    let bed = Bed::new(2).await;
    let mut dice = StdRng::seed_from_u64(bed.seed);
    let store = bed.store("").await;
    let about = About { content_type: "application/json", metadata: Vec::new() };
    let hints =
        || -> Vec<String> { verdict::files(&bed.bucket()).into_iter().filter(|key| key.ends_with("/hint")).collect() };
    let (rounds, mut old, mut spoilt) = (size.stops + 1, Vec::new(), 0);
    for round in 0..rounds {
        let mut workers = [Worker::at(&bed, "", &["--epoch", "100ms"])];
        for _ in 0..12 {
            let before = bed.epochs();
            bed.produce(size.records / 12 / u64::from(rounds), Mix { poison: 2, ..Mix::default() }, &mut dice).await;
            until("commits", &mut workers, || bed.epochs() >= before + 2).await;
        }
        until("hints", &mut workers, || hints().len() == 2).await;
        let [worker] = workers;
        worker.kill();
        for hint in hints() {
            let now = store.get(&hint).await.unwrap().unwrap();
            if round == 0 {
                old.push((hint.clone(), now.clone()));
            }
            match round % 4 {
                0 => std::fs::remove_file(bed.bucket().join(&hint)).unwrap(),
                1 => store.put(&hint, now.slice(..now.len() / 2), &about).await.unwrap(),
                2 => {
                    let gone = String::from_utf8_lossy(&now).replace("dt=2", "dt=1");
                    store.put(&hint, gone.into_bytes().into(), &about).await.unwrap();
                }
                _ => {
                    let (_, before) = old.iter().find(|(key, _)| *key == hint).unwrap();
                    store.put(&hint, before.clone(), &about).await.unwrap();
                }
            }
            spoilt += 1;
        }
    }
    let recovery = recover(&bed).await;
    let faults = format!("{spoilt} times, {rounds} kills");
    bed.is_exact("hints lost, damaged, wrong and old", &faults, recovery).await;
}
