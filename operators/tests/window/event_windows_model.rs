//! `event_windows` against models that look at all items at once.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anabranch_operators::testing::{Failed, probe_stuttering, virtual_time};
use anabranch_operators::window::{Timing, Windowed, hopping, session, tumbling};
use anabranch_operators::{Counter, from_iter, from_results};
use futures::stream;
use proptest::prelude::*;

const fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis as u64)
}

/// An item: its number, its key, its event time.
type Item = (usize, u8, i64);

/// What a flow gives: a window of a key with the numbers of its items, or the number of a late item.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    Window { key: u8, start: i64, end: i64, items: Vec<usize>, timing: Timing },
    Late(usize),
}

/// Items that mostly go forward, with neighbours out of order, and some far away.
fn items() -> impl Strategy<Value = Vec<Item>> {
    let jitter = prop_oneof![8 => -12..12_i64, 1 => -60..60_i64];
    (-100..100_i64, prop::collection::vec((0..3_u8, jitter), 0..50)).prop_map(|(from, steps)| {
        let times = steps.into_iter().enumerate();
        times.map(|(number, (key, jitter))| (number, key, from + 2 * number as i64 + jitter)).collect()
    })
}

/// The watermark that each item sees: that of the items up to and with itself.
fn watermarks(items: &[Item], lag: i64) -> Vec<i64> {
    let latest = items.iter().scan(i64::MIN, |latest, (_, _, time)| {
        *latest = (*latest).max(*time);
        Some(*latest)
    });
    latest.map(|latest| latest - lag).collect()
}

/// Each window takes what comes before the watermark is past its end and the lateness.
fn aligned(items: &[Item], span: i64, step: i64, lag: i64, lateness: i64) -> Vec<Given> {
    let watermarks = watermarks(items, lag);
    let mut accepted: BTreeMap<(i64, u8), Vec<usize>> = BTreeMap::new();
    let mut late = vec![true; items.len()];
    for &(number, key, time) in items {
        for start in (time - span + 1..=time).filter(|start| start.rem_euclid(step) == 0) {
            if start + span + lateness > watermarks[number] {
                accepted.entry((start + span, key)).or_default().push(number);
                late[number] = false;
            }
        }
    }
    let window = |key: u8, end: i64, items: &[usize], timing| {
        let items = items.to_vec();
        Given::Window { key, start: end - span, end, items, timing }
    };
    let mut given = Vec::new();
    for number in 0..=items.len() {
        let watermark = watermarks.get(number).copied().unwrap_or(i64::MAX);
        let before = number.checked_sub(1).map_or(i64::MIN, |before| watermarks[before]);
        let due = accepted.iter().filter(|((end, _), _)| before < *end && *end <= watermark);
        let mut due: Vec<_> = due.filter(|(_, numbers)| numbers[0] < number).collect();
        due.sort_by_key(|((end, _), numbers)| (*end, numbers[0]));
        given.extend(due.into_iter().map(|((end, key), numbers)| {
            let in_time: Vec<_> = numbers.iter().copied().filter(|item| *item < number).collect();
            window(*key, *end, &in_time, Timing::OnTime)
        }));
        for ((end, key), numbers) in &accepted {
            if let Some(at) = numbers.iter().position(|item| *item == number).filter(|_| *end <= watermark) {
                given.push(window(*key, *end, &numbers[..=at], Timing::Late));
            }
        }
        if late.get(number) == Some(&true) {
            given.push(Given::Late(number));
        }
    }
    given
}

/// Sorts the times of a key's items and cuts where the gap is: the sessions, with their end and the items' numbers.
fn sessions_of(items: &[Item], gap: i64) -> Vec<(i64, i64, Vec<usize>)> {
    let mut sorted = items.to_vec();
    sorted.sort_by_key(|(_, _, time)| *time);
    let sessions = sorted.chunk_by(|a, b| b.2 - a.2 < gap);
    let session = |items: &[Item]| {
        let mut numbers: Vec<_> = items.iter().map(|item| item.0).collect();
        numbers.sort_unstable();
        (items[0].2, items[items.len() - 1].2 + gap, numbers)
    };
    sessions.map(session).collect()
}

/// Sessions are made anew from all items that are not forgotten, for each item that comes.
fn sessions(items: &[Item], gap: i64, lag: i64, lateness: i64) -> Vec<Given> {
    let watermarks = watermarks(items, lag);
    let mut live: Vec<Item> = Vec::new();
    // Sessions that were given as they are, and items that were in any that was given.
    let (mut as_it_is, mut given_items) = (BTreeSet::new(), BTreeSet::new());
    let mut given = Vec::new();
    let all = |live: &[Item]| {
        let of_key = |key| live.iter().copied().filter(|item| item.1 == key).collect::<Vec<_>>();
        (0..3_u8)
            .flat_map(|key| sessions_of(&of_key(key), gap).into_iter().map(move |session| (key, session)))
            .collect::<Vec<_>>()
    };
    for number in 0..=items.len() {
        let watermark = watermarks.get(number).copied().unwrap_or(i64::MAX);
        let mut due = all(&live);
        due.retain(|(_, (_, end, numbers))| *end <= watermark && !as_it_is.contains(numbers));
        due.sort_by_key(|(_, (_, end, numbers))| (*end, numbers[0]));
        let mut give = |(key, (start, end, items)): (u8, (i64, i64, Vec<usize>)), over: bool| {
            let again = items.iter().any(|item| given_items.contains(item));
            let timing = if over || again { Timing::Late } else { Timing::OnTime };
            as_it_is.insert(items.clone());
            given_items.extend(items.iter().copied());
            given.push(Given::Window { key, start, end, items, timing });
        };
        for session in due {
            give(session, false);
        }
        let Some(item @ (_, _, time)) = items.get(number) else { break };
        for (_, (_, end, numbers)) in all(&live) {
            if end + lateness <= watermark {
                live.retain(|item| !numbers.contains(&item.0));
            }
        }
        if time + gap + lateness > watermark {
            live.push(*item);
            for session in all(&live) {
                if session.1.2.contains(&number) && session.1.1 <= watermark {
                    give(session, true);
                }
            }
        } else {
            given.push(Given::Late(number));
        }
    }
    given
}

fn given(result: Result<Windowed<u8, Vec<Item>>, Item>) -> Given {
    match result {
        Ok(Windowed { key, window, value, timing }) => {
            let mut items: Vec<_> = value.into_iter().map(|item| item.0).collect();
            items.sort_unstable();
            Given::Window { key, start: window.start, end: window.end, items, timing }
        }
        Err(late) => Given::Late(late.0),
    }
}

/// What the operator gives; every third time its upstream says "not yet" before each item.
macro_rules! run {
    ($items:expr, $windows:expr, $lag:expr, $lateness:expr) => {
        run!($items, $windows, $lag, $lateness, |windows| windows)
    };
    ($items:expr, $windows:expr, $lag:expr, $lateness:expr, |$set:ident| $limited:expr) => {{
        let items: Vec<Item> = $items;
        let source = from_iter(items.clone());
        let (stuttering, _) = probe_stuttering(from_iter(items.clone()));
        let source = if items.len() % 3 == 0 { stuttering.boxed() } else { source.boxed() };
        let windows = source.event_windows($windows, |item: &Item| item.2).by_key(|item| item.1).collect_each();
        let mut windows = windows.watermark_lag(ms($lag));
        if $lateness > 0 {
            windows = windows.allowed_lateness(ms($lateness));
        }
        let Ok(given) = futures::executor::block_on(
            {
                let $set = windows;
                $limited
            }
            .give_late()
            .map(given)
            .collect::<Vec<_>>(),
        );
        given
    }};
}

fn lateness() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..25_i64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn tumbling_windows_are_what_their_definition_says(
        items in items(), span in 1..20_i64, lag in 0..20_i64, lateness in lateness()
    ) {
        let expected = aligned(&items, span, span, lag, lateness);
        prop_assert_eq!(run!(items, tumbling(ms(span)), lag, lateness), expected);
    }

    #[test]
    fn hopping_windows_are_what_their_definition_says(
        items in items(), step in 1..8_i64, more in 0..15_i64, lag in 0..20_i64, lateness in lateness()
    ) {
        let expected = aligned(&items, step + more, step, lag, lateness);
        prop_assert_eq!(run!(items, hopping(ms(step + more), ms(step)), lag, lateness), expected);
    }

    #[test]
    fn sessions_are_what_their_definition_says(
        items in items(), gap in 1..20_i64, lag in 0..20_i64, lateness in lateness()
    ) {
        let expected = sessions(&items, gap, lag, lateness);
        prop_assert_eq!(run!(items, session(ms(gap)), lag, lateness), expected);
    }

    #[test]
    fn a_failure_comes_after_what_was_given_before_it(items in items(), span in 1..20_i64, lag in 0..20_i64) {
        let results = items.iter().map(|item| Ok(*item)).chain([Err(Failed::Scripted)]);
        let flow = from_results(stream::iter(results.collect::<Vec<_>>()));
        let windows = flow.event_windows(tumbling(ms(span)), |item: &Item| item.2).by_key(|item| item.1);
        let mut windows = windows.collect_each().watermark_lag(ms(lag)).give_late().map(given);
        let mut seen = Vec::new();
        let failed = virtual_time(async {
            loop {
                match windows.next().await {
                    Ok(Some(given)) => seen.push(given),
                    end => break end,
                }
            }
        });
        prop_assert_eq!(failed, Err(Failed::Scripted));
        // At the end, windows are given that the failure takes along.
        let watermark = watermarks(&items, lag).last().copied().unwrap_or(i64::MIN);
        let mut expected = aligned(&items, span, span, lag, 0);
        expected.retain(|given| !matches!(given, Given::Window { end, .. } if *end > watermark));
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn at_the_limit_no_item_is_lost(
        items in items(), span in 1..20_i64, lag in 0..40_i64, lateness in lateness(), max in 1..5_usize
    ) {
        let (late, early) = (Counter::new(), Counter::new());
        let given = run!(items.clone(), tumbling(ms(span)), lag, lateness, |windows| windows
            .max_windows(max).closed_early(&early).count_late(&late));
        all_are_given_once(&items, &given)?;
        let (late_items, early_results) = (
            given.iter().filter(|given| matches!(given, Given::Late(_))).count(),
            given.iter().filter(|given| matches!(given, Given::Window { timing: Timing::Early, .. })).count(),
        );
        prop_assert_eq!(late_items, late.get() as usize);
        prop_assert!(early_results <= early.get() as usize && (lateness > 0 || early_results == early.get() as usize));
    }

    #[test]
    fn at_the_limit_no_item_of_overlapping_windows_is_lost(
        items in items(), step in 1..8_i64, more in 0..15_i64, lag in 0..40_i64, lateness in lateness(), max in 1..9_usize
    ) {
        let windows = hopping(ms(step + more), ms(step));
        let given = run!(items.clone(), windows, lag, lateness, |windows| windows.max_windows(max));
        let (mut late, mut in_windows) = (BTreeSet::new(), BTreeSet::new());
        let mut last = BTreeMap::new();
        for given in given {
            match given {
                Given::Late(item) => _ = late.insert(item),
                Given::Window { key, end, items, timing, .. } => {
                    in_windows.extend(items.iter().copied());
                    let before = last.insert((key, end, timing == Timing::Early), items.clone());
                    let takes_place = timing == Timing::Late || timing == Timing::Early;
                    prop_assert!(takes_place || before.is_none(), "given twice");
                    let all_of = |before: &Vec<usize>| before.iter().all(|item| items.contains(item));
                    prop_assert!(timing != Timing::Late || before.as_ref().is_none_or(all_of), "an item is taken back");
                }
            }
        }
        prop_assert!(late.is_disjoint(&in_windows));
        prop_assert_eq!(late.union(&in_windows).count(), items.len());
    }

    #[test]
    fn at_the_limit_no_item_of_a_session_is_lost(
        items in items(), gap in 1..20_i64, lag in 0..40_i64, lateness in lateness(), max in 1..5_usize
    ) {
        let given = run!(items.clone(), session(ms(gap)), lag, lateness, |windows| windows.max_windows(max));
        all_are_given_once(&items, &given)?;
    }
}

/// When late results have taken the place of others, each item is in one result or late.
fn all_are_given_once(items: &[Item], given: &[Given]) -> Result<(), TestCaseError> {
    let mut once = Vec::new();
    let mut whole: Vec<(u8, i64, i64, Vec<usize>)> = Vec::new();
    for given in given {
        match given {
            Given::Late(item) => once.push(*item),
            Given::Window { key, start, end, items: numbers, timing } => {
                for number in numbers {
                    prop_assert!(items[*number].1 == *key && (*start..*end).contains(&items[*number].2));
                }
                match timing {
                    Timing::Early => once.extend(numbers),
                    Timing::OnTime => whole.push((*key, *start, *end, numbers.clone())),
                    Timing::Late => {
                        whole.retain(|(other, from, to, _)| other != key || from < start || end < to);
                        whole.push((*key, *start, *end, numbers.clone()));
                    }
                }
            }
        }
    }
    once.extend(whole.into_iter().flat_map(|(_, _, _, numbers)| numbers));
    once.sort_unstable();
    prop_assert_eq!(once, (0..items.len()).collect::<Vec<_>>());
    Ok(())
}
