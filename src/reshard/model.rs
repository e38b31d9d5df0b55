//! A stream in a test: its shards, what it takes of hash keys with weights, and what the service refuses.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Change, Limits, Load, Shard, Traffic, Usage};
use crate::aws::shards::{HashRange, Shard as Known};

/// How many hash keys are known of a shard in a window.
const MARKS: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) listed: Vec<Known>,
    made: usize,
}

impl Model {
    /// A stream of so many shards of the same width.
    pub(super) fn new(shards: u128) -> Self {
        let mut model = Self { listed: Vec::new(), made: 0 };
        let width = u128::MAX / shards;
        for n in 0..shards {
            let end = if n + 1 == shards { u128::MAX } else { (n + 1) * width - 1 };
            model.add(Vec::new(), HashRange { start: n * width, end });
        }
        model
    }

    fn add(&mut self, parents: Vec<String>, range: HashRange) {
        self.listed.push(Known { id: format!("shardId-{:012}", self.made), parents, closed: false, range });
        self.made += 1;
    }

    pub(super) fn open(&self) -> Vec<Shard> {
        Shard::open(&self.listed)
    }

    /// Makes a change, or says why the service would refuse it.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), String> {
        let mut ranges = Vec::new();
        for id in change.shards() {
            let shard = self.listed.iter().find(|shard| shard.id == *id).ok_or(format!("{id} is not there"))?;
            if shard.closed {
                return Err(format!("{id} is closed"));
            }
            ranges.push(shard.range);
        }
        let children = match change {
            Change::Split { at, .. } => {
                let HashRange { start, end } = ranges[0];
                if *at <= start + 1 || *at >= end {
                    return Err(format!("{at} is at the edge of {start} to {end}"));
                }
                vec![HashRange { start, end: at - 1 }, HashRange { start: *at, end }]
            }
            Change::Merge { .. } => {
                if ranges[0].end.checked_add(1) != Some(ranges[1].start) {
                    return Err("they are no neighbours".to_owned());
                }
                vec![HashRange { start: ranges[0].start, end: ranges[1].end }]
            }
        };
        let parents = change.shards().to_vec();
        self.listed.iter_mut().filter(|shard| parents.contains(&shard.id)).for_each(|shard| shard.closed = true);
        children.into_iter().for_each(|range| self.add(parents.clone(), range));
        Ok(())
    }

    /// Whether each hash key has one open shard.
    pub(super) fn is_covered_once(&self) -> bool {
        let mut next = Some(0);
        for shard in self.open() {
            if next != Some(shard.first) || shard.last < shard.first {
                return false;
            }
            next = shard.last.checked_add(1);
        }
        next.is_none()
    }

    /// What would be measured in so long: of bytes a second for each hash key, as records of 1,000 bytes. A shard takes
    /// what it can.
    pub(super) fn loads(&self, rates: &BTreeMap<u128, f64>, took: Duration) -> BTreeMap<String, Load> {
        let load = |shard: &Shard| {
            let here = rates.range(shard.first..=shard.last);
            let wanted: f64 = here.clone().map(|(_, rate)| rate).sum();
            let taken = wanted.min(Limits::KINESIS.bytes);
            let of = |rate: f64| (rate * took.as_secs_f64()) as u64;
            let written =
                Usage { bytes: of(taken), records: of(taken / 1_000.0), throttled: of((wanted - taken) / 1_000.0) };
            // One in the middle of each of so many equal parts of the bytes.
            let (mut marks, mut below) = (Vec::new(), 0.0);
            for (hash, rate) in here {
                below += rate;
                while below > wanted * (marks.len() as f64 + 0.5) / MARKS as f64 && marks.len() < MARKS {
                    marks.push(*hash);
                }
            }
            Load { written: Some(written), marks, ..Load::default() }
        };
        self.open().iter().map(|shard| (shard.id.clone(), load(shard))).collect()
    }

    /// Measures that.
    pub(super) fn put(&self, traffic: &Traffic, rates: &BTreeMap<u128, f64>, took: Duration) {
        for (shard, Load { written, marks, .. }) in self.loads(rates, took) {
            traffic.written(&shard, written.unwrap());
            traffic.keys(&shard, marks.into_iter().map(|hash| (16, hash)), |hash| hash);
        }
    }
}
