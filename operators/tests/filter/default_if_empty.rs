//! `default_if_empty`: an item in place of none.

use anabranch_operators::testing::{Event, Script, check, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use futures::{Stream, stream};
use proptest::prelude::*;
use std::rc::Rc;

use super::timed::{agrees, scripts};

#[test]
fn gives_the_value_when_upstream_ends_without_an_item() {
    check("---|", |flow| flow.default_if_empty('z'), "---(z|)");
    check("|", |flow| flow.default_if_empty('z'), "(z|)");
}

#[test]
fn otherwise_gives_the_items() {
    check("-a-b|", |flow| flow.default_if_empty('z'), "-a-b|");
    check("(a|)", |flow| flow.default_if_empty('z'), "(a|)");
    check("--", |flow| flow.default_if_empty('z'), "");
}

#[test]
fn a_flow_that_fails_is_not_empty() {
    check("--#", |flow| flow.default_if_empty('z'), "--#");
    check("a-#", |flow| flow.default_if_empty('z'), "a-#");
}

#[test]
fn is_dropped_midway() {
    check("---|", |flow| flow.default_if_empty('z'), "--!");
    check("a--|", |flow| flow.default_if_empty('z'), "a-!");
}

#[test]
fn the_value_is_dropped_as_soon_as_it_is_not_wanted() {
    let value = Rc::new(1);
    let mut flow = stream::iter([Rc::new(0)]).into_flow().default_if_empty(Rc::clone(&value));
    assert_eq!(virtual_time(flow.next()), Ok(Some(Rc::new(0))));
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn knows_that_it_is_never_empty() {
    assert_eq!(from_iter(0..0).default_if_empty(9).size_hint(), (1, Some(1)));
    assert_eq!(from_iter(0..3).default_if_empty(9).size_hint(), (3, Some(3)));
    assert_eq!(Script::marbles("-").default_if_empty('z').size_hint(), (1, Some(1)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts()) {
        let mut expected = script.clone();
        if let [(tick, Event::End)] = script[..] {
            expected.insert(0, (tick, Event::Item(9)));
        }
        agrees(&script, |flow| flow.default_if_empty(9), &expected)?;
    }
}
