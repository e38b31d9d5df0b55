//! Reading our own sources, for the tests that hold them to the rules.
#![allow(clippy::expect_used, clippy::unwrap_used, dead_code)]

pub(crate) mod picture;
pub(crate) mod svg;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Families of operators: the folders of `src` with one file per operator.
pub(crate) const FAMILIES: [&str; 12] = [
    "combine",
    "create",
    "demand",
    "filter",
    "finish",
    "flatten",
    "group",
    "recover",
    "share",
    "time",
    "transform",
    "window",
];

/// The folder of this crate.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files directly in a folder, sorted.
pub(crate) fn rust_files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = root().join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

/// What follows `fn ` on a line that is indented once: the name.
fn function_name(line: &str) -> Option<&str> {
    let code = line.strip_prefix("    ")?;
    if code.starts_with(' ') {
        return None;
    }
    let (before, name) = code.split_once("fn ").filter(|(before, _)| !before.contains(['/', '"', '(']))?;
    let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    (before.is_empty() || before.starts_with("pub ")).then_some(&name[..end])
}

/// The functions of the item that begins at a line for which `begins` holds, up to its closing brace.
pub(crate) fn functions_in(source: &str, begins: impl Fn(&str) -> bool, public: bool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in source.lines() {
        inside = if inside { line != "}" } else { begins(line) };
        if inside && line.trim_start().starts_with("pub ") == public {
            names.extend(function_name(line).map(str::to_owned));
        }
    }
    names
}

/// Whether a line opens an inherent `impl` of `Flow`.
pub(crate) fn opens_flow_impl(line: &str) -> bool {
    line.starts_with("impl") && line.contains("> Flow<") && !line.contains(" for ")
}

/// The inherent public methods of `Flow` that a user may call.
pub(crate) fn flow_methods() -> BTreeSet<String> {
    FAMILIES
        .iter()
        .flat_map(|family| rust_files(Path::new("src").join(family)))
        .flat_map(|path| functions_in(&read(path), opens_flow_impl, true))
        .collect()
}

/// A file of `src` that holds an operator or a way in: it defines what it is named after.
pub(crate) struct Operator {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) source: String,
}

impl Operator {
    pub(crate) fn family(&self) -> &str {
        self.path.parent().and_then(Path::file_name).unwrap().to_str().unwrap()
    }

    /// `<family>/<name>`.
    pub(crate) fn path_in_src(&self) -> String {
        format!("{}/{}", self.family(), self.name)
    }
}

pub(crate) fn operators() -> Vec<Operator> {
    let files = FAMILIES.iter().flat_map(|family| rust_files(Path::new("src").join(family)));
    files
        .filter_map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let source = read(&path);
            let method = functions_in(&source, opens_flow_impl, true).contains(&name);
            let function = ["(", "<"].iter().any(|after| source.contains(&format!("\npub fn {name}{after}")));
            (method || function).then_some(Operator { name, path, source })
        })
        .collect()
}
