//! `try_map`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, check, observe, virtual_time};
use proptest::prelude::*;

fn no_x(item: char) -> Result<char, Failed> {
    if item == 'x' { Err(Failed::Scripted) } else { Ok(item.to_ascii_uppercase()) }
}

#[test]
fn gives_each_changed_item() {
    check("a-b-c-|", |flow| flow.try_map(no_x), "A-B-C-|");
    check("a|", |flow| flow.try_map(no_x), "A|");
    check("--|", |flow| flow.try_map(no_x), "--|");
    check("a--", |flow| flow.try_map(no_x), "A--");
}

#[test]
fn fails_when_the_change_does() {
    check("a-b-x-c-|", |flow| flow.try_map(no_x), "A-B-#");
    check("(axb)|", |flow| flow.try_map(no_x), "(A#)");
}

#[test]
fn fails_with_upstream() {
    check("a-#", |flow| flow.try_map(no_x), "A-#");
}

#[test]
fn is_dropped_midway() {
    check("a-b-c-|", |flow| flow.try_map(no_x), "A-!");
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items in prop::collection::vec(0..9, 0..20)) {
        let change = |n: i32| if n == 0 { Err(n) } else { Ok(n * 2) };
        let expected: Vec<_> = items.iter().copied().map(change).take_while(Result::is_ok).flatten().collect();
        let fails = items.contains(&0);
        let observed = virtual_time(observe(from_iter(items).fails_with().try_map(change), 1));
        prop_assert_eq!(observed.items().copied().collect::<Vec<_>>(), expected);
        prop_assert_eq!(observed.failure().is_some(), fails);
    }
}
