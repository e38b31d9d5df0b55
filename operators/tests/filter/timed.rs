//! Random scripts, and the comparison of what an operator makes of them with what a plain function makes of the list.
//!
//! It is no operator: it is what the model tests of this family have in common.

use std::future::poll_fn;
use std::sync::Arc;

use anabranch_operators::testing::{Event, Probed, Script, Timed, observe, probe, probe_stuttering, virtual_time};
use anabranch_operators::{BoxFlow, Flow, TryStream, from_results};
use futures::{Stream, stream};
use proptest::collection::vec;
use proptest::prelude::*;

/// Why random scripts fail.
pub(crate) type Broken = &'static str;

/// What happens, and when.
pub(crate) type Events<T = u8> = Vec<Timed<T, Broken>>;

/// A script of up to 24 items, several of them in one tick now and then, that ends, fails, or does neither.
pub(crate) fn scripts() -> impl Strategy<Value = Events> {
    (vec((0..6_u64, any::<u8>()), 0..24), 0..6_u64, 0..3_u8).prop_map(|(items, gap, end)| {
        let mut tick = 0;
        let mut events: Events = Vec::new();
        for (gap, item) in items {
            tick += gap;
            events.push((tick, Event::Item(item)));
        }
        match end {
            0 => events.push((tick + gap, Event::Failure("broken"))),
            1 => {}
            _ => events.push((tick + gap, Event::End)),
        }
        events
    })
}

/// The items of a script with their ticks, and its end or failure if it has one.
#[allow(clippy::type_complexity)]
pub(crate) fn parts(events: &Events) -> (Vec<(u64, u8)>, Option<Timed<u8, Broken>>) {
    let items = events.iter().filter_map(|(tick, event)| match event {
        Event::Item(item) => Some((*tick, *item)),
        _ => None,
    });
    (items.collect(), events.last().filter(|(_, event)| !matches!(event, Event::Item(_))).copied())
}

/// Checks that an operator makes of a script what is expected, also when upstream stutters, and when it is dropped midway.
pub(crate) fn agrees<S>(
    script: &Events,
    operator: impl Fn(Flow<Probed<Script<u8, Broken>>>) -> Flow<S>,
    expected: &Events<S::Ok>,
) -> Result<(), TestCaseError>
where
    S: TryStream<Ok: PartialEq + std::fmt::Debug, Error = Broken>,
{
    for watch in [probe as fn(_) -> _, probe_stuttering] {
        let (source, _) = watch(Script::new(script.clone()));
        let mut given = virtual_time(observe(operator(source), 10_000)).into_events();
        given.retain(|(_, event)| !matches!(event, Event::Dropped));
        prop_assert_eq!(&given, expected);

        let dropped_in = script.len() as u64;
        let (source, seen) = watch(Script::new(script.clone()));
        let mut given = virtual_time(observe(operator(source), dropped_in)).into_events();
        given.retain(|(_, event)| !matches!(event, Event::Dropped));
        let until = expected.iter().position(|(tick, _)| *tick >= dropped_in).unwrap_or(expected.len());
        prop_assert_eq!(&given[..], &expected[..until]);
        prop_assert!(seen.dropped());
    }
    Ok(())
}

/// Events with an item for each element.
pub(crate) fn items<T>(items: impl IntoIterator<Item = (u64, T)>) -> Events<T> {
    items.into_iter().map(|(tick, item)| (tick, Event::Item(item))).collect()
}

/// What `throttle_latest`, or without leading items `audit`, makes of a list.
pub(crate) fn throttled(script: &Events, span: u64, leading: bool) -> Events {
    let mut given = Vec::new();
    let mut window = None;
    let mut held = None;
    let close = |given: &mut Events, window: &mut Option<u64>, held: &mut Option<u8>, until: u64| {
        while let Some(closes) = window.take_if(|closes| *closes <= until) {
            if let Some(item) = held.take() {
                given.push((closes, Event::Item(item)));
                *window = leading.then_some(closes + span);
            }
        }
    };
    for (tick, event) in script {
        close(&mut given, &mut window, &mut held, *tick);
        match event {
            Event::Item(item) if leading && window.is_none() => {
                given.push((*tick, Event::Item(*item)));
                window = Some(tick + span);
            }
            Event::Item(item) => {
                window = window.or(Some(tick + span));
                held = Some(*item);
            }
            end => {
                if let Some(item) = held.take_if(|_| *end == Event::End) {
                    given.push((*tick, Event::Item(item)));
                }
                given.push((*tick, *end));
                return given;
            }
        }
    }
    close(&mut given, &mut window, &mut held, u64::MAX);
    given
}

/// Checks that an operator, as soon as it has given a failure, holds none of the items before it.
#[track_caller]
pub(crate) fn drops_what_it_holds_with_a_failure<S>(operator: impl FnOnce(BoxFlow<'static, Arc<()>, Broken>) -> Flow<S>)
where
    S: Stream<Item = Result<Arc<()>, Broken>>,
{
    let held = Arc::new(());
    let source = stream::iter([Ok(Arc::clone(&held)), Ok(Arc::clone(&held)), Err("broken")]);
    let mut flow = Box::pin(operator(from_results(source).boxed()));
    virtual_time(async { while matches!(poll_fn(|cx| flow.as_mut().poll_next(cx)).await, Some(Ok(_))) {} });
    assert_eq!(Arc::strong_count(&held), 1);
}
