//! Groups of items of several words, which are read from their source some at a time.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use anabranch_operators::group::{GroupSignal, Until};
use anabranch_operators::testing::{Event, Failed, Script, observe, probe, virtual_time};
use anabranch_operators::{OperatorError, from_items, from_iter, from_results};
use futures::stream;
use proptest::prelude::*;

use crate::races::Random;
use crate::support::Reader;

const FAILURE: OperatorError = OperatorError::TooManyGroups { max_groups: 1 };

/// An item that is handed over in memory: a key, and where it stood.
type Wide = (u64, usize, [u64; 4]);

fn wide(keys: impl IntoIterator<Item = u64>) -> Vec<Wide> {
    keys.into_iter().enumerate().map(|(at, key)| (key, at, [key; 4])).collect()
}

#[test]
fn each_group_gets_its_items_in_order() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let (keys, count) = (1 + random.below(300), 1 + random.below(12) as usize);
        let each = 1 + random.below(100) as usize;
        let items = wide((0..3_000).map(|_| random.below(keys)));
        // The source has nothing for now every now and then, and then wakes at once.
        let mut given = items.clone().into_iter();
        let source = stream::poll_fn(move |cx| {
            if random.below(50) == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(given.next().map(Ok::<_, OperatorError>))
        });
        let groups = from_results(source).group_until(|item: &Wide| item.0, Until::count(count)).buffers(each, 4_000);
        let lists = groups.merge_map(usize::MAX, |group| stream::once(group.collect::<Vec<_>>()));
        let mut lists = virtual_time(lists.collect::<Vec<_>>()).unwrap();
        lists.sort_by_key(|list| list[0].1);
        let mut expected = Vec::<Vec<Wide>>::new();
        for item in items {
            match expected.iter_mut().rev().find(|list| list[0].0 == item.0).filter(|list| list.len() < count) {
                Some(list) => list.push(item),
                None => expected.push(vec![item]),
            }
        }
        assert_eq!(lists, expected, "seed {seed}");
    }
}

#[test]
fn a_full_group_holds_the_source_back_a_sixteenth_later() {
    virtual_time(async {
        let (flow, seen) = probe(from_iter(wide([0; 500])).fails_with::<OperatorError>());
        let mut outer = Reader::new(flow.group_by(|item| item.0).buffers(160, 1_000));
        let mut group = Reader::new(outer.item());
        outer.waits();
        assert!((160..=170).contains(&seen.items()), "{} were read", seen.items());
        for at in 0..500 {
            assert_eq!(group.item().1, at);
            assert!(seen.items() <= at + 1 + 170, "{} were read at {at}", seen.items());
        }
        group.has_ended();
    });
}

#[test]
fn a_failure_comes_behind_the_items_before_it() {
    let items = wide([1, 2, 1]).into_iter().map(Ok).chain([Err(FAILURE)]);
    let mut outer = Reader::new(from_results(stream::iter(items)).group_by(|item: &Wide| item.0));
    let (mut one, mut two) = (Reader::new(outer.item()), Reader::new(outer.item()));
    assert_eq!((one.item().1, two.item().1, one.item().1), (0, 1, 2));
    assert_eq!(outer.failure(), FAILURE);
    assert_eq!((one.failure(), two.failure()), (FAILURE, FAILURE));
}

#[test]
fn what_came_before_a_panic_of_the_source_can_be_read() {
    let mut items = wide([1, 2]).into_iter();
    let source = stream::poll_fn(move |_| Poll::Ready(Some(items.next().unwrap())));
    let mut outer = Reader::new(from_items(source).fails_with::<OperatorError>().group_by(|item| item.0));
    let panics = |polled: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(polled)).is_err();
    assert!(panics(&mut || _ = outer.poll()));
    let (mut one, mut two) = (Reader::new(outer.item()), Reader::new(outer.item()));
    assert_eq!((one.item().1, two.item().1), (0, 1));
    assert!(panics(&mut || _ = one.poll()) && panics(&mut || _ = two.poll()));
}

/// More keys than it takes for items of several words to be read together before their groups are looked up.
const MANY: usize = 33_000;

/// More groups than will be open.
const UNBOUNDED: usize = 1_000_000;

/// A key of a burst, and how many milliseconds pass before it.
type Step = (u64, u64);

/// A group with its millisecond, or how the flow ended.
type Given = (u64, Event<(u64, Vec<usize>), Failed>);

/// What is given where the items are as wide as `pad` makes them, in its order and with the milliseconds.
fn lists<W: GroupSignal<u64, Failed>, P: Copy>(
    pad: P,
    steps: &[Step],
    until: Until<W>,
    room: Option<usize>,
    fails: bool,
) -> Vec<Given> {
    let many = (0..MANY as u64).map(|key| (0, key));
    let mut tick = 0;
    let steps = steps.iter().map(|(gap, key)| {
        tick += gap;
        (tick, *key)
    });
    let items =
        many.chain(steps).enumerate().map(|(at, (tick, key))| (tick, Event::Item((key as u32, at as u32, pad))));
    let items: Vec<_> = items.collect();
    let over = items.last().map_or(0, |(tick, _)| *tick) + 1;
    let end = if fails { Event::Failure(Failed::Scripted) } else { Event::End };
    let (flow, seen) = probe(Script::new(items.into_iter().chain([(over, end)])));
    let groups =
        flow.group_until(|item| u64::from(item.0), until).max_groups(room.map_or(UNBOUNDED, |room| MANY + room));
    let push = |mut list: Vec<usize>, item: (u32, u32, P)| {
        list.push(item.1 as usize);
        list
    };
    let given = virtual_time(observe(groups.fold_each(Vec::new, push), over + 1_000)).into_events();
    assert_eq!(seen.polls_after_end(), 0);
    given
}

fn agree<W: GroupSignal<u64, Failed> + Clone>(
    steps: &[Step],
    until: Until<W>,
    room: Option<usize>,
    fails: bool,
) -> bool {
    lists([0_u64; 4], steps, until.clone(), room, fails) == lists((), steps, until, room, fails)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn wide_items_are_grouped_as_narrow_ones(
        steps in prop::collection::vec((prop_oneof![6 => Just(0), 1 => 1..4_u64], prop_oneof![0..40_u64, 0..2 * MANY as u64]), 0..400),
        after in prop::option::of(1..20_u64),
        idle in prop::option::of(1..20_u64),
        count in prop_oneof![3 => Just(None), 1 => (1..4_usize).prop_map(Some)],
        room in prop::option::of(0..100_usize),
        fails: bool,
    ) {
        let after = after.map_or_else(Until::end, |span| Until::after(Duration::from_millis(span)));
        let idle = idle.map_or_else(Until::end, |span| Until::idle(Duration::from_millis(span)));
        let count = count.map_or_else(Until::end, Until::count);
        prop_assert!(agree(&steps, after.or(idle).or(count), room, fails));
    }
}

/// How many items at most were read and not added yet, when some were.
fn most_ahead(keys: u64, until: Until, max_groups: usize) -> usize {
    most_ahead_of::<4>(keys, until, max_groups)
}

/// The same, of items of so many words and two more.
fn most_ahead_of<const WORDS: usize>(keys: u64, until: Until, max_groups: usize) -> usize {
    let (flow, seen) = probe(from_iter((0..2 * keys).map(move |at| (at % keys, at, [at; WORDS]))));
    let (mut added, mut most) = (0, 0);
    let groups = flow.group_until(|item| item.0, until).max_groups(max_groups).fold_each(
        || (),
        |(), _| {
            most = most.max(seen.items() - added);
            added += 1;
        },
    );
    let Ok(given) = virtual_time(groups.count());
    assert!(given >= keys as usize);
    most
}

#[test]
fn only_what_can_end_no_group_is_read_before_the_items_that_came_first() {
    let many = MANY as u64;
    assert_eq!(most_ahead(many, Until::end(), UNBOUNDED), 31);
    assert_eq!(most_ahead(many, Until::idle(Duration::from_secs(1)), UNBOUNDED), 31);
    assert_eq!(most_ahead(1_000, Until::end(), UNBOUNDED), 1, "few groups");
    assert_eq!(most_ahead(many, Until::count(3), UNBOUNDED), 1);
    assert_eq!(most_ahead(many, Until::end(), 32_768), 1, "no room");
    assert_eq!(most_ahead_of::<60>(many, Until::end(), UNBOUNDED), 31);
    assert_eq!(most_ahead_of::<61>(many, Until::end(), UNBOUNDED), 1, "too large for the stack");
}

#[test]
fn a_flow_has_ended_if_items_were_lost_to_a_panic() {
    let items = wide((0..MANY as u64).chain([7]));
    let groups = from_iter(items).group_until(|item| item.0, Until::end());
    let mut lists = Reader::new(groups.fold_each(
        || true,
        |first, _| {
            assert!(first, "the second item of a group");
            false
        },
    ));
    while catch_unwind(AssertUnwindSafe(|| assert!(lists.poll().is_pending()))).is_ok() {}
    lists.has_ended();
}
