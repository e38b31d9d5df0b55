//! What is wrong with a ledger is found, each thing by its name.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use anabranch::epoch::{Finding, Flaw, Verdict, Verify};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scripted::Step::{Batch, Close};
use crate::scripted::{Scripted, position};
use crate::{by_three, chain, dir, keys, run, store};

/// A ledger of 9 records in 5 epochs of `p`, two of them with a dead letter each, a third with one, and of `q`, which is ended.
async fn made() -> TempDir {
    let (dir, source) = (dir(), Scripted::new().with("p", &[], [Batch(9)]).with("q", &[], [Close(2)]));
    run(&source, &store(&dir), 2, by_three).await.unwrap();
    dir
}

async fn verify(dir: &TempDir) -> Verdict {
    Verify::new().run(store(dir)).await.unwrap()
}

async fn deep(dir: &TempDir) -> Verdict {
    Verify::new().deep(true).run(store(dir)).await.unwrap()
}

fn key(dir: &TempDir, file: &Path) -> String {
    file.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned()
}

/// Writes an epoch anew, with another header and other rows.
fn edit(file: &Path, change: impl FnOnce(&mut Value, &mut String)) {
    let object = fs::read(file).unwrap();
    let mut gzip = GzDecoder::new(&object[..]);
    let mut text = String::new();
    gzip.read_to_string(&mut text).unwrap();
    let mut header = serde_json::from_slice(&gzip.header().unwrap().extra().unwrap()[4..]).unwrap();
    change(&mut header, &mut text);
    let json = header.to_string();
    let mut extra = b"AB".to_vec();
    extra.extend(u16::try_from(json.len()).unwrap().to_le_bytes());
    extra.extend(json.as_bytes());
    let mut gzip = GzBuilder::new().extra(extra).write(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    fs::write(file, gzip.finish().unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sound_ledger_has_no_findings() {
    let dir = made().await;
    for verdict in [verify(&dir).await, deep(&dir).await] {
        assert!(verdict.is_sound() && verdict.findings.is_empty(), "{verdict:?}");
        assert_eq!((verdict.epochs, verdict.records, verdict.rows, verdict.dead_letters), (6, 11, 8, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_is_gone() {
    for n in [0, 2] {
        let dir = made().await;
        let files = chain(&dir, "p").await;
        fs::remove_file(&files[n]).unwrap();
        let verdict = verify(&dir).await;
        let gone = Finding::Gone { key: key(&dir, &files[n]), found: key(&dir, &files[n + 1]) };
        assert_eq!(verdict.findings.iter().filter(|finding| !finding.is_note()).collect::<Vec<_>>(), [&gone]);
        assert_eq!(verdict.epochs, 5);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_in_no_chain() {
    let dir = made().await;
    let file = chain(&dir, "p").await.remove(1);
    let copy = file.with_file_name("copy.jsonl.gz");
    fs::copy(&file, &copy).unwrap();
    let other = dir.path().join("dt=2013-01-01");
    fs::write(&other, "anything").unwrap();
    let strays = [&other, &copy].map(|file| Finding::Stray { key: key(&dir, file) });
    assert_eq!(verify(&dir).await.findings, strays);
}

#[tokio::test(start_paused = true)]
async fn an_object_behind_the_end() {
    let dir = made().await;
    let file = chain(&dir, "q").await.remove(0);
    let mut next = String::new();
    edit(&file, |header, _| next = header["next"].as_str().unwrap().to_owned());
    let behind = dir.path().join(&next);
    fs::copy(&file, &behind).unwrap();
    edit(&behind, |header, _| {
        header["n"] = 1.into();
        header["from"] = header["to"].clone();
    });
    assert_eq!(verify(&dir).await.findings, [Finding::Stray { key: next }]);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_cannot_be_read() {
    let dir = made().await;
    let file = chain(&dir, "p").await.remove(1);
    fs::write(&file, "anything").unwrap();
    let verdict = verify(&dir).await;
    let Finding::Unreadable { key: found, why } = &verdict.findings[0] else { panic!("{verdict:?}") };
    assert_eq!((found, verdict.problems), (&key(&dir, &file), 1));
    assert!(why.contains("no header"), "{why}");
    assert_eq!(verdict.epochs, 5, "the others are looked at all the same");
}

#[tokio::test(start_paused = true)]
async fn a_header_of_a_newer_version() {
    let dir = made().await;
    let file = chain(&dir, "p").await.remove(1);
    edit(&file, |header, _| header["schema"] = 2.into());
    let verdict = verify(&dir).await;
    let newer = Finding::Newer { key: key(&dir, &file), schema: 2 };
    assert_eq!(verdict.findings.iter().filter(|finding| !finding.is_note()).collect::<Vec<_>>(), [&newer]);
}

#[tokio::test(start_paused = true)]
async fn epochs_that_do_not_go_on_where_the_one_before_ends() {
    let next = |header: &mut Value| {
        let next = header["next"].as_str().unwrap().replace("/p/", "/q/");
        header["next"] = next.into();
    };
    type Change<'a> = &'a dyn Fn(&mut Value);
    let flaws: [(Flaw, Change<'_>); 5] = [
        (Flaw::Overlap, &|header| header["from"] = position(1).to_string().into()),
        (Flaw::Hole, &|header| header["from"] = position(3).to_string().into()),
        (Flaw::Backwards, &|header| header["to"] = position(1).to_string().into()),
        (Flaw::Another, &|header| header["n"] = 7.into()),
        (Flaw::Next, &next),
    ];
    for (flaw, change) in flaws {
        let dir = made().await;
        let file = chain(&dir, "p").await.remove(1);
        edit(&file, |header, _| change(header));
        let verdict = verify(&dir).await;
        assert_eq!(verdict.findings[0], Finding::Broken { key: key(&dir, &file), flaw }, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dead_letters_that_are_gone_or_not_as_many() {
    let dir = made().await;
    let letters: Vec<_> = keys(&store(&dir), "_dead/").await;
    fs::remove_file(dir.path().join(&letters[0])).unwrap();
    let gone = Finding::LettersGone { key: key(&dir, &chain(&dir, "p").await[1]), letters: letters[0].clone() };
    assert_eq!(verify(&dir).await.findings, std::slice::from_ref(&gone));

    edit(&dir.path().join(&letters[1]), |_, text| *text = text.repeat(2));
    assert_eq!(verify(&dir).await.problems, 1, "they are not counted");
    let why = "there are 2 dead letters, and the header of the epoch says 1".to_owned();
    assert_eq!(deep(&dir).await.findings, [gone, Finding::Letters { key: letters[1].clone(), why }]);
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_read_or_are_not_as_many() {
    let dir = made().await;
    let files = chain(&dir, "p").await;
    edit(&files[0], |_, text| text.truncate(text.find('\n').unwrap() + 1));
    edit(&files[1], |_, text| text.push_str("{\"cut\":"));
    assert!(verify(&dir).await.is_sound());
    let verdict = deep(&dir).await;
    let why = "there are 1 rows, and the header says 2".to_owned();
    assert_eq!(verdict.findings[0], Finding::Rows { key: key(&dir, &files[0]), why });
    assert!(matches!(&verdict.findings[1], Finding::Rows { key: found, .. } if *found == key(&dir, &files[1])));
    assert_eq!(verdict.problems, 2);
}

/// A second member of gzip is text to those who query the files, and not to the readers of the ledger.
#[tokio::test(start_paused = true)]
async fn what_stands_behind_the_rows() {
    let mut member = GzBuilder::new().write(Vec::new(), Compression::default());
    member.write_all(b"[\"p\",\"one more\"]\n").unwrap();
    for junk in [&b"\0"[..], b"junk", &member.finish().unwrap()] {
        let dir = made().await;
        let (file, letters) = (chain(&dir, "p").await.remove(0), keys(&store(&dir), "_dead/").await.remove(0));
        for file in [&file, &dir.path().join(&letters)] {
            fs::write(file, [&*fs::read(file).unwrap(), junk].concat()).unwrap();
        }
        assert!(verify(&dir).await.is_sound());
        let verdict = deep(&dir).await;
        let says = format!("{} bytes stand behind the end", junk.len());
        let of = |finding: &Finding| match finding {
            Finding::Rows { key, why } | Finding::Letters { key, why } if why.contains(&says) => key.clone(),
            other => panic!("{other:?}"),
        };
        let found: Vec<_> = verdict.findings.iter().map(of).collect();
        assert_eq!(found, [key(&dir, &file), letters]);
    }
}

#[tokio::test(start_paused = true)]
async fn partitions_that_do_not_move() {
    let dir = made().await;
    let hour = Duration::from_secs(3600);
    assert!(Verify::new().stalled_after(hour).run(store(&dir)).await.unwrap().is_sound());
    for n in [3, 4] {
        // The last is what counts.
        edit(&chain(&dir, "p").await[n], |header, _| header["committed"] = json!("2013-01-01T00:00:00Z"));
        let verdict = Verify::new().stalled_after(hour).run(store(&dir)).await.unwrap();
        assert_eq!(verdict.is_sound(), n == 3, "{verdict:?}");
    }
    edit(&chain(&dir, "q").await[0], |header, _| header["committed"] = json!("2013-01-01T00:00:00Z"));
    let verdict = Verify::new().stalled_after(hour).run(store(&dir)).await.unwrap();
    let [Finding::Stalled { partition, .. }] = &verdict.findings[..] else { panic!("{verdict:?}") };
    assert_eq!(partition.as_str(), "p", "what is ended need not move");
}

#[tokio::test(start_paused = true)]
async fn unnamed_dead_letters_and_declared_gaps_are_notes() {
    let dir = made().await;
    let named = keys(&store(&dir), "_dead/").await.remove(0);
    let unnamed = named.replace(".jsonl", "0.jsonl");
    fs::copy(dir.path().join(&named), dir.path().join(&unnamed)).unwrap();
    let file = chain(&dir, "p").await.remove(4);
    let gap = json!({ "after": "2013-01-01T00:00:00Z", "until": "2013-01-02T00:00:00Z" });
    edit(&file, |header, _| header["gap"] = gap.clone());
    let verdict = verify(&dir).await;
    assert!(verdict.is_sound());
    let lost = Finding::Lost { key: key(&dir, &file), gap: serde_json::from_value(gap).unwrap() };
    assert_eq!(verdict.findings, [lost, Finding::Unnamed { key: unnamed }]);
    assert_eq!((verdict.problems, verdict.notes), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_format_that_this_program_does_not_know_is_an_error_and_no_finding() {
    let dir = made().await;
    let path = dir.path().join("_ledger/root");
    let mut root: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    root["format"] = json!("orc");
    fs::write(&path, root.to_string()).unwrap();
    let error = Verify::new().run(store(&dir)).await.unwrap_err();
    assert!(error.to_string().contains("the format of this object is not known: orc"), "{error}");
}
