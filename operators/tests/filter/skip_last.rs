//! `skip_last`: all but the last items.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{check, probe, virtual_time};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use super::timed::{agrees, drops_what_it_holds_with_a_failure, items, parts, scripts};

#[test]
fn gives_an_item_when_n_have_come_after_it() {
    check("a-b-c-d-|", |flow| flow.skip_last(2), "----a-b-|");
    check("(abcd)|", |flow| flow.skip_last(1), "(abc)|");
    check("a-b-c", |flow| flow.skip_last(1), "--a-b");
}

#[test]
fn without_any_to_leave_out_it_gives_all_at_once() {
    check("a-b-|", |flow| flow.skip_last(0), "a-b-|");
}

#[test]
fn ends_with_upstream() {
    check("a-b-|", |flow| flow.skip_last(2), "----|");
    check("|", |flow| flow.skip_last(2), "|");
    check("a|", |flow| flow.skip_last(usize::MAX), "-|");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a-b-c#", |flow| flow.skip_last(2), "----a#");
    check("a#", |flow| flow.skip_last(2), "-#");
    drops_what_it_holds_with_a_failure(|flow| flow.skip_last(2));
}

#[test]
fn is_dropped_midway() {
    check("abcd|", |flow| flow.skip_last(2), "--a!");
}

#[test]
fn items_that_say_nothing_are_items() {
    let flow = from_iter([None, Some(1), None]).skip_last(1);
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![None, Some(1)]));
}

#[test]
fn reads_n_items_ahead_and_lets_others_run_meanwhile() {
    let (source, seen) = probe(from_iter(0..));
    let mut flow = source.skip_last(2);
    assert_eq!(virtual_time(flow.next()), Ok(Some(0)));
    assert_eq!(seen.items(), 3);
    let mut flow = from_iter(0..).skip_last(1_000);
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(virtual_time(flow.next()), Ok(Some(0)));
}

#[test]
fn knows_how_many_there_will_be() {
    assert_eq!(from_iter(0..9).skip_last(3).size_hint(), (6, Some(6)));
    assert_eq!(from_iter(0..2).skip_last(3).size_hint(), (0, Some(1)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), n in 0..8_usize) {
        let (list, end) = parts(&script);
        let later = list.iter().skip(n).map(|(tick, _)| *tick);
        let mut expected = items(later.zip(list.iter().map(|(_, item)| *item)));
        expected.extend(end);
        agrees(&script, |flow| flow.skip_last(n), &expected)?;
    }
}
