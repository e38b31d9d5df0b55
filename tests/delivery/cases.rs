//! What each figure means, by small cases; state and batch must both say so.

use anabranch::Partition;

use crate::board::Board;
use crate::figures::{Figure, Figures};
use crate::model::{Event, HOUR, Kind, MINUTE, Millis, OrderId, Region, Rules};
use crate::state::Deliveries;
use crate::totals::{BINS, Histogram, Totals};
use crate::{are_same, batch};

const RULES: Rules = Rules { late: MINUTE, refuse: 30 * MINUTE, give_up: 4 * HOUR, disorder: 10 * MINUTE, most: 1_000 };
const BEGIN: Millis = 1_767_225_600_000;

/// An event that is sent when it happens, so long after the begin; the order was created at the begin.
fn event(number: u32, kind: Kind, after: Millis) -> Event {
    let order = OrderId { ordered: BEGIN, number };
    Event { order, region: Region::number(7), price: 250, kind, at: BEGIN + after, sent: BEGIN + after }
}

fn sent_late(event: Event, by: Millis) -> Event {
    Event { sent: event.at + by, ..event }
}

const ASSIGNED: Kind = Kind::Assigned { driver: 3 };

fn board(events: &[Event], rules: Rules) -> Board {
    let (mut state, mut board) = (Deliveries::default(), Board::new(rules));
    for event in events {
        state.take(event, &rules);
    }
    board.update(Partition::new("p"), 0, false, state);
    board
}

/// The figures of these events, which are those of one region.
#[track_caller]
fn figure(events: &[Event]) -> Figure {
    let figures = board(events, RULES).figures();
    are_same(&figures, &batch::figures(events, &RULES));
    assert_eq!(figures.regions.values().collect::<Vec<_>>(), [&figures.all]);
    figures.all
}

#[test]
fn an_order_goes_from_open_to_completed() {
    let events = [event(1, Kind::Created, 0), event(1, ASSIGNED, 90_000), event(1, Kind::Completed, 20 * MINUTE)];
    let open = figure(&events[..2]);
    assert_eq!((open.created, open.assigned, open.completed, open.open), (1, 1, 0, 1));
    assert_eq!((open.price_created, open.price_completed), (250, 0));
    assert_eq!((open.wait.count, open.wait.sum, open.delivery.count), (1, 90_000, 0));
    let done = figure(&events);
    assert_eq!((done.completed, done.open, done.price_completed), (1, 0, 250));
    assert_eq!((done.delivery.mean(), done.delivery.bounds()), (Some(20 * MINUTE), [Some(20 * MINUTE); 3]));
    assert_eq!((done.late, done.repeated, done.refused, done.never_created), (0, 0, 0, 0));
}

#[test]
fn what_comes_twice_counts_once_also_when_the_order_is_done() {
    let created = event(1, Kind::Created, 0);
    let done = [created.clone(), event(1, ASSIGNED, 1), event(1, Kind::Completed, 2)];
    let again = sent_late(created.clone(), 20 * MINUTE);
    for events in [vec![created.clone(), created.clone()], [done.as_slice(), &[again]].concat()] {
        let figure = figure(&events);
        assert_eq!((figure.created, figure.repeated, figure.late, figure.refused), (1, 1, 0, 0));
    }
}

#[test]
fn what_comes_late_counts_and_what_comes_too_late_does_not() {
    let assigned = event(1, ASSIGNED, MINUTE);
    for (by, late, refused) in
        [(MINUTE, 0, 0), (MINUTE + 1, 1, 0), (30 * MINUTE, 1, 0), (30 * MINUTE + 1, 0, 1), (HOUR, 0, 1)]
    {
        let figure = figure(&[event(1, Kind::Created, 0), sent_late(assigned.clone(), by)]);
        assert_eq!((figure.late, figure.refused, figure.assigned), (late, refused, 1 - refused), "{by}");
    }
}

#[test]
fn times_are_known_whichever_event_comes_last() {
    let created = sent_late(event(1, Kind::Created, 0), 25 * MINUTE);
    let figure = figure(&[event(1, ASSIGNED, MINUTE), event(1, Kind::Completed, 10 * MINUTE), created]);
    assert_eq!((figure.wait.sum, figure.delivery.sum), (MINUTE, 10 * MINUTE));
    assert_eq!((figure.open, figure.late), (0, 1));
}

#[test]
fn an_order_that_is_too_old_is_given_up_for_what_is_missing() {
    let tick = |after| event(2, Kind::Created, after);
    let until = RULES.give_up + RULES.refuse;
    for (kind, open, missing) in
        [(Kind::Created, 1, [0, 1, 1]), (ASSIGNED, 1, [1, 0, 1]), (Kind::Completed, 0, [1, 1, 0])]
    {
        let missing_in = |figure: &Figure| [figure.never_created, figure.never_assigned, figure.never_completed];
        // The other is an order of its own, as young as the event.
        let other = |after| Event { order: OrderId { ordered: BEGIN + after, number: 2 }, ..tick(after) };
        let before = figure(&[event(1, kind, 0), other(until)]);
        assert_eq!((before.open, missing_in(&before)), (open + 1, [0; 3]), "{kind:?}");
        // Its partition keeps it for some time yet, and then no more: the figures are the same.
        for after in [until + 1, until + RULES.disorder, until + 2 * RULES.disorder, until + 3 * HOUR] {
            let figure = figure(&[event(1, kind, 0), other(after)]);
            assert_eq!((figure.open, missing_in(&figure)), (1, missing), "{kind:?} {after}");
        }
    }
}

#[test]
fn what_happens_to_an_order_that_is_given_up_is_refused() {
    let last = event(1, Kind::Completed, RULES.give_up);
    assert_eq!(figure(&[event(1, Kind::Created, 0), last]).completed, 1);
    let later = event(1, Kind::Completed, RULES.give_up + 1);
    let refused = figure(&[event(1, Kind::Created, 0), later]);
    assert_eq!((refused.completed, refused.refused), (0, 1));
}

#[test]
fn what_is_farther_behind_than_may_be_is_refused_and_never_counted_twice() {
    let done = [event(1, Kind::Created, 0), event(1, ASSIGNED, 1), event(1, Kind::Completed, 2)];
    let ahead = Event { order: OrderId { ordered: BEGIN + 9 * HOUR, number: 2 }, ..event(2, Kind::Created, 9 * HOUR) };
    let events = [done.as_slice(), &[ahead], &done].concat();
    let all = board(&events, RULES).figures().all;
    assert_eq!((all.created, all.completed, all.refused, all.repeated), (2, 1, 3, 0));
}

#[test]
fn there_are_never_more_orders_than_may_be() {
    let rules = Rules { most: 10, ..RULES };
    let mut state = Deliveries::default();
    for number in 0..100 {
        state.take(&event(number, Kind::Created, 0), &rules);
        assert!(state.orders.len() <= 10);
    }
    let mut board = Board::new(rules);
    board.update(Partition::new("p"), 0, false, state);
    let all = board.figures().all;
    assert_eq!((all.created, all.open, all.crowded_out, all.never_completed), (100, 10, 90, 90));
}

#[test]
fn the_first_of_all_may_be_first_nowhere() {
    let state = |shipments: &[(u32, u64)]| {
        let mut state = Deliveries::default();
        state.totals = shipments
            .iter()
            .map(|(region, completed)| (Region::number(*region), Totals { completed: *completed, ..Totals::default() }))
            .collect();
        state
    };
    // More than ten are ahead of region 99 in each partition.
    let ahead = |from: u32| (from..from + 20).map(|region| (region, 50)).chain([(99, 30)]).collect::<Vec<_>>();
    let mut board = Board::new(RULES);
    board.update(Partition::new("a"), 0, false, state(&ahead(0)));
    board.update(Partition::new("b"), 0, false, state(&ahead(40)));
    let first = |board: &Board| board.figures().top[0];
    assert_eq!((first(&board), board.figures().top.len()), ((Region::number(99), 60), 10));
    // A later state takes the place of the one before it: only what has come since is new.
    let mut more = ahead(40);
    more[0].1 = 61;
    board.update(Partition::new("b"), 1, false, state(&more));
    assert_eq!(first(&board), (Region::number(40), 61));
    assert_eq!(board.figures().all.completed, 20 * 50 + 30 + 61 + 19 * 50 + 30);
}

#[test]
fn percentiles_are_those_of_the_bins_and_histograms_add_up() {
    let mut all = Histogram::default();
    assert_eq!(all.percentile(50), None);
    let (mut one, mut two) = (Histogram::default(), Histogram::default());
    for (n, end) in BINS.iter().enumerate() {
        // At the end of a bin, and just behind it.
        one.record(*end);
        two.record(*end + 1);
        assert_eq!((one.percentile(100), two.percentile(100)), (Some(n), Some(n + 1)));
    }
    all.add(&one);
    all.add(&two);
    assert_eq!((all.count(), all.sum), (48, one.sum + two.sum));
    assert_eq!([0, 1, 50, 97, 100].map(|percent| all.percentile(percent)), [0, 0, 12, 23, 24].map(Some));
}

#[test]
fn a_wrong_figure_is_told() {
    let mut wrong = Figures::default();
    wrong.all.open = 1;
    wrong.regions.insert(Region::number(3), Figure { late: 2, ..Figure::default() });
    let told = wrong.differences(&Figures::default());
    assert_eq!(told.len(), 2);
    assert_eq!(told[1], "00-03, of which no event is expected: late counted 2, expected 0");
}

#[test]
fn a_difference_says_which_side_counted_and_which_is_expected() {
    let events = [event(1, Kind::Created, 0), event(1, ASSIGNED, 90_000), event(1, Kind::Completed, 20 * MINUTE)];
    let [none, less, all] = [0, 2, 3].map(|many| batch::figures(&events[..many], &RULES));
    let told = less.differences(&all);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("in all: completed counted 0, expected 1; open counted 1, expected 0; "), "{told:?}");
    assert_eq!(told[2], "the first regions: counted none, expected 00-07 with 1");
    assert_eq!(told[3].split_once(": ").unwrap().1, told[0].split_once(": ").unwrap().1);
    let begin = "00-07, of which nothing is counted: created counted 0, expected 1; ";
    assert!(none.differences(&all).last().unwrap().starts_with(begin), "{told:?}");
    let begin = "00-07, of which no event is expected: created counted 1, expected 0; ";
    assert!(all.differences(&none).last().unwrap().starts_with(begin), "{told:?}");
    assert!(all.differences(&all).is_empty());
}
