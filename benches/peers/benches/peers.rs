//! The jobs by anabranch, by its peers and by hand.
//!
//! Each way runs in a process of its own, so that none has another's memory to begin with, and one that does not end can be
//! cut off. The ways take turns; a row is the median of the ratios to the loop by hand of the same turn. Run it with
//! `cargo bench --manifest-path benches/peers/Cargo.toml --bench peers`; words behind `--` choose the jobs whose names hold
//! one of them, and a number says how many turns there are.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use anabranch_peers::input::Tally;
use anabranch_peers::jobs::{JOBS, Job, Way};
use anabranch_peers::{median, processor_time};

const TURNS: usize = 5;

/// How long a way may take, with the making of its input.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes behind the program's name where it runs one way alone.
const ALONE: &str = "alone";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let [alone, job, way] = words.as_slice()
        && alone == ALONE
    {
        run_alone(&JOBS[job.parse::<usize>().expect("a job")], way.parse().expect("a way"));
        return ExitCode::SUCCESS;
    }
    let (numbers, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.parse::<usize>().is_ok());
    let turns = numbers.first().and_then(|number| number.parse().ok()).unwrap_or(TURNS);
    let mut is_first = true;
    for (number, job) in JOBS.iter().enumerate() {
        if words.is_empty() || words.iter().any(|word| job.name.contains(word.as_str())) {
            match compare(number, job, turns) {
                Ok(first) => is_first &= first,
                Err(error) => {
                    eprintln!("{}: {error}", job.name);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    if !is_first {
        eprintln!("anabranch is not first in every job");
    }
    ExitCode::SUCCESS
}

/// One way, and what it took: nanoseconds of the processor, and what it came to.
fn run_alone(job: &Job, way: usize) {
    let input = job.input(job.items());
    let before = processor_time();
    let Way { name, run, .. } = &job.ways[way];
    let tally = run(input);
    let spent = processor_time() - before;
    // Afterwards, so that it warms nothing.
    let expected = (job.ways[0].run)(input);
    assert!(job.ways[way].comes_near(tally, expected), "{name} comes to {tally:?}, the loop to {expected:?}");
    assert_ne!(tally, Tally::default(), "there was nothing to do");
    println!("{} {} {}", spent.as_nanos(), expected.rows, expected.total.wrapping_sub(tally.total));
}

/// What became of a way in one turn.
enum Run {
    /// Nanoseconds of the processor for an item.
    Took {
        span: f64,
        rows: u64,
        lost: u64,
    },
    CutOff,
}

fn start(number: usize, job: &Job, way: usize) -> io::Result<Run> {
    let program = env::current_exe()?;
    let mut child =
        Command::new(program).args([ALONE, &number.to_string(), &way.to_string()]).stdout(Stdio::piped()).spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(Run::CutOff);
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().filter_map(|number| number.parse::<u64>().ok());
    match (output.status.success(), numbers.next(), numbers.next(), numbers.next()) {
        (true, Some(spent), Some(rows), Some(lost)) => {
            Ok(Run::Took { span: spent as f64 / job.items() as f64, rows, lost })
        }
        _ => Err(io::Error::other(format!("{} failed: {}", job.ways[way].name, output.status))),
    }
}

/// Prints the rows of a job; gives whether anabranch's first way was the fastest that is not by hand.
fn compare(number: usize, job: &Job, turns: usize) -> io::Result<bool> {
    let mut spans = vec![Vec::new(); job.ways.len()];
    let mut cut_off = vec![false; job.ways.len()];
    let mut losses = vec![0; job.ways.len()];
    let mut results = 0;
    for _ in 0..turns {
        for way in 0..job.ways.len() {
            if !cut_off[way] {
                match start(number, job, way)? {
                    Run::Took { span, rows, lost } => {
                        spans[way].push(span);
                        (results, losses[way]) = (rows, lost);
                    }
                    Run::CutOff => cut_off[way] = true,
                }
            }
        }
    }
    println!("\n{}: {} items, {results} results", job.name, job.items());
    println!("| way | ns an item | times the loop by hand |\n|---|---|---|");
    let ratios: Vec<Option<f64>> = spans
        .iter()
        .zip(&cut_off)
        .map(|(spans_of_way, cut_off)| {
            let ratios = spans_of_way.iter().zip(&spans[0]).map(|(span, by_hand)| span / by_hand).collect();
            (!cut_off).then(|| median(ratios))
        })
        .collect();
    for (((way, spans), ratio), lost) in job.ways.iter().zip(spans).zip(&ratios).zip(losses) {
        let name = if lost == 0 { way.name.to_owned() } else { format!("{}, {lost} lost", way.name) };
        match ratio {
            Some(ratio) => println!("| {name} | {:.1} | {ratio:.2} |", median(spans)),
            None => println!("| {name} | did not end in {} s | |", PATIENCE.as_secs()),
        }
    }
    let ours = ratios[1].unwrap_or(f64::INFINITY);
    Ok(ratios.iter().skip(2).flatten().all(|peer| *peer >= ours))
}
