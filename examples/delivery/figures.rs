//! What is shown, and compared: the figures of the whole grid, of each region, and the regions with most shipments.

use std::collections::BTreeMap;

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

impl Figures {
    /// Where these are not the same as others: the first few, for people.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        const SHOWN: usize = 5;
        let mut found = Vec::new();
        if self.all != other.all {
            found.push(format!("in all: {:?}, not {:?}", self.all, other.all));
        }
        if (&self.top, self.clock) != (&other.top, other.clock) {
            found.push(format!("the first: {:?} at {}, not {:?} at {}", self.top, self.clock, other.top, other.clock));
        }
        let mut regions: Vec<_> = self.regions.keys().chain(other.regions.keys()).collect();
        regions.sort();
        regions.dedup();
        for region in regions {
            let (one, two) = (self.regions.get(region), other.regions.get(region));
            if one != two {
                found.push(format!("{region}: {one:?}, not {two:?}"));
            }
        }
        found.truncate(SHOWN);
        found
    }
}
