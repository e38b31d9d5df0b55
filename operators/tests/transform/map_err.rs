//! `map_err`.

use anabranch_operators::testing::{Failed, Script, check, observe, virtual_time};

#[test]
fn changes_the_failure() {
    let changed = Script::marbles("a-#").map_err(|error| format!("wrapped: {error}"));
    let observed = virtual_time(observe(changed, 10));
    observed.assert_marbles("a-#");
    assert_eq!(observed.failure().map(String::as_str), Some("wrapped: the script fails here"));
}

#[test]
fn passes_everything_else() {
    let change = |_: Failed| "changed";
    check("a-b-|", |flow| flow.map_err(change), "a-b-|");
    check("a|", |flow| flow.map_err(change), "a|");
    check("|", |flow| flow.map_err(change), "|");
    check("a--", |flow| flow.map_err(change), "a--");
    check("ab-#", |flow| flow.map_err(change), "ab-#");
    check("a-b-|", |flow| flow.map_err(change), "a-!");
}
