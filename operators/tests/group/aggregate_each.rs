//! `aggregate_each`, which all other `*_each` are made of: one result for each group, when it ends.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anabranch_operators::group::{Aggregator, GroupSignal, Until};
use anabranch_operators::testing::{
    Event, Failed, Script, assert_marbles, check, observe, probe, probe_stuttering, virtual_time,
};
use anabranch_operators::{Counter, Flow, OperatorError, from_iter};
use futures::{FutureExt, Stream, StreamExt, stream};
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

const fn ms(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

/// The items of a group as a list, with how often each method was called.
#[derive(Clone, Default)]
struct List {
    calls: Rc<Cell<(usize, usize, usize)>>,
}

impl<K, T> Aggregator<K, T> for List {
    type State = Vec<T>;
    type Output = Vec<T>;

    fn open(&mut self, _key: &K, first: T) -> Vec<T> {
        let (opened, added, closed) = self.calls.get();
        self.calls.set((opened + 1, added, closed));
        vec![first]
    }

    fn add(&mut self, list: &mut Vec<T>, item: T) {
        let (opened, added, closed) = self.calls.get();
        self.calls.set((opened, added + 1, closed));
        list.push(item);
    }

    fn close(&mut self, list: Vec<T>) -> Vec<T> {
        let (opened, added, closed) = self.calls.get();
        self.calls.set((opened, added, closed + 1));
        list
    }
}

fn lower(c: &char) -> char {
    c.to_ascii_lowercase()
}

/// A signal that shows its marbles to each group.
fn when(marbles: &'static str) -> Until<impl GroupSignal<char, Failed> + Clone> {
    Until::when(move |_: &char| Script::marbles(marbles))
}

#[test]
fn gives_open_groups_when_the_source_ends_oldest_first() {
    check("b-a-B-|", |flow| flow.group_by(lower).aggregate_each(List::default()), "------([b[bB]][a[a]]|)");
    check("|", |flow| flow.group_by(lower).aggregate_each(List::default()), "|");
    check("-a-|", |flow| flow.group_by(lower).aggregate_each(List::default()), "---([a[a]]|)");
}

#[test]
fn gives_nothing_before_a_group_ends() {
    check("a-b-A", |flow| flow.group_by(lower).aggregate_each(List::default()), "");
    check("", |flow| flow.group_by(lower).aggregate_each(List::default()), "");
}

#[test]
fn gives_a_group_when_it_ends() {
    let list = List::default;
    check(
        "a--A-a---|",
        |flow| flow.group_until(lower, Until::after(ms(5))).aggregate_each(list()),
        "-----[a[aA]]---([a[a]]|)",
    );
    check(
        "a--A-a---|",
        |flow| flow.group_until(lower, Until::idle(ms(3))).aggregate_each(list()),
        "---[a[a]]----([a[Aa]])|",
    );
    check(
        "a-bA-a-|",
        |flow| flow.group_until(lower, Until::count(2)).aggregate_each(list()),
        "---[a[aA]]---([b[b]][a[a]]|)",
    );
    check("a-b", |flow| flow.group_until(lower, Until::count(1)).aggregate_each(list()), "[a[a]]-[b[b]]");
    check("aA-a-|", |flow| flow.group_until(lower, when("--s")).aggregate_each(list()), "--[a[aA]]--([a[a]]|)");
    check("aA-a-|", |flow| flow.group_until(lower, when("--|")).aggregate_each(list()), "--[a[aA]]--([a[a]]|)");
    check("(aA)a|", |flow| flow.group_until(lower, when("s")).aggregate_each(list()), "([a[a]][a[A]])[a[a]]|");
    let any = || when("----s").or(Until::count(3)).or(Until::idle(ms(2)));
    check("aAaa-----|", |flow| flow.group_until(lower, any()).aggregate_each(list()), "--[a[aAa]]--[a[a]]---|");
}

#[test]
fn a_signal_that_fails_fails_the_flow() {
    check("ab-a-|", |flow| flow.group_until(lower, when("---#")).aggregate_each(List::default()), "---#");
}

#[test]
fn open_groups_are_lost_when_the_source_fails() {
    let list = List::default();
    let calls = Rc::clone(&list.calls);
    let flow = Script::marbles("ab-a#").group_until(lower, Until::count(2)).aggregate_each(list);
    assert_marbles(flow, "---[a[aa]]#");
    assert_eq!(calls.get(), (2, 1, 1), "b is not closed");
    check("#", |flow| flow.group_by(lower).aggregate_each(List::default()), "#");
}

#[test]
fn at_the_limit_the_oldest_group_is_given_early_and_counted() {
    let closed = Counter::new();
    let flow = || Script::marbles("a-b-A-c-a-|").group_by(lower).max_groups(2);
    let early = flow().closed_early(&closed).aggregate_each(List::default());
    assert_marbles(early, "------[a[aA]]-[b[b]]-([c[c]][a[a]]|)");
    assert_eq!(closed.get(), 2);
    let observed =
        virtual_time(observe(flow().fail_beyond().closed_early(&closed).aggregate_each(List::default()), 100));
    let failure = Failed::Operator(OperatorError::TooManyGroups { max_groups: 2 });
    assert_eq!(observed.events(), [(6, Event::Failure(failure))]);
    assert_eq!(closed.get(), 2);
}

#[test]
fn one_item_can_close_the_oldest_group_and_its_own() {
    let until = || {
        when("").or(Until::count(2)).or(Until::when(|key: &char| {
            let marbles = if *key == 'b' { "s" } else { "" };
            Script::marbles(marbles)
        }))
    };
    let flow = Script::marbles("a-b-c-|").group_until(lower, until()).max_groups(1).aggregate_each(List::default());
    assert_marbles(flow, "--([a[a]][b[b]])---([c[c]]|)");
    let closed = Counter::new();
    let flow = Script::marbles("abcd|").group_until(|_| Cell::new('k').get(), Until::count(1)).max_groups(1);
    assert_marbles(flow.closed_early(&closed).aggregate_each(List::default()), "[k[a]][k[b]][k[c]][k[d]]|");
    assert_eq!(closed.get(), 0, "a group of one item is never in the way");
}

#[test]
fn is_dropped_with_all_that_it_holds() {
    let alive = Rc::new(());
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut results = Reader::new(flow.group_by(|(key, _): &(char, Rc<()>)| *key).aggregate_each(List::default()));
    for key in "abcab".chars() {
        send(&source, [(key, Rc::clone(&alive))]);
    }
    results.waits();
    assert_eq!(Rc::strong_count(&alive), 6);
    drop(results);
    assert_eq!((Rc::strong_count(&alive), seen.dropped()), (1, true));
}

#[test]
fn a_failure_lets_go_of_open_groups_and_their_signals() {
    let alive = Rc::new(());
    let signal = Rc::clone(&alive);
    let until = Until::when(move |_: &char| {
        let signal = Rc::clone(&signal);
        stream::pending::<Result<(), Failed>>().inspect(move |_| drop(Rc::clone(&signal)))
    });
    let items = Rc::clone(&alive);
    let source = Script::marbles("ab#").map(move |item| (item, Rc::clone(&items)));
    let mut results = Box::pin(source.group_until(|(key, _)| *key, until).aggregate_each(List::default()));
    virtual_time(async {
        assert!(matches!(results.next().await, Some(Err(_))));
    });
    // One for `alive`, and one each for the closures that make signals and items.
    assert_eq!(Rc::strong_count(&alive), 3);
}

#[test]
fn a_signal_is_dropped_when_its_group_ends_by_other_means() {
    let alive = Rc::new(());
    let watch = Rc::clone(&alive);
    let (source, flow) = channel();
    let signal = Until::when(move |_: &char| {
        let held = Rc::clone(&watch);
        stream::poll_fn(move |_| {
            let _held = &held;
            std::task::Poll::<Option<Result<(), OperatorError>>>::Pending
        })
    });
    let mut results =
        Reader::new(flow.group_until(|c: &char| *c, signal.or(Until::count(2))).aggregate_each(List::default()));
    send(&source, "abcabbc".chars());
    for key in "abc".chars() {
        assert_eq!(results.item().0, key);
    }
    results.waits();
    assert_eq!(Rc::strong_count(&alive), 2 + 1, "the second b is open");
}

/// How many turns others have while `0..n` are counted, `n` being a multiple of eight.
fn turns_beside(n: u64, items: impl Iterator<Item = u64>) -> usize {
    let turns = Cell::new(0);
    let read = futures::executor::block_on(async {
        let others = async {
            loop {
                turns.set(turns.get() + 1);
                futures::pending!();
            }
        };
        let reads = from_iter(items).group_by(|n| n % 8).count_each().collect::<Vec<_>>();
        futures::select_biased! {
            never = Box::pin(others.fuse()) => never,
            read = reads.fuse() => read,
        }
    });
    let Ok(counts) = read;
    assert_eq!(counts, (0..8).map(|key| (key, n as usize / 8)).collect::<Vec<_>>());
    turns.get()
}

#[test]
fn a_source_that_is_always_ready_lets_other_tasks_run() {
    let turns = turns_beside(1_000_000, 0..1_000_000);
    assert!(turns >= 1_000_000 / 65_536, "others had {turns} turns");
}

#[test]
fn a_source_whose_items_take_time_lets_other_tasks_run_after_256_of_them() {
    let slow = (0..25_600).inspect(|n| {
        if n % 256 == 0 {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
        }
    });
    let turns = turns_beside(25_600, slow);
    assert!(turns >= 100, "others had {turns} turns");
}

proptest! {
    #[test]
    fn groups_that_only_their_source_ends_are_what_a_list_of_them_says(
        items in prop::collection::vec(0..12_u8, 0..200), max_groups in 1..14_usize, fails: bool
    ) {
        let closed = Counter::new();
        let results = items.iter().copied().map(Ok).chain(fails.then_some(Err(Failed::Scripted)));
        let (flow, seen) = probe_stuttering(anabranch_operators::from_results(stream::iter(results.collect::<Vec<_>>())));
        let groups = flow.group_by(|n| *n).max_groups(max_groups).closed_early(&closed);
        let observed = virtual_time(observe(groups.aggregate_each(List::default()), 1_000));
        let (mut open, mut expected) = (Vec::<(u8, Vec<u8>)>::new(), Vec::new());
        for item in items {
            if let Some((_, list)) = open.iter_mut().find(|(key, _)| *key == item) {
                list.push(item);
                continue;
            }
            if open.len() == max_groups {
                expected.push(Event::Item(open.remove(0)));
            }
            open.push((item, vec![item]));
        }
        prop_assert_eq!(closed.get() as usize, expected.len());
        if fails {
            expected.push(Event::Failure(Failed::Scripted));
        } else {
            expected.extend(open.into_iter().map(Event::Item).chain([Event::End]));
        }
        let given: Vec<_> = observed.events().iter().map(|(_, event)| event.clone()).collect();
        prop_assert_eq!(given, expected);
        prop_assert_eq!(seen.polls_after_end(), 0);
    }
}

#[test]
fn needs_no_error_that_can_be_cloned_or_made() {
    struct Odd;
    let results = stream::iter([Ok(1), Ok(2), Err(Odd)]);
    let flow = anabranch_operators::from_results(results).group_by(|n| *n).aggregate_each(List::default());
    assert!(futures::executor::block_on(flow.collect::<Vec<_>>()).is_err());
}

#[test]
fn stutters_as_its_source_does() {
    let (flow, seen) = probe_stuttering(from_iter("abcabc".chars()).fails_with::<Failed>());
    assert_marbles(
        flow.group_until(lower, Until::count(2)).aggregate_each(List::default()),
        "([a[aa]][b[bb]][c[cc]]|)",
    );
    assert_eq!(seen.polls_after_end(), 0);
}

/// A script of keys with what ends their groups.
#[derive(Clone, Debug)]
struct Case {
    /// Keys and their ticks.
    items: Vec<(u64, u8)>,
    over: u64,
    fails: bool,
    after: Option<u64>,
    idle: Option<u64>,
    count: Option<usize>,
    /// How long the signal takes, if there is one: for the keys that are below the number.
    signal: Option<(u8, u64)>,
    max_groups: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let script = (prop::collection::vec((0..4_u64, 0..5_u8), 0..40), 0..6_u64, prop::bool::weighted(0.25));
    let span = || prop::option::of(1..12_u64);
    let ends = (span(), span(), prop::option::of(1..5_usize), prop::option::of((0..5_u8, 0..9_u64)));
    (script, ends, prop_oneof![1..6_usize, Just(100)]).prop_map(|((gaps, rest, fails), ends, max_groups)| {
        let mut tick = 0;
        let items = gaps.into_iter().map(|(gap, key)| {
            tick += gap;
            (tick, key)
        });
        let items = items.collect();
        let (after, idle, count, signal) = ends;
        Case { items, over: tick + rest, fails, after, idle, count, signal, max_groups }
    })
}

type Results = Vec<(u64, u8, Vec<usize>)>;

/// Every group with its tick, worked out without streams.
fn model(case: &Case) -> Results {
    struct Open {
        key: u8,
        opened: u64,
        used: u64,
        items: Vec<usize>,
    }
    let due = |group: &Open| {
        let after = case.after.map(|span| group.opened + span);
        let idle = case.idle.map(|span| group.used + span);
        let signal = case.signal.filter(|(below, _)| group.key < *below).map(|(_, takes)| group.opened + takes);
        [after, idle, signal].into_iter().flatten().min().unwrap_or(u64::MAX)
    };
    let mut open: Vec<Open> = Vec::new();
    let mut results = Vec::new();
    for (index, (tick, key)) in case.items.iter().copied().enumerate() {
        results
            .extend(open.extract_if(.., |group| due(group) <= tick).map(|group| (due(&group), group.key, group.items)));
        let group = match open.iter().position(|group| group.key == key) {
            Some(known) => known,
            None => {
                if open.len() == case.max_groups {
                    let oldest = open.remove(0);
                    results.push((tick, oldest.key, oldest.items));
                }
                open.push(Open { key, opened: tick, used: tick, items: Vec::new() });
                open.len() - 1
            }
        };
        open[group].used = tick;
        open[group].items.push(index);
        if Some(open[group].items.len()) == case.count {
            let full = open.remove(group);
            results.push((tick, full.key, full.items));
        }
    }
    let over = case.over;
    results.extend(open.into_iter().map(|group| (due(&group).min(over), group.key, group.items)));
    // At the very instant of a failure it may or may not come first.
    results.retain(|(tick, ..)| !case.fails || *tick < over);
    results.sort();
    results
}

/// A key, and all of it that is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Alike(u8, u8);

impl Hash for Alike {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.hash(state);
    }
}

fn script(case: &Case) -> Flow<Script<(usize, u8), Failed>> {
    let end = if case.fails { Event::Failure(Failed::Scripted) } else { Event::End };
    let items = case.items.iter().enumerate().map(|(index, (tick, key))| (*tick, Event::Item((index, *key))));
    Script::new(items.chain([(case.over, end)]))
}

fn until(case: &Case) -> Until<impl GroupSignal<u8, Failed> + use<>> {
    let span = |span: Option<u64>| ms(span.unwrap_or(u64::MAX));
    let times = Until::after(span(case.after)).or(Until::idle(span(case.idle)));
    let signal = case.signal;
    times.or(Until::count(case.count.unwrap_or(usize::MAX))).or(Until::when(move |key: &u8| {
        let fires = signal.filter(|(below, _)| key < below).map(|(_, takes)| (takes, Event::Item(())));
        Script::new(fires)
    }))
}

fn results<S>(case: &Case, flow: Flow<S>) -> Results
where
    S: Stream<Item = Result<(u8, Vec<usize>), Failed>>,
{
    let observed = virtual_time(observe(flow, case.over + 100));
    assert_eq!(observed.failure().is_some(), case.fails);
    assert_eq!(observed.events().last().map(|(tick, _)| *tick), Some(case.over));
    let mut results = Vec::new();
    for (tick, event) in observed.into_events() {
        if let Event::Item((key, items)) = event
            && !(case.fails && tick == case.over)
        {
            results.push((tick, key, items));
        }
    }
    results.sort();
    results
}

proptest! {
    #[test]
    fn groups_are_what_the_model_says(case in cases()) {
        let closed = Counter::new();
        let groups = script(&case).group_until(|(_, key)| *key, until(&case)).max_groups(case.max_groups);
        let lists = groups.closed_early(&closed).fold_each(Vec::new, |mut list, (index, _)| { list.push(index); list });
        prop_assert_eq!(results(&case, lists), model(&case));
    }

    /// They are kept without their numbers, unless two that are open have one hash.
    #[test]
    fn groups_that_end_oldest_first_are_what_the_model_says(case in cases(), hashes in 1..=6_u8) {
        let case = Case { idle: None, count: None, signal: None, ..case };
        let groups = || {
            let until = case.after.map_or_else(Until::end, |span| Until::after(ms(span)));
            script(&case).group_until(move |(_, key)| Alike(*key, key % hashes), until).max_groups(case.max_groups)
        };
        let append = |mut list: Vec<usize>, (index, _)| { list.push(index); list };
        let fused = groups().fold_each(Vec::new, append).map(|(key, list)| (key.0, list));
        prop_assert_eq!(results(&case, fused), model(&case));
        let merged = groups().merge_map(usize::MAX, move |group| {
            let key = group.key().0;
            stream::once(group.fold(Vec::new(), append)).map(move |list| list.map(|list| (key, list)))
        });
        prop_assert_eq!(results(&case, merged), model(&case));
    }

    #[test]
    fn both_ways_of_reading_give_the_same(case in cases(), each in 1..4_usize) {
        let (early, early_too) = (Counter::new(), Counter::new());
        let groups = || script(&case).group_until(|(_, key)| *key, until(&case)).max_groups(case.max_groups);
        let append = |mut list: Vec<usize>, (index, _)| { list.push(index); list };
        let fused = results(&case, groups().closed_early(&early).fold_each(Vec::new, append));
        let merged = groups().closed_early(&early_too).buffers(each, 16).merge_map(usize::MAX, move |group| {
            let key = *group.key();
            stream::once(group.fold(Vec::new(), append)).map(move |list| list.map(|list| (key, list)))
        });
        prop_assert_eq!(results(&case, merged), fused);
        prop_assert_eq!(early.get(), early_too.get());
    }
}
