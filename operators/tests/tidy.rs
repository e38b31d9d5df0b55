//! What every operator must have, so that no review need look for it.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{FAMILIES, Operator, operators, read, root, rust_files};

/// Fails with all that is missing at once.
fn each_has(what: &str, has: impl Fn(&Operator) -> bool) {
    let operators = operators();
    assert!(operators.len() > 30, "only {} operators were found", operators.len());
    let missing: Vec<_> = operators.iter().filter(|operator| !has(operator)).map(|operator| &operator.path).collect();
    assert!(missing.is_empty(), "these lack {what}: {missing:#?}");
}

#[test]
fn every_operator_has_a_test_file() {
    each_has("a test file `tests/<family>/<name>.rs` with tests", |operator| {
        let path = root().join("tests").join(operator.family()).join(format!("{}.rs", operator.name));
        std::fs::read_to_string(path).is_ok_and(|source| source.contains("#[test]") || source.contains("proptest!"))
    });
}

#[test]
fn every_test_file_is_compiled() {
    for family in FAMILIES {
        let folder = Path::new("tests").join(family);
        if !root().join(&folder).exists() {
            continue;
        }
        let modules = read(folder.join("main.rs"));
        for path in rust_files(&folder) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let compiled = name == "main" || modules.contains(&format!("\nmod {name};"));
            assert!(compiled, "{} is in no module: add `mod {name};` to its main.rs", path.display());
        }
    }
}

#[test]
fn every_operator_has_a_row_in_the_chooser_table() {
    let page = read("README.md");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
    each_has("a row in the chooser table of operators/README.md", |operator| {
        rows.iter().any(|row| row.contains(&format!("[`{}`]", operator.name)))
    });
}

#[test]
fn every_section_of_the_chooser_is_in_the_list_that_leads_to_it() {
    let page = read("README.md");
    let chooser = page.split("\n## ").find(|section| section.starts_with("Which operator do I need?")).unwrap();
    let anchor = |heading: &str| heading.to_lowercase().replace(' ', "-");
    let sections: Vec<_> = chooser.lines().filter_map(|line| line.strip_prefix("### ")).map(anchor).collect();
    let intents = chooser.lines().filter(|line| line.starts_with("- ["));
    let led_to: Vec<_> = intents.map(|line| line.split("](#").nth(1).unwrap().trim_end_matches(')')).collect();
    assert_eq!(led_to, sections);
}

#[test]
fn every_operator_begins_with_a_sentence_and_a_marble_picture() {
    each_has("a first line ``//! `name`: what it does.`` with marbles below", |operator| {
        let head: Vec<_> = operator.source.lines().take_while(|line| line.starts_with("//!")).collect();
        head.first().is_some_and(|line| line.starts_with(&format!("//! `{}`: ", operator.name)))
            && head.contains(&"//! ```text")
    });
}

#[test]
fn every_operator_says_how_it_behaves() {
    each_has("the behaviour table: Emits, Ends, Errors, Holds, Dropped, Time", |operator| {
        let says = |topic: &str| {
            let in_table = format!("/// | {topic} | ");
            operator.source.contains(&in_table) || operator.source.contains(&format!("**{topic}**"))
        };
        // What an end of a flow gives is its answer. A way in cannot fail, and need not wait.
        let way_in = operator.path.parent().is_some_and(|folder| folder.ends_with("create"));
        let gives = says("Answers") || (says("Emits") && says("Ends"));
        gives && says("Holds") && says("Dropped") && (way_in || says("Errors") && says("Time"))
    });
}

#[test]
fn every_operator_has_an_example_and_its_neighbours() {
    each_has("an example with an assertion, and a See also", |operator| {
        let assertion = operator.source.contains("/// assert") || operator.source.contains("///     assert");
        operator.source.contains("/// # Examples") && assertion && operator.source.contains("/// # See also")
    });
}

#[test]
fn every_type_that_is_polled_has_its_rows() {
    let tables = ["must_use.rs", "debug.rs", "auto_traits.rs"].map(|name| (name, read(Path::new("tests").join(name))));
    let mut missing = Vec::new();
    for family in FAMILIES {
        let exported = read(Path::new("src").join(family).join("mod.rs"));
        for path in rust_files(Path::new("src").join(family)) {
            let source = read(&path);
            for line in source.lines().filter(|line| line.starts_with("impl")) {
                let polled = [" Stream for ", " Future for "].iter().find_map(|of| line.split_once(of));
                let Some((_, implementor)) = polled else { continue };
                let name = implementor.split(['<', ' ']).next().unwrap();
                let public = [" ", "{"].iter().any(|before| exported.contains(&format!("{before}{name}")));
                if !public || !source.contains(&format!("\npub struct {name}")) {
                    continue;
                }
                for (table, text) in &tables {
                    let found = ["<", "\"", ",", ")", " {"].iter().any(|after| {
                        [" ", "\"", "("].iter().any(|before| text.contains(&format!("{before}{name}{after}")))
                    });
                    if !found {
                        missing.push(format!("{name} in tests/{table}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "rows are missing for {missing:#?}");
}

#[test]
fn every_operator_has_its_row_of_shared_checks() {
    each_has("a test `<name>` in tests/checks/<family>.rs", |operator| {
        let rows = read(Path::new("tests/checks").join(operator.family()).with_extension("rs"));
        rows.contains(&format!("\nfn {}() {{\n", operator.name))
    });
}

/// Operators of which a random list cannot say what they give, and why.
const WITHOUT_A_MODEL: [(&str, &str); 2] =
    [("create/interval", "gives numbers by the clock alone"), ("create/timer", "gives one number by the clock alone")];

#[test]
fn every_operator_with_a_meaning_for_lists_is_held_to_it() {
    let held = |operator: &Operator| {
        let models = Path::new("tests/models").join(operator.family()).with_extension("rs");
        let models = std::fs::read_to_string(root().join(models)).unwrap_or_default();
        let tests = models.lines().filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("() {"));
        let mut tested = tests.flat_map(|test| test.split("_and_"));
        let mut own = [format!("{}.rs", operator.path_in_src()), format!("{}_model.rs", operator.path_in_src())]
            .map(|path| std::fs::read_to_string(root().join("tests").join(path)).unwrap_or_default())
            .into_iter();
        tested.any(|test| test == operator.name) || own.any(|tests| tests.contains("\nproptest! {"))
    };
    each_has("a test in tests/models/<family>.rs, a proptest, or a reason above", |operator| {
        held(operator) || WITHOUT_A_MODEL.iter().any(|(path, _)| *path == operator.path_in_src())
    });
    for operator in operators() {
        let excused = WITHOUT_A_MODEL.iter().any(|(path, _)| *path == operator.path_in_src());
        assert!(!(excused && held(&operator)), "{} has a model: take it off the list", operator.name);
    }
}

/// Closures that do not panic in a poll of the operator, and why.
const CLOSURES_THAT_ARE_NOT_POLLED: [(&str, &str); 1] = [("finish/pipe", "called at once, by the method")];

#[test]
fn every_closure_of_every_operator_panics_in_its_row() {
    each_has("a `.panics(..)` for each closure in its row of tests/checks", |operator| {
        let excused = CLOSURES_THAT_ARE_NOT_POLLED.iter().any(|(path, _)| *path == operator.path_in_src());
        let bounds = ["FnMut(", "FnOnce(", " Fn("];
        let closures: usize = public_signatures(&operator.source)
            .iter()
            .map(|signature| bounds.iter().map(|bound| signature.matches(bound).count()).sum::<usize>())
            .sum();
        let rows = read(Path::new("tests/checks").join(operator.family()).with_extension("rs"));
        let row = rows.split(&format!("\nfn {}() {{\n", operator.name)).nth(1).unwrap_or_default();
        let row = row.split("\n}\n").next().unwrap_or_default();
        excused || row.matches("panics(").count() >= closures
    });
}

/// The public functions and methods of a source, each from its name to its body.
fn public_signatures(source: &str) -> Vec<String> {
    let mut signatures = Vec::new();
    let mut open: Option<String> = None;
    for line in source.lines() {
        let signature = match open.take() {
            Some(signature) => signature + line,
            None if line.trim_start().starts_with("pub fn ") => line.to_owned(),
            None => continue,
        };
        if line.ends_with('{') {
            signatures.push(signature);
        } else {
            open = Some(signature);
        }
    }
    signatures
}

#[test]
fn every_name_that_reactivex_has_for_it_can_be_searched_for() {
    let ours: BTreeSet<_> = operators().into_iter().map(|operator| operator.name).collect();
    each_has("a `#[doc(alias = ...)]` for a name behind ``ReactiveX:`` on its page", |operator| {
        let page: String = operator
            .source
            .lines()
            .map(str::trim_start)
            .filter_map(|line| line.strip_prefix("///"))
            .map(|line| format!("{} ", line.trim()))
            .collect();
        // The names themselves come first: `a`, `b`.
        let names = page.split("ReactiveX: ").nth(1).unwrap_or_default();
        let listed = names.split(", ").map_while(|name| name.strip_prefix('`')?.split_once('`'));
        let mut ends_here = false;
        listed
            .take_while(|(_, rest)| !std::mem::replace(&mut ends_here, !rest.is_empty()))
            .all(|(name, _)| // A name that is another operator's here is found there.
                ours.contains(name) || operator.source.contains(&format!("#[doc(alias = \"{name}\")]")))
    });
}
