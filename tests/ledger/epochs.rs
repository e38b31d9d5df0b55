//! When an epoch is closed, and what becomes of it when something fails.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::{BoxFlow, Error, ErrorKind, from_iter};
use tokio::time::{Instant, sleep};

use crate::scripted::Step::{Batch, Close, Fail, Forever, Tip, Wait};
use crate::scripted::{Scripted, position};
use crate::{Row, dir, each, is_exact, records, run, sizes, store};

const SECOND: Duration = Duration::from_secs(1);

fn broken() -> Error {
    Error::new(ErrorKind::Invalid, "the source broke").at("here").cure("mend it")
}

#[tokio::test(start_paused = true)]
async fn an_epoch_has_at_most_so_many_records() {
    let (dir, source) = (dir(), Scripted::one([Batch(7), Batch(0), Batch(10), Batch(3)]));
    let report = run(&source, &store(&dir), records(6)).await.unwrap();
    assert_eq!(sizes(&store(&dir), "p").await, [6, 6, 6, 2]);
    assert_eq!((report.records, report.rows, report.epochs, report.lost), (20, 20, 4, 0));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_closed_by_the_record_that_fills_its_bytes() {
    // Records are "p:1" to "p:9" and "p:10" to "p:20".
    for (bytes, expected) in [(9, vec![3, 3, 3, 3, 3, 3, 2]), (4, [2; 5].into_iter().chain([1; 10]).collect())] {
        let (dir, source) = (dir(), Scripted::one([Batch(20)]));
        run(&source, &store(&dir), Every::secs(60).or_bytes(bytes)).await.unwrap();
        assert_eq!(sizes(&store(&dir), "p").await, expected, "{bytes}");
        is_exact(&source, &store(&dir)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_ends_so_long_after_its_first_record() {
    let steps = [Wait(100 * SECOND)].into_iter().chain((0..10).flat_map(|_| [Batch(1), Wait(SECOND)]));
    let (dir, source) = (dir(), Scripted::one(steps));
    run(&source, &store(&dir), Every::span(Duration::from_millis(3_500))).await.unwrap();
    assert_eq!(sizes(&store(&dir), "p").await, [4, 4, 2]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_committed_when_its_time_is_over_though_nothing_comes() {
    let (dir, source) = (dir(), Scripted::one([Batch(3), Forever]));
    let begin = Instant::now();
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), each);
    let stats = pipeline.stats();
    let watch = async {
        while stats.epochs.get() == 0 {
            sleep(SECOND).await;
        }
        assert!((60..63).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    };
    let report = pipeline.run(watch).await.unwrap();
    assert_eq!((report.epochs, report.records), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn limits_of_nothing_still_let_one_record_through() {
    for every in [Every::secs(60).or_bytes(0), Every::secs(0), records(1)] {
        let (dir, source) = (dir(), Scripted::one([Batch(1), Batch(1), Batch(1)]));
        run(&source, &store(&dir), every).await.unwrap();
        assert_eq!(sizes(&store(&dir), "p").await, [1, 1, 1], "{every:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_partition_makes_no_epochs() {
    let (dir, source) = (dir(), Scripted::one([Batch(0), Wait(1_000 * SECOND), Batch(0)]));
    let report = run(&source, &store(&dir), Every::secs(1)).await.unwrap();
    assert_eq!((report.epochs, sizes(&store(&dir), "p").await.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn once_ends_at_the_tip_and_without_it_the_source_is_followed() {
    for (once, expected) in [(true, 5), (false, 9)] {
        let source = Scripted::one([Batch(2), Tip(3), Wait(SECOND), Batch(2), Tip(2), Forever]);
        let (dir, begin) = (dir(), Instant::now());
        let pipeline = source.epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), each).once(once);
        let report = pipeline.run(sleep(5 * SECOND)).await.unwrap();
        assert_eq!(report.records, expected);
        assert_eq!(begin.elapsed() >= 5 * SECOND, !once);
        assert_eq!(sizes(&store(&dir), "p").await, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_commits_what_was_read_and_the_next_run_goes_on_behind_it() {
    let source = Scripted::one([Batch(5), Wait(2 * SECOND), Batch(5), Wait(20 * SECOND), Batch(5)]);
    let dir = dir();
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), each);
    let report = pipeline.run(sleep(5 * SECOND)).await.unwrap();
    assert_eq!((report.records, report.epochs), (10, 1));
    let report = run(&source, &store(&dir), Every::secs(60)).await.unwrap();
    assert_eq!((report.records, report.epochs), (5, 1));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_before_anything_was_read_commits_nothing() {
    let (dir, source) = (dir(), Scripted::one([Batch(5)]));
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), each);
    let report = pipeline.run(std::future::ready(())).await.unwrap();
    assert_eq!((report.records, report.epochs), (0, 0));
    run(&source, &store(&dir), Every::secs(60)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_run_over_what_is_done_does_nothing() {
    let (dir, source) = (dir(), Scripted::one([Batch(5)]).with("q", &[], [Close(3)]));
    run(&source, &store(&dir), records(2)).await.unwrap();
    let report = run(&source, &store(&dir), records(2)).await.unwrap();
    assert_eq!((report.records, report.epochs, report.rows), (0, 0, 0));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn half_an_epoch_is_not_committed_when_the_source_fails_and_those_before_stay() {
    let source = Scripted::one([Batch(7), Fail(broken())]);
    let dir = dir();
    let error = run(&source, &store(&dir), records(5)).await.unwrap_err();
    assert_eq!(error.to_string(), "the source broke: here: mend it");
    assert_eq!(sizes(&store(&dir), "p").await, [5]);

    source.edit(|script| script.steps.insert("p".into(), vec![Batch(7), Batch(4)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    assert_eq!(sizes(&store(&dir), "p").await, [5, 5, 1]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_partition_lets_the_others_commit_what_they_have_read() {
    let source = Scripted::one([Batch(7), Wait(SECOND), Fail(broken())]).with("q", &[], [Batch(4), Forever]);
    let dir = dir();
    let begin = Instant::now();
    let error = run(&source, &store(&dir), Every::secs(60)).await.unwrap_err();
    assert!(error.to_string().contains("the source broke"), "{error}");
    assert!(begin.elapsed() < 20 * SECOND);
    assert_eq!((sizes(&store(&dir), "p").await, sizes(&store(&dir), "q").await), (vec![], vec![4]));
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_closure_names_partition_and_records_and_its_epoch_is_not_committed() {
    let (dir, source) = (dir(), Scripted::one([Batch(10)]));
    let pipeline = source.clone().epochs(records(4)).commit_to(Ledger::new(store(&dir), "test"), |records, dead| {
        each(records, dead).try_map(|row| if row.number == 7 { Err(broken()) } else { Ok(row) })
    });
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), broken().kind());
    let place = format!("p, records behind {} up to {}", position(4), position(7));
    assert!(error.to_string().contains(&place) && error.to_string().contains("as a dead letter"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), broken().to_string());
    assert_eq!(sizes(&store(&dir), "p").await, [4]);
    run(&source, &store(&dir), records(4)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_closure_is_an_error_that_names_its_records_and_the_others_commit_and_stop() {
    let (dir, source) = (dir(), Scripted::one([Wait(SECOND), Batch(10)]).with("q", &[], [Batch(1), Forever]));
    let pipeline = source.clone().epochs(records(4)).commit_to(Ledger::new(store(&dir), "test"), |records, dead| {
        each(records, dead).inspect(|row| assert!(row.number != 3 || row.partition == "q", "three is too much"))
    });
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    let place = format!("p, records from its start up to {}", position(3));
    assert!(error.to_string().contains(&place), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("three is too much"));
    assert_eq!((sizes(&store(&dir), "p").await, sizes(&store(&dir), "q").await), (vec![], vec![1]));
    source.edit(|script| script.steps.insert("q".to_owned(), vec![Batch(1)]));
    run(&source, &store(&dir), records(4)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

/// The closure itself, before it has made a flow; and a chain that runs on a task of its own.
#[tokio::test(start_paused = true)]
async fn a_panic_elsewhere_in_the_closure_is_an_error_too() {
    let (dir, source) = (dir(), Scripted::one([Batch(10)]));
    let at_once = |_, _| -> BoxFlow<'static, Row, Error> { panic!("not today") };
    let spawned = |records, dead| -> BoxFlow<'static, Row, Error> {
        each(records, dead).inspect(|row| assert!(row.number != 3, "not today")).spawn().boxed()
    };
    for chain in [at_once as fn(_, _) -> _, spawned] {
        let pipeline = source.clone().epochs(records(4)).commit_to(Ledger::new(store(&dir), "test"), chain);
        let error = pipeline.run(std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains("p, records from its start"), "{error}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("not today"));
        assert!(sizes(&store(&dir), "p").await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_that_reads_nothing_is_told_so() {
    let (dir, source) = (dir(), Scripted::one([Batch(10)]));
    let pipeline = source.clone().epochs(records(4)).commit_to(Ledger::new(store(&dir), "test"), |_, _| {
        from_iter([Row { partition: "p".into(), number: 1 }]).fails_with::<Error>()
    });
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let text = error.to_string();
    assert!(text.contains("without reading all of its records: p: let the closure of commit_to"), "{text}");
    assert!(sizes(&store(&dir), "p").await.is_empty());
}

/// What `spawn` has read ahead is gone when `take` ends, and would be committed as done.
#[tokio::test(start_paused = true)]
async fn a_closure_that_does_not_read_to_the_end_commits_nothing() {
    let (dir, source) = (dir(), Scripted::one([Batch(10_000)]));
    let chain = |records, dead| each(records, dead).spawn().take(100);
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), chain);
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("without reading all of its records"), "{error}");
    assert!(sizes(&store(&dir), "p").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_the_closure_swallows_is_not_committed() {
    let (dir, source) = (dir(), Scripted::one([Batch(3), Fail(broken())]));
    let chain = |records, dead| {
        let rows = futures::StreamExt::filter_map(each(records, dead), |row| async { row.ok() });
        futures::StreamExt::map(rows, Ok::<_, Error>)
    };
    let pipeline = source.clone().epochs(Every::secs(60)).commit_to(Ledger::new(store(&dir), "test"), chain);
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), broken().to_string());
    assert!(sizes(&store(&dir), "p").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn time_and_stop_are_looked_at_within_a_large_batch() {
    let (dir, source) = (dir(), Scripted::one([Batch(10_000)]));
    let chain = |records, dead| {
        each(records, dead).map_async(1, |row| async {
            sleep(Duration::from_millis(10)).await;
            row
        })
    };
    let pipeline = source.clone().epochs(Every::secs(1)).commit_to(Ledger::new(store(&dir), "test"), chain);
    let begin = Instant::now();
    pipeline.run(sleep(3 * SECOND)).await.unwrap();
    assert!(begin.elapsed() < 4 * SECOND, "{:?}", begin.elapsed());
    let sizes = sizes(&store(&dir), "p").await;
    assert!(sizes.len() >= 3 && sizes.iter().all(|size| *size <= 120), "{sizes:?}");
    run(&source, &store(&dir), Every::secs(60)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_closure_may_run_its_records_on_another_task() {
    let (dir, source) = (dir(), Scripted::one([Batch(600), Wait(SECOND), Batch(7), Close(600)]));
    let chain = |records, dead| each(records, dead).spawn();
    let pipeline = source.clone().epochs(records(500)).commit_to(Ledger::new(store(&dir), "test"), chain);
    pipeline.run(std::future::pending()).await.unwrap();
    assert_eq!(sizes(&store(&dir), "p").await, [500, 500, 207]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_is_made_good_by_the_next() {
    let dir = dir();
    let steps = || (0..20).flat_map(|_| [Batch(3), Wait(SECOND)]);
    let source = Scripted::one(steps()).with("q", &[], steps());
    let mut done = Vec::new();
    for millis in [1, 500, 1_700, 2_000, 4_100, 9_999] {
        let pipeline = source.clone().epochs(records(7)).commit_to(Ledger::new(store(&dir), "test"), each);
        let stats = pipeline.stats();
        let run = pipeline.run(std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(millis), run).await.is_err());
        done.push(stats.epochs.get());
    }
    assert!(done.iter().any(|epochs| *epochs > 0) && done[0] == 0, "{done:?}");
    run(&source, &store(&dir), records(7)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn stats_tell_what_is_read_and_what_is_committed() {
    let (dir, source) = (dir(), Scripted::one([Batch(5), Wait(2 * SECOND), Batch(1)]));
    let pipeline = source.clone().epochs(records(3)).commit_to(Ledger::new(store(&dir), "test"), each);
    let stats = pipeline.stats();
    let seen = Arc::new(Mutex::new((0, 0)));
    let note = Arc::clone(&seen);
    let reader = stats.clone();
    let watch = async move {
        sleep(SECOND).await;
        *note.lock().unwrap() = (reader.records.get(), reader.committed.get());
        std::future::pending().await
    };
    pipeline.run(watch).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), (5, 3));
    assert_eq!((stats.records.get(), stats.committed.get(), stats.rows.get(), stats.epochs.get()), (6, 6, 6, 2));
}

#[tokio::test(start_paused = true)]
async fn the_closure_runs_once_for_each_epoch_and_sees_its_records_in_order() {
    let (dir, source) = (dir(), Scripted::one([Batch(4), Batch(4), Batch(2)]));
    let calls = Arc::new(AtomicU64::new(0));
    let (count, last) = (Arc::clone(&calls), Arc::new(AtomicU64::new(0)));
    let pipeline = source.epochs(Every::default().or_records(NonZeroU64::new(4).unwrap())).commit_to(
        Ledger::new(store(&dir), "test"),
        move |records, dead| {
            count.fetch_add(1, Ordering::Relaxed);
            let last = Arc::clone(&last);
            each(records, dead).inspect(move |row| {
                assert_eq!(last.swap(row.number, Ordering::Relaxed) + 1, row.number);
            })
        },
    );
    pipeline.run(std::future::pending()).await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
