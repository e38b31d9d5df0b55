//! The same jobs by anabranch, by its peers and by loops written by hand: what the benches `peers` and `groups` run.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

pub mod input;
pub mod jobs;
mod ways;

/// The time that the processor has spent on this process, all threads of it, for the user and for the system.
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The middle one, or the higher of the two in the middle.
///
/// # Panics
///
/// If there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
