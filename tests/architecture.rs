//! Holds the sources to what ARCHITECTURE.md says: which room never uses which.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

/// What stands in ARCHITECTURE.md, and how it is seen in the sources.
struct Rule {
    /// The line of the list, word by word.
    says: &'static str,
    /// The beginnings of the paths of the files that it is about.
    rooms: &'static [&'static str],
    /// Files that it is not about, though they are in the rooms.
    except: &'static [&'static str],
    /// The beginnings of paths in code that break it; a `*` stands for the rest of a name.
    never: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        says: "The operators never use AWS, serde, files, the network or the engine.",
        rooms: &["operators/src/"],
        except: &[],
        never: &["aws_*", "serde*", "std::fs", "std::io", "std::net", "tokio::fs", "tokio::net", "anabranch"],
    },
    Rule {
        says: "The operators never read a clock or wait but in `time/clock.rs`.",
        rooms: &["operators/src/"],
        // Virtual time is made there.
        except: &["operators/src/time/clock.rs", "operators/src/testing/"],
        never: &[
            "Instant::now",
            "tokio::time::sleep*",
            "tokio::time::timeout*",
            "tokio::time::interval*",
            "tokio::time::Instant::now",
        ],
    },
    Rule {
        says: "Nothing ever waits by another clock than tokio's.",
        rooms: &["operators/src/", "src/"],
        except: &[],
        never: &["std::time::Instant", "std::thread::sleep", "thread::sleep"],
    },
    Rule {
        says: "`record.rs`, `error.rs` and `metrics.rs` never use a room of the engine.",
        rooms: &["src/record.rs", "src/error.rs", "src/metrics.rs"],
        except: &[],
        never: &[
            "crate::codec",
            "crate::source",
            "crate::sink",
            "crate::store",
            "crate::epoch",
            "crate::lease",
            "crate::aws",
            "crate::uri",
        ],
    },
    Rule {
        says: "`codec` never uses a connector, the ledger or anything asynchronous.",
        rooms: &["src/codec/"],
        except: &[],
        never: &[
            "crate::source",
            "crate::sink",
            "crate::store",
            "crate::epoch",
            "crate::aws",
            "crate::uri",
            "tokio",
            "futures",
            "std::fs",
        ],
    },
    Rule {
        says: "`epoch` never uses a connector, only the contracts of sources, stores and leases.",
        rooms: &["src/epoch/"],
        except: &[],
        never: &[
            "crate::aws",
            "crate::sink",
            "crate::uri",
            "crate::lease::DynamoDb*",
            "crate::source::kinesis",
            "crate::source::open",
            "crate::source::File*",
            "crate::source::Random*",
            "crate::store::DirStore",
            "crate::store::S3*",
            "crate::store::open",
        ],
    },
    Rule {
        says: "`epoch/keys.rs`, `epoch/header.rs`, `epoch/format` and `epoch/every.rs` never use anything asynchronous.",
        rooms: &["src/epoch/keys.rs", "src/epoch/header.rs", "src/epoch/format/", "src/epoch/every.rs"],
        except: &[],
        never: &["tokio", "futures", "std::future", "crate::store::Store", "crate::store::Put", "crate::store::open"],
    },
    Rule {
        says: "`epoch/chains.rs` and `epoch/audit.rs` never use anything asynchronous or a store.",
        rooms: &["src/epoch/chains.rs", "src/epoch/audit.rs"],
        except: &[],
        never: &["tokio", "futures", "std::future", "crate::store", "crate::source"],
    },
    Rule {
        says: "`lease` never uses a source, a sink, a store, the codec or the ledger.",
        rooms: &["src/lease/"],
        except: &[],
        never: &["crate::source", "crate::sink", "crate::store", "crate::codec", "crate::epoch"],
    },
    Rule {
        says: "`lease/view.rs` and `lease/view/lineage.rs` never use anything asynchronous or a clock.",
        rooms: &["src/lease/view.rs", "src/lease/view/lineage.rs"],
        except: &[],
        never: &["tokio", "futures", "std::future", "std::time::Instant", "std::time::SystemTime", "chrono"],
    },
    Rule {
        says: "`lease` never uses the time of day.",
        rooms: &["src/lease/"],
        except: &[],
        never: &["std::time::SystemTime", "chrono"],
    },
    Rule {
        says: "Sources never use sinks, stores, leases or the ledger.",
        rooms: &["src/source/"],
        except: &[],
        never: &["crate::sink", "crate::store", "crate::lease", "crate::epoch"],
    },
    Rule {
        says: "`source/kinesis/multilang/machine.rs` and `message.rs` never use anything asynchronous.",
        rooms: &["src/source/kinesis/multilang/machine.rs", "src/source/kinesis/multilang/message.rs"],
        except: &[],
        never: &["tokio", "futures", "std::future", "std::fs", "std::io"],
    },
    Rule {
        says: "Sinks never use sources, stores or the ledger.",
        rooms: &["src/sink/"],
        except: &[],
        never: &["crate::source", "crate::store", "crate::epoch"],
    },
    Rule {
        says: "Stores never use sources, sinks, the codec or the ledger.",
        rooms: &["src/store/"],
        except: &[],
        never: &["crate::source", "crate::sink", "crate::codec", "crate::epoch"],
    },
    Rule {
        says: "`aws` never uses a contract, the codec or the ledger.",
        rooms: &["src/aws/"],
        except: &[],
        never: &["crate::source", "crate::sink", "crate::store", "crate::codec", "crate::epoch"],
    },
    Rule {
        says: "`reshard` never uses a source, a sink, the ledger or, of the codec, more than the hash of a key.",
        rooms: &["src/reshard/"],
        except: &[],
        never: &[
            "crate::source",
            "crate::sink",
            "crate::epoch",
            "crate::codec::Event*",
            "crate::codec::Json*",
            "crate::codec::kpl::Aggregate",
            "crate::codec::kpl::Packer",
        ],
    },
    Rule {
        says: "`reshard/planner.rs` and `reshard/cut.rs` never use anything asynchronous, a clock or a store.",
        rooms: &["src/reshard/planner.rs", "src/reshard/cut.rs"],
        except: &[],
        never: &["tokio", "futures", "std::future", "chrono", "crate::store", "crate::aws"],
    },
    Rule {
        says: "Nothing uses the AWS SDK but `aws`, `source/kinesis`, `sink/kinesis`, `reshard/builder.rs`, `store/s3` and `lease/dynamodb.rs`.",
        rooms: &["src/"],
        except: &[
            "src/aws/",
            "src/source/kinesis/",
            "src/sink/kinesis/",
            "src/reshard/builder.rs",
            "src/store/s3/",
            "src/lease/dynamodb.rs",
        ],
        never: &["aws_*"],
    },
    Rule {
        says: "The library never uses the embedded servers or what only examples need.",
        rooms: &["src/", "operators/src/"],
        except: &[],
        never: &["anabranch_local_cloud", "clap", "indicatif", "comfy_table", "textplots", "humantime"],
    },
];

/// A path such as `std::fs::File` in the code of a file, and its line.
type Used = (usize, String);

#[test]
fn no_room_uses_what_it_must_not() {
    let files = rust_files();
    let mut broken = Vec::new();
    for rule in RULES {
        let about = |file: &str| begins_with_one_of(file, rule.rooms) && !begins_with_one_of(file, rule.except);
        let mut seen = 0;
        for (file, text) in files.iter().filter(|(file, _)| about(file) && !file.ends_with("/tests.rs")) {
            seen += 1;
            for (line, path) in used(file, library_code(&code(text))) {
                if rule.never.iter().any(|never| is_at_or_in(&path, never)) {
                    broken.push(format!("{file}:{line}: uses {path}. {}", rule.says));
                }
            }
        }
        assert!(seen > 0, "no file is in {:?}", rule.rooms);
    }
    assert!(broken.is_empty(), "the architecture is broken:\n{}", broken.join("\n"));
}

#[test]
fn every_rule_stands_in_architecture_md_and_no_other() {
    let page = read("ARCHITECTURE.md");
    let listed: Vec<&str> = page
        .split_once("## Who never uses what")
        .and_then(|(_, section)| section.split("\n## ").next())
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.says).collect();
    assert_eq!(listed, rules);
}

#[test]
fn nothing_is_unsafe_and_nothing_is_left_to_do() {
    let mut found = Vec::new();
    for (file, text) in rust_files() {
        for (index, line) in code(&text).lines().enumerate() {
            if line.split(|c: char| !is_name(c)).any(|word| word == "unsafe") {
                found.push(format!("{file}:{}: is unsafe", index + 1));
            }
        }
        for (index, line) in text.lines().enumerate() {
            let marks =
                [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")];
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{file}:{}: is left to do", index + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_operators_depend_on_little() {
    let manifest = read("operators/Cargo.toml");
    let dependencies = manifest.split_once("\n[dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    let names: Vec<_> = dependencies.lines().filter_map(|line| line.split(['.', ' ']).next()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["fastrand", "futures", "hashbrown", "pin-project", "slab", "tokio"]);
}

#[test]
fn the_scanner_sees_every_way_to_use_something() {
    let text = r##"
        use std::{fs::{self, File}, io as input};
        use crate::{Error, sink::queue};
        use super::super::store;
        use self::inner::Thing;
        // use crate::comment;
        const TEXT: &str = "crate::text \" still";
        const RAW: &str = r#"crate::raw " "#;
        const LETTER: char = '"';
        fn f<'a>() -> crate::epoch::Ledger<'a> { tokio::time::sleep(x) }
        #[cfg(test)]
        mod tests { use crate::test_only; }
    "##;
    let code = code(text);
    let found: Vec<_> = used("src/source/kinesis/read.rs", library_code(&code));
    let paths: Vec<_> = found.iter().map(|(line, path)| format!("{line} {path}")).collect();
    let expected = [
        "2 std::fs",
        "2 std::fs::File",
        "2 std::io",
        "3 crate::Error",
        "3 crate::sink::queue",
        "4 crate::source::store",
        "5 crate::source::kinesis::read::inner::Thing",
        "10 crate::epoch::Ledger",
        "10 tokio::time::sleep",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_beginning_of_a_path_is_told_from_the_beginning_of_a_name() {
    assert!(is_at_or_in("crate::sink", "crate::sink"));
    assert!(is_at_or_in("crate::sink::queue", "crate::sink"));
    assert!(!is_at_or_in("crate::sinking", "crate::sink"));
    assert!(is_at_or_in("aws_sdk_s3::Client", "aws_*"));
    assert!(is_at_or_in("crate::source::FileSource", "crate::source::File*"));
    assert!(!is_at_or_in("crate::source::open", "crate::source::File*"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust files of ours, by their paths from the root.
fn rust_files() -> Vec<(String, String)> {
    let mut folders: Vec<_> =
        ["src", "operators", "local-cloud", "examples", "benches", "tests"].map(|name| root().join(name)).into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 150, "only {} files were found", files.len());
    files.sort();
    files
}

fn begins_with_one_of(file: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| file.starts_with(beginning))
}

fn is_at_or_in(path: &str, place: &str) -> bool {
    match place.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A file with its comments, texts and letters blanked out.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = code.chars().next_back().is_some_and(is_name);
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix('r').filter(|raw| !after_name && raw.starts_with(['"', '#'])) {
            let marks = raw.len() - raw.trim_start_matches('#').len();
            match raw[marks..].strip_prefix('"') {
                Some(body) => {
                    let close = format!("\"{}", "#".repeat(marks));
                    2 + marks + body.find(&close).map_or(body.len(), |end| end + close.len())
                }
                None => 0,
            }
        } else if let Some(body) = rest.strip_prefix('"') {
            1 + end_of_text(body, '"')
        } else if let Some(body) = rest.strip_prefix('\'') {
            // A letter has its quote behind it; a lifetime has not.
            let letter = body.starts_with('\\') || body.chars().nth(1) == Some('\'');
            if letter { 1 + end_of_text(body, '\'') } else { 0 }
        } else {
            0
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    code
}

fn end_of_text(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    body.len()
}

/// What stands before the tests at the end of a file.
fn library_code(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, mark)| {
        let behind = code[at + mark.len()..].trim_start();
        // Attributes may stand between.
        behind.starts_with("mod tests {") || behind.starts_with("#[allow") && behind.contains("mod tests {")
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// All paths in a file's code: those of `use`, taken apart, and those that stand elsewhere.
fn used(file: &str, code: &str) -> Vec<Used> {
    let module = module_of(file);
    let mut used = Vec::new();
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        let begins = is_name(c) && !code[..at].chars().next_back().is_some_and(is_name);
        if !begins {
            at += c.len_utf8();
            continue;
        }
        let line = 1 + code[..at].matches('\n').count();
        let rest = &code[at..];
        if let Some(tree) = rest.strip_prefix("use ") {
            let tree = tree.split(';').next().unwrap();
            let mut paths = Vec::new();
            take_apart("", tree, &mut paths);
            used.extend(paths.into_iter().map(|path| (line, absolute(&module, &path))));
            at += "use ".len() + tree.len();
        } else {
            let path: String = rest.chars().take_while(|c| is_name(*c) || *c == ':').collect();
            let path = path.trim_end_matches(':');
            if path.contains("::") {
                used.push((line, absolute(&module, path)));
            }
            at += path.len();
        }
    }
    used
}

/// The paths in the tree behind `use`.
fn take_apart(before: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    if let Some((path, branches)) = tree.split_once('{') {
        let mut depth = 0;
        let inside = branches.trim_end().strip_suffix('}').unwrap_or(branches);
        let separated = inside.split(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        for branch in separated {
            take_apart(&format!("{before}{}", path.trim()), branch, paths);
        }
    } else if !tree.is_empty() {
        let name = tree.split(" as ").next().unwrap().trim();
        let path = format!("{before}{name}");
        paths.push(path.strip_suffix("::self").map_or(path.clone(), str::to_owned));
    }
}

/// The module that a file is.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside).trim_end_matches(".rs");
    let names = inside.split('/').filter(|name| !["mod", "lib", "main"].contains(name));
    names.map(str::to_owned).collect()
}

/// A path without `self` and `super` at its beginning.
fn absolute(module: &[String], path: &str) -> String {
    let mut above = module.to_vec();
    let mut names: Vec<&str> = path.split("::").collect();
    if !["self", "super"].contains(&names[0]) {
        return path.to_owned();
    }
    while let Some(first) = names.first().filter(|name| ["self", "super"].contains(*name)) {
        if *first == "super" {
            above.pop();
        }
        names.remove(0);
    }
    ["crate"].into_iter().chain(above.iter().map(String::as_str)).chain(names).collect::<Vec<_>>().join("::")
}
