//! The root: what a ledger was made for, and what it refuses ever after.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anabranch::epoch::{DeadLetters, Every, Ledger, Root, SourceExt};
use anabranch::source::FileSource;
use anabranch::store::{About, Put, Range, Store};
use anabranch::{BoxFlow, Error, ErrorKind};
use bytes::Bytes;
use chrono::Utc;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use tempfile::TempDir;

use crate::scripted::Scripted;
use crate::scripted::Step::Batch;
use crate::{Records, committed, dir, each, is_exact, is_source, keys, records, run, store};

const ROOT: &str = "_ledger/root";

async fn root(dir: &TempDir) -> Root {
    serde_json::from_slice(&store(dir).get(ROOT).await.unwrap().unwrap()).unwrap()
}

/// A directory with this root and nothing else.
async fn with_root(root: impl serde::Serialize) -> TempDir {
    let dir = dir();
    let json = serde_json::to_vec(&root).unwrap();
    store(&dir).put_if_absent(ROOT, json.into(), &About::default()).await.unwrap();
    dir
}

/// Says why it refuses, and writes nothing.
async fn is_refused(source: &Scripted, dir: &TempDir, kind: ErrorKind, texts: &[&str]) {
    let before = keys(&store(dir)).await;
    let error = run(source, &store(dir), records(5)).await.unwrap_err();
    assert_eq!(error.kind(), kind);
    for text in texts {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(keys(&store(dir)).await, before);
    assert!(source.edit(|script| script.reads.is_empty()), "it was read");
}

#[tokio::test(start_paused = true)]
async fn says_what_the_ledger_is_for() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]).with("q", &[], []));
    let before = Utc::now();
    run(&source, &store(&dir), records(5)).await.unwrap();
    let root = root(&dir).await;
    assert_eq!((root.schema, &*root.pipeline, &*root.format), (1, "test", "jsonl.gz"));
    assert_eq!(root.source.identity["name"], "script");
    assert_eq!(root.partitions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["p", "q"]);
    assert!(before <= root.created && root.created <= Utc::now());
}

#[tokio::test(start_paused = true)]
async fn is_written_once() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    let first = root(&dir).await;
    source.add("later", &[], [Batch(1)]);
    run(&source, &store(&dir), records(5)).await.unwrap();
    assert_eq!(root(&dir).await, first);
}

#[tokio::test(start_paused = true)]
async fn of_another_pipeline_is_refused() {
    let dir = dir();
    let other = Scripted::one([Batch(1)]).epochs(records(5)).commit_to(Ledger::new(store(&dir), "other"), each);
    other.run(std::future::pending()).await.unwrap();
    let uri = store(&dir).uri();
    let texts = ["the results of the pipeline \"other\", not \"test\"", &uri, "a prefix or directory of its own"];
    is_refused(&Scripted::one([Batch(1)]), &dir, ErrorKind::Conflict, &texts).await;
}

#[tokio::test(start_paused = true)]
async fn of_another_source_is_refused() {
    let dir = dir();
    run(&Scripted::one([Batch(1)]), &store(&dir), records(5)).await.unwrap();
    let other = Scripted::one([Batch(1)]);
    other.edit(|script| script.name = "other");
    let uri = store(&dir).uri();
    let texts = ["the results of another source", &uri, "choose another sink for another source, or delete this one"];
    is_refused(&other, &dir, ErrorKind::Conflict, &texts).await;
}

#[tokio::test(start_paused = true)]
async fn of_another_format_is_refused() {
    let first = dir();
    let source = Scripted::one([]);
    run(&source, &store(&first), records(5)).await.unwrap();
    source.edit(|script| script.reads.clear());
    let parquet = Root { format: "parquet".to_owned(), ..root(&first).await };
    let texts = ["results in the format \"parquet\", not \"jsonl.gz\"", "choose another sink"];
    is_refused(&source, &with_root(parquet).await, ErrorKind::Conflict, &texts).await;
}

/// A second root would have other first keys, and each record would be counted once more in a chain beside the old one.
#[tokio::test(start_paused = true)]
async fn that_is_gone_is_not_made_again_beside_its_epochs() {
    let dir = dir();
    run(&Scripted::one([Batch(3)]), &store(&dir), records(5)).await.unwrap();
    fs::remove_file(dir.path().join(ROOT)).unwrap();
    is_refused(&Scripted::one([Batch(3)]), &dir, ErrorKind::Conflict, &["root", "is gone", "restore"]).await;
}

#[tokio::test(start_paused = true)]
async fn of_an_unknown_form_or_of_none_is_refused() {
    let source = Scripted::one([Batch(1)]);
    let newer = with_root(serde_json::json!({ "schema": 2, "pipelines": ["test"] })).await;
    let texts = ["the ledger's root has form 2, this program knows 1", ROOT, "or a newer one"];
    is_refused(&source, &newer, ErrorKind::Invalid, &texts).await;
    let foreign = with_root("something else").await;
    is_refused(&source, &foreign, ErrorKind::Invalid, &["the ledger's root cannot be read", ROOT, "choose another"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn is_not_made_when_the_source_cannot_be_read() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    source.edit(|script| script.blind = Some(Error::new(ErrorKind::NotFound, "there is no such stream")));
    is_refused(&source, &dir, ErrorKind::NotFound, &["there is no such stream"]).await;
}

fn lines(records: Records, _: DeadLetters) -> BoxFlow<'static, String, Error> {
    records.map(|record| String::from_utf8(record.data().to_vec()).unwrap()).boxed()
}

async fn read(file: &std::path::Path, dir: &TempDir) -> Result<u64, Error> {
    let source = is_source(FileSource::builder(file).build()?);
    let pipeline = source.epochs(Every::default()).commit_to(Ledger::new(store(dir), "test"), lines);
    pipeline.run(std::future::pending()).await.map(|report| report.records)
}

#[tokio::test]
async fn of_a_file_that_has_changed_is_refused_and_one_that_has_grown_goes_on() {
    let (out, files) = (dir(), dir());
    let file = files.path().join("a.tsv");
    fs::write(&file, "a\tb\n1\t2\n3\t4\n").unwrap();
    assert_eq!(read(&file, &out).await.unwrap(), 2);

    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"5\t6\n").unwrap();
    assert_eq!(read(&file, &out).await.unwrap(), 1);
    let rows = committed(&store(&out)).await.into_iter().flat_map(|epoch| epoch.rows::<String>().map(Result::unwrap));
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    assert_eq!(rows, ["1\t2", "3\t4", "5\t6"]);

    let before = keys(&store(&out)).await;
    for changed in ["a\tb\n1\t2\n3\t5\n5\t6\n", "a\tb\n1\t2\n"] {
        fs::write(&file, changed).unwrap();
        let error = read(&file, &out).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("another source") && cause.contains("a.tsv"), "{error}: {cause}");
    }
    fs::remove_file(&file).unwrap();
    let error = read(&file, &out).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("there is no such file") && error.to_string().contains("a.tsv"), "{error}");

    let other = files.path().join("b.tsv");
    assert_eq!(read(&other, &out).await.unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&other, "a\tb\n1\t2\n3\t4\n").unwrap();
    assert_eq!(read(&other, &out).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(keys(&store(&out)).await, before);
}

/// Overwrites, like a server that does not know `If-None-Match`.
#[derive(Debug)]
struct Careless(Arc<dyn Store>, PathBuf);

impl Store for Careless {
    fn uri(&self) -> String {
        self.0.uri()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        let _ = fs::remove_file(self.1.join(key));
        self.0.put_if_absent(key, body, about)
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        self.0.put(key, body, about)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.0.get(key)
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.0.get_range(key, range)
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.0.list_after(prefix, after)
    }
}

#[tokio::test(start_paused = true)]
async fn is_refused_by_a_store_that_overwrites() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    let careless: Arc<dyn Store> = Arc::new(Careless(store(&dir), dir.path().to_owned()));
    let error = run(&source, &careless, records(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    for text in ["overwrites", &store(&dir).uri(), "use a server with conditional writes"] {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(keys(&store(&dir)).await, [ROOT], "nothing was committed");
}

/// A ledger may be moved to another server.
#[tokio::test(start_paused = true)]
async fn that_is_there_already_is_refused_by_a_store_that_overwrites_too() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(2)]));
    let (before, first) = (keys(&store(&dir)).await, root(&dir).await);
    let careless: Arc<dyn Store> = Arc::new(Careless(store(&dir), dir.path().to_owned()));
    let error = run(&source, &careless, records(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!((keys(&store(&dir)).await, root(&dir).await), (before, first), "it is as it was");
}

#[tokio::test(start_paused = true)]
async fn is_one_for_all_who_begin_at_once() {
    for _ in 0..5 {
        let (dir, source) = (dir(), Scripted::one([Batch(20)]));
        let runs = (0..4).map(|_| {
            let (source, store) = (source.clone(), store(&dir));
            async move { run(&source, &store, records(3)).await }
        });
        futures::future::try_join_all(runs).await.unwrap();
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn and_headers_name_the_version_of_the_pipeline() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Batch(1), Batch(1)]));
    let second = source.epochs(records(5)).commit_to(Ledger::new(store(&dir), "test").version(2), each);
    second.run(std::future::pending()).await.unwrap();
    let epochs: Vec<_> = crate::committed(&store(&dir)).await;
    let mut versions: Vec<_> = epochs.iter().map(|epoch| (epoch.header.n, epoch.header.version)).collect();
    versions.sort();
    assert_eq!(versions, [(0, 1), (1, 2)]);
    let stream = anabranch::epoch::committed(store(&dir)).map(|epoch| epoch.header.pipeline);
    assert_eq!(TryStreamExt::try_collect::<Vec<_>>(stream).await.unwrap(), ["test", "test"]);
}
