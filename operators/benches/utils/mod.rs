//! What the benches have in common: ways to do a job that take turns.

use std::time::{Duration, Instant};

/// A way to do a job, by its name. It tells how long the job took, without what had to be made ready for it.
pub(crate) type Way<'a> = (&'a str, &'a dyn Fn() -> Duration);

/// Which rows are run, and how often.
pub(crate) struct Bench {
    words: Vec<String>,
    runs: Option<usize>,
}

impl Bench {
    /// As the words behind `--` say: those that are no numbers choose the rows whose names hold them.
    pub(crate) fn from_args() -> Self {
        let words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
        let (numbers, words): (Vec<_>, Vec<_>) = words.partition(|word| word.parse::<usize>().is_ok());
        Self { words, runs: numbers.first().and_then(|number| number.parse().ok()) }
    }

    pub(crate) fn wants(&self, job: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| job.contains(word.as_str()))
    }

    /// Runs the ways in turn; prints the median of each, and of its ratio to the first in the same round.
    pub(crate) fn row(&self, job: &str, items: usize, runs: usize, ways: &[Way<'_>]) {
        let mut spans = vec![Vec::new(); ways.len()];
        for _ in 0..self.runs.unwrap_or(runs) {
            for ((name, way), spans) in ways.iter().zip(&mut spans) {
                if self.wants(&format!("{job} {name}")) {
                    spans.push(way().as_secs_f64() * 1e9 / items as f64);
                }
            }
        }
        if spans.iter().all(Vec::is_empty) {
            return;
        }
        print!("{job}:");
        for ((name, _), span) in ways.iter().zip(&spans).filter(|(_, spans)| !spans.is_empty()) {
            print!(" {name} {:.2} ns", median(span.clone()));
            if spans[0].len() == span.len() && *name != ways[0].0 {
                print!(" ({:.2} x)", median(span.iter().zip(&spans[0]).map(|(one, first)| one / first).collect()));
            }
        }
        println!();
    }
}

/// How long it takes.
pub(crate) fn timed(job: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    job();
    begin.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
