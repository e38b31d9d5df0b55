//! Each operator of the vectors, as it is written here.

use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::{concat, from_iter, merge};
use serde_json::{Value, json};

use crate::run::{Output, answer, flat, groups, windows};
use crate::vector::Case;

/// Runs a vector; `None` if its operator is unknown.
pub(crate) fn run(case: &Case<'_>) -> Option<Output> {
    one_to_one(case)
        .or_else(|| some_of_the_items(case))
        .or_else(|| of_time(case))
        .or_else(|| of_several(case))
        .or_else(|| of_inner_flows(case))
        .or_else(|| pieces(case))
        .or_else(|| sub_streams(case))
        .or_else(|| answers(case))
        .or_else(|| of_failures(case))
}

fn one_to_one(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "map" => flat(case, source.map(case.mapper())),
        "scan" => {
            let f = case.accumulator();
            let states = source.scan(case.seed(), move |state, item| Some(state.map_or(item, |state| f(state, item))));
            flat(case, states.map(Value::from))
        }
        _ => return None,
    })
}

fn some_of_the_items(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "filter" => flat(case, source.filter(case.predicate())),
        "take" => flat(case, source.take(case.number("n"))),
        "skip" => flat(case, source.skip(case.number("n"))),
        "skip_while" => flat(case, source.skip_while(case.predicate())),
        "take_until" => flat(case, source.take_until(case.source(1))),
        _ => return None,
    })
}

fn of_time(case: &Case<'_>) -> Option<Output> {
    None
}

fn of_several(case: &Case<'_>) -> Option<Output> {
    Some(match case.vector.operator.as_str() {
        "merge" => flat(case, merge(case.sources_from(0))),
        "concat" => flat(case, concat(case.sources_from(0))),
        _ => return None,
    })
}

fn of_inner_flows(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "flat_map" => flat(case, source.merge_map(usize::MAX, case.inner())),
        "flat_map_concurrent" => flat(case, source.merge_map(case.number("max_concurrent"), case.inner())),
        "concat_map" => flat(case, source.concat_map(case.inner())),
        _ => return None,
    })
}

fn pieces(case: &Case<'_>) -> Option<Output> {
    None
}

fn sub_streams(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "group_by" => groups(case, source.group_by(case.key()), |group| *group.key()),
        "group_by_until_fixed" => {
            case.expect("duration", "fixed");
            groups(case, source.group_until(case.key(), Until::after(case.ms("ms"))), |group| *group.key())
        }
        "group_by_until_sliding" => {
            case.expect("duration", "sliding");
            groups(case, source.group_until(case.key(), Until::idle(case.ms("ms"))), |group| *group.key())
        }
        _ => return None,
    })
}

fn answers(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "to_list" => answer(case, source.collect::<Vec<_>>()),
        "count" => answer(case, source.filter(case.predicate()).count()),
        "all" => {
            let passes = case.predicate();
            answer(case, source.all(move |item| passes(&item)))
        }
        "some" => {
            let passes = case.predicate();
            answer(case, source.any(move |item| passes(&item)))
        }
        _ => return None,
    })
}

fn of_failures(case: &Case<'_>) -> Option<Output> {
    None
}
