//! Groups of items of several words, which are read from their source some at a time.
#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{probe, virtual_time};
use anabranch_operators::{OperatorError, from_items, from_iter, from_results};
use futures::stream;

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
