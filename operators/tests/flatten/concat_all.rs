//! `concat_all`: the flows that a flow gives, one after another.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, check, virtual_time};

fn inner(item: char) -> anabranch_operators::Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2|",
        'e' => "|",
        'x' => "x-#",
        _ => "3-4|",
    })
}

#[test]
fn reads_one_flow_after_another() {
    check("(ab)---|", |flow| flow.map(inner).concat_all(), "1---23-4|");
    check("e--b|", |flow| flow.map(inner).concat_all(), "---3-4|");
    check("|", |flow| flow.map(inner).concat_all(), "|");
}

#[test]
fn fails_with_any_of_them() {
    check("xb|", |flow| flow.map(inner).concat_all(), "x-#");
    check("b---#", |flow| flow.map(inner).concat_all(), "3-4-#");
}

#[test]
fn joins_lists_of_lists() {
    let lists = from_iter([vec![1, 2], vec![], vec![3]]).map(from_iter);
    assert_eq!(virtual_time(lists.concat_all().collect::<Vec<_>>()), Ok(vec![1, 2, 3]));
}
