//! The same figures by plain loops over the list of all events, with nothing of the engine, and nothing of the state that
//! the pipeline keeps: to have something to compare with.

use std::collections::{BTreeMap, HashMap};

use crate::figures::{Figure, Figures, TOP, Times};
use crate::model::{Event, Kind, Millis, OrderId, Region, Rules};
use crate::totals::BINS;

/// What is collected of a region, or of all.
#[derive(Default)]
struct Collected {
    figure: Figure,
    waits: Vec<Millis>,
    deliveries: Vec<Millis>,
}

/// The figures of these events, which are in the order in which they were sent.
pub(crate) fn figures(events: &[Event], rules: &Rules) -> Figures {
    let clock = events.iter().map(|event| event.sent).max().unwrap_or(0);
    let mut orders = HashMap::<OrderId, Vec<&Event>>::new();
    for event in events {
        orders.entry(event.order).or_default().push(event);
    }
    let mut all = Collected::default();
    let mut regions = BTreeMap::<Region, Collected>::new();
    for (id, events) in &orders {
        let region = events[0].region;
        for collected in [&mut all, regions.entry(region).or_default()] {
            order(collected, *id, events, rules, clock);
        }
    }
    let mut ranks: Vec<(Region, u64)> = regions.iter().map(|(region, of)| (*region, of.figure.completed)).collect();
    ranks.retain(|(_, shipments)| *shipments > 0);
    ranks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    ranks.truncate(TOP);
    Figures {
        clock,
        all: finished(all),
        regions: regions.into_iter().map(|(region, collected)| (region, finished(collected))).collect(),
        top: ranks,
    }
}

fn order(into: &mut Collected, id: OrderId, events: &[&Event], rules: &Rules, clock: Millis) {
    let figure = &mut into.figure;
    let in_time = |event: &Event| event.sent - event.at <= rules.refuse && event.at - id.ordered <= rules.give_up;
    let accepted: Vec<&Event> = events.iter().copied().filter(|event| in_time(event)).collect();
    figure.refused += (events.len() - accepted.len()) as u64;
    if accepted.is_empty() {
        return;
    }
    let created = accepted.iter().find(|event| event.kind == Kind::Created);
    let assigned = accepted.iter().find(|event| matches!(event.kind, Kind::Assigned { .. }));
    let completed = accepted.iter().find(|event| event.kind == Kind::Completed);
    let firsts: Vec<&&Event> = [created, assigned, completed].into_iter().flatten().collect();
    figure.repeated += (accepted.len() - firsts.len()) as u64;
    figure.late += firsts.iter().filter(|event| event.sent - event.at > rules.late).count() as u64;
    if let Some(created) = created {
        figure.created += 1;
        figure.price_created += u64::from(created.price);
    }
    if assigned.is_some() {
        figure.assigned += 1;
    }
    if let Some(completed) = completed {
        figure.completed += 1;
        figure.price_completed += u64::from(completed.price);
    }
    if let (Some(created), Some(assigned)) = (created, assigned) {
        into.waits.push(Millis::max(assigned.at - created.at, 0));
    }
    if let (Some(created), Some(completed)) = (created, completed) {
        into.deliveries.push(Millis::max(completed.at - created.at, 0));
    }
    if clock - id.ordered > rules.give_up + rules.refuse {
        figure.never_created += u64::from(created.is_none());
        figure.never_assigned += u64::from(assigned.is_none());
        figure.never_completed += u64::from(completed.is_none());
    } else if completed.is_none() {
        figure.open += 1;
    }
}

fn finished(collected: Collected) -> Figure {
    Figure { wait: times(collected.waits), delivery: times(collected.deliveries), ..collected.figure }
}

/// The percentiles are those of the sorted list; only then they are told to the precision of the bins.
fn times(mut times: Vec<Millis>) -> Times {
    times.sort_unstable();
    let percentiles = Times::PERCENTS.map(|percent| {
        let rank = (times.len() * usize::try_from(percent).unwrap_or(usize::MAX)).div_ceil(100);
        let time = times.get(rank.checked_sub(1)?)?;
        Some(BINS.iter().position(|end| time <= end).unwrap_or(BINS.len()))
    });
    Times { count: times.len() as u64, sum: times.iter().sum(), percentiles }
}
