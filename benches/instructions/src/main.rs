//! Holds the instructions of flows, as multiples of those of loops written by hand, to what was recorded.
//!
//! Callgrind counts them, so a busy machine changes nothing. What is compared is the ratio to the loop, counted in the same
//! run, which changes far less from machine to machine than counts do. All runs on one thread.
//!
//! ```sh
//! cargo run --release -p anabranch-instructions               # compare
//! cargo run --release -p anabranch-instructions -- --record   # write recorded.tsv anew
//! ```

mod by_hand;
mod cases;
mod recorded;

use std::process::{Command, ExitCode};
use std::{env, io};

use cases::CASES;
use recorded::{Counts, Recorded, Verdict};

/// What comes behind the program's name where it runs one way of one case, and callgrind counts.
const ALONE: &str = "alone";

/// The way that is written by hand; the flow's is the other.
const BY_HAND: &str = "by-hand";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [ALONE, case, way] => run_alone(case, way),
        [] => compare(),
        ["--record"] => record(),
        _ => Err("say nothing to compare, or --record to write what is counted".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one way, and prints what it comes to.
fn run_alone(case: &str, way: &str) -> Result<(), String> {
    let case = CASES.iter().find(|known| known.name == case).ok_or("there is no such case")?;
    println!("{}", (if way == BY_HAND { case.by_hand } else { case.flow })());
    Ok(())
}

/// Counts all cases: instructions for an item, by hand and of the flow.
fn count_all() -> Result<Vec<Counts>, String> {
    let mut all = Vec::new();
    for case in CASES {
        let (loops, expected) = count(case.name, BY_HAND)?;
        let (flows, given) = count(case.name, "flow")?;
        if given != expected {
            return Err(format!("{}: the flow comes to {given:?}, the loop to {expected:?}", case.name));
        }
        let each = |instructions: u64| instructions as f64 / case.items as f64;
        all.push(Counts { name: case.name.to_owned(), by_hand: each(loops), flow: each(flows) });
    }
    Ok(all)
}

/// Runs one way under callgrind: how many instructions it took, and what it printed.
fn count(case: &str, way: &str) -> Result<(u64, String), String> {
    let program = env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*{}*", cases::MEASURED))
        .arg(program)
        .args([ALONE, case, way])
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "NOTHING WAS COUNTED: valgrind is not installed. Install it, by \
                `apt-get install valgrind` or `dnf install valgrind`, and run this again."
                .to_owned(),
            _ => format!("valgrind cannot be run: {error}"),
        })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{case}, {way}: {}\n{said}", output.status));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(instructions) if instructions > 0 => {
            Ok((instructions, String::from_utf8_lossy(&output.stdout).into_owned()))
        }
        _ => Err(format!("{case}, {way}: callgrind counted nothing in `{}`:\n{said}", cases::MEASURED)),
    }
}

/// Which compiler there is; cargo compiled this with it.
fn compiler() -> Result<String, String> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&program)
        .arg("--version")
        .output()
        .map_err(|error| format!("{} --version: {error}", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn record() -> Result<(), String> {
    let recorded = Recorded { compiler: compiler()?, cases: count_all()? };
    recorded.write()?;
    print!("{recorded}");
    Ok(())
}

fn compare() -> Result<(), String> {
    let recorded = Recorded::read()?;
    let compiler = compiler()?;
    let margin = recorded.margin(&compiler);
    let (mut slower, mut faster) = (Vec::new(), Vec::new());
    println!("recorded with {}, counted with {compiler}: margin {:.0} %", recorded.compiler, margin * 100.0);
    println!("{:>9} {:>9} {:>9} {:>9}", "by hand", "flow", "ratio", "recorded");
    for counts in count_all()? {
        let before = recorded.ratio(&counts.name)?;
        println!("{:9.1} {:9.1} {:9.3} {before:9.3}  {}", counts.by_hand, counts.flow, counts.ratio(), counts.name);
        match recorded::judge(before, counts.ratio(), margin) {
            Verdict::Slower => slower.push(counts.name),
            Verdict::Faster => faster.push(counts.name),
            Verdict::Same => {}
        }
    }
    let anew = "`cargo run --release -p anabranch-instructions -- --record`";
    if !faster.is_empty() {
        println!("faster than recorded: {}. To hold it, record anew: {anew}", faster.join(", "));
    }
    if slower.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than recorded: {}. Find out why; if it is worth it, record anew: {anew}",
        slower.join(", ")
    ))
}
