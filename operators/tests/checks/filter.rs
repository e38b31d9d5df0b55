//! The rows of `filter`.

use std::time::Duration;

use anabranch_operators::testing::Failed;

use crate::row::{Row, boom, upper};

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn even(item: &char) -> bool {
    "02468".contains(*item)
}

fn below_three(item: &char) -> bool {
    *item < '3'
}

#[test]
fn audit() {
    Row::of("filter/audit").gives(|[flow]| flow.audit(ticks(4)));
}

#[test]
fn debounce() {
    Row::of("filter/debounce").gives(|[flow]| flow.debounce(ticks(3)));
}

#[test]
fn default_if_empty() {
    Row::of("filter/default_if_empty").gives(|[flow]| flow.default_if_empty('z'));
}

#[test]
fn distinct() {
    Row::of("filter/distinct")
        .gives(|[flow]| flow.distinct(|item| *item))
        .panics(|[flow]| flow.distinct(|item| boom::<_, u8>(item)));
}

#[test]
fn distinct_until_changed() {
    Row::of("filter/distinct_until_changed")
        .gives(|[flow]| flow.distinct_until_changed(|item| *item))
        .panics(|[flow]| flow.distinct_until_changed(|item| boom::<_, u8>(item)));
}

#[test]
fn element_at() {
    Row::of("filter/element_at").gives(|[flow]| flow.element_at(2));
}

#[test]
fn filter() {
    Row::of("filter/filter").gives(|[flow]| flow.filter(even)).panics(|[flow]| flow.filter(|item| boom(item)));
}

#[test]
fn filter_map() {
    Row::of("filter/filter_map")
        .gives(|[flow]| flow.filter_map(|item| (item != 'x').then(|| upper(item))))
        .panics(|[flow]| flow.filter_map(boom::<_, Option<u8>>));
}

#[test]
fn ignore_elements() {
    Row::of("filter/ignore_elements").gives(|[flow]| flow.ignore_elements());
}

#[test]
fn sample() {
    Row::of("filter/sample").gives(|[flow]| flow.sample(ticks(4)));
}

#[test]
fn skip() {
    Row::of("filter/skip").gives(|[flow]| flow.skip(2));
}

#[test]
fn skip_for() {
    Row::of("filter/skip_for").gives(|[flow]| flow.skip_for(ticks(3)));
}

#[test]
fn skip_last() {
    Row::of("filter/skip_last").ahead(2).gives(|[flow]| flow.skip_last(2));
}

#[test]
fn skip_until() {
    Row::of("filter/skip_until").gives(|[flow, signal]| flow.skip_until(signal));
}

#[test]
fn skip_while() {
    Row::of("filter/skip_while")
        .gives(|[flow]| flow.skip_while(below_three))
        .panics(|[flow]| flow.skip_while(|item| boom(item)));
}

#[test]
fn start_with() {
    Row::of("filter/start_with")
        .gives(|[flow]| flow.start_with(['x', 'y']))
        .panics(|[flow]| flow.start_with(['x'].into_iter().map(boom)));
}

#[test]
fn switch_if_empty() {
    Row::of("filter/switch_if_empty").gives(|[flow, other]| flow.switch_if_empty(other));
}

#[test]
fn take() {
    Row::of("filter/take").gives(|[flow]| flow.take(2));
}

#[test]
fn take_for() {
    Row::of("filter/take_for").gives(|[flow]| flow.take_for(ticks(5)));
}

#[test]
fn take_last() {
    Row::of("filter/take_last").gives(|[flow]| flow.take_last(2));
}

#[test]
fn take_until() {
    Row::of("filter/take_until").gives(|[flow, signal]| flow.take_until(signal));
}

#[test]
fn take_while() {
    Row::of("filter/take_while")
        .gives(|[flow]| flow.take_while(below_three))
        .panics(|[flow]| flow.take_while(|item| boom(item)));
}

#[test]
fn take_while_inclusive() {
    Row::of("filter/take_while_inclusive")
        .gives(|[flow]| flow.take_while_inclusive(below_three))
        .panics(|[flow]| flow.take_while_inclusive(|item| boom(item)));
}

#[test]
fn throttle_first() {
    Row::of("filter/throttle_first").gives(|[flow]| flow.throttle_first(ticks(4)));
}

#[test]
fn throttle_latest() {
    Row::of("filter/throttle_latest").gives(|[flow]| flow.throttle_latest(ticks(4)));
}

#[test]
fn try_filter() {
    Row::of("filter/try_filter")
        .gives(|[flow]| flow.try_filter(|item| if *item == 'x' { Err(Failed::Scripted) } else { Ok(even(item)) }))
        .panics(|[flow]| flow.try_filter(|item| boom(item)));
}
