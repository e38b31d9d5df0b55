//! Plain loops: one hash map, and a queue where groups are to be closed by time.

use std::collections::VecDeque;
use std::time::Duration;

use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap};
use tokio::time::Instant;

use crate::input::{DISORDER, Key, MINUTE, Tally, events};
use crate::jobs::{Input, LASTS};

/// Closes minutes when the latest event is far enough beyond them.
pub(crate) fn closed_by_event_time(input: Input) -> Tally {
    let mut tally = Tally::default();
    let mut counts = HashMap::<Key, u64, DefaultHashBuilder>::default();
    let mut ends = VecDeque::<(i64, Key)>::new();
    let mut latest = i64::MIN;
    for event in events(input.text) {
        if event.millis > latest {
            latest = event.millis;
            while let Some((_, key)) = ends.pop_front_if(|(end, _)| *end <= latest - DISORDER) {
                counts.remove(&key).into_iter().for_each(|count| tally.count(key, count));
            }
        }
        match counts.entry(event.key) {
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(count) => {
                count.insert(1);
                ends.push_back(((i64::from(event.key.minute) + 1) * MINUTE, event.key));
            }
        }
    }
    counts.into_iter().for_each(|(key, count)| tally.count(key, count));
    tally
}

/// Closes groups a while after they opened, by the clock, which it reads every 256 events.
pub(crate) fn closed_by_the_clock(input: Input) -> Tally {
    let mut tally = Tally::default();
    let mut counts = HashMap::<Key, u64, DefaultHashBuilder>::default();
    let mut ends = VecDeque::<(Instant, Key)>::new();
    let mut now = Instant::now();
    for (index, event) in events(input.text).enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = ends.pop_front_if(|(end, _)| *end <= now) {
                counts.remove(&key).into_iter().for_each(|count| tally.count(key, count));
            }
        }
        match counts.entry(event.key) {
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(count) => {
                count.insert(1);
                ends.push_back((now + LASTS, event.key));
            }
        }
    }
    counts.into_iter().for_each(|(key, count)| tally.count(key, count));
    tally
}

/// As [`closed_by_the_clock`], with numbers as keys and nothing to be read.
pub(crate) fn keys_closed_by_the_clock(keys: &[u64], lasts: Duration) -> Tally {
    let mut tally = Tally::default();
    let mut counts = HashMap::<u64, u64, DefaultHashBuilder>::default();
    let mut ends = VecDeque::<(Instant, u64)>::new();
    let mut now = Instant::now();
    for (index, key) in keys.iter().enumerate() {
        if index % 256 == 0 {
            now = Instant::now();
            while let Some((_, key)) = ends.pop_front_if(|(end, _)| *end <= now) {
                counts.remove(&key).into_iter().for_each(|count| tally.add(key, count));
            }
        }
        *counts.entry(*key).or_insert_with(|| {
            ends.push_back((now + lasts, *key));
            0
        }) += 1;
    }
    // Oldest first, as the flow gives them.
    for (_, key) in ends {
        counts.remove(&key).into_iter().for_each(|count| tally.add(key, count));
    }
    tally
}

/// The sum of each key's numbers.
pub(crate) fn keyed_fold(input: Input) -> Tally {
    let mut tally = Tally::default();
    let mut sums = HashMap::<u64, u64, DefaultHashBuilder>::default();
    for (key, number) in input.pairs() {
        *sums.entry(key).or_default() += number;
    }
    sums.into_iter().for_each(|(key, sum)| tally.add(key, sum));
    tally
}

/// What would be merged, one part after the other.
pub(crate) fn merge(input: Input) -> Tally {
    let mut tally = Tally::default();
    (0..8).flat_map(|part| input.part(part)).for_each(|number| tally.add(number, 1));
    tally
}
