//! `scan`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, virtual_time};
use proptest::prelude::*;

fn sum(state: u32, item: char) -> u32 {
    state + item.to_digit(10).unwrap_or(0)
}

#[test]
fn gives_the_state_after_each_item_and_not_the_seed() {
    check("1-2-3-|", |flow| flow.scan(0, sum), "1-3-6-|");
    check("1|", |flow| flow.scan(4, sum), "5|");
    check("--|", |flow| flow.scan(4, sum), "--|");
    check("1--", |flow| flow.scan(0, sum), "1--");
}

#[test]
fn fails_with_upstream() {
    check("1-2-#", |flow| flow.scan(0, sum), "1-3-#");
}

#[test]
fn is_dropped_midway() {
    check("1-2-|", |flow| flow.scan(0, sum), "1-!");
}

#[test]
fn has_ended_once_its_function_panicked() {
    let panics = Cell::new(true);
    virtual_time(async {
        let mut flow = from_iter([1, 2, 3]).scan(0, |_, n| {
            assert!(!panics.get(), "as told");
            n
        });
        let mut next = Box::pin(flow.next());
        let polled = catch_unwind(AssertUnwindSafe(|| futures::FutureExt::now_or_never(next.as_mut())));
        assert!(polled.is_err());
        drop(next);
        panics.set(false);
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let mut so_far = 0_u64;
        let expected: Vec<_> = items
            .iter()
            .map(|n| {
                so_far = (so_far * 31 + u64::from(*n)) % 1_009;
                so_far
            })
            .collect();
        let flow = from_iter(items).scan(0_u64, |state, n| (state * 31 + u64::from(n)) % 1_009);
        prop_assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(expected));
    }
}
