//! Records that the source drops before they are read, and idle partitions, which lose nothing.

use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{AtGaps, Every, Ledger, Report, SourceExt};
use anabranch::source::Retention;
use anabranch::{Error, ErrorKind};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use tokio::time::Instant;

use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Tip, Wait};
use crate::{Row, chains, dir, each, records, rows, store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2013, 1, 1, 12, 0, 0).unwrap()
}

/// Lets the source keep records for a day, with `days` after noon now on its clock, which goes on.
fn keeps(source: &Scripted, days: f64) {
    let (begun, first) = (Instant::now(), noon() + TimeDelta::seconds((days * 86_400.0) as i64));
    source.edit(|script| {
        script.arrived = first;
        script.retention = Some(Arc::new(move || Retention { now: first + begun.elapsed(), period: DAY }));
    });
}

async fn run(source: &Scripted, dir: &tempfile::TempDir, at_gaps: AtGaps) -> Result<Report, Error> {
    let pipeline = source.clone().epochs(records(100)).commit_to(Ledger::new(store(dir), "test"), each);
    pipeline.at_gaps(at_gaps).run(std::future::pending()).await
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_idle_for_longer_than_its_source_keeps_records_has_no_gap() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    let idle = (0..100).flat_map(|_| [Wait(DAY / 24), Tip(0)]);
    source.edit(|script| script.steps.insert("p".into(), [Tip(3)].into_iter().chain(idle).chain([Tip(2)]).collect()));
    keeps(&source, 0.0);
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().gaps, 0);
    assert!(chains(&store(&dir)).await["p"].iter().all(|epoch| epoch.header.gap.is_none()));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_within_the_retention_has_no_gap() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    keeps(&source, 0.0);
    run(&source, &dir, AtGaps::Stop).await.unwrap();
    source.edit(|script| script.steps.insert("p".into(), vec![Tip(3), Tip(2)]));
    keeps(&source, 0.99);
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_idle_and_watched_has_no_gap_when_the_pipeline_comes_back() {
    let idle = (0..72).flat_map(|_| [Wait(DAY / 24), Tip(0)]);
    let (dir, source) = (dir(), Scripted::one([Tip(3)].into_iter().chain(idle)));
    keeps(&source, 0.0);
    let report = run(&source, &dir, AtGaps::Stop).await.unwrap();
    assert!((2..=13).contains(&report.epochs), "that is said in a few epochs: {}", report.epochs);
    source.edit(|script| script.steps.insert("p".into(), vec![Tip(3), Tip(2)]));
    keeps(&source, 3.5);
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_later_goes_on_and_the_next_epoch_has_the_gap() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    keeps(&source, 0.0);
    run(&source, &dir, AtGaps::GoOn).await.unwrap();
    source.edit(|script| script.steps.insert("p".into(), vec![Tip(3), Tip(2), Tip(1)]));
    keeps(&source, 3.0);
    let report = run(&source, &dir, AtGaps::GoOn).await.unwrap();
    assert_eq!((report.gaps, report.records), (1, 3));
    let chain = &chains(&store(&dir)).await["p"];
    let gaps: Vec<_> = chain.iter().map(|epoch| epoch.header.gap.clone()).collect();
    let [None, Some(gap)] = &gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap.after, Some(noon()));
    assert_eq!(gap.until, noon() + 2 * DAY);
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().gaps, 0, "it is told once");
}

#[tokio::test(start_paused = true)]
async fn a_gap_without_records_behind_it_is_committed_too() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    keeps(&source, 0.0);
    run(&source, &dir, AtGaps::GoOn).await.unwrap();
    keeps(&source, 3.0);
    let report = run(&source, &dir, AtGaps::GoOn).await.unwrap();
    assert_eq!((report.gaps, report.records, report.epochs), (1, 0, 1));
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().epochs, 0);
}

#[tokio::test(start_paused = true)]
async fn records_that_are_trimmed_under_the_reader_are_a_gap_in_the_middle() {
    let (dir, source) = (dir(), Scripted::one([Tip(3), Wait(2 * DAY), Tip(0), Tip(2)]));
    keeps(&source, 0.0);
    // It is not asked in between: its results could not be written, say.
    let report = run(&source, &dir, AtGaps::GoOn).await.unwrap();
    assert_eq!((report.gaps, report.records), (1, 5));
    let chain = &chains(&store(&dir)).await["p"];
    let gap = chain.last().unwrap().header.gap.as_ref().unwrap();
    assert_eq!((gap.after, gap.until.date_naive()), (Some(noon()), (noon() + DAY).date_naive()));
}

#[tokio::test(start_paused = true)]
async fn who_is_to_stop_at_gaps_commits_what_was_read_before_and_says_from_when_to_when() {
    let (dir, source) = (dir(), Scripted::one([Tip(3), Wait(2 * DAY), Tip(0), Tip(2)]));
    keeps(&source, 0.0);
    let every = Every::span(10 * DAY);
    let pipeline = source.clone().epochs(every).commit_to(Ledger::new(store(&dir), "test"), each).at_gaps(AtGaps::Stop);
    let error = pipeline.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    assert!(text.contains("p, what arrived from 2013-01-01 12:00:00 UTC to 2013-01-02 12:00:00"), "{text}");
    let chain = &chains(&store(&dir)).await["p"];
    assert_eq!(rows(&chain[0]), (1..=3).map(|number| Row { partition: "p".into(), number }).collect::<Vec<_>>());
    assert_eq!(chain.len(), 1);
    // It stops there each time, until it is told to go on.
    keeps(&source, 5.0);
    source.edit(|script| script.steps.insert("p".into(), vec![Batch(3), Tip(2)]));
    let error = run(&source, &dir, AtGaps::Stop).await.unwrap_err();
    assert!(error.to_string().contains("to 2013-01-05 12:00:00 UTC"), "{error}");
    assert_eq!(run(&source, &dir, AtGaps::GoOn).await.unwrap().gaps, 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_to_stop_at_gaps_does_not_end_a_parent_that_is_gone() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    keeps(&source, 0.0);
    run(&source, &dir, AtGaps::GoOn).await.unwrap();
    let after = Scripted::new().with("child", &[], [Tip(2)]);
    after.edit(|script| script.listed[0].gone = vec![anabranch::Partition::new("p")]);
    keeps(&after, 3.0);
    let error = run(&after, &dir, AtGaps::Stop).await.unwrap_err();
    assert!(error.to_string().contains("p, what arrived from 2013-01-01 12:00:00 UTC"), "{error}");
    assert!(!chains(&store(&dir)).await["p"].iter().any(|epoch| epoch.header.end));
    // The child's own beginning may be gone as well.
    assert_eq!(run(&after, &dir, AtGaps::GoOn).await.unwrap().gaps, 2);
    let child = &chains(&store(&dir)).await["child"][0].header;
    assert_eq!(child.gap.as_ref().unwrap().after, Some(noon()));
}

#[tokio::test(start_paused = true)]
async fn an_instant_to_start_at_that_is_gone_already_is_a_gap() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    source.edit(|script| script.start = anabranch::source::Start::At(noon()));
    keeps(&source, 2.0);
    assert!(run(&source, &dir, AtGaps::Stop).await.is_err());
    assert_eq!(run(&source, &dir, AtGaps::GoOn).await.unwrap().gaps, 1);
}

/// One whose last epoch is long over, of which each hour says that there is nothing.
fn idle(hours: usize) -> Vec<crate::scripted::Step> {
    [Tip(3)].into_iter().chain((0..hours).flat_map(|_| [Wait(DAY / 24), Tip(0)])).collect()
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_with_a_partition_that_was_read_and_idle_for_days_has_no_gap() {
    let (dir, source) = (dir(), Scripted::one([]));
    source.edit(|script| script.steps.insert("p".into(), idle(100)));
    keeps(&source, 0.0);
    // Nothing is said when it ends: it may have crashed as well.
    run(&source, &dir, AtGaps::Stop).await.unwrap();
    source.edit(|script| script.steps.insert("p".into(), vec![Tip(3), Tip(2)]));
    keeps(&source, 100.0 / 24.0 + 0.7);
    assert_eq!(run(&source, &dir, AtGaps::Stop).await.unwrap().records, 2);
    let epochs = chains(&store(&dir)).await["p"].len();
    assert!((15..25).contains(&epochs), "{epochs}: it is told when it is worth telling, and no more often");
}

#[tokio::test(start_paused = true)]
async fn who_looks_once_a_day_and_finds_nothing_has_no_gap() {
    let (dir, source) = (dir(), Scripted::one([Tip(3)]));
    for day in 0..5 {
        source.edit(|script| script.steps.insert("p".into(), vec![Tip(3), Tip(0)]));
        keeps(&source, 0.9 * f64::from(day));
        let pipeline = source.clone().epochs(records(100)).commit_to(Ledger::new(store(&dir), "test"), each);
        let report = pipeline.at_gaps(AtGaps::Stop).once(true).run(std::future::pending()).await.unwrap();
        assert_eq!((report.epochs, report.gaps), (1, 0), "day {day}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_without_open_groups_does_not_hide_that_a_partition_is_idle() {
    let (dir, source) = (dir(), Scripted::one([]));
    source.edit(|script| script.steps.insert("p".into(), idle(1)));
    keeps(&source, 0.0);
    for days in [0.0, 0.9] {
        if days > 0.0 {
            source.edit(|script| script.steps.insert("p".into(), idle(100)));
            keeps(&source, days);
        }
        let ledger = Ledger::new(store(&dir), "test");
        let pipeline = source.clone().epochs(records(100)).commit_to_with_state(
            ledger,
            anabranch::epoch::carry_groups::<u64, usize>(),
            |records, dead, _| each(records, dead),
        );
        assert_eq!(pipeline.at_gaps(AtGaps::Stop).run(std::future::pending()).await.unwrap().gaps, 0);
    }
    let chain = &chains(&store(&dir)).await["p"];
    let told = chain.last().unwrap().header.tip.unwrap();
    assert!(told - noon() > TimeDelta::hours(115), "{told}");
}
