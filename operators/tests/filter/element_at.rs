//! `element_at`: the item with a number.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, check, probe, virtual_time};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn gives_the_item_and_ends() {
    check("a-b-c-d-|", |flow| flow.element_at(2), "----(c|)");
    check("(abc)|", |flow| flow.element_at(0), "(a|)");
}

#[test]
fn ends_with_upstream_if_there_are_fewer() {
    check("a-b|", |flow| flow.element_at(2), "---|");
    check("|", |flow| flow.element_at(0), "|");
    check("a-b-", |flow| flow.element_at(2), "");
}

#[test]
fn counts_no_failures() {
    check("a-#", |flow| flow.element_at(1), "--#");
    check("a-b#", |flow| flow.element_at(1), "--(b|)");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c|", |flow| flow.element_at(2), "--!");
}

#[test]
fn lets_others_run_and_reads_no_further_than_it_must() {
    let (source, seen) = probe(from_iter(0..));
    let mut flow = source.element_at(1_000);
    assert_eq!(flow.next().now_or_never(), None);
    assert_eq!(seen.items(), 256);
    assert_eq!(virtual_time(flow.next()), Ok(Some(1_000)));
    assert_eq!(seen.items(), 1_001);
}

#[test]
fn knows_whether_there_will_be_one() {
    assert_eq!(from_iter(0..3).element_at(2).size_hint(), (1, Some(1)));
    assert_eq!(from_iter(0..2).element_at(2).size_hint(), (0, Some(1)));
    assert_eq!(from_iter(0..0).element_at(0).size_hint(), (0, Some(0)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), index in 0..24_usize) {
        let expected = match script.get(index) {
            Some((tick, Event::Item(item))) => vec![(*tick, Event::Item(*item)), (*tick, Event::End)],
            _ => script.iter().filter(|(_, event)| !matches!(event, Event::Item(_))).cloned().collect(),
        };
        agrees(&script, |flow| flow.element_at(index), &expected)?;
    }
}
