//! The jobs, and who does them.

use std::time::Duration;

use crate::input::{Tally, lines, scatter};
use crate::ways::{anabranch, by_hand, futures_util, renoir, rxrust, timely};

/// How long a group lasts that is closed by the clock: longer than any run.
pub(crate) const LASTS: Duration = Duration::from_secs(3_600);

/// How many groups may be open.
pub(crate) const GROUPS: usize = 4_000_000;

/// The events of a job that reads lines.
const EVENTS: usize = 4_000_000;

/// The numbers of a job that has nothing to read.
const NUMBERS: usize = 8_000_000;

/// What a job is done with. It lives as long as the process, as some peers need it.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Lines, if the job reads lines.
    pub(crate) text: &'static [u8],
    /// How many numbers, if not.
    numbers: u64,
}

impl Input {
    /// Pairs of a key, of ten thousand, and a number.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (u64, u64)> + Clone + Send + 'static {
        (0..self.numbers).map(|index| (scatter(index) % 10_000, index % 7))
    }

    /// One of eight parts of all numbers.
    pub(crate) fn part(self, part: u64) -> impl Iterator<Item = u64> + Clone + Send + 'static {
        let each = self.numbers / 8;
        part * each..(part + 1) * each
    }
}

/// One library's way to do a job.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The library, its version, and how.
    pub name: &'static str,
    /// Does it.
    pub run: fn(Input) -> Tally,
    /// Whether it may lose an event in ten thousand, which its row then says.
    pub loses: bool,
}

impl Way {
    /// Whether it comes to what the loop by hand comes to, as far as it can.
    pub fn comes_near(&self, tally: Tally, expected: Tally) -> bool {
        let missing = expected.total.wrapping_sub(tally.total);
        tally == expected || (self.loses && missing <= expected.total / 10_000)
    }
}

/// A job, and all ways to do it. The first is the loop by hand, and the next anabranch's fastest.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What it is.
    pub name: &'static str,
    /// Types and minutes of the lines, if it reads lines.
    shape: Option<(usize, usize)>,
    /// Who does it.
    pub ways: &'static [Way],
}

impl Job {
    /// How many items it has.
    pub const fn items(&self) -> usize {
        if self.shape.is_some() { EVENTS } else { NUMBERS }
    }

    /// Makes its input, of so many items.
    pub fn input(&self, items: usize) -> Input {
        let text = self.shape.map_or_else(Vec::new, |(types, minutes)| lines(items, types, minutes));
        Input { text: text.leak(), numbers: items as u64 }
    }
}

const fn way(name: &'static str, run: fn(Input) -> Tally) -> Way {
    Way { name, run, loses: false }
}

const BY_EVENT_TIME: &[Way] = &[
    way("by hand", by_hand::closed_by_event_time),
    way("anabranch event_windows", anabranch::event_windows),
    way("timely 0.31, a time a minute", timely::closed_by_event_time),
    // A key's first window begins with its first event: one before it, which is not late, falls into none.
    Way { name: "renoir 0.6 event-time window", run: renoir::event_time_window, loses: true },
];

const BY_THE_CLOCK: &[Way] = &[
    way("by hand", by_hand::closed_by_the_clock),
    way("anabranch group_until, count_each", anabranch::count_each),
    way("anabranch group_until, sub-streams", anabranch::sub_streams),
    way("timely 0.31, counts to the end", timely::counted_to_the_end),
    way("renoir 0.6 group_by, fold", renoir::group_by),
    way("renoir 0.6 group_by_count", renoir::group_by_count),
    way("rxrust 1.0-rc.6 group_by, flat_map", rxrust::flat_map),
    way("rxrust 1.0-rc.6 group_by, subscribed", rxrust::subscribed),
    way("futures, a tokio task and channel a key", futures_util::task_and_channel),
    way("futures, FuturesUnordered of channels", futures_util::futures_unordered),
];

const KEYED_FOLD: &[Way] = &[
    way("by hand", by_hand::keyed_fold),
    way("anabranch group_by, fold_each", anabranch::keyed_fold),
    way("timely 0.31 aggregate", timely::keyed_fold),
    way("renoir 0.6 group_by_fold", renoir::keyed_fold),
    way("rxrust 1.0-rc.6 group_by, flat_map", rxrust::keyed_fold),
    way("futures, fold into a map", futures_util::keyed_fold),
];

const MERGE: &[Way] = &[
    way("by hand, one after the other", by_hand::merge),
    way("anabranch merge", anabranch::merge),
    way("timely 0.31 concatenate", timely::merge),
    way("renoir 0.6 merge", renoir::merge),
    way("rxrust 1.0-rc.6 merge", rxrust::merge),
    way("futures select_all", futures_util::select_all),
];

/// All jobs.
pub const JOBS: [Job; 6] = [
    Job { name: "lines, 50 types, closed by event time", shape: Some((50, 181)), ways: BY_EVENT_TIME },
    Job { name: "lines, 1 million groups, closed by event time", shape: Some((5_800, 181)), ways: BY_EVENT_TIME },
    Job { name: "lines, 50 types, open to the end", shape: Some((50, 181)), ways: BY_THE_CLOCK },
    Job { name: "lines, 1 million groups, open to the end", shape: Some((5_800, 181)), ways: BY_THE_CLOCK },
    Job { name: "fold of 10,000 keys in memory", shape: None, ways: KEYED_FOLD },
    Job { name: "merge of 8 ready streams", shape: None, ways: MERGE },
];

/// Counts keys in memory: items, the keys that are open at once, and who does it.
pub mod in_memory {
    use super::{LASTS, Tally, anabranch, by_hand, scatter};

    /// Keys in no order, each of `open` at least once before any comes again, so that all are open together.
    pub fn keys(items: usize, open: usize) -> Vec<u64> {
        (0..items as u64)
            .map(|index| if index < open as u64 { scatter(index) } else { scatter(scatter(index) % open as u64) })
            .collect()
    }

    /// A loop by hand with a hash map and a queue of deadlines.
    pub fn by_hand(keys: &[u64]) -> Tally {
        by_hand::keys_closed_by_the_clock(keys, LASTS)
    }

    /// `group_until` and `count_each`.
    pub fn count_each(keys: &[u64]) -> Tally {
        anabranch::keys_count_each(keys, LASTS)
    }

    /// `group_until`, and each group counted as a stream, merged.
    pub fn sub_streams(keys: &[u64]) -> Tally {
        anabranch::keys_sub_streams(keys, LASTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_come_to_the_same() {
        for job in &JOBS {
            let items = 40_000;
            let input = job.input(items);
            let expected = (job.ways[0].run)(input);
            assert!(expected.rows > 0, "{}", job.name);
            for way in job.ways {
                let tally = (way.run)(input);
                assert!(way.comes_near(tally, expected), "{}, {}: {tally:?}, not {expected:?}", job.name, way.name);
            }
        }
    }

    #[test]
    fn all_keys_are_open_at_once() {
        let keys = in_memory::keys(5_000, 1_000);
        let distinct = |keys: &[u64]| keys.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!((distinct(&keys[..1_000]), distinct(&keys)), (1_000, 1_000));
        assert_eq!(in_memory::by_hand(&keys), in_memory::count_each(&keys));
        assert_eq!(in_memory::by_hand(&keys), in_memory::sub_streams(&keys));
    }
}
