//! The operators against vectors that were recorded from RxPY 4.1.0 in virtual time: `vectors/SCHEMA.md` says what they
//! mean and how they were made.
//!
//! ```sh
//! cargo test -p anabranch-operators --test conformance             # the vectors of this repository
//! cargo test -p anabranch-operators --test conformance -- zip      # of operators whose name contains `zip`
//! ANABRANCH_VECTORS=DIR cargo test -p anabranch-operators --test conformance
//! ```
//!
//! It is a program of its own, without the test harness, so that its table of counts is seen also when all pass. An
//! operator, a parameter, a tag or an event that it does not know is a failure. Differences that are meant are
//! [rules](rules::RULES).
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod compare;
mod operators;
mod rules;
mod run;
mod vector;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rules::RULES;
use run::Subscriptions;
use vector::{Case, Vector};

/// What `tags` may say. None is needed to run a vector; `eager_error` is part of a rule.
const TAGS: [&str; 2] = ["eager_error", "shifted_completion"];

/// How an operator did.
#[derive(Default)]
struct Score {
    passed: usize,
    by_rule: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Score {
    fn cases(&self) -> usize {
        self.passed + self.by_rule.values().sum::<usize>() + self.failed.len()
    }
}

fn main() -> ExitCode {
    let folder = std::env::var_os("ANABRANCH_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/vectors"), PathBuf::from);
    let mut filters: Vec<_> = std::env::args().skip(1).collect();
    if filters.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    filters.retain(|argument| !argument.starts_with('-'));
    // A panic is a failed case, and is told as one.
    std::panic::set_hook(Box::new(|_| {}));
    let mut scores = BTreeMap::<String, Score>::new();
    for vector in read(&folder) {
        if filters.is_empty() || filters.iter().any(|filter| vector.operator.contains(filter)) {
            judge(&vector, scores.entry(vector.operator.clone()).or_default());
        }
    }
    report(&folder, &scores)
}

/// All vectors of a folder.
fn read(folder: &Path) -> Vec<Vector> {
    let complain = |path: &Path, error: &dyn std::fmt::Display| -> ! {
        eprintln!("cannot read the vectors in {}: {error}", path.display());
        std::process::exit(1);
    };
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| complain(folder, &error));
    let mut paths: Vec<_> =
        entries.map(|entry| entry.unwrap_or_else(|error| complain(folder, &error)).path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension == "json")
            && path.file_stem().is_some_and(|stem| stem != "index")
    });
    paths.sort();
    let vectors = paths.iter().flat_map(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| complain(path, &error));
        serde_json::from_str::<Vec<Vector>>(&text).unwrap_or_else(|error| complain(path, &error))
    });
    let vectors: Vec<_> = vectors.collect();
    if vectors.is_empty() {
        complain(folder, &"there are none; they are files `<operator>.json`");
    }
    vectors
}

fn judge(vector: &Vector, score: &mut Score) {
    if let Some(tag) = vector.tags.iter().find(|tag| !TAGS.contains(&tag.as_str())) {
        score.failed.push(format!("{}: unknown tag `{tag}`", vector.id));
        return;
    }
    match catch_unwind(AssertUnwindSafe(|| run_and_compare(vector))) {
        Ok(Ok(None)) => score.passed += 1,
        Ok(Ok(Some(rule))) => *score.by_rule.entry(rule).or_default() += 1,
        Ok(Err(problem)) => score.failed.push(format!("{}: {problem}", vector.id)),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            score.failed.push(format!("{}: panicked: {}", vector.id, message.unwrap_or_default()));
        }
    }
}

/// Whether the output is the recorded one, or else by which rule it may differ.
fn run_and_compare(vector: &Vector) -> Result<Option<&'static str>, String> {
    let case = Case::new(vector);
    let output = operators::run(&case).ok_or("unknown operator")?;
    let unknown = case.unknown_params();
    if !unknown.is_empty() {
        return Err(format!("unknown parameters {unknown:?}"));
    }
    let recorded = vector.subscriptions.first().ok_or("no subscriptions")?;
    let subscribed_as_recorded = match &output.subscriptions {
        Subscriptions::Unknown => true,
        Subscriptions::Times(times) => *times == recorded.len(),
        Subscriptions::Spans(spans) => spans == recorded,
    };
    if !subscribed_as_recorded {
        return Err(format!("subscriptions are {:?}, and {recorded:?} recorded", output.subscriptions));
    }
    if compare::same(&vector.expected, &output.events) {
        return Ok(None);
    }
    let run = |vector: &Vector| operators::run(&Case::new(vector)).map_or_else(Vec::new, |output| output.events);
    if let Some(rule) = RULES.iter().find(|rule| (rule.explains)(vector, &output.events, &run)) {
        return Ok(Some(rule.name));
    }
    let [recorded, given] = [&vector.expected, &output.events].map(|events| serde_json::Value::from(events.clone()));
    Err(format!("\n    recorded {recorded}\n    given    {given}"))
}

/// Prints the table, the rules, and every failure.
fn report(folder: &Path, scores: &BTreeMap<String, Score>) -> ExitCode {
    println!("vectors of {}\n{:<28} {:>6} {:>8} {:>6}", folder.display(), "operator", "passed", "by rule", "cases");
    for (operator, score) in scores {
        let by_rule = score.by_rule.values().sum::<usize>();
        println!("{operator:<28} {:>6} {by_rule:>8} {:>6}", score.passed, score.cases());
    }
    let total = |of: fn(&Score) -> usize| scores.values().map(of).sum::<usize>();
    let (passed, failed, cases) = (total(|score| score.passed), total(|score| score.failed.len()), total(Score::cases));
    println!("{:<28} {passed:>6} {:>8} {cases:>6}", format!("{} operators", scores.len()), cases - passed - failed);
    for rule in RULES {
        let touched: usize = scores.values().filter_map(|score| score.by_rule.get(rule.name)).sum();
        println!("rule: {}, {touched} cases: {}", rule.name, rule.reason);
    }
    for problem in scores.values().flat_map(|score| &score.failed) {
        eprintln!("FAILED {problem}");
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("{failed} of {cases} cases failed");
        ExitCode::FAILURE
    }
}
