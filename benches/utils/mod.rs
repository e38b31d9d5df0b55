//! What the benches have in common.

use std::time::{Duration, Instant};

/// How often each way is run for the ratios.
const RUNS: usize = 7;

/// Prints how long the first way takes for an item, and how many times that the others take.
///
/// The shortest of some runs counts, and the ways take turns, so that a busy machine is busy for all.
pub(crate) fn print_ratios(job: &str, items: usize, ways: &mut [(&str, &mut dyn FnMut())]) {
    let mut shortest = vec![Duration::MAX; ways.len()];
    for _ in 0..RUNS {
        for ((_, way), shortest) in ways.iter_mut().zip(&mut shortest) {
            let begin = Instant::now();
            way();
            *shortest = begin.elapsed().min(*shortest);
        }
    }
    let seconds: Vec<f64> = shortest.iter().map(Duration::as_secs_f64).collect();
    print!("{job}: {} {:.1} ns an item", ways[0].0, seconds[0] * 1e9 / items as f64);
    for ((name, _), time) in ways.iter().zip(&seconds).skip(1) {
        print!(", {name} {:.2} times that", time / seconds[0]);
    }
    println!();
}
