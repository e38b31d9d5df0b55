//! `err_into`.

use std::error::Error;

use anabranch_operators::testing::{Script, check, observe, virtual_time};

#[test]
fn converts_the_failure() {
    let converted = Script::marbles("a-#").err_into::<Box<dyn Error>>();
    let observed = virtual_time(observe(converted, 10));
    observed.assert_marbles("a-#");
    assert_eq!(observed.failure().map(ToString::to_string), Some("the script fails here".to_owned()));
}

#[test]
fn passes_everything_else() {
    check("a-b-|", |flow| flow.err_into::<Box<dyn Error>>(), "a-b-|");
    check("a|", |flow| flow.err_into::<Box<dyn Error>>(), "a|");
    check("|", |flow| flow.err_into::<Box<dyn Error>>(), "|");
    check("a--", |flow| flow.err_into::<Box<dyn Error>>(), "a--");
    check("ab-#", |flow| flow.err_into::<Box<dyn Error>>(), "ab-#");
    check("a-b-|", |flow| flow.err_into::<Box<dyn Error>>(), "a-!");
}
