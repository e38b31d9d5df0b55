//! What is shown, and compared: the figures of the whole grid, of each region, and the regions with most shipments.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{Millis, Region};
use crate::totals::{BINS, Histogram, Totals};

/// How many regions the list of the first has.
pub(crate) const TOP: usize = 10;

/// All figures, as of the time when the last event was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) clock: Millis,
    pub(crate) all: Figure,
    pub(crate) regions: BTreeMap<Region, Figure>,
    /// The regions with most shipments, and how many: completed orders. Of two that have as many, the first by name.
    pub(crate) top: Vec<(Region, u64)>,
}

/// The figures of a region, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figure {
    pub(crate) created: u64,
    pub(crate) assigned: u64,
    pub(crate) completed: u64,
    /// Orders of which something has come, but not that they are completed, and that are not given up.
    pub(crate) open: u64,
    pub(crate) price_created: u64,
    pub(crate) price_completed: u64,
    pub(crate) wait: Times,
    pub(crate) delivery: Times,
    pub(crate) late: u64,
    pub(crate) repeated: u64,
    pub(crate) refused: u64,
    pub(crate) never_created: u64,
    pub(crate) never_assigned: u64,
    pub(crate) never_completed: u64,
    pub(crate) crowded_out: u64,
}

/// How long something took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) sum: Millis,
    /// The bins in which the 50th, the 90th and the 99th percentile lie.
    pub(crate) percentiles: [Option<usize>; 3],
}

impl Times {
    pub(crate) const PERCENTS: [u64; 3] = [50, 90, 99];

    pub(crate) fn mean(&self) -> Option<Millis> {
        self.sum.checked_div(i64::try_from(self.count).ok()?)
    }

    /// The upper ends of the bins of the percentiles; unset where there is none, or where the bin has no end.
    pub(crate) fn bounds(&self) -> [Option<Millis>; 3] {
        self.percentiles.map(|bin| bin.and_then(|bin| BINS.get(bin).copied()))
    }
}

impl From<&Histogram> for Times {
    fn from(times: &Histogram) -> Self {
        let percentiles = Self::PERCENTS.map(|percent| times.percentile(percent));
        Self { count: times.count(), sum: times.sum, percentiles }
    }
}

impl Figure {
    pub(crate) fn new(totals: &Totals, open: u64) -> Self {
        Self {
            created: totals.created,
            assigned: totals.assigned,
            completed: totals.completed,
            open,
            price_created: totals.price_created,
            price_completed: totals.price_completed,
            wait: (&totals.wait).into(),
            delivery: (&totals.delivery).into(),
            late: totals.late,
            repeated: totals.repeated,
            refused: totals.refused,
            never_created: totals.never_created,
            never_assigned: totals.never_assigned,
            never_completed: totals.never_completed,
            crowded_out: totals.crowded_out,
        }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} times of {} ms in all", self.count, self.sum)?;
        for (percent, bin) in Self::PERCENTS.iter().zip(self.percentiles) {
            match bin.map(|bin| BINS.get(bin)) {
                Some(Some(end)) => write!(f, ", {percent} % within {end} ms")?,
                Some(None) => write!(f, ", {percent} % within more than can be told")?,
                None => {}
            }
        }
        Ok(())
    }
}

impl Figure {
    /// What is told of each figure, for people.
    fn told(&self) -> [(&'static str, String); 15] {
        [
            ("created", self.created.to_string()),
            ("assigned", self.assigned.to_string()),
            ("completed", self.completed.to_string()),
            ("open", self.open.to_string()),
            ("cents of created", self.price_created.to_string()),
            ("cents of completed", self.price_completed.to_string()),
            ("created to assigned", self.wait.to_string()),
            ("created to completed", self.delivery.to_string()),
            ("late", self.late.to_string()),
            ("repeated", self.repeated.to_string()),
            ("refused", self.refused.to_string()),
            ("never created", self.never_created.to_string()),
            ("never assigned", self.never_assigned.to_string()),
            ("never completed", self.never_completed.to_string()),
            ("crowded out", self.crowded_out.to_string()),
        ]
    }

    /// Where this, which was counted, is not as expected.
    fn differences(&self, expected: &Self) -> String {
        let both = self.told().into_iter().zip(expected.told());
        let told = both.filter(|((_, counted), (_, expected))| counted != expected);
        let told =
            told.map(|((name, counted), (_, expected))| format!("{name} counted {counted}, expected {expected}"));
        told.collect::<Vec<_>>().join("; ")
    }
}

impl Figures {
    /// Where these, which were counted, are not as expected: the first few, for people.
    pub(crate) fn differences(&self, expected: &Self) -> Vec<String> {
        const SHOWN: usize = 5;
        let mut found = Vec::new();
        if self.all != expected.all {
            found.push(format!("in all: {}", self.all.differences(&expected.all)));
        }
        if self.clock != expected.clock {
            found.push(format!("the last event: counted one sent at {}, expected {}", self.clock, expected.clock));
        }
        if self.top != expected.top {
            found.push(format!("the first regions: counted {}, expected {}", listed(&self.top), listed(&expected.top)));
        }
        let mut regions: Vec<_> = self.regions.keys().chain(expected.regions.keys()).collect();
        regions.sort();
        regions.dedup();
        for region in regions {
            let (counted, expected) = (self.regions.get(region), expected.regions.get(region));
            if counted == expected {
                continue;
            }
            let only = match (counted, expected) {
                (_, None) => ", of which no event is expected",
                (None, _) => ", of which nothing is counted",
                (Some(_), Some(_)) => "",
            };
            let none = Figure::default();
            found.push(format!("{region}{only}: {}", counted.unwrap_or(&none).differences(expected.unwrap_or(&none))));
        }
        found.truncate(SHOWN);
        found
    }
}

fn listed(top: &[(Region, u64)]) -> String {
    let listed: Vec<_> = top.iter().map(|(region, shipments)| format!("{region} with {shipments}")).collect();
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}
