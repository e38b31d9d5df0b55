//! `boxed_local`.

use std::rc::Rc;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check};
use anabranch_operators::{LocalBoxFlow, from_iter};

#[test]
fn behaves_as_the_flow_in_it() {
    for text in ["a-b-|", "a|", "|", "ab--", "a-#"] {
        check(text, |flow| flow.boxed_local(), text);
    }
    check("a-b-|", |flow| flow.boxed_local(), "a-!");
}

#[test]
fn takes_a_flow_that_is_not_send() {
    let shared = Rc::new('x');
    let held = Rc::clone(&shared);
    let flow: LocalBoxFlow<'_, char, Failed> = Script::marbles("a-b|").map(move |_| *held).boxed_local();
    assert_marbles(flow, "x-x|");
    assert_eq!(Rc::strong_count(&shared), 1);
    assert_marbles(from_iter([Rc::new('a')]).boxed_local().map(|item| *item), "(a|)");
}
