//! The links of the guide and of README.md lead somewhere, both as files and in the documentation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The definitions `[label]: target` of a page. Labels know no upper and lower case.
fn definitions(page: &str) -> BTreeMap<String, &str> {
    let definitions = page.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    definitions.map(|(label, target)| (label.to_lowercase(), target)).collect()
}

fn chapters() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let mut chapters: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    // For those who change the ledger, doubt it, or look after one, and for those who count nanoseconds.
    chapters.retain(|path| {
        !["protocol.md", "ledger.md", "metrics.md", "multilang.md", "reliability.md", "speed.md"]
            .iter()
            .any(|page| path.ends_with(page))
            && path.extension().is_some_and(|extension| extension == "md")
    });
    assert_eq!(chapters.len(), 13, "twelve chapters and their list: {chapters:?}");
    chapters
}

/// The chapters and README.md.
fn pages() -> Vec<PathBuf> {
    let mut pages = chapters();
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    pages
}

#[test]
fn links_lead_to_files() {
    for chapter in pages() {
        let page = fs::read_to_string(&chapter).unwrap();
        for (label, target) in definitions(&page) {
            let file = target.split('#').next().unwrap();
            assert!(chapter.with_file_name(file).exists(), "{}: [{label}] leads to no file", chapter.display());
        }
        assert!(!page.contains("]("), "{}: say where a link leads at the end of the page", chapter.display());
    }
}

#[test]
fn the_same_links_lead_to_pages_of_the_documentation() {
    let in_documentation = definitions(include_str!("../src/links.md"));
    let pages: Vec<_> = pages().into_iter().map(|page| fs::read_to_string(page).unwrap()).collect();
    let as_files: BTreeSet<_> = pages.iter().flat_map(|page| definitions(page).into_keys()).collect();
    assert_eq!(
        in_documentation.into_keys().collect::<BTreeSet<_>>(),
        as_files,
        "src/links.md, and the ends of docs/*.md"
    );
}

#[test]
fn every_chapter_is_a_page_of_the_documentation() {
    let guide = include_str!("../src/guide.rs");
    for chapter in chapters() {
        let name = chapter.file_name().unwrap().to_str().unwrap();
        assert!(guide.contains(&format!("include_str!(\"../docs/{name}\")")), "src/guide.rs does not include {name}");
    }
}
