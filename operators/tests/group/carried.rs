//! `carried`: groups that outlive their flow, and go on in the next.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch_operators::group::{Carrier, GroupSignal, OpenGroup, Until};
use anabranch_operators::testing::{Event, Failed, Script, observe, virtual_time};
use anabranch_operators::{Counter, Flow, OperatorError, from_iter};
use futures::{FutureExt, TryStreamExt};
use proptest::prelude::*;
use tokio::time::Instant;

const fn ms(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

type Open = OpenGroup<u8, Vec<usize>>;

/// Hands groups from each flow to the next.
#[derive(Clone, Default)]
struct Hand {
    open: Arc<Mutex<Vec<Open>>>,
    last: bool,
    kept: Counter,
}

impl Carrier<u8, Option<Vec<usize>>> for Hand {
    fn take(&mut self) -> Vec<OpenGroup<u8, Option<Vec<usize>>>> {
        let open = std::mem::take(&mut *self.open.lock().unwrap()).into_iter();
        open.map(|OpenGroup { key, state, age, idle, items }| OpenGroup { key, state: Some(state), age, idle, items })
            .collect()
    }

    fn is_last(&self) -> bool {
        self.last
    }

    fn keep(&mut self, open: Vec<OpenGroup<u8, Option<Vec<usize>>>>) {
        self.kept.add(1);
        let open = open.into_iter().map(|OpenGroup { key, state, age, idle, items }| OpenGroup {
            key,
            state: state.unwrap(),
            age,
            idle,
            items,
        });
        *self.open.lock().unwrap() = open.collect();
    }
}

fn open(key: u8, age: u64, idle: u64, items: usize) -> Open {
    OpenGroup { key, state: vec![0; items], age: ms(age), idle: ms(idle), items }
}

fn hand(open: impl IntoIterator<Item = Open>) -> Hand {
    let hand = Hand::default();
    hand.open.lock().unwrap().extend(open);
    hand
}

/// A group, or the end, and its tick.
type Given = (u64, Event<(u8, Vec<usize>), Failed>);

/// What a flow of `(number, key)` gives, each group with its tick; and when it ends.
fn lists<W: GroupSignal<u8, Failed>>(
    flow: Flow<Script<(usize, u8), Failed>>,
    until: Until<W>,
    hand: Hand,
) -> Vec<Given> {
    let append = |mut list: Vec<usize>, (number, _)| {
        list.push(number);
        list
    };
    let flow = flow.group_until(|(_, key)| *key, until).max_groups(3).fold_each(Vec::new, append).carried(hand);
    let mut events = virtual_time(observe(flow, 1_000)).into_events();
    events.retain(|(_, event)| !matches!(event, Event::Dropped));
    events
}

fn script(items: impl IntoIterator<Item = (u64, u8)>, over: Option<u64>) -> Flow<Script<(usize, u8), Failed>> {
    let items = items.into_iter().enumerate().map(|(index, (tick, key))| (tick, Event::Item((index + 1, key))));
    Script::new(items.chain(over.map(|over| (over, Event::End))))
}

fn item(tick: u64, key: u8, list: &[usize]) -> Given {
    (tick, Event::Item((key, list.to_vec())))
}

#[test]
fn a_group_goes_on_where_the_flow_before_left_it() {
    let given = lists(script([(2, 1)], None), Until::after(ms(10)), hand([open(1, 4, 1, 2)]));
    assert_eq!(given, [item(6, 1, &[0, 0, 1])], "4 of its 10 had passed");
    let given = lists(script([(2, 1)], None), Until::idle(ms(10)), hand([open(1, 4, 1, 2)]));
    assert_eq!(given, [item(12, 1, &[0, 0, 1])]);
    let given = lists(script([], None), Until::idle(ms(10)), hand([open(1, 4, 1, 2), open(2, 9, 3, 1)]));
    assert_eq!(given, [item(7, 2, &[0]), item(9, 1, &[0, 0])], "whose latest item is older ends first");
    let given = lists(script([(2, 1)], None), Until::count(3), hand([open(1, 4, 1, 2)]));
    assert_eq!(given, [item(2, 1, &[0, 0, 1])]);
}

#[test]
fn groups_that_are_over_when_they_are_taken_are_given_at_once() {
    let all = [open(1, 40, 30, 1), open(2, 5, 5, 7)];
    let given = lists(script([], None), Until::after(ms(10)).or(Until::count(7)), hand(all));
    assert_eq!(given, [item(0, 2, &[0; 7]), item(0, 1, &[0])]);
    let twice = [open(1, 4, 1, 2), open(1, 3, 3, 1)];
    let given = lists(script([], None), Until::after(ms(10)), hand(twice));
    assert_eq!(given, [item(0, 1, &[0]), item(6, 1, &[0, 0])]);
}

#[test]
fn the_limit_holds_for_groups_that_are_taken_too() {
    let given = lists(script([(1, 9)], None), Until::end(), hand((1..=5).map(|key| open(key, u64::from(key), 0, 1))));
    assert_eq!(given, [item(0, 5, &[0]), item(0, 4, &[0]), item(1, 3, &[0])], "oldest first");
    let flow = from_iter([(0_usize, 0_u8)]).fails_with::<OperatorError>();
    let append = |list: Vec<usize>, _| list;
    let flow = flow.group_by(|(_, key)| *key).max_groups(1).fail_beyond().fold_each(Vec::new, append);
    let mut flow = std::pin::pin!(flow.carried(hand([open(1, 1, 1, 1), open(2, 1, 1, 1)])));
    assert_eq!(flow.try_next().now_or_never(), Some(Err(OperatorError::TooManyGroups { max_groups: 1 })));
    assert_eq!(flow.try_next().now_or_never(), Some(Ok(None)));
}

#[test]
fn open_groups_are_handed_over_with_their_ages_when_upstream_ends() {
    let hand = hand([open(1, 4, 1, 2)]);
    let given = lists(script([(2, 2), (3, 1)], Some(5)), Until::idle(ms(10)), hand.clone());
    assert_eq!(given, [(5, Event::End)]);
    let (first, second) = (vec![0, 0, 2], vec![1]);
    let expected = [
        OpenGroup { key: 1, state: first, age: ms(9), idle: ms(2), items: 3 },
        OpenGroup { key: 2, state: second, age: ms(3), idle: ms(3), items: 1 },
    ];
    assert_eq!(*hand.open.lock().unwrap(), expected, "oldest first");
    assert_eq!(hand.kept.get(), 1);
}

#[test]
fn the_last_flow_gives_all_and_hands_over_nothing() {
    let hand = Hand { last: true, ..hand([open(1, 4, 1, 2)]) };
    let given = lists(script([(2, 2)], Some(5)), Until::idle(ms(10)), hand.clone());
    assert_eq!(given, [item(5, 1, &[0, 0]), item(5, 2, &[1]), (5, Event::End)]);
    assert_eq!(hand.kept.get(), 0);
}

#[test]
fn a_flow_that_fails_or_is_dropped_hands_over_nothing() {
    let failing = hand([open(1, 4, 1, 2)]);
    let flow = Script::new([(3, Event::Failure(Failed::Scripted))]);
    let given = lists(flow, Until::idle(ms(10)), failing.clone());
    assert_eq!(given, [(3, Event::Failure(Failed::Scripted))]);
    assert_eq!(failing.kept.get(), 0);
    let dropped = hand([open(1, 4, 1, 2)]);
    let given = lists(script([(1, 1)], None), Until::end(), dropped.clone());
    assert_eq!((given.len(), dropped.kept.get()), (0, 0));
}

#[test]
fn nobody_carries_anything_unless_told_to() {
    let flow = || from_iter([3, 3, 4]).group_by(|n| *n).count_each();
    let counts = |flow: Vec<(i32, usize)>| assert_eq!(flow, [(3, 2), (4, 1)]);
    let Ok(none) = flow().carried(()).collect::<Vec<_>>().now_or_never().unwrap();
    counts(none);
    let Ok(none) = flow().carried(None::<()>).collect::<Vec<_>>().now_or_never().unwrap();
    counts(none);
}

#[test]
#[should_panic(expected = "only by a flow that has not been polled")]
fn a_flow_that_has_been_polled_is_refused() {
    let mut flow = from_iter([1, 2]).group_until(|n| *n, Until::count(1)).count_each();
    let _ = flow.next().now_or_never();
    let _ = flow.carried(());
}

type Results = Vec<(u64, u8, Vec<usize>)>;

/// Runs items as pieces, each a flow of its own that ends with its last item, and gives all groups with their ticks.
async fn run(pieces: &[Vec<(u64, u8, usize)>], ends: (Option<u64>, Option<u64>, usize), max_groups: usize) -> Results {
    let begin = Instant::now();
    let tick = move || u64::try_from(begin.elapsed().as_millis()).unwrap();
    let shared = Hand::default();
    let mut results = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let items = async_stream::stream! {
            for (gap, key, number) in piece {
                tokio::time::sleep(ms(*gap)).await;
                yield (*number, *key);
            }
        };
        let span = |span: Option<u64>| ms(span.unwrap_or(1_000_000));
        let until = Until::after(span(ends.0)).or(Until::idle(span(ends.1))).or(Until::count(ends.2));
        let append = |mut list: Vec<usize>, (number, _)| {
            list.push(number);
            list
        };
        let hand = Hand { last: index + 1 == pieces.len(), ..shared.clone() };
        let flow = anabranch_operators::from_items(items);
        let flow = flow.group_until(|(_, key)| *key, until).max_groups(max_groups).fold_each(Vec::new, append);
        let mut flow = std::pin::pin!(flow.carried(hand));
        while let Ok(Some((key, list))) = flow.try_next().await {
            results.push((tick(), key, list));
        }
    }
    results.sort();
    results
}

proptest! {
    #[test]
    fn cut_anywhere_it_gives_the_groups_of_the_whole(
        items in prop::collection::vec((0..6_u64, 0..5_u8, any::<bool>()), 1..50),
        ends in (prop::option::of(1..15_u64), prop::option::of(1..15_u64), prop_oneof![1..6_usize, Just(1_000)]),
        max_groups in prop_oneof![1..6_usize, Just(100)],
    ) {
        let mut cut = vec![Vec::new()];
        for (number, (gap, key, here)) in items.into_iter().enumerate() {
            if here {
                cut.push(Vec::new());
            }
            cut.last_mut().unwrap().push((gap, key, number));
        }
        let whole = vec![cut.concat()];
        prop_assert_eq!(virtual_time(run(&cut, ends, max_groups)), virtual_time(run(&whole, ends, max_groups)));
    }
}
