//! The pictures on the operators' pages are drawn from the marbles that the tests run.
//!
//! `DRAW_PICTURES=1 cargo test -p anabranch-operators --test pictures` draws them anew.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::picture::Picture;
use common::svg::draw;
use common::{Operator, operators, root};

#[test]
fn every_picture_shows_the_marbles_that_are_run() {
    let drawing = std::env::var_os("DRAW_PICTURES").is_some();
    let mut problems = Vec::new();
    for operator in operators() {
        let path = format!("pictures/{}.svg", operator.name);
        match Picture::read(&operator.path_in_src()).map(|picture| draw(&picture)) {
            Ok(svg) => {
                // Markdown takes a block of HTML for one only without blank lines.
                assert!(!svg.contains("\n\n"), "{path} is not one block of HTML");
                if drawing {
                    std::fs::write(root().join(&path), &svg).unwrap();
                }
                if std::fs::read_to_string(root().join(&path)).ok().as_ref() != Some(&svg) {
                    problems.push(format!("{path} is another picture: draw it anew with DRAW_PICTURES=1"));
                }
            }
            Err(problem) => problems.push(format!("{}: {problem}", operator.path_in_src())),
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_picture_is_on_the_page_of_its_operator() {
    let line = |name: &str| format!("#[cfg_attr(doc, doc = include_str!(\"../../pictures/{name}.svg\"))]");
    let mut lacking = operators();
    lacking.retain(|operator| !operator.source.contains(&line(&operator.name)));
    let lacking: Vec<_> = lacking.iter().map(Operator::path_in_src).collect();
    assert!(lacking.is_empty(), "these pages lack their picture, {}: {lacking:#?}", line("<name>"));
}

#[test]
fn there_is_no_picture_without_an_operator() {
    let names: BTreeSet<_> = operators().into_iter().map(|operator| format!("{}.svg", operator.name)).collect();
    for entry in std::fs::read_dir(root().join("pictures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "pictures/{name} belongs to no operator");
    }
}
