//! `filter`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_the_items_that_pass() {
    check("1-2-3-4-|", |flow| flow.filter(|item| "24".contains(*item)), "--2---4-|");
    check("(1234)-|", |flow| flow.filter(|item| "24".contains(*item)), "(24)-|");
    check("1-|", |flow| flow.filter(|_| false), "--|");
    check("1-|", |flow| flow.filter(|_| true), "1-|");
    check("|", |flow| flow.filter(|_| true), "|");
    check("1--", |flow| flow.filter(|_| false), "");
}

#[test]
fn does_not_test_failures() {
    check("1-2-#", |flow| flow.filter(|_| false), "----#");
}

#[test]
fn is_dropped_midway() {
    check("1-2-3-|", |flow| flow.filter(|item| *item != '2'), "1---!");
}

#[test]
fn lets_others_run_while_it_finds_nothing() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.filter(|_| false);
        assert_eq!(flow.next().now_or_never(), None);
        assert_eq!(seen.items(), 256);
        tokio::select! {
            biased;
            _ = flow.next() => unreachable!("it finds nothing"),
            () = tokio::task::yield_now() => {}
        }
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u16>, n in 1_u16..5) {
        let expected: Vec<_> = items.iter().copied().filter(|item| item % n == 0).collect();
        let flow = from_iter(items).filter(|item| item % n == 0);
        prop_assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(expected));
    }
}
