//! `inspect`.

use std::cell::RefCell;

use anabranch_operators::testing::{Script, assert_marbles, check};

#[test]
fn sees_each_item_once_and_passes_it() {
    let seen = RefCell::new(String::new());
    assert_marbles(Script::marbles("a-b-c|").inspect(|item| seen.borrow_mut().push(*item)), "a-b-c|");
    assert_eq!(seen.into_inner(), "abc");
}

#[test]
fn does_not_see_failures_or_the_end() {
    let seen = RefCell::new(0);
    assert_marbles(Script::marbles("a-#").inspect(|_| *seen.borrow_mut() += 1), "a-#");
    assert_marbles(Script::marbles("|").inspect(|_| *seen.borrow_mut() += 1), "|");
    assert_eq!(seen.into_inner(), 1);
}

#[test]
fn behaves() {
    for text in ["a-b-c|", "(ab)-#", "|", "a", "", "a-!"] {
        check(&text.replace('!', "b-|"), |flow| flow.inspect(|_| ()), text);
    }
}
