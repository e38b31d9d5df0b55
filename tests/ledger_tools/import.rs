//! A ledger that goes on where another one stands.

use std::sync::Arc;

use anabranch::epoch::{Every, Ledger, Report, root};
use anabranch::source::Start;
use anabranch::store::Store;
use anabranch::{Error, ErrorKind};
use chrono::{TimeZone, Utc};
use std::future::pending;

use crate::scripted::Step::{Batch, Close, Tip};
use crate::scripted::{Scripted, position};
use crate::{all, by_three, dir, ledger, none, pipeline, run, store, texts};

async fn continued(source: &Scripted, old: &Arc<dyn Store>, new: &Arc<dyn Store>) -> Result<Report, Error> {
    let ledger = Ledger::new(Arc::clone(new), "another").continue_from(Arc::clone(old));
    pipeline(Arc::new(source.clone()), ledger, Every::default(), none).run(pending()).await
}

#[tokio::test(start_paused = true)]
async fn counts_what_the_old_one_had_not_and_nothing_twice() {
    let (old, new) = (dir(), dir());
    let (old, new) = (store(&old), store(&new));
    let source = Scripted::new().with("a", &[], [Close(4)]).with("p", &[], [Batch(5)]).with("idle", &[], [Batch(0)]);
    source.edit(|script| script.start = Start::At(Utc.with_ymd_and_hms(2013, 1, 1, 0, 0, 0).unwrap()));
    run(&source, &old, 2, none).await.unwrap();

    // Meanwhile: more records, a child of what was read to its end, and another idea of where to start.
    source.edit(|script| {
        script.start = Start::At(Utc.with_ymd_and_hms(2014, 1, 1, 0, 0, 0).unwrap());
        script.steps.insert("p".to_owned(), vec![Batch(5), Batch(3)]);
        script.reads.clear();
    });
    source.add("child", &["a"], [Batch(6)]);
    let report = continued(&source, &old, &new).await.unwrap();
    assert_eq!(report.records, 3 + 6);
    let mut both = texts(&old).await;
    both.extend(texts(&new).await);
    both.sort();
    assert_eq!(both, all(&source));

    let mut reads = source.edit(|script| script.reads.clone());
    reads.sort_by(|one, other| one.0.cmp(&other.0));
    let start = Start::At(Utc.with_ymd_and_hms(2013, 1, 1, 0, 0, 0).unwrap());
    let child = ("child".to_owned(), Start::Beginning);
    assert_eq!(reads, [child, ("idle".to_owned(), start), ("p".to_owned(), Start::After(position(5)))]);

    // Nothing of the old one is needed any more, and saying it again does no harm.
    assert_eq!(continued(&source, &old, &new).await.unwrap().records, 0);
    let ledger = Ledger::new(Arc::clone(&new), "another");
    let again = pipeline(Arc::new(source.clone()), ledger, Every::default(), none).run(pending()).await.unwrap();
    assert_eq!(again.records, 0);
}

#[tokio::test(start_paused = true)]
async fn may_be_continued_itself() {
    let (a, b, c) = (dir(), dir(), dir());
    let (a, b, c) = (store(&a), store(&b), store(&c));
    let source = Scripted::new().with("p", &[], [Tip(5)]).with("q", &[], [Close(2)]);
    run(&source, &a, 9, none).await.unwrap();
    // Nothing comes while the second is there.
    assert_eq!(continued(&source, &a, &b).await.unwrap().records, 0);
    source.edit(|script| script.steps.insert("p".to_owned(), vec![Tip(7)]));
    assert_eq!(continued(&source, &b, &c).await.unwrap().records, 2);
    let imported = root(&*c).await.unwrap().imported.unwrap();
    assert_eq!(imported.from, b.uri());
    let [p, q] = &imported.ends[..] else { panic!("{imported:?}") };
    assert_eq!((&p.to, p.end, p.seen.is_some()), (&Some(position(5)), false, true));
    assert_eq!((&q.to, q.end), (&Some(position(2)), true));
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_be_called_redrive() {
    let (old, new) = (dir(), dir());
    let (old, new) = (store(&old), store(&new));
    let source = Scripted::new().with("redrive/s", &[], [Batch(7)]);
    run(&source, &old, 2, by_three).await.unwrap();
    let redrive = pipeline(Arc::new(source.clone()), ledger(&old), Every::default(), none).redrive(pending());
    assert_eq!(redrive.await.unwrap().records, 2);
    source.edit(|script| script.steps.insert("redrive/s".to_owned(), vec![Batch(8)]));
    assert_eq!(continued(&source, &old, &new).await.unwrap().records, 1);
    let imported = root(&*new).await.unwrap().imported.unwrap();
    assert_eq!(imported.ends.len(), 1, "what was redriven stays with the old one");
}

#[tokio::test(start_paused = true)]
async fn refuses_what_it_cannot_continue() {
    let (old, new, empty) = (dir(), dir(), dir());
    let (old, new, empty) = (store(&old), store(&new), store(&empty));
    let source = Scripted::one([Batch(5)]);
    let error = continued(&source, &empty, &new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&empty.uri()), "{error}");

    run(&Scripted::one([Batch(0)]), &empty, 9, none).await.unwrap();
    let error = continued(&source, &empty, &new).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("no epochs"), "{error}");

    run(&source, &old, 9, none).await.unwrap();
    let other = Scripted::one([Batch(5)]);
    other.edit(|script| script.name = "other");
    let error = continued(&other, &old, &new).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains(&old.uri()), "{error}");
    assert!(root(&*new).await.is_err(), "nothing was written");

    let begun = Ledger::new(Arc::clone(&new), "another");
    pipeline(Arc::new(source.clone()), begun, Every::default(), none).run(pending()).await.unwrap();
    let error = continued(&source, &old, &new).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("begun without"), "{error}");
}
