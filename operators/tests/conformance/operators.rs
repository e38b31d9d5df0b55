//! Each operator of the vectors, as it is written here.

use std::cell::Cell;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::recover::Attempts;
use anabranch_operators::transform::Notification;
use anabranch_operators::{combine_latest, concat, defer, from_iter, merge, race, repeat_from, zip};
use serde_json::{Value, json};

use crate::run::{Output, answer, flat, groups, shared, windows};
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
        "pairwise" => flat(case, source.pairwise().map(|(previous, item)| json!([previous, item]))),
        "timestamp" => flat(case, source.timestamp().map(|(item, at)| json!([item, milliseconds(at)]))),
        "time_interval" => flat(case, source.time_interval().map(|(item, since)| json!([item, milliseconds(since)]))),
        "materialize" => flat(
            case,
            source.materialize().map(|notification| match notification {
                Notification::Next(item) => json!(["next", item]),
                Notification::Failure(error) => json!(["error", error.label()]),
                Notification::End => json!(["complete"]),
            }),
        ),
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
        "skip_until" => flat(case, source.skip_until(case.source(1))),
        "take_while" => match case.flag("inclusive") {
            false => flat(case, source.take_while(case.predicate())),
            true => flat(case, source.take_while_inclusive(case.predicate())),
        },
        "take_last" => flat(case, source.take_last(case.number("n"))),
        "skip_last" => flat(case, source.skip_last(case.number("n"))),
        "distinct" => flat(case, source.distinct(case.key())),
        "distinct_until_changed" => flat(case, source.distinct_until_changed(case.key())),
        "start_with" => {
            let values = case.param("values").as_array().expect("`values` is a list");
            flat(case, source.start_with(values.iter().filter_map(Value::as_i64).collect::<Vec<_>>()))
        }
        "default_if_empty" => flat(case, source.default_if_empty(case.int("value"))),
        "element_at" => flat(case, source.element_at(case.number("index"))),
        "ignore_elements" => flat(case, source.ignore_elements()),
        _ => return None,
    })
}

fn of_time(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "delay" => flat(case, source.delay(case.ms("ms"))),
        "delay_with_mapper" => flat(case, source.delay_each(case.span("delay"))),
        "timeout" => flat(case, source.timeout(case.ms("ms"))),
        "debounce" => flat(case, source.debounce(case.ms("ms"))),
        "throttle_first" => flat(case, source.throttle_first(case.ms("ms"))),
        "sample" => flat(case, source.sample(case.ms("ms"))),
        "take_with_time" => flat(case, source.take_for(case.ms("ms"))),
        "skip_with_time" => flat(case, source.skip_for(case.ms("ms"))),
        _ => return None,
    })
}

fn of_several(case: &Case<'_>) -> Option<Output> {
    Some(match case.vector.operator.as_str() {
        "merge" => flat(case, merge(case.sources_from(0))),
        "concat" => flat(case, concat(case.sources_from(0))),
        "amb" => match &case.sources_from(0)[..] {
            [a, b] => flat(case, race((a.clone(), b.clone()))),
            all => flat(case, race(all.to_vec())),
        },
        "zip" => match &case.sources_from(0)[..] {
            [a, b] => flat(case, a.clone().zip(b.clone()).map(|(a, b)| vec![a, b])),
            [a, b, c] => flat(case, zip((a.clone(), b.clone(), c.clone())).map(|(a, b, c)| vec![a, b, c])),
            all => flat(case, zip(all.to_vec())),
        },
        "combine_latest" => match &case.sources_from(0)[..] {
            [a, b] => flat(case, combine_latest((a.clone(), b.clone())).map(|(a, b)| vec![a, b])),
            all => flat(case, combine_latest(all.to_vec())),
        },
        "with_latest_from" => match &case.sources_from(1)[..] {
            [b] => flat(case, case.source(0).with_latest_from(b.clone()).map(|(a, b)| vec![a, b])),
            all => flat(case, case.source(0).with_latest_from(all.to_vec()).map(|(a, rest)| [vec![a], rest].concat())),
        },
        "sequence_equal" => answer(case, case.source(0).sequence_equal(case.source(1))),
        "repeat" => {
            let (source, runs) = (case.source(0), Cell::new(0));
            let flow = repeat_from(case.number("n"), || {
                runs.set(runs.get() + 1);
                source.clone()
            });
            flat(case, flow).subscribed(runs.get())
        }
        "share" => shared(case),
        _ => return None,
    })
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).expect("vectors are short")
}

fn of_inner_flows(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "flat_map" => flat(case, source.merge_map(usize::MAX, case.inner())),
        "flat_map_concurrent" => flat(case, source.merge_map(case.number("max_concurrent"), case.inner())),
        "concat_map" => flat(case, source.concat_map(case.inner())),
        "flat_map_latest" => flat(case, source.switch_map(case.inner())),
        "exhaust_map" => flat(case, source.exhaust_map(case.inner())),
        _ => return None,
    })
}

fn pieces(case: &Case<'_>) -> Option<Output> {
    let source = case.source(0);
    Some(match case.vector.operator.as_str() {
        "buffer_with_count" => match (case.number("count"), case.number("skip")) {
            (n, step) if n == step => flat(case, source.buffer_count(n)),
            (n, step) => flat(case, source.buffer_count_every(n, step)),
        },
        "buffer_with_time" => match (case.ms("span"), case.ms("shift")) {
            (span, shift) if span == shift => flat(case, source.buffer_time(span)),
            (span, shift) => flat(case, source.buffer_time_every(span, shift)),
        },
        "buffer_with_time_or_count" => flat(case, source.buffer_time_or_count(case.ms("span"), case.number("count"))),
        "buffer_boundaries" => flat(case, source.buffer_when(case.source(1))),
        "buffer_toggle" => {
            let span = case.span("close_after");
            flat(case, source.buffer_toggle(case.source(1), move |opening| tokio::time::sleep(span(&opening))))
        }
        "window_with_count" => match (case.number("count"), case.number("skip")) {
            (n, step) if n == step => windows(case, source.window_count(n)),
            (n, step) => windows(case, source.window_count_every(n, step)),
        },
        "window_with_time" => match (case.ms("span"), case.ms("shift")) {
            (span, shift) if span == shift => windows(case, source.window_time(span)),
            (span, shift) => windows(case, source.window_time_every(span, shift)),
        },
        "window_with_time_or_count" => {
            windows(case, source.window_time_or_count(case.ms("span"), case.number("count")))
        }
        "window_boundaries" => windows(case, source.window_when(case.source(1))),
        "window_toggle" => {
            let span = case.span("close_after");
            windows(case, source.window_toggle(case.source(1), move |opening| tokio::time::sleep(span(&opening))))
        }
        _ => return None,
    })
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
        "sum" => answer(case, source.sum::<i64>()),
        "min" => answer(case, source.min()),
        "max" => answer(case, source.max()),
        "average" => answer(case, source.map(|item| item as f64).mean()),
        "reduce" => match case.seed() {
            Some(seed) => answer(case, source.fold(seed, case.accumulator())),
            None => answer(case, source.reduce(case.accumulator())),
        },
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
    Some(match case.vector.operator.as_str() {
        "catch" => flat(case, case.source(0).catch_error(|_| case.source(1))),
        "on_error_resume_next" => {
            let mut sources = case.sources_from(0).into_iter();
            let first = sources.next()?.on_error_resume(from_iter([])).boxed_local();
            flat(case, sources.fold(first, |all, next| all.on_error_resume(next).boxed_local()))
        }
        "retry" => {
            assert_eq!(case.param("script_per_subscription"), true, "unknown value of `script_per_subscription`");
            let (scripts, runs) = (case.sources_from(0), Cell::new(0));
            let flow = defer(|| {
                let run = runs.replace(runs.get() + 1);
                scripts[run.min(scripts.len() - 1)].clone()
            });
            flat(case, flow.retry(Attempts::in_all(case.number("attempts")))).subscribed(runs.get())
        }
        _ => return None,
    })
}
