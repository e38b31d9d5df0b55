//! Rows of old epochs are taken away, and their epochs stay.

use std::fs;
use std::future::pending;
use std::io::Read;

use anabranch::epoch::{DeadLetters, Every, Expire, Format, Ledger, SourceExt, Verify, dead_letters, summary};
use anabranch::{ErrorKind, Record};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::scripted::Step::Batch;
use crate::scripted::{Scripted, number};
use crate::{Records, Row, by_three, committed, dir, keys, none, run, store, texts};

/// An epoch of now, and two that were opened in 2040.
async fn made() -> (TempDir, Scripted) {
    let (dir, source) = (dir(), Scripted::one([Batch(9)]));
    source.edit(|script| script.arrived = Utc.with_ymd_and_hms(2040, 7, 1, 5, 0, 0).unwrap());
    run(&source, &store(&dir), 3, by_three).await.unwrap();
    (dir, source)
}

fn year(year: i32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap()
}

fn header(dir: &TempDir, key: &str) -> Vec<u8> {
    let object = fs::read(dir.path().join(key)).unwrap();
    let mut gzip = GzDecoder::new(&object[..]);
    gzip.read_to_end(&mut Vec::new()).unwrap();
    gzip.header().unwrap().extra().unwrap().to_vec()
}

#[tokio::test(start_paused = true)]
async fn keeps_keys_headers_and_chains() {
    let (dir, source) = made().await;
    let before = committed(&store(&dir)).await;
    let headers: Vec<_> = before.iter().map(|epoch| header(&dir, &epoch.key)).collect();
    let all = keys(&store(&dir), "").await;

    let expired = Expire::before(year(2039)).run(store(&dir)).await.unwrap();
    assert_eq!((expired.epochs, expired.rows, expired.dead_letters, expired.before), (1, 2, 1, 0));
    let after = committed(&store(&dir)).await;
    assert_eq!(
        after.iter().map(|epoch| &epoch.header).collect::<Vec<_>>(),
        before.iter().map(|epoch| &epoch.header).collect::<Vec<_>>()
    );
    assert_eq!(after.iter().map(|epoch| header(&dir, &epoch.key)).collect::<Vec<_>>(), headers);
    assert_eq!(keys(&store(&dir), "").await, all);
    let rows: Vec<_> = after.iter().map(|epoch| epoch.rows::<Row>().map(Result::unwrap).count()).collect();
    assert_eq!(rows, [0, 2, 2]);
    let since = Utc::now() - after[0].expired().unwrap();
    assert!(since < TimeDelta::minutes(5) && after[1].expired().is_none());
    assert!(dead_letters(&*store(&dir), &after[0].header).await.unwrap().is_empty());
    assert_eq!(dead_letters(&*store(&dir), &after[1].header).await.unwrap().len(), 1);

    let verdict = Verify::new().deep(true).run(store(&dir)).await.unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
    assert_eq!((verdict.rows, verdict.expired), (6, 1));
    let summary = &summary(store(&dir)).await.unwrap()[0];
    assert_eq!((summary.epochs, summary.rows, summary.expired, summary.expired_rows), (3, 6, 1, 2));

    // The pipeline goes on, and so does the next expiry.
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(12)]));
    assert_eq!(run(&source, &store(&dir), 3, none).await.unwrap().records, 3);
    let expired = Expire::before(year(2041)).run(store(&dir)).await.unwrap();
    assert_eq!((expired.epochs, expired.rows, expired.before), (3, 7, 1));
    assert!(texts(&store(&dir)).await.is_empty());
    assert!(Verify::new().deep(true).run(store(&dir)).await.unwrap().is_sound());
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_go_and_changes_nothing() {
    let (dir, _) = made().await;
    let read = |key: &String| fs::read(dir.path().join(key)).unwrap();
    let before: Vec<_> = keys(&store(&dir), "").await.iter().map(read).collect();
    let dry = Expire::before(year(2041)).dry_run(true).run(store(&dir)).await.unwrap();
    assert_eq!((dry.epochs, dry.rows, dry.dead_letters), (3, 6, 3));
    assert_eq!(keys(&store(&dir), "").await.iter().map(read).collect::<Vec<_>>(), before);
    assert_eq!(Expire::before(year(2041)).run(store(&dir)).await.unwrap(), dry);
}

#[tokio::test(start_paused = true)]
async fn the_hour_that_it_is_asked_for_stays() {
    let (dir, _) = made().await;
    let hour = Utc.with_ymd_and_hms(2040, 7, 1, 5, 59, 0).unwrap();
    assert_eq!(Expire::before(hour).run(store(&dir)).await.unwrap().epochs, 1);
    assert_eq!(Expire::before(hour + TimeDelta::minutes(1)).run(store(&dir)).await.unwrap().epochs, 2);
}

#[derive(Serialize, Deserialize)]
struct Number {
    partition: String,
    number: u64,
}

#[tokio::test(start_paused = true)]
async fn other_formats_keep_their_columns() {
    let example = Number { partition: "p".to_owned(), number: 1 };
    let formats = [
        Format::csv(&example).unwrap(),
        #[cfg(feature = "parquet")]
        Format::parquet(&example).unwrap(),
    ];
    for format in formats {
        let (dir, source) = (dir(), Scripted::one([Batch(9)]));
        let row = |record: Record| Number { partition: "p".to_owned(), number: number(&record.position()) };
        let each = move |records: Records, _: DeadLetters| records.map(row).boxed();
        let ledger = Ledger::new(store(&dir), "test").format(format);
        source
            .epochs(Every::secs(60).or_records(3.try_into().unwrap()))
            .commit_to(ledger, each)
            .run(pending())
            .await
            .unwrap();
        let before = committed(&store(&dir)).await;
        assert_eq!(before[0].rows::<Number>().map(|row| row.unwrap().number).sum::<u64>(), 6);
        let verdict = Verify::new().deep(true).run(store(&dir)).await.unwrap();
        assert!(verdict.is_sound() && verdict.rows == 9, "{verdict:?}");

        assert_eq!(Expire::before(year(2999)).run(store(&dir)).await.unwrap().rows, 9);
        let after = committed(&store(&dir)).await;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before.key, &before.header), (&after.key, &after.header));
            assert!(before.expired().is_none() && after.expired().is_some());
            assert_eq!(after.rows::<Number>().count(), 0);
        }
        let verdict = Verify::new().deep(true).run(store(&dir)).await.unwrap();
        assert!(verdict.is_sound() && verdict.expired == 3, "{verdict:?}");
        let summary = &summary(store(&dir)).await.unwrap()[0];
        assert_eq!((summary.expired, summary.expired_rows), (3, summary.rows));
        if after[0].key.ends_with(".csv.gz") {
            let mut text = String::new();
            GzDecoder::new(fs::File::open(dir.path().join(&after[0].key)).unwrap()).read_to_string(&mut text).unwrap();
            assert_eq!(text, "partition,number\n");
        }
    }
}

#[tokio::test]
async fn needs_a_ledger() {
    let error = Expire::before(year(2041)).run(store(&dir())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
