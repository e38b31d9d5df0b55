//! The reader: the states of all partitions as one, kept up to date as they change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anabranch::epoch::{self, Header};
use anabranch::store::Store;
use anabranch::{Error, Partition};

use crate::figures::{Figure, Figures, TOP};
use crate::model::{Region, Rules};
use crate::state::{Deliveries, Order};
use crate::totals::Totals;

/// Regions by their shipments, always sorted: a change costs the logarithm of their number.
#[derive(Debug, Default)]
pub(crate) struct Ranking {
    shipments: HashMap<Region, u64>,
    sorted: BTreeSet<(Reverse<u64>, Region)>,
}

impl Ranking {
    pub(crate) fn set(&mut self, region: Region, shipments: u64) {
        if let Some(before) = self.shipments.insert(region, shipments) {
            self.sorted.remove(&(Reverse(before), region));
        }
        self.sorted.insert((Reverse(shipments), region));
    }

    pub(crate) fn first(&self) -> impl Iterator<Item = (Region, u64)> {
        self.sorted.iter().map(|(Reverse(shipments), region)| (*region, *shipments)).filter(|(_, count)| *count > 0)
    }
}

/// What a partition's last epoch has left.
#[derive(Debug)]
struct Left {
    epoch: u64,
    ended: bool,
    state: Deliveries,
}

/// The states of all partitions, and what they come to. What is first by shipments is made of sums over all partitions: a
/// region that is first nowhere may be first of all.
#[derive(Debug)]
pub(crate) struct Board {
    rules: Rules,
    partitions: BTreeMap<Partition, Left>,
    all: Totals,
    regions: BTreeMap<Region, Totals>,
    ranking: Ranking,
    set_aside: u64,
}

impl Board {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            partitions: BTreeMap::new(),
            all: Totals::default(),
            regions: BTreeMap::new(),
            ranking: Ranking::default(),
            set_aside: 0,
        }
    }

    /// Reads what was committed since the last time, and says whether there was anything.
    pub(crate) async fn refresh(&mut self, store: &Arc<dyn Store>) -> Result<bool, Error> {
        let mut last = BTreeMap::<Partition, Header>::new();
        let mut headers = epoch::headers(Arc::clone(store));
        let mut set_aside = 0;
        while let Some((_, header)) = headers.next().await? {
            set_aside += header.dead.as_ref().map_or(0, |dead| dead.letters);
            if last.get(&header.partition).is_none_or(|last| last.n < header.n) {
                last.insert(header.partition.clone(), header);
            }
        }
        self.set_aside = set_aside;
        last.retain(|partition, header| self.partitions.get(partition).is_none_or(|left| left.epoch < header.n));
        for header in last.values() {
            if let Some(state) = epoch::saved_state(&**store, header).await? {
                self.update(header.partition.clone(), header.n, header.end, state);
            }
        }
        Ok(!last.is_empty())
    }

    /// Puts a partition's state in the place of the one before it.
    pub(crate) fn update(&mut self, partition: Partition, epoch: u64, ended: bool, state: Deliveries) {
        let before = self.partitions.get(&partition).map(|left| &left.state.totals);
        for (region, totals) in &state.totals {
            let more = match before.and_then(|before| before.get(region)) {
                Some(before) if before == totals => continue,
                Some(before) => totals.since(before),
                None => totals.clone(),
            };
            self.all = std::mem::take(&mut self.all).plus(&more);
            let sum = self.regions.entry(*region).or_default();
            *sum = std::mem::take(sum).plus(&more);
            self.ranking.set(*region, sum.completed);
        }
        self.partitions.insert(partition, Left { epoch, ended, state });
    }

    /// How many records were no events, and are kept aside.
    pub(crate) const fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// How many partitions have been read, and how many of them are closed: shards that were split or merged.
    pub(crate) fn partitions(&self) -> (usize, usize) {
        (self.partitions.len(), self.partitions.values().filter(|left| left.ended).count())
    }

    /// The figures as of the last event that was sent. Partitions may be behind it by different times, and give up an order
    /// by their own clock; here all orders go by one.
    pub(crate) fn figures(&self) -> Figures {
        let clock = self.partitions.values().map(|left| left.state.clock).max().unwrap_or_default();
        let (mut open, mut missing) = (BTreeMap::<Region, u64>::new(), BTreeMap::<Region, Totals>::new());
        for (id, order) in self.orders() {
            if self.rules.given_up_at(*id) < clock {
                let missing = missing.entry(order.region).or_default();
                *missing = std::mem::take(missing).plus(&order.missing());
            } else if order.is_open() {
                *open.entry(order.region).or_default() += 1;
            }
        }
        let all = missing.values().fold(self.all.clone(), Totals::plus);
        let figure = |(region, totals): (&Region, &Totals)| {
            let open = open.get(region).copied().unwrap_or_default();
            let figure = match missing.get(region) {
                Some(missing) => Figure::new(&totals.clone().plus(missing), open),
                None => Figure::new(totals, open),
            };
            (*region, figure)
        };
        Figures {
            clock,
            all: Figure::new(&all, open.values().sum()),
            regions: self.regions.iter().map(figure).collect(),
            top: self.ranking.first().take(TOP).collect(),
        }
    }

    /// The orders that are under way: those of a closed partition are its children's, once these have committed anything.
    fn orders(&self) -> impl Iterator<Item = (&crate::model::OrderId, &Order)> {
        let mut heirs = BTreeMap::<&Partition, Vec<&crate::state::Lineage>>::new();
        for lineage in self.partitions.values().filter_map(|left| left.state.lineage.as_ref()) {
            for parent in &lineage.parents {
                heirs.entry(parent).or_default().push(lineage);
            }
        }
        self.partitions.iter().flat_map(move |(partition, left)| {
            let heirs = heirs.get(partition).cloned().unwrap_or_default();
            left.state.orders.iter().filter(move |(id, _)| !heirs.iter().any(|heir| heir.owns(**id)))
        })
    }
}
