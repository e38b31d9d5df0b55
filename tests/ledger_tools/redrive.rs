//! Dead letters are put through the pipeline once more, each once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::MAX_RECORD;
use anabranch::epoch::{self, DeadLetter, DeadLetters, Every, Ledger, Report, SourceExt, Verify};
use anabranch::source::FileSource;
use anabranch::store::Store;
use anabranch::{Error, ErrorKind, Record, RecordParts};
use tokio::sync::{Notify, Semaphore};

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::Batch;
use crate::{Bad, Records, all, by_three, chain, committed, dir, keys, ledger, none, pipeline, run, store, texts};

async fn redrive(store: &Arc<dyn Store>, records: u64, bad: Bad) -> Result<Report, Error> {
    let every = Every::secs(60).or_records(records.try_into().unwrap());
    // The source has nothing any more, and is not asked.
    pipeline(Arc::new(Scripted::new()), ledger(store), every, bad).redrive(pending()).await
}

fn source() -> Scripted {
    Scripted::new().with("a/b", &[], [Batch(10)]).with("p", &[], [Batch(20), Batch(11)])
}

/// All records are in the result, each once, and the ledger is sound.
async fn is_exact(source: &Scripted, store: &Arc<dyn Store>) {
    assert_eq!(texts(store).await, all(source));
    let verdict = Verify::new().deep(true).run(Arc::clone(store)).await.unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
}

#[tokio::test(start_paused = true)]
async fn each_is_in_the_result_once_when_the_decoder_is_mended() {
    let (dir, source) = (dir(), source());
    let report = run(&source, &store(&dir), 4, by_three).await.unwrap();
    assert_eq!(report.dead_letters, 13);
    let report = redrive(&store(&dir), 2, none).await.unwrap();
    assert_eq!((report.records, report.rows, report.dead_letters, report.cut), (13, 13, 0, 0));
    is_exact(&source, &store(&dir)).await;
    let names: Vec<_> =
        committed(&store(&dir)).await.into_iter().map(|epoch| epoch.header.partition.to_string()).collect();
    assert!(names.iter().any(|name| name == "redrive/a/b") && names.iter().any(|name| name == "redrive/p"));
    let again = redrive(&store(&dir), 2, none).await.unwrap();
    assert_eq!((again.records, again.epochs), (0, 0));

    // What is set aside later is put through later, and the pipeline goes on beside.
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(40)]));
    assert_eq!(run(&source, &store(&dir), 4, by_three).await.unwrap().dead_letters, 3);
    assert_eq!(redrive(&store(&dir), 2, none).await.unwrap().records, 3);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn those_that_are_bad_again_are_letters_of_their_own_chain() {
    let (dir, source) = (dir(), Scripted::one([Batch(9)]));
    run(&source, &store(&dir), 2, by_three).await.unwrap();
    let six = |text: &str| text.ends_with('6');
    let report = redrive(&store(&dir), 9, six).await.unwrap();
    assert_eq!((report.records, report.dead_letters), (3, 1));
    assert_eq!(keys(&store(&dir), "_dead/redrive%2Fp/").await.len(), 1);
    assert_eq!(redrive(&store(&dir), 9, none).await.unwrap().rows, 1);
    let last = committed(&store(&dir)).await.into_iter().map(|epoch| epoch.header.partition.to_string()).max();
    assert_eq!(last.as_deref(), Some("redrive/redrive/p"));
    is_exact(&source, &store(&dir)).await;
    assert_eq!(redrive(&store(&dir), 9, none).await.unwrap().records, 0);
}

#[tokio::test(start_paused = true)]
async fn two_at_once_put_each_through_once() {
    let (dir, source) = (dir(), source());
    run(&source, &store(&dir), 4, by_three).await.unwrap();
    let place = store(&dir);
    // One has read when the other begins, and commits when that has ended.
    let (read, over) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (reads, ends) = (Arc::clone(&read), Arc::clone(&over));
    let held = move |records: Records, _: DeadLetters| {
        let (read, over) = (Arc::clone(&reads), Arc::clone(&ends));
        let text = move |record: Record| {
            let (read, over) = (Arc::clone(&read), Arc::clone(&over));
            async move {
                read.notify_one();
                let _over = over.acquire().await.unwrap();
                (record.partition().to_string(), String::from_utf8(record.data().to_vec()).unwrap())
            }
        };
        records.map_async(1, text).boxed()
    };
    let late = source.clone().epochs(Every::default()).commit_to(ledger(&place), held).redrive(pending());
    let quick = async {
        read.notified().await;
        let report = redrive(&place, 2, none).await;
        over.add_permits(1);
        report
    };
    let (late, quick) = tokio::join!(late, quick);
    let (late, quick) = (late.unwrap(), quick.unwrap());
    assert_eq!(late.rows + quick.rows, 13);
    assert!(late.lost > 0, "they did not race");
    is_exact(&source, &place).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_killed_in_the_middle_is_gone_on_with() {
    for step in 0..8 {
        let (dir, source) = (dir(), source());
        run(&source, &store(&dir), 4, by_three).await.unwrap();
        let mut left = step;
        let faulty = Faulty::new(store(&dir), move |call: &Call| {
            if !call.is_commit() {
                return Fate::Pass;
            }
            left -= 1;
            if left < 0 { if step % 2 == 0 { Fate::Vanish } else { Fate::VanishAfter } } else { Fate::Pass }
        });
        let place = faulty as _;
        assert!(tokio::time::timeout(Duration::from_secs(60), redrive(&place, 1, none)).await.is_err());
        redrive(&store(&dir), 1, none).await.unwrap();
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_no_epoch_names_do_not_exist() {
    let (dir, source) = (dir(), source());
    run(&source, &store(&dir), 4, by_three).await.unwrap();
    for key in keys(&store(&dir), "_dead/").await {
        let unnamed = key.replace(".jsonl", "0.jsonl");
        std::fs::copy(dir.path().join(&key), dir.path().join(unnamed)).unwrap();
    }
    assert_eq!(redrive(&store(&dir), 9, none).await.unwrap().records, 13);
    assert_eq!(texts(&store(&dir)).await, all(&source));
}

#[tokio::test(start_paused = true)]
async fn letters_that_no_chain_leads_to_any_more_are_an_error() {
    let (dir, source) = (dir(), Scripted::one([Batch(20)]));
    run(&source, &store(&dir), 1, by_three).await.unwrap();
    let epochs = chain(&dir, "p").await;
    std::fs::remove_file(&epochs[0]).unwrap();
    let error = redrive(&store(&dir), 9, none).await.unwrap_err();
    assert!(error.to_string().contains(epochs[0].file_name().unwrap().to_str().unwrap()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn records_are_as_they_were_but_for_their_place() {
    let (dir, source) = (dir(), Scripted::one([Batch(2)]));
    let binary = |records: Records, dead: DeadLetters| {
        let bad = |record: Record| {
            let data = if record.data().ends_with(b"2") { vec![0xff, 0, b'2'].into() } else { record.bytes() };
            let record = Record::from(RecordParts { data, key: "key".into(), ..record.into_parts() });
            Err::<u8, _>(DeadLetter { record, line: None, reason: "bad".to_owned() })
        };
        records.map(bad).dead_letters(dead).boxed()
    };
    source.clone().epochs(Every::default()).commit_to(ledger(&store(&dir)), binary).run(pending()).await.unwrap();
    let seen = |records: Records, _: DeadLetters| {
        let seen = |record: Record| {
            let RecordParts { data, origin, position, arrived, key } = record.into_parts();
            (data.to_vec(), origin.partition.to_string(), position.to_string(), arrived.to_rfc3339(), key.to_string())
        };
        records.map(seen).boxed()
    };
    let report = source.clone().epochs(Every::default()).commit_to(ledger(&store(&dir)), seen).redrive(pending()).await;
    assert_eq!(report.unwrap().records, 2);
    let epoch = committed(&store(&dir)).await.pop().unwrap();
    let rows: Vec<(Vec<u8>, String, String, String, String)> = epoch.rows().map(Result::unwrap).collect();
    let arrived = source.edit(|script| script.arrived).to_rfc3339();
    let row = |data: &[u8], position: &str| {
        (data.to_vec(), "redrive/p".to_owned(), position.to_owned(), arrived.clone(), "key".to_owned())
    };
    assert_eq!(rows, [row(b"p:1", "0"), row(&[0xff, 0, b'2'], "0.1")]);
}

#[tokio::test]
async fn those_that_were_cut_are_left_out_and_counted() {
    let (out, files) = (dir(), dir());
    let file = files.path().join("a.tsv");
    std::fs::write(&file, format!("a\tb\n1\n{}\n3\n", "x".repeat(MAX_RECORD + 9))).unwrap();
    let source = || FileSource::builder(&file).build().unwrap();
    let bad = |records: Records, dead: DeadLetters| {
        let bad = |record| Err::<String, _>(DeadLetter { record, line: None, reason: "bad".to_owned() });
        records.map(bad).dead_letters(dead).boxed()
    };
    source().epochs(Every::default()).commit_to(ledger(&store(&out)), bad).run(pending()).await.unwrap();
    let good = |records: Records, _: DeadLetters| {
        records.map(|record: Record| String::from_utf8(record.data().to_vec()).unwrap()).boxed()
    };
    let report =
        source().epochs(Every::default()).commit_to(ledger(&store(&out)), good).redrive(pending()).await.unwrap();
    assert_eq!((report.records, report.cut), (2, 1));
    let rows: Vec<String> = committed(&store(&out)).await.pop().unwrap().rows().map(Result::unwrap).collect();
    assert_eq!(rows, ["1", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_makes_no_ledger_and_takes_no_other_pipelines() {
    let (dir, source) = (dir(), source());
    assert_eq!(redrive(&store(&dir), 1, none).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(epoch::root(&*store(&dir)).await.is_err());
    run(&source, &store(&dir), 4, by_three).await.unwrap();
    let other = Ledger::new(store(&dir), "other");
    let error = pipeline(Arc::new(source), other, Every::default(), none).redrive(pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
