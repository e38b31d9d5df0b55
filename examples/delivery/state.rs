//! What a partition keeps from epoch to epoch: totals for each region, and the orders that are under way.

use std::collections::BTreeMap;

use anabranch::Partition;
use anabranch::epoch::Inherited;
use anabranch::source::KeyRange;
use serde::{Deserialize, Serialize};

use crate::model::{Event, Kind, Millis, OrderId, Region, Rules};
use crate::totals::Totals;

/// The state of a partition. Pure: all times are those of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deliveries {
    /// When the last event was sent.
    pub(crate) clock: Millis,
    /// Where the orders came from that this partition did not begin with.
    pub(crate) lineage: Option<Lineage>,
    /// Of all events of this partition, and of no other.
    pub(crate) totals: BTreeMap<Region, Totals>,
    /// Orders that have not had all events yet, oldest first.
    pub(crate) orders: BTreeMap<OrderId, Order>,
    /// When the last thing happened to orders that have had all events: what comes for them now is a repeat.
    seen: BTreeMap<OrderId, Millis>,
    /// When `seen` was looked through last.
    swept: Millis,
}

/// Whose orders a partition went on with, that came of a split or a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lineage {
    pub(crate) parents: Vec<Partition>,
    /// The first and the last hash of its keys.
    keys: Option<(u128, u128)>,
}

impl Lineage {
    pub(crate) fn owns(&self, order: OrderId) -> bool {
        self.keys.is_none_or(|(first, last)| KeyRange { first, last }.contains_key(&order.to_string()))
    }
}

/// What is known of an order that has not had all events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) region: Region,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assigned: Option<Millis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completed: Option<Millis>,
}

impl Order {
    const fn new(region: Region) -> Self {
        Self { region, created: None, assigned: None, completed: None }
    }

    fn time_of(&mut self, kind: Kind) -> &mut Option<Millis> {
        match kind {
            Kind::Created => &mut self.created,
            Kind::Assigned { .. } => &mut self.assigned,
            Kind::Completed => &mut self.completed,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.completed.is_none()
    }

    /// What is missing when it is given up.
    pub(crate) fn missing(&self) -> Totals {
        Totals {
            never_created: self.created.is_none().into(),
            never_assigned: self.assigned.is_none().into(),
            never_completed: self.completed.is_none().into(),
            ..Totals::default()
        }
    }

    /// When the last of all three things happened, if all have.
    fn ended(&self) -> Option<Millis> {
        Some(self.created?.max(self.assigned?).max(self.completed?))
    }
}

impl Deliveries {
    /// What a partition begins with that came of others by a split or a merge. Orders go with their keys; totals stay where
    /// they were counted.
    pub(crate) fn inherit(parents: Vec<Inherited<Self>>, keys: Option<KeyRange>) -> Self {
        let lineage = Lineage {
            parents: parents.iter().map(|parent| parent.partition.clone()).collect(),
            keys: keys.map(|keys| (keys.first, keys.last)),
        };
        let mut child = Self::default();
        for Inherited { state, .. } in parents {
            child.clock = child.clock.max(state.clock);
            child.swept = child.swept.max(state.swept);
            child.orders.extend(state.orders.into_iter().filter(|(order, _)| lineage.owns(*order)));
            child.seen.extend(state.seen.into_iter().filter(|(order, _)| lineage.owns(*order)));
        }
        child.lineage = Some(lineage);
        child
    }

    /// Takes an event in, and gives what it has changed in which region.
    pub(crate) fn take(&mut self, event: &Event, rules: &Rules) -> Vec<(Region, Totals)> {
        self.clock = self.clock.max(event.sent);
        let mut changes = self.give_up(rules);
        changes.push((event.region, self.count(event, rules)));
        while self.orders.len() > rules.most {
            let Some((_, order)) = self.orders.pop_first() else { break };
            changes.push((order.region, Totals { crowded_out: 1, ..order.missing() }));
        }
        for (region, change) in &changes {
            let totals = self.totals.entry(*region).or_default();
            *totals = std::mem::take(totals).plus(change);
        }
        changes
    }

    fn count(&mut self, event: &Event, rules: &Rules) -> Totals {
        let Event { order: id, region, price, kind, at, sent } = *event;
        let mut change = Totals::default();
        let arrived = sent.max(self.clock - rules.disorder);
        if arrived > at + rules.refuse || at > id.ordered + rules.give_up {
            change.refused = 1;
            return change;
        }
        let is_late = u64::from(sent > at + rules.late);
        if self.seen.contains_key(&id) {
            change.repeated = 1;
            return change;
        }
        let order = self.orders.entry(id).or_insert(Order::new(region));
        if order.time_of(kind).is_some() {
            change.repeated = 1;
            return change;
        }
        *order.time_of(kind) = Some(at);
        change.late = is_late;
        match kind {
            Kind::Created => (change.created, change.price_created) = (1, price.into()),
            Kind::Assigned { .. } => change.assigned = 1,
            Kind::Completed => (change.completed, change.price_completed) = (1, price.into()),
        }
        // Whichever comes last of the two ends of a span makes it known.
        if let (Some(created), Some(assigned)) = (order.created, order.assigned)
            && !matches!(kind, Kind::Completed)
        {
            change.wait.record((assigned - created).max(0));
        }
        if let (Some(created), Some(completed)) = (order.created, order.completed)
            && !matches!(kind, Kind::Assigned { .. })
        {
            change.delivery.record((completed - created).max(0));
        }
        if let Some(ended) = order.ended() {
            self.orders.remove(&id);
            self.seen.insert(id, ended);
        }
        change
    }

    /// Gives up what is too old, once no event can be accepted for it any more.
    fn give_up(&mut self, rules: &Rules) -> Vec<(Region, Totals)> {
        let behind = self.clock - rules.disorder;
        let mut changes = Vec::new();
        while let Some(oldest) = self.orders.first_entry() {
            if rules.given_up_at(*oldest.key()) >= behind {
                break;
            }
            let order = oldest.remove();
            changes.push((order.region, order.missing()));
        }
        // Now and then: how long they are kept beyond their time changes no number.
        if behind - self.swept > rules.refuse / 8 {
            self.swept = behind;
            self.seen.retain(|_, ended| *ended + rules.refuse >= behind);
        }
        changes
    }
}
