//! No name of `StreamExt` or `TryStreamExt` falls back to the stream's method by accident.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::{flow_methods, functions_in, read};

/// Names that are meant to be the stream's: they work on a flow as on any stream of results, and what they give is no
/// flow.
const PASS_THROUGH: &[(&str, &str)] = &[
    ("catch_unwind", "about panics, which are not the flow's failure"),
    ("compat", "for futures 0.1"),
    ("fuse", "for `select!`, which asks for a `FusedStream`"),
    ("into_async_read", "leaves streams for bytes"),
    ("into_future", "gives the flow back beside its next signal"),
    ("into_stream", "a view of the flow as a stream"),
    ("or_else", "an async answer to the failure; the result is a stream"),
    ("peekable", "a reader's tool, at the end of a chain"),
    ("poll_next_unpin", "for implementations of streams"),
    ("select_next_some", "for `select!`"),
    ("split", "for streams that are sinks, which no flow is"),
    ("try_all", "an async test of plain items"),
    ("try_any", "an async test of plain items"),
    ("try_buffer_unordered", "the `try_` family is about plain items, with async functions, as flows are"),
    ("try_buffered", "as above"),
    ("try_chunks", "as above; its error carries the items read before the failure"),
    ("try_collect", "as `collect`"),
    ("try_concat", "as above"),
    ("try_filter_map", "as above"),
    ("try_flatten", "as above"),
    ("try_flatten_unordered", "as above"),
    ("try_fold", "as above"),
    ("try_for_each", "as above"),
    ("try_for_each_concurrent", "as above"),
    ("try_next", "as `next`"),
    ("try_poll_next_unpin", "for implementations of streams"),
    ("try_ready_chunks", "as above; its error carries the items read before the failure"),
    ("try_skip_while", "as above"),
    ("try_take_while", "as above"),
];

/// The folder of a package that our lock file names, as cargo knows it.
fn package(metadata: &str, name: &str) -> PathBuf {
    let manifests = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut folders = manifests.map(|path| PathBuf::from(path.replace("\\\\", "/"))).filter_map(|path| {
        let folder = path.parent()?.to_owned();
        let version = folder.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('-')?;
        version.starts_with(|digit: char| digit.is_ascii_digit()).then_some(folder)
    });
    folders.next().unwrap_or_else(|| panic!("cargo metadata does not list {name}"))
}

/// The names of a trait's methods, and where they are from.
fn upstream_names() -> BTreeMap<String, &'static str> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(common::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata = String::from_utf8(output.stdout).unwrap();
    let mut names = BTreeMap::new();
    for (of, name, file, at_least) in [
        ("futures::StreamExt", "futures-util", "src/stream/stream/mod.rs", 40),
        ("futures::TryStreamExt", "futures-util", "src/stream/try_stream/mod.rs", 25),
        ("tokio_stream::StreamExt", "tokio-stream", "src/stream_ext.rs", 20),
    ] {
        let path = package(&metadata, name).join(file);
        let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let opens = |line: &str| line.starts_with("pub trait ") && line.contains("StreamExt");
        let functions = functions_in(&source, opens, false);
        assert!(functions.len() >= at_least, "{of}: only {functions:?} found in {}", path.display());
        names.extend(functions.into_iter().map(|function| (function, of)));
    }
    names
}

/// The names of `src/redirect.rs`, with what each says.
fn redirects() -> BTreeMap<String, String> {
    let source = read("src/redirect.rs");
    let entries = source.split("\nredirect!(").skip(1);
    entries
        .map(|entry| {
            let (_, name) = entry.split_once(": ").unwrap();
            let name = name.split(['(', '<']).next().unwrap();
            let message = entry.split_once("=> \"").unwrap().1.split("\");").next().unwrap();
            (name.to_owned(), message.to_owned())
        })
        .collect()
}

#[test]
fn every_name_of_a_stream_is_ours_redirected_or_meant_to_pass() {
    let (ours, redirects) = (flow_methods(), redirects());
    let passed: BTreeSet<_> = PASS_THROUGH.iter().map(|(name, _)| *name).collect();
    let astray: Vec<_> = upstream_names()
        .into_iter()
        .filter(|(name, _)| {
            let places = [ours.contains(name), redirects.contains_key(name), passed.contains(name.as_str())];
            places.into_iter().filter(|here| *here).count() != 1
        })
        .map(|(name, of)| format!("{of}::{name}"))
        .collect();
    assert!(
        astray.is_empty(),
        "these would silently see `Result` items, or are in two places: give `Flow` a method, a line in \
         src/redirect.rs, or a line in PASS_THROUGH: {astray:#?}"
    );
}

#[test]
fn lists_no_name_that_streams_do_not_have() {
    let upstream = upstream_names();
    let listed = redirects().into_keys().chain(PASS_THROUGH.iter().map(|(name, _)| (*name).to_owned()));
    let stale: Vec<_> = listed.filter(|name| !upstream.contains_key(name)).collect();
    assert!(stale.is_empty(), "no trait has {stale:?} any longer");
}

#[test]
fn every_cure_is_a_method_that_flows_have() {
    let ours = flow_methods();
    for (name, message) in redirects() {
        assert!(message.starts_with("`Flow` has no ") && message.contains(&format!("`{name}`")), "{message}");
        for code in message.split('`').skip(5).step_by(2) {
            let method = code.split('(').next().unwrap();
            assert!(ours.contains(method) || !code.contains('('), "`{name}` names `{method}`, which flows do not have");
        }
    }
}
