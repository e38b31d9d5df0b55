//! Memory does not grow with the input.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::crash::rows;
use crate::{Place, end};

#[test]
fn a_million_events_take_less_than_a_hundred_megabytes() {
    let place = Place::new();
    let source = place.write("a.tsv", rows(1_000_000, &mut StdRng::seed_from_u64(1)));
    let mut child = place.command(&source, &[]).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The kernel keeps the peak, and forgets it with the process: the last look comes shortly before.
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.map_or(peak, |line| line.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
        sleep(Duration::from_millis(10));
    }
    let ended = end(child).well();
    assert!(ended.out.contains("1000000 events read = 1000000 counted"), "{}", ended.out);
    println!("peak {peak} kB");
    assert!(peak > 1_000 && peak < 100_000, "{peak} kB");
}
