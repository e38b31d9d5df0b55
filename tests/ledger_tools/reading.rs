//! Readers follow the chains.

use std::fs;
use std::sync::Arc;

use anabranch::epoch::{self, Verify};
use anabranch::store::{About, Put, Range, Store};
use anabranch::{Error, ErrorKind};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::faulty::{Fate, Faulty};
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close};
use crate::{all, by_three, chain, committed, dir, keys, none, run, store, texts};

fn two() -> Scripted {
    Scripted::new().with("a/b", &[], [Batch(7)]).with("c", &["a/b"], [Batch(4)]).with("p", &[], [Batch(5), Close(1)])
}

#[tokio::test(start_paused = true)]
async fn give_all_epochs_in_the_order_of_their_keys() {
    let (dir, source) = (dir(), Scripted::new().with("a", &[], [Close(7)]).with("a-b", &["a"], [Batch(40)]));
    run(&source, &store(&dir), 2, none).await.unwrap();
    let epochs: Vec<_> = committed(&store(&dir)).await.into_iter().map(|epoch| epoch.key).collect();
    assert_eq!(epochs.len(), 4 + 20);
    assert_eq!(epochs, keys(&store(&dir), "dt=").await);
    assert_eq!(texts(&store(&dir)).await, all(&source));
}

#[tokio::test(start_paused = true)]
async fn leave_out_what_is_in_no_chain() {
    let (dir, source) = (dir(), two());
    run(&source, &store(&dir), 2, none).await.unwrap();
    let before: Vec<_> = committed(&store(&dir)).await.into_iter().map(|epoch| epoch.key).collect();
    for file in chain(&dir, "p").await {
        let name = file.file_name().unwrap().to_str().unwrap();
        fs::copy(&file, file.with_file_name(format!("copy-of-{name}"))).unwrap();
        for hour in ["dt=2001-01-01/hour=00/p", "dt=2101-01-01/hour=00/p"] {
            fs::create_dir_all(dir.path().join(hour)).unwrap();
            fs::copy(&file, dir.path().join(hour).join(name)).unwrap();
        }
    }
    fs::write(dir.path().join("dt=2001-01-01/hour=00/_SUCCESS"), "").unwrap();
    let after: Vec<_> = committed(&store(&dir)).await.into_iter().map(|epoch| epoch.key).collect();
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn of_headers_read_no_bodies() {
    let (dir, source) = (dir(), two());
    run(&source, &store(&dir), 2, by_three).await.unwrap();
    let watched = Faulty::new(store(&dir), |_| Fate::Pass);
    let headers: Vec<_> = epoch::headers(Arc::clone(&watched) as _).try_collect().await.unwrap();
    let epochs = committed(&store(&dir)).await;
    assert_eq!(headers, epochs.into_iter().map(|epoch| (epoch.key, epoch.header)).collect::<Vec<_>>());
    assert!(watched.calls().iter().all(|call| call.name != "get" || call.key == "_ledger/root"));
}

#[tokio::test(start_paused = true)]
async fn stop_at_an_epoch_that_is_gone() {
    for n in [0, 1] {
        let (dir, source) = (dir(), two());
        run(&source, &store(&dir), 2, none).await.unwrap();
        let gone = chain(&dir, "p").await.remove(n);
        fs::remove_file(&gone).unwrap();
        let error = epoch::committed(store(&dir)).try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let key = gone.strip_prefix(dir.path()).unwrap().to_str().unwrap();
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn find_nothing_in_an_empty_store_and_no_chains_without_their_root() {
    let (dir, source) = (dir(), two());
    assert!(committed(&store(&dir)).await.is_empty());
    assert_eq!(epoch::root(&*store(&dir)).await.unwrap_err().kind(), ErrorKind::NotFound);
    run(&source, &store(&dir), 2, none).await.unwrap();
    fs::remove_file(dir.path().join("_ledger/root")).unwrap();
    let error = epoch::committed(store(&dir)).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// A store where one object came after its part of the listing had been made.
#[derive(Debug)]
struct Late(Arc<dyn Store>, String);

impl Store for Late {
    fn uri(&self) -> String {
        self.0.uri()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
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
        Box::pin(async move {
            let mut keys = self.0.list_after(prefix, after).await?;
            keys.retain(|key| *key != self.1);
            Ok(keys)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn give_a_partition_that_goes_on_meanwhile_without_a_hole() {
    let (dir, source) = (dir(), two());
    run(&source, &store(&dir), 2, none).await.unwrap();
    let second = chain(&dir, "p").await.remove(1);
    let key = second.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
    let late: Arc<dyn Store> = Arc::new(Late(store(&dir), key));
    let epochs = committed(&late).await;
    let of = |name: &str| epochs.iter().filter(|epoch| epoch.header.partition.as_str() == name).count();
    assert_eq!((of("a/b"), of("p")), (4, 1));
    // Who looks at everything looks at what came meanwhile, too.
    let verdict = Verify::new().deep(true).run(late).await.unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
    assert_eq!((verdict.epochs, verdict.records), (7, 13));
}
