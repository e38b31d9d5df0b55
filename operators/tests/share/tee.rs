//! `tee`: two readers, both of which get every item.
#![allow(clippy::unwrap_used)]

use anabranch_operators::testing::{Failed, Script, probe, virtual_time};
use anabranch_operators::{from_iter, merge};
use proptest::prelude::*;

use crate::support::Reader;

#[test]
fn both_get_the_items_and_the_failure() {
    virtual_time(async {
        let (a, b) = Script::marbles("a-b-#").tee();
        assert_eq!(futures::join!(a.count(), b.count()), (Err(Failed::Scripted), Err(Failed::Scripted)));
    });
}

#[test]
fn when_one_is_dropped_the_other_goes_on_alone() {
    let (upstream, seen) = probe(from_iter(0..1_000));
    let (a, b) = upstream.tee();
    let mut a = Reader::new(a);
    (0..256).for_each(|expected| assert_eq!(a.item(), expected));
    a.waits();
    drop(b);
    assert_eq!(a.wakes(), 1);
    (256..1_000).for_each(|expected| assert_eq!(a.item(), expected));
    a.has_ended();
    assert!(seen.dropped());
}

#[test]
fn both_can_come_together_again() {
    virtual_time(async {
        let (low, high) = from_iter(0..10_000).tee();
        let both = merge((low.filter(|n| *n < 5_000), high.filter(|n| *n >= 5_000)));
        assert_eq!(both.count().await, Ok(10_000));
    });
}

proptest! {
    #[test]
    fn is_the_list_twice(list: Vec<u8>, bound in 1..9_usize) {
        let (a, b) = from_iter(list.clone()).tee();
        let (a, b) = (a.hold_back(bound).collect::<Vec<_>>(), b.collect::<Vec<_>>());
        prop_assert_eq!(virtual_time(async { futures::join!(a, b) }), (Ok(list.clone()), Ok(list)));
    }
}
