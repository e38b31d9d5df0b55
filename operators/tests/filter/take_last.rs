//! `take_last`: the last items.

use std::rc::Rc;

use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use futures::FutureExt;
use futures::stream::{self, Stream, StreamExt};
use proptest::prelude::*;

use super::timed::{agrees, drops_what_it_holds_with_a_failure, items, parts, scripts};

#[test]
fn gives_the_last_items_when_upstream_ends() {
    check("a-b-c-d-|", |flow| flow.take_last(2), "--------(cd|)");
    check("(abc|)", |flow| flow.take_last(1), "(c|)");
}

#[test]
fn gives_all_if_there_are_fewer() {
    check("a-b-|", |flow| flow.take_last(5), "----(ab|)");
    check("a|", |flow| flow.take_last(usize::MAX), "-(a|)");
    check("--|", |flow| flow.take_last(2), "--|");
}

#[test]
fn of_nothing_ends_with_upstream() {
    check("a-b-|", |flow| flow.take_last(0), "----|");
    check("a-b-#", |flow| flow.take_last(0), "----#");
}

#[test]
fn gives_nothing_of_a_flow_that_does_not_end() {
    check("a-b-", |flow| flow.take_last(1), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a-b#", |flow| flow.take_last(2), "---#");
    drops_what_it_holds_with_a_failure(|flow| flow.take_last(2));
}

#[test]
fn holds_no_more_than_n_items_and_drops_them_with_itself() {
    let held = Rc::new(());
    let source = stream::iter(vec![Rc::clone(&held); 5]).chain(stream::pending());
    let mut flow = source.into_flow().take_last(2);
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(Rc::strong_count(&held), 1 + 2);
    drop(flow);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn is_dropped_midway() {
    check("(ab)-|", |flow| flow.take_last(2), "-!");
}

#[test]
fn lets_others_run_while_it_reads() {
    let (source, seen) = probe(from_iter(0..1_000));
    let mut flow = source.take_last(2);
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(seen.items(), 256);
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![998, 999]));
}

#[test]
fn knows_how_many_there_will_be() {
    assert_eq!(from_iter(0..9).take_last(3).size_hint(), (1, Some(3)));
    assert_eq!(Script::marbles("a|").take_last(3).size_hint(), (1, Some(1)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), n in 0..8_usize) {
        let (list, end) = parts(&script);
        let mut expected = Vec::new();
        if let Some((tick, Event::End)) = end {
            expected = items(list[list.len().saturating_sub(n)..].iter().map(|(_, item)| (tick, *item)));
        }
        expected.extend(end);
        agrees(&script, |flow| flow.take_last(n), &expected)?;
    }
}
