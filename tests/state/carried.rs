//! Groups that outlive their epochs.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anabranch::epoch::{Carry, DeadLetters, Every, OpenGroups, Report, SourceExt, State, carry_groups};
use anabranch::group::{Carrier, Until};
use anabranch::source::Retention;
use anabranch::store::Store;
use anabranch::{BoxFlow, Error, Partition};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::scripted::Step::{self, Batch, Close, Forever, Tip, Wait};
use crate::scripted::{Scripted, number};
use crate::{Records, SECOND, chains, dir, done, last, ledger, records, refused, store};

type Open = OpenGroups<u64, usize>;

/// Counts records by their numbers: ten to a cell.
fn counts<C>(records: Records, until: Until, open: C) -> BoxFlow<'static, (u64, usize), Error>
where
    C: Carrier<u64, usize> + Send + 'static,
{
    records.group_until(|record| number(&record.position()) / 10, until).count_each().carried(open).boxed()
}

/// How a test runs its pipeline.
#[derive(Clone, Copy, Debug)]
struct Run {
    every: Every,
    idle: Duration,
    once: bool,
}

fn usual() -> Run {
    Run { every: Every::secs(60), idle: Duration::from_secs(5), once: false }
}

impl Run {
    async fn carried(self, source: &Scripted, store: &Arc<dyn Store>, shutdown: impl Future<Output = ()>) -> Report {
        let until = Until::idle(self.idle);
        let chain = move |records: Records, _: DeadLetters, open: State<Open>| counts(records, until.clone(), open);
        let pipeline = source.clone().epochs(self.every).commit_to_with_state(ledger(store), carry_groups(), chain);
        done(pipeline.once(self.once).run(shutdown)).await.unwrap()
    }

    async fn each(self, source: &Scripted, store: &Arc<dyn Store>, shutdown: impl Future<Output = ()>) -> Report {
        let until = Until::idle(self.idle);
        let chain = move |records: Records, _: DeadLetters| counts(records, until.clone(), ());
        let pipeline = source.clone().epochs(self.every).commit_to(ledger(store), chain);
        done(pipeline.once(self.once).run(shutdown)).await.unwrap()
    }
}

/// All rows of each partition, in order.
async fn rows(store: &Arc<dyn Store>) -> BTreeMap<String, Vec<(u64, usize)>> {
    let rows = |chain: Vec<anabranch::epoch::Epoch>| {
        chain.iter().flat_map(|epoch| epoch.rows().map(Result::unwrap).collect::<Vec<_>>()).collect()
    };
    chains(store).await.into_iter().map(|(name, chain)| (name, rows(chain))).collect()
}

fn cells(rows: &[(u64, usize)]) -> BTreeMap<u64, usize> {
    let mut cells = BTreeMap::new();
    for (cell, count) in rows {
        *cells.entry(*cell).or_default() += count;
    }
    cells
}

/// What all records come to.
fn expected(all: u64) -> BTreeMap<u64, usize> {
    cells(&(1..=all).map(|number| (number / 10, 1)).collect::<Vec<_>>())
}

fn never() -> impl Future<Output = ()> {
    std::future::pending()
}

#[tokio::test(start_paused = true)]
async fn a_group_gives_one_row_however_short_the_epochs_are() {
    let steps = || (0..100).flat_map(|_| [Batch(1), Wait(SECOND)]);
    for every in [Every::secs(60), Every::secs(2), records(1), Every::secs(600)] {
        let (dir, source) = (dir(), Scripted::one(steps()));
        let place = store(&dir);
        Run { every, ..usual() }.carried(&source, &place, never()).await;
        let rows = rows(&place).await.remove("p").unwrap();
        assert_eq!(rows.len(), expected(100).len(), "{every:?}");
        assert_eq!(cells(&rows), expected(100));
    }
    let (dir, source) = (dir(), Scripted::one(steps()));
    let place = store(&dir);
    Run { every: Every::secs(2), ..usual() }.each(&source, &place, never()).await;
    let rows = rows(&place).await.remove("p").unwrap();
    assert!(rows.len() > 2 * expected(100).len(), "without it, each epoch gives what it has");
    assert_eq!(cells(&rows), expected(100));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_leaves_groups_open_for_the_next() {
    let (dir, source) = (dir(), Scripted::one((0..100).flat_map(|_| [Batch(1), Wait(SECOND)])));
    let place = store(&dir);
    for stop in [1_500, 2_500, 4_500, 12_500, 30_500] {
        Run { every: Every::secs(2), ..usual() }.carried(&source, &place, sleep(Duration::from_millis(stop))).await;
    }
    let so_far: usize = rows(&place).await["p"].iter().map(|(_, count)| count).sum();
    let open: usize = last::<Open>(&place, "p").await.iter().map(|(_, count)| count).sum();
    let records: u64 = chains(&place).await["p"].iter().map(|epoch| epoch.header.records).sum();
    assert!(open > 0 && so_far > 0);
    assert_eq!((so_far + open) as u64, records);
    Run { every: Every::secs(2), ..usual() }.carried(&source, &place, never()).await;
    let rows = rows(&place).await.remove("p").unwrap();
    assert_eq!((rows.len(), cells(&rows)), (expected(100).len(), expected(100)));
    assert!(last::<Open>(&place, "p").await.is_empty(), "the source has ended");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_group_closes_it_while_nothing_comes() {
    let (dir, source) = (dir(), Scripted::one([Batch(3), Forever]));
    let place = store(&dir);
    let begin = Instant::now();
    let run = Run { every: Every::secs(2), idle: 10 * SECOND, ..usual() };
    let watched = Arc::clone(&place);
    let watch = async move {
        loop {
            sleep(SECOND / 4).await;
            let found = rows(&watched).await;
            if found.get("p").is_some_and(|rows| !rows.is_empty()) {
                break;
            }
        }
        // The group ends at 10 s, and the epoch 2 s after that, its first row.
        assert!((12_000..12_500).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
        sleep(1_000 * SECOND).await;
    };
    let report = run.carried(&source, &place, watch).await;
    assert_eq!((report.records, report.rows, report.epochs), (3, 1, 2), "idle, it makes no epochs");
    let chain = &chains(&place).await["p"];
    assert_eq!((chain[1].header.records, chain[1].header.rows), (0, 1));
    assert_eq!(chain[1].header.from, chain[1].header.to);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_closed_partition_closes_its_groups() {
    for steps in [vec![Batch(5), Close(8)], vec![Batch(13), Close(0)], vec![Batch(13), Wait(90 * SECOND), Close(0)]] {
        let source = Scripted::one(steps).with("child", &["p"], [Batch(12), Forever]);
        let dir = dir();
        let place = store(&dir);
        let run = Run { every: records(5), idle: 1_000 * SECOND, ..usual() };
        run.carried(&source, &place, sleep(500 * SECOND)).await;
        let rows = rows(&place).await;
        assert_eq!(rows["p"], [(0, 9), (1, 4)]);
        let chain = &chains(&place).await["p"];
        assert!(chain.last().unwrap().header.end);
        assert!(last::<Open>(&place, "p").await.is_empty());
        let open: Vec<_> = last::<Open>(&place, "child").await.iter().map(|(cell, count)| (*cell, *count)).collect();
        assert_eq!(open, [(0, 9), (1, 3)]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_that_reads_what_is_there_closes_all_groups() {
    let source = Scripted::one([Batch(7), Tip(5), Wait(SECOND), Tip(6), Forever]);
    let (dir, run) = (dir(), Run { once: true, idle: 1_000 * SECOND, ..usual() });
    let place = store(&dir);
    for every in [records(5), records(4)] {
        run.carried(&source, &place, never()).await;
        Run { every, ..run }.carried(&source, &place, never()).await;
    }
    let rows = rows(&place).await.remove("p").unwrap();
    assert_eq!(cells(&rows), expected(12), "the next tip is for another run");
    assert!(last::<Open>(&place, "p").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_gone_gives_its_groups_with_its_gap() {
    let dir = dir();
    let place = store(&dir);
    let run = Run { idle: 1_000 * SECOND, ..usual() };
    run.carried(&Scripted::one([Batch(13), Forever]), &place, sleep(100 * SECOND)).await;
    assert_eq!(rows(&place).await["p"], []);
    let after = Scripted::new().with("child", &[], [Batch(1)]);
    after.edit(|script| script.listed[0].gone = vec![Partition::new("p")]);
    run.carried(&after, &place, never()).await;
    assert_eq!(rows(&place).await["p"], [(0, 9), (1, 4)]);
    let end = chains(&place).await["p"].last().unwrap().header.clone();
    assert!(end.end && end.gap.is_some() && end.records == 0);
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_is_due_while_groups_are_open_holds_nothing_up() {
    // What comes in between does not say that it is the last there is.
    let steps = [Tip(3), Wait(20 * SECOND), Batch(0), Wait(20 * SECOND), Batch(4), Forever];
    let (dir, source, runs) = (dir(), Scripted::one(steps), AtomicUsize::new(0));
    let chain = move |records: Records, _: DeadLetters, open: State<Open>| {
        assert!(runs.fetch_add(1, Ordering::Relaxed) < 100, "it is run again and again");
        counts(records, Until::idle(1_000 * SECOND), open)
    };
    let pipeline = source.epochs(usual().every).commit_to_with_state(ledger(&store(&dir)), carry_groups(), chain);
    let report = done(pipeline.heartbeat(2 * SECOND).run(sleep(500 * SECOND))).await.unwrap();
    assert_eq!(report.records, 7);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_groups_to_end_is_not_behind() {
    let idle = (0..100).flat_map(|_| [Wait(SECOND), Tip(0)]);
    let (dir, source) = (dir(), Scripted::one([Tip(3)].into_iter().chain(idle).chain([Forever])));
    let chain =
        |records: Records, _: DeadLetters, open: State<Open>| counts(records, Until::idle(1_000 * SECOND), open);
    let pipeline = source.epochs(Every::secs(5)).commit_to_with_state(ledger(&store(&dir)), carry_groups(), chain);
    let stats = pipeline.stats();
    let look = async {
        sleep(50 * SECOND + SECOND / 2).await;
        assert!(stats.lag().is_some_and(|lag| lag <= SECOND), "{:?}", stats.lag());
    };
    done(pipeline.run(look)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_epoch_of_rows_alone_does_not_forget_until_when_nothing_was_missed() {
    let (dir, source) = (dir(), Scripted::one([Batch(9), Forever]));
    let place = store(&dir);
    let (day, noon) = (24 * 60 * 60 * SECOND, source.edit(|script| script.arrived));
    let at = |days: u32| move || Retention { now: noon + days * day, period: day };
    source.edit(|script| script.retention = Some(Arc::new(at(0))));
    let run = Run { every: records(1), ..usual() };
    run.carried(&source, &place, sleep(500 * SECOND)).await;
    let last = chains(&place).await["p"].last().unwrap().header.clone();
    assert_eq!((last.n, last.records, last.rows, last.last_arrival), (9, 0, 1, None));
    assert!(place.get("_ledger/p/hint").await.unwrap().is_some(), "the next run begins with that epoch");
    source.edit(|script| {
        script.retention = Some(Arc::new(at(3)));
        script.steps.insert("p".to_owned(), vec![Batch(9), Tip(1)]);
    });
    assert_eq!(run.carried(&source, &place, never()).await.gaps, 1);
}

/// Groups as one part of a state among others.
#[derive(Default, Serialize, Deserialize)]
struct Both {
    seen: u64,
    open: Open,
}

#[tokio::test(start_paused = true)]
async fn open_groups_can_be_a_part_of_a_state() {
    let (dir, source) = (dir(), Scripted::one([Batch(15), Wait(SECOND), Batch(10), Forever]));
    let place = store(&dir);
    let chain = |records: Records, _: DeadLetters, state: State<Both>| {
        let open = state.groups(|state: &mut Both| &mut state.open);
        let seen = records.inspect(move |_| state.with(|state| state.seen += 1));
        seen.group_until(|record| number(&record.position()) / 10, Until::count(10)).count_each().carried(open).boxed()
    };
    let carry = Carry::new(1, Both::default);
    let pipeline = source.epochs(records(4)).commit_to_with_state(ledger(&place), carry, chain);
    done(pipeline.run(sleep(100 * SECOND))).await.unwrap();
    let state = last::<Both>(&place, "p").await;
    assert_eq!((state.seen, state.open.len()), (25, 2));
    assert_eq!(rows(&place).await["p"], [(1, 10)]);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_with_open_groups_is_refused_by_a_pipeline_that_carries_none() {
    let (dir, source) = (dir(), Scripted::one([Batch(5), Forever]));
    let place = store(&dir);
    usual().carried(&source, &place, sleep(SECOND)).await;
    let chain = |records: Records, _: DeadLetters| counts(records, Until::end(), ());
    let pipeline = source.epochs(usual().every).commit_to(ledger(&place), chain);
    refused(done(pipeline.run(never())).await, "this pipeline keeps none");
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..9_u64).prop_map(Batch),
        4 => (1..4_000_u64).prop_map(|millis| Wait(Duration::from_millis(millis))),
        1 => (0..3_u64).prop_map(Tip),
    ];
    let end = prop_oneof![Just(None), (0..4_u64).prop_map(|records| Some(Close(records)))];
    (prop::collection::vec(step, 1..30), end).prop_map(|(steps, end)| steps.into_iter().chain(end).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cells_add_up_to_the_same_carried_or_not_however_runs_and_epochs_are_cut(
        steps in steps(),
        (each, span) in (1..12_u64, 1..5_000_u64),
        idle in 1..6_000_u64,
        stops in prop::collection::vec(1..20_000_u64, 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let every = Every::span(Duration::from_millis(span)).or_records(each.try_into().unwrap());
            let run = Run { every, idle: Duration::from_millis(idle), ..usual() };
            let source = Scripted::one(steps);
            let (carried, cut) = (dir(), dir());
            for stop in stops {
                run.carried(&source, &store(&carried), sleep(Duration::from_millis(stop))).await;
                run.each(&source, &store(&cut), sleep(Duration::from_millis(stop))).await;
            }
            run.carried(&source, &store(&carried), never()).await;
            run.each(&source, &store(&cut), never()).await;
            let all = expected(source.records()["p"]);
            let of = |rows: BTreeMap<String, Vec<_>>| rows.into_values().flatten().collect::<Vec<_>>();
            let (carried, cut) = (of(rows(&store(&carried)).await), of(rows(&store(&cut)).await));
            assert_eq!(cells(&carried), all);
            assert_eq!(cells(&cut), all);
            assert!(carried.len() <= cut.len(), "{carried:?} {cut:?}");
        });
    }
}
