//! `with_latest_from`: each item, with what another flow gave last.

use std::iter::repeat;
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter, interval, timer};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use crate::timed::{Events, agrees, scripts, some};

#[test]
fn gives_each_item_with_the_latest_of_the_other() {
    check("a--b-c---d|", |flow| flow.with_latest_from(Script::marbles("-1--2-3|")), "---[b1]-[c2]---[d3]|");
    check("-1--2-3|", |flow| Script::marbles("a--b-c---d|").with_latest_from(flow), "---[b1]-[c2]---[d3]|");
}

#[test]
fn the_other_is_seen_first_at_the_same_instant() {
    check("-a-b|", |flow| flow.with_latest_from(Script::marbles("-1-(23)")), "-[a1]-[b3]|");
}

#[test]
fn ends_with_upstream_alone() {
    check("a--b-|", |flow| flow.with_latest_from(Script::marbles("-1---------2|")), "---[b1]-|");
    check("-a-b---c|", |flow| flow.with_latest_from(Script::marbles("1|")), "-[a1]-[b1]---[c1]|");
    check("|", |flow| flow.with_latest_from(Script::marbles("1|")), "|");
}

#[test]
fn gives_nothing_beside_a_flow_that_gives_nothing() {
    check("-a-b---c|", |flow| flow.with_latest_from(Script::<char, _>::marbles("|")), "--------|");
    check("-a-b---c|", |flow| flow.with_latest_from(Script::<char, _>::marbles("-")), "--------|");
}

#[test]
fn fails_with_either() {
    check("-a-b-#", |flow| flow.with_latest_from(Script::marbles("1|")), "-[a1]-[b1]-#");
    check("-a-b---c|", |flow| flow.with_latest_from(Script::marbles("1----#")), "-[a1]-[b1]-#");
    check("-a|", |flow| flow.with_latest_from(Script::marbles("#")), "#");
}

#[test]
fn takes_tuples_and_lists_and_waits_for_each_of_them() {
    let texts = ["-1----4|", "---2--|"];
    let main = || Script::marbles("a-b-c--d|");
    let [b, c] = texts.map(Script::marbles);
    assert_marbles(main().with_latest_from((b, c)).map(|(a, (b, c))| vec![a, b, c]), "----[c12]--[d42]|");
    let rows = main().with_latest_from(texts.map(Script::marbles)).map(|(a, rest)| [vec![a], rest].concat());
    assert_marbles(rows, "----[c12]--[d42]|");
    assert_marbles(
        main().with_latest_from(Vec::<anabranch_operators::Flow<Script<char, _>>>::new()).map(|(a, _)| a),
        "a-b-c--d|",
    );
}

#[test]
fn a_late_reader_gets_what_the_other_gave_last_by_then() {
    virtual_time(async {
        let letters = Script::marbles("-a-b|");
        let mut flow = letters.with_latest_from(Script::marbles("1-2--3--"));
        assert_eq!(flow.next().await, Ok(Some(('a', '1'))));
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(flow.next().await, Ok(Some(('b', '3'))));
    });
}

#[test]
fn an_other_that_always_has_more_holds_nothing_back() {
    virtual_time(async {
        let (endless, seen) = probe(from_iter(repeat(7)));
        let mut flow = interval(Duration::from_millis(1)).with_latest_from(endless);
        assert!(flow.next().now_or_never().is_none(), "it waits for the first tick");
        assert_eq!(seen.items(), 64);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(flow.next().await, Ok(Some((0, 7))));
        assert_eq!(seen.items(), 128);
    });
}

#[test]
fn an_upstream_that_always_has_more_lets_others_run_while_there_is_no_latest() {
    virtual_time(async {
        let mut flow = from_iter(repeat(7)).with_latest_from(timer(Duration::from_millis(3)));
        assert!(flow.next().now_or_never().is_none(), "it read on for ever");
        tokio::time::advance(Duration::from_millis(3)).await;
        assert_eq!(flow.next().await, Ok(Some((7, 0))));
    });
}

#[test]
fn drops_the_others_at_its_end_and_when_dropped_midway() {
    let (other, seen) = probe(Script::marbles("1-----2|"));
    virtual_time(async {
        let mut flow = Script::marbles("-a|").with_latest_from(other);
        assert_eq!(flow.next().await, Ok(Some(('a', '1'))));
        assert_eq!(flow.next().await, Ok(None));
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
    let (other, seen) = probe(Script::marbles("1-----2|"));
    assert_marbles(Script::marbles("-a-b|").with_latest_from(other), "-[a1]-!");
    assert!(seen.dropped());
}

#[test]
fn size_hint_leaves_room_for_a_failure_of_the_other() {
    assert_eq!(from_iter([1, 2]).with_latest_from(from_iter([1])).size_hint(), (0, Some(3)));
    assert_eq!(
        from_iter([1, 2]).with_latest_from(futures::stream::empty::<u8>().into_flow()).size_hint(),
        (0, Some(2))
    );
    assert_eq!(from_iter(1..).with_latest_from(from_iter([1])).size_hint(), (0, None));
}

/// Remembers what each of the others gave last.
fn model(events: &Events) -> Vec<Timed<Vec<i64>, Failed>> {
    let mut latest = [None; 3];
    let mut out = Vec::new();
    for (tick, flow, event) in events {
        match event {
            Event::Item(item) => {
                latest[*flow] = Some(*item);
                if *flow == 0 {
                    out.extend(latest.iter().copied().collect::<Option<_>>().map(|all| (*tick, Event::Item(all))));
                }
            }
            Event::Failure(error) => {
                out.push((*tick, Event::Failure(error.clone())));
                return out;
            }
            _ if *flow == 0 => {
                out.push((*tick, Event::End));
                return out;
            }
            _ => {}
        }
    }
    out
}

proptest! {
    #[test]
    fn is_each_item_with_what_the_others_gave_last(scripts in scripts(3)) {
        let tuple = |flows| {
            let [a, b, c] = some(flows);
            a.with_latest_from((b, c)).map(|(a, (b, c))| vec![a, b, c])
        };
        agrees(&scripts, tuple, model)?;
        let list = |flows| {
            let [a, b, c] = some(flows);
            a.with_latest_from([b, c]).map(|(a, rest)| [vec![a], rest].concat())
        };
        agrees(&scripts, list, model)?;
    }
}
