//! `docs/names.md` has an answer to every row of a catalogue of six libraries, and the search finds all of their names.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{flow_methods, operators, read, root};

/// An operator as other libraries have it.
struct Row {
    group: String,
    operator: String,
    names: Vec<String>,
}

/// What `docs/names.md` says of a row.
enum Decision<'a> {
    Built(Vec<&'a str>),
    PlainRust(Vec<&'a str>),
    LeftOut(&'a str),
}

fn catalogue() -> Vec<Row> {
    let table = read("tests/catalogue.csv");
    let rows = table.lines().skip_while(|line| line.starts_with('#')).skip(1);
    let rows: Vec<_> = rows
        .map(|line| {
            let cells: Vec<_> = line.split(';').collect();
            assert_eq!(cells.len(), 8, "{line}");
            let mut names = Vec::new();
            for name in cells[2..].iter().flat_map(|cell| cell.split(", ")).filter(|name| !name.is_empty()) {
                if !names.contains(&name.to_owned()) {
                    names.push(name.to_owned());
                }
            }
            Row { group: cells[0].to_owned(), operator: cells[1].to_owned(), names }
        })
        .collect();
    assert_eq!(rows.len(), 139, "a row was lost");
    rows
}

/// The rows of the page: group, operator, names, and what is here.
fn page_rows(page: &str) -> Vec<[String; 4]> {
    let mut group = "";
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            group = heading;
        }
        let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        // A bar inside of a cell is escaped.
        let cells: Vec<_> = cells.split(" | ").map(|cell| cell.replace("\\|", "|")).collect();
        let [operator, names, here] = &cells[..] else { panic!("not three cells: {line}") };
        if operator != "operator" {
            rows.push([group.to_owned(), operator.clone(), names.clone(), here.clone()]);
        }
    }
    rows
}

fn code_in(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What the links lead to.
fn links_in(text: &str) -> Vec<&str> {
    text.split("[`").skip(1).map(|rest| rest.split("`]").next().unwrap()).collect()
}

impl<'a> Decision<'a> {
    fn read(here: &'a str) -> Option<Self> {
        if let Some(plain) = here.strip_prefix("plain Rust: ") {
            return Some(Self::PlainRust(code_in(plain))).filter(|_| plain.starts_with('`'));
        }
        if let Some(reason) = here.strip_prefix("left out: ") {
            return Some(Self::LeftOut(reason));
        }
        here.starts_with("[`").then(|| Self::Built(links_in(here)))
    }
}

/// The code of the page that is compiled.
fn compiled(page: &str) -> String {
    let blocks = page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.collect()
}

fn sources(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.iter().map(read).chain(folders.into_iter().flat_map(sources)).collect()
}

/// The values of `alias = "..."` in a source.
fn aliases_in(source: &str) -> impl Iterator<Item = String> {
    source.split("doc(alias = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned())
}

/// The names of operators and ways in.
fn functions() -> BTreeSet<String> {
    flow_methods().into_iter().chain(operators().into_iter().map(|operator| operator.name)).collect()
}

#[test]
fn every_row_of_the_catalogue_has_its_row_in_its_place() {
    let page = read("docs/names.md");
    let rows = page_rows(&page);
    let expected: Vec<_> = catalogue()
        .into_iter()
        .map(|row| {
            let names = row.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            [row.group, row.operator, names]
        })
        .collect();
    let found: Vec<_> =
        rows.iter().map(|[group, operator, names, _]| [group, operator, names].map(String::clone)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_row_is_an_operator_plain_rust_or_left_out() {
    let page = read("docs/names.md");
    let (functions, compiled) = (functions(), compiled(&page));
    let mut wrong = Vec::new();
    for [_, operator, _, here] in page_rows(&page) {
        let right = match Decision::read(&here) {
            None => false,
            Some(Decision::Built(links)) => links.iter().all(|link| functions.contains(*link)),
            // A name alone, such as that of a crate, is no line of code.
            Some(Decision::PlainRust(lines)) => {
                lines.iter().filter(|line| line.contains('(')).all(|line| compiled.contains(line))
            }
            Some(Decision::LeftOut(reason)) => reason.len() > 20,
        };
        if !right {
            wrong.push(format!("{operator}: {here}"));
        }
    }
    assert!(wrong.is_empty(), "no decision, no such operator, or code that no block of the page compiles: {wrong:#?}");
}

#[test]
fn every_name_of_every_library_is_found_by_the_search() {
    let aliases: BTreeSet<_> = sources(root().join("src")).iter().flat_map(|source| aliases_in(source)).collect();
    let functions = functions();
    // The search takes no notice of upper and lower case.
    let found = |name: &String| aliases.contains(name) || functions.contains(&name.to_lowercase());
    let missing: Vec<_> = catalogue().into_iter().flat_map(|row| row.names).filter(|name| !found(name)).collect();
    assert!(
        missing.is_empty(),
        "these are no operator, and no `#[doc(alias)]` leads to one or to `names`: {missing:#?}"
    );
}

#[test]
fn names_without_an_operator_lead_to_the_page() {
    let page = read("docs/names.md");
    let here: BTreeSet<_> = aliases_in(&read(Path::new("src/names.rs"))).collect();
    let wanted: BTreeSet<_> = page_rows(&page)
        .iter()
        .filter(|[.., here]| !matches!(Decision::read(here), Some(Decision::Built(_))))
        .flat_map(|[_, _, names, _]| code_in(names).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(here, wanted);
}

/// The definitions `[label]: target` of a page.
fn definitions(page: &str) -> BTreeMap<&str, &str> {
    page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).collect()
}

#[test]
fn links_lead_somewhere_as_files_and_on_the_pages() {
    let (readme, names, pages) = (read("README.md"), read("docs/names.md"), read("src/links.md"));
    for (path, page) in [("README.md", &readme), ("docs/names.md", &names)] {
        let defined = definitions(page);
        for (label, file) in &defined {
            assert!(root().join(path).with_file_name(file).exists(), "{path}: [{label}] leads to no file");
        }
        let used: BTreeSet<_> = page.split("[`").skip(1).map(|rest| rest.split(']').next().unwrap()).collect();
        let undefined: Vec<_> =
            used.iter().filter(|label| !defined.contains_key(format!("`{label}").as_str())).collect();
        assert!(undefined.is_empty(), "{path}: no definition at the end for {undefined:?}");
    }
    let labels: BTreeSet<_> = definitions(&readme).into_keys().chain(definitions(&names).into_keys()).collect();
    assert_eq!(
        definitions(&pages).into_keys().collect::<BTreeSet<_>>(),
        labels,
        "src/links.md, and the ends of the pages"
    );
}
