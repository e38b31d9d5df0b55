//! Dead letters: there once an epoch names them, and not before.

use std::time::Duration;

use anabranch::codec::MAX_RECORD;
use anabranch::epoch::{DeadLetter, DeadLetters, DeadLine, Every, Ledger, Report, SourceExt, dead_letters};
use anabranch::source::FileSource;
use anabranch::store::Store;
use anabranch::{BoxFlow, Error, ErrorKind, Layout, Record, RecordParts};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::sync::Arc;

use crate::faulty::{Call, Fate, Faulty};
use crate::scripted::Step::{Batch, Wait};
use crate::scripted::{Scripted, number, position};
use crate::{Records, Row, chains, dir, keys, records, rows, run, store};

/// Every third record is no good, and of those every other is not even text.
#[allow(clippy::result_large_err)]
fn decode(record: Record) -> Result<Row, DeadLetter> {
    let number = number(&record.position());
    if !number.is_multiple_of(3) {
        return Ok(Row { partition: record.partition().to_string(), number });
    }
    let data = if number.is_multiple_of(2) { vec![0xff, b'\n', number as u8].into() } else { record.bytes() };
    Err(DeadLetter {
        record: RecordParts { data, key: number.to_string().into(), ..record.into_parts() }.into(),
        line: Some(number + 1),
        reason: "divides\nby three".to_owned(),
    })
}

fn sorted(records: Records, dead: DeadLetters) -> BoxFlow<'static, Row, Error> {
    records.map(decode).dead_letters(dead).boxed()
}

async fn sort(source: &Scripted, store: &Arc<dyn Store>, every: Every) -> Result<Report, Error> {
    let pipeline = source.clone().epochs(every).commit_to(Ledger::new(Arc::clone(store), "test"), sorted);
    pipeline.run(std::future::pending()).await
}

/// All rows and all dead letters, which together are all records.
async fn are_exact(source: &Scripted, place: &Arc<dyn Store>) -> Vec<DeadLine> {
    let (mut found, mut lines) = (Vec::new(), Vec::new());
    for epoch in chains(place).await.remove("p").unwrap() {
        let dead = dead_letters(&**place, &epoch.header).await.unwrap();
        assert_eq!(epoch.header.dead.as_ref().map_or(0, |dead| dead.letters), dead.len() as u64);
        assert_eq!(epoch.header.records, epoch.header.rows + dead.len() as u64);
        found.extend(rows(&epoch).iter().map(|row| row.number));
        found.extend(dead.iter().map(|line| number(&line.position)));
        lines.extend(dead);
    }
    found.sort();
    assert_eq!(found, (1..=source.records()["p"]).collect::<Vec<_>>());
    lines
}

#[tokio::test(start_paused = true)]
async fn hold_place_reason_and_bytes() {
    let (dir, source) = (dir(), Scripted::one([Batch(7)]));
    let report = sort(&source, &store(&dir), Every::default()).await.unwrap();
    assert_eq!((report.records, report.rows, report.dead_letters), (7, 5, 2));
    let lines = are_exact(&source, &store(&dir)).await;
    let text = |line: &DeadLine| (line.text.clone(), line.base64.clone());
    assert_eq!(text(&lines[0]), (Some("p:3".to_owned()), None));
    assert_eq!(text(&lines[1]), (None, Some("/woG".to_owned())));
    for (line, number) in lines.iter().zip([3, 6]) {
        assert_eq!((line.partition.as_str(), &line.position, line.line), ("p", &position(number), Some(number + 1)));
        assert_eq!((&*line.key, &line.layout, line.cut), (&*number.to_string(), &Some(Layout::Json), false));
        assert_eq!((&*line.reason, line.arrived), ("divides\nby three", source.edit(|script| script.arrived)));
    }
}

#[allow(clippy::result_large_err, reason = "the letter is what is tested")]
#[tokio::test]
async fn of_a_file_say_its_columns_once_and_whether_they_were_cut() {
    let (out, files) = (dir(), dir());
    let file = files.path().join("a.tsv");
    std::fs::write(&file, format!("a\tb\n1\n{}\n3\n", "x".repeat(MAX_RECORD + 9))).unwrap();
    let source = crate::is_source(FileSource::builder(&file).build().unwrap());
    let all = |records: Records, dead: DeadLetters| {
        let bad = |record| Err::<u8, _>(DeadLetter { record, line: None, reason: "bad".to_owned() });
        records.map(bad).dead_letters(dead).boxed()
    };
    source
        .epochs(Every::default())
        .commit_to(Ledger::new(store(&out), "test"), all)
        .run(std::future::pending())
        .await
        .unwrap();

    let epoch = crate::committed(&store(&out)).await.remove(0);
    let lines = dead_letters(&*store(&out), &epoch.header).await.unwrap();
    let layout = Layout::Delimited { delimiter: b'\t', columns: vec!["a".to_owned(), "b".to_owned()] };
    assert!(lines.iter().all(|line| line.layout.as_ref() == Some(&layout)));
    assert_eq!(lines.iter().map(|line| line.cut).collect::<Vec<_>>(), [false, true, false]);

    let object = store(&out).get(&epoch.header.dead.unwrap().key).await.unwrap().unwrap();
    let mut text = String::new();
    MultiGzDecoder::new(&object[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text.matches(r#""layout":{"delimited":{"delimiter":9,"columns":["a","b"]}}"#).count(), 1);
    assert_eq!(text.matches("layout").count(), 1);
    assert!(!text.contains("\"key\""), "a file has no keys");
}

#[tokio::test(start_paused = true)]
async fn are_put_before_their_epoch_under_a_key_that_it_names() {
    let (dir, source) = (dir(), Scripted::one([Batch(2), Batch(5)]));
    let faulty = Faulty::new(store(&dir), |_| Fate::Pass);
    sort(&source, &(Arc::clone(&faulty) as _), records(2)).await.unwrap();
    let puts: Vec<_> = faulty.calls().into_iter().filter(|call| call.name == "put").map(|call| call.key).collect();
    let mut named = 0;
    for epoch in &chains(&store(&dir)).await["p"] {
        let header = &epoch.header;
        // Three and six are the first of the second epoch and the last of the third.
        assert_eq!(header.dead.is_some(), matches!(header.n, 1 | 2));
        let Some(dead) = &header.dead else { continue };
        let from = header.from.as_ref().unwrap();
        assert_eq!(dead.key, format!("_dead/p/{:020}-{from}-{}.jsonl.gz", header.n, header.nonce));
        let at = |key: &str| puts.iter().position(|put| put == key).unwrap();
        assert_eq!(at(&dead.key) + 1, at(&epoch.key));
        named += 1;
    }
    assert_eq!(named, 2);
    assert_eq!(keys(&store(&dir)).await.iter().filter(|key| key.starts_with("_dead/")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_an_attempt_that_was_not_committed_do_not_exist() {
    let (dir, source) = (dir(), Scripted::one([Batch(7)]));
    let mut killed = false;
    let faulty = Faulty::new(store(&dir), move |call: &Call| {
        if call.is_commit() && !std::mem::replace(&mut killed, true) { Fate::Vanish } else { Fate::Pass }
    });
    let place = faulty as _;
    let dead = sort(&source, &place, Every::default());
    assert!(tokio::time::timeout(Duration::from_secs(10), dead).await.is_err());
    assert_eq!(keys(&store(&dir)).await.len(), 2, "the root and the dead letters");

    let report = sort(&source, &store(&dir), Every::default()).await.unwrap();
    assert_eq!(report.dead_letters, 2);
    assert_eq!(are_exact(&source, &store(&dir)).await.len(), 2);
    assert_eq!(keys(&store(&dir)).await.iter().filter(|key| key.starts_with("_dead/")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_a_lost_epoch_do_not_exist() {
    let dir = dir();
    let slow = Scripted::one([Batch(7), Wait(Duration::from_secs(100)), Batch(2)]);
    let quick = Scripted::one([Batch(4)]);
    let place = store(&dir);
    let (slow_one, quick_one) = tokio::join!(sort(&slow, &place, Every::secs(60)), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sort(&quick, &place, Every::secs(60)).await
    });
    let (slow_one, quick_one) = (slow_one.unwrap(), quick_one.unwrap());
    assert_eq!((slow_one.lost, slow_one.dead_letters, quick_one.dead_letters), (1, 2, 1));
    assert_eq!(are_exact(&slow, &place).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn whose_answer_is_lost_are_put_once() {
    let (dir, source) = (dir(), Scripted::one([Batch(7)]));
    let mut times = 2;
    let faulty = Faulty::new(store(&dir), move |call: &Call| {
        if call.key.starts_with("_dead/") && times > 0 {
            times -= 1;
            return Fate::LoseAnswer;
        }
        Fate::Pass
    });
    sort(&source, &(faulty as _), Every::default()).await.unwrap();
    assert_eq!(are_exact(&source, &store(&dir)).await.len(), 2);
    assert_eq!(keys(&store(&dir)).await.iter().filter(|key| key.starts_with("_dead/")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn that_are_gone_are_missed() {
    let (dir, source) = (dir(), Scripted::one([Batch(7)]));
    sort(&source, &store(&dir), Every::default()).await.unwrap();
    let header = chains(&store(&dir)).await["p"][0].header.clone();
    std::fs::remove_file(dir.path().join(&header.dead.as_ref().unwrap().key)).unwrap();
    let error = dead_letters(&*store(&dir), &header).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&header.dead.unwrap().key), "{error}");
    // The counts do not depend on them.
    assert_eq!(run(&source, &store(&dir), Every::default()).await.unwrap().records, 0);
}
