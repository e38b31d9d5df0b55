//! Partitions that close, and those that come of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::epoch::Every;
use anabranch::source::Start;
use anabranch::{Error, ErrorKind};
use chrono::{TimeZone, Utc};

use crate::faulty::{Fate, Faulty};
use crate::scripted::Step::{Batch, Close, Forever, Wait};
use crate::scripted::{Scripted, position};
use crate::{chains, dir, is_exact, records, run, sizes, store};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_last_epoch_of_a_closed_partition_has_its_end_mark() {
    let (dir, source) = (dir(), Scripted::one([Batch(4), Close(3)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    let ends: Vec<_> = chains(&store(&dir)).await["p"].iter().map(|epoch| epoch.header.end).collect();
    assert_eq!(ends, [false, true]);
    is_exact(&source, &store(&dir)).await;
    assert_eq!(run(&source, &store(&dir), records(5)).await.unwrap().epochs, 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_closes_right_behind_an_epoch_ends_in_one_without_records() {
    for steps in [vec![Batch(5), Close(0)], vec![Batch(5), Wait(90 * SECOND), Close(0)]] {
        let (dir, source) = (dir(), Scripted::one(steps));
        run(&source, &store(&dir), records(5)).await.unwrap();
        let chain = &chains(&store(&dir)).await["p"];
        assert_eq!(sizes(&store(&dir), "p").await, [5, 0]);
        let (full, empty) = (&chain[0].header, &chain[1].header);
        assert!(!full.end && empty.end && empty.rows == 0 && empty.last_arrival.is_none());
        assert_eq!((&empty.from, &empty.to), (&full.to, &full.to));
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_never_had_a_record_ends_too() {
    let (dir, source) = (dir(), Scripted::one([Close(0)]).with("child", &["p"], [Batch(1)]));
    run(&source, &store(&dir), records(5)).await.unwrap();
    let chain = &chains(&store(&dir)).await["p"];
    assert!(chain[0].header.end && chain[0].header.to.is_none());
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_is_read_behind_the_end_marks_of_all_its_parents() {
    let dir = dir();
    let source = Scripted::new()
        .with("child", &["left", "right"], [Batch(5)])
        .with("left", &[], [Batch(4), Close(1)])
        .with("right", &[], [Batch(2), Wait(100 * SECOND), Batch(4), Wait(100 * SECOND), Close(0)])
        .with("grandchild", &["child"], [Batch(1)]);
    let log = Arc::new(Mutex::new(Vec::new()));
    let reads = Arc::clone(&log);
    source.edit(|script| {
        script.hook = Some(Arc::new(move |name| {
            reads.lock().unwrap().push(format!("read {name}"));
            Box::pin(async {})
        }));
    });
    let puts = Arc::clone(&log);
    let faulty = Faulty::new(store(&dir), move |call| {
        if call.name == "put" {
            puts.lock().unwrap().push(call.key.clone());
        }
        Fate::Pass
    });
    // The child never closes, so the grandchild is not read.
    run(&source, &(faulty as _), records(3)).await.unwrap();
    let log = log.lock().unwrap().clone();
    let at = |what: &str| log.iter().position(|line| line == what);
    for parent in ["left", "right"] {
        let end = chains(&store(&dir)).await[parent].iter().find(|epoch| epoch.header.end).unwrap().key.clone();
        assert!(at(&end).unwrap() < at("read child").unwrap(), "{log:#?}");
    }
    assert_eq!(at("read grandchild"), None);
    source.edit(|script| script.steps.insert("grandchild".into(), vec![]));
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_child_waits_for_its_parents_across_runs() {
    let dir = dir();
    let source = Scripted::new().with("left", &[], [Close(2)]).with("right", &[], [Batch(3)]).with(
        "child",
        &["left", "right"],
        [Batch(4)],
    );
    run(&source, &store(&dir), records(10)).await.unwrap();
    assert!(!chains(&store(&dir)).await.contains_key("child"));

    source.edit(|script| {
        script.reads.clear();
        script.steps.insert("right".into(), vec![Batch(3), Close(1)]);
    });
    run(&source, &store(&dir), records(10)).await.unwrap();
    is_exact(&source, &store(&dir)).await;
    let reads = source.edit(|script| script.reads.clone());
    let expected = [("right".to_owned(), Start::After(position(3))), ("child".to_owned(), Start::Beginning)];
    assert_eq!(reads, expected, "the left one has its end mark already");
}

/// Streams list a closed shard for as long as they retain it. Its child's chain must not move when it is gone.
#[tokio::test(start_paused = true)]
async fn a_child_is_not_read_again_when_its_parents_are_listed_no_more() {
    let dir = dir();
    let source = Scripted::one([Close(2)]).with("child", &["p"], [Batch(4)]);
    // Hours behind the hour of the root.
    source.edit(|script| script.arrived = Utc::now() + Duration::from_secs(5 * 60 * 60));
    run(&source, &store(&dir), records(10)).await.unwrap();
    source.edit(|script| {
        script.listed.remove(0);
        script.listed[0].parents.clear();
    });
    assert_eq!(run(&source, &store(&dir), records(10)).await.unwrap().records, 0);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn partitions_listed_with_the_root_start_where_the_source_says_and_later_ones_at_their_beginning() {
    let dir = dir();
    let start = Start::At(Utc.with_ymd_and_hms(2013, 1, 1, 0, 0, 0).unwrap());
    let source = Scripted::one([Batch(2)]);
    source.edit(|script| script.start = start.clone());
    run(&source, &store(&dir), records(10)).await.unwrap();
    source.add("late", &[], [Batch(3)]);
    // What the source would say now does not count any more.
    source.edit(|script| script.start = Start::At(Utc::now()));
    run(&source, &store(&dir), records(10)).await.unwrap();
    let reads = source.edit(|script| script.reads.clone());
    assert_eq!(reads[0], ("p".to_owned(), start));
    assert_eq!(reads[1..].iter().find(|read| read.0 == "late").unwrap().1, Start::Beginning);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_appears_while_others_are_read_is_found() {
    let dir = dir();
    let source = Scripted::one([Batch(1), Wait(60 * SECOND), Batch(1)]);
    let later = source.clone();
    let appear = async move {
        tokio::time::sleep(5 * SECOND).await;
        later.add("late", &[], [Batch(3)]);
    };
    let place = store(&dir);
    let (report, ()) = tokio::join!(run(&source, &place, Every::secs(10)), appear);
    assert_eq!(report.unwrap().records, 5);
    let reads = source.edit(|script| script.reads.clone());
    assert_eq!(reads.len(), 2, "{reads:?}");
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_for_a_while_stops_nothing_that_runs() {
    let blind = Error::new(ErrorKind::Unavailable, "no listing now");
    let (dir, source) = (dir(), Scripted::one([Batch(1), Wait(60 * SECOND), Batch(1)]));
    let other = source.clone();
    let trouble = async move {
        tokio::time::sleep(5 * SECOND).await;
        other.edit(|script| script.blind = Some(blind));
        tokio::time::sleep(30 * SECOND).await;
        other.edit(|script| script.blind = None);
    };
    let place = store(&dir);
    let (report, ()) = tokio::join!(run(&source, &place, Every::secs(10)), trouble);
    assert_eq!(report.unwrap().records, 2);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_refused_ends_the_run_with_what_was_read_committed() {
    let (dir, source) = (dir(), Scripted::one([Batch(3), Forever]));
    let other = source.clone();
    let trouble = async move {
        tokio::time::sleep(5 * SECOND).await;
        other.edit(|script| script.blind = Some(Error::new(ErrorKind::Denied, "no listing for you")));
    };
    let place = store(&dir);
    let (report, ()) = tokio::join!(run(&source, &place, Every::secs(600)), trouble);
    assert!(report.unwrap_err().to_string().contains("no listing for you"));
    assert_eq!(sizes(&store(&dir), "p").await, [3]);
}

/// Nobody ran while the parent was closed and its retention passed.
#[tokio::test(start_paused = true)]
async fn a_parent_that_is_gone_without_an_end_mark_is_ended_with_a_gap_once() {
    let dir = dir();
    let before = Scripted::new().with("p", &[], [Batch(4)]).with("whole", &[], [Close(2)]);
    run(&before, &store(&dir), records(5)).await.unwrap();

    let gone = |names: &[&str]| names.iter().map(|name| anabranch::Partition::new(*name)).collect::<Vec<_>>();
    let after =
        Scripted::new().with("left", &[], [Batch(1)]).with("right", &[], [Batch(2)]).with("ours", &[], [Batch(3)]);
    after.edit(|script| {
        script.listed[0].gone = gone(&["p"]);
        script.listed[1].gone = gone(&["p"]);
        script.listed[2].gone = gone(&["whole"]);
    });
    let report = run(&after, &store(&dir), records(5)).await.unwrap();
    assert_eq!((report.gaps, report.records), (1, 6));
    let chains = chains(&store(&dir)).await;
    let [read, end] = &chains["p"][..] else { panic!("{:?}", chains["p"]) };
    assert!(read.header.gap.is_none() && !read.header.end);
    let gap = end.header.gap.as_ref().unwrap();
    assert_eq!(gap.after, read.header.tip.max(read.header.last_arrival));
    assert!(gap.after.unwrap() <= gap.until);
    assert!(end.header.end && end.header.records == 0 && end.header.from == read.header.to);
    assert!(chains["whole"].iter().all(|epoch| epoch.header.gap.is_none()), "it was read to its end");
    assert_eq!(run(&after, &store(&dir), records(5)).await.unwrap().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_was_gone_before_the_ledger_began_is_no_gap() {
    let dir = dir();
    let source = Scripted::new().with("child", &[], [Batch(4)]);
    source.edit(|script| script.listed[0].gone = vec![anabranch::Partition::new("ancestor")]);
    assert_eq!(run(&source, &store(&dir), records(5)).await.unwrap().gaps, 0);
    assert_eq!(chains(&store(&dir)).await.keys().collect::<Vec<_>>(), ["child"]);
}

/// It was made and went while nobody ran, and was never in the ledger.
#[tokio::test(start_paused = true)]
async fn a_parent_that_came_and_went_while_nobody_ran_is_a_gap() {
    let dir = dir();
    run(&Scripted::one([Close(1)]), &store(&dir), records(5)).await.unwrap();
    let source = Scripted::one([Close(1)]).with("grandchild", &[], [Batch(4)]);
    source.edit(|script| script.listed[1].gone = vec![anabranch::Partition::new("child")]);
    assert_eq!(run(&source, &store(&dir), records(5)).await.unwrap().gaps, 1);
    let chains = chains(&store(&dir)).await;
    let gap = chains["child"][0].header.gap.as_ref().unwrap();
    assert_eq!((gap.after, chains["child"].len()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_is_missing_in_a_list_and_can_be_read_is_not_ended() {
    let dir = dir();
    run(&Scripted::one([Batch(4)]), &store(&dir), records(5)).await.unwrap();
    let source = Scripted::new().with("child", &[], [Batch(1)]);
    source.edit(|script| {
        script.listed[0].gone = vec![anabranch::Partition::new("p")];
        script.steps.insert("p".to_owned(), vec![Batch(4), Close(1)]);
    });
    let error = run(&source, &store(&dir), records(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let chains = chains(&store(&dir)).await;
    assert_eq!((chains.len(), chains["p"].len()), (1, 1));
}
