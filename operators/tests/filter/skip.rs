//! `skip`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn leaves_out_the_first_items() {
    check("a-b-c-d-|", |flow| flow.skip(2), "----c-d-|");
    check("(abc)d|", |flow| flow.skip(2), "cd|");
    check("a-b|", |flow| flow.skip(0), "a-b|");
}

#[test]
fn ends_with_upstream() {
    check("a-|", |flow| flow.skip(2), "--|");
    check("|", |flow| flow.skip(2), "|");
    check("a-b--", |flow| flow.skip(2), "");
    check("a|", |flow| flow.skip(usize::MAX), "-|");
}

#[test]
fn does_not_skip_failures() {
    check("a-#", |flow| flow.skip(5), "--#");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c-|", |flow| flow.skip(1), "--b-!");
    check("a-b-c-|", |flow| flow.skip(9), "-!");
}

#[test]
fn lets_others_run_while_it_skips() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.skip(1_000);
        assert_eq!(flow.next().now_or_never(), None);
        assert_eq!(seen.items(), 256);
        assert_eq!(flow.next().await, Ok(Some(1_000)));
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>, n in 0_usize..8) {
        let expected: Vec<_> = items.iter().copied().skip(n).collect();
        prop_assert_eq!(virtual_time(from_iter(items).skip(n).collect::<Vec<_>>()), Ok(expected));
    }
}
