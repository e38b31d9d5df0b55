//! `merge_sorted`: sorted flows as one sorted flow.

use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, from_iter, merge_sorted};
use futures::Stream;
use proptest::prelude::*;

use crate::timed::{Events, agrees, of_flow, scripts};

#[test]
fn gives_the_least_once_the_next_of_each_is_there() {
    assert_marbles(merge_sorted(["a--c--e|", "-b-d|"].map(Script::marbles), Ord::cmp), "-a-(bc)--(de)|");
    assert_marbles(merge_sorted(["a--c--e|", "--------|"].map(Script::marbles), Ord::cmp), "--------(ace|)");
}

#[test]
fn a_flow_that_gives_nothing_holds_all_back() {
    assert_marbles(merge_sorted(["(abc|)", "-"].map(Script::marbles), Ord::cmp), "");
    assert_marbles(merge_sorted(["(abc|)", "b-"].map(Script::marbles), Ord::cmp), "(abb)");
}

#[test]
fn treats_one_flow_as_an_operator_should() {
    for text in ["-a-b--|", "|", "-a-#", "-a-", "(ca)b|"] {
        check(text, |flow| merge_sorted([flow], Ord::cmp), text);
    }
    check("-a-#", |flow| merge_sorted([flow, probe(Script::marbles("b|")).0], Ord::cmp), "-a-#");
}

#[test]
fn ends_at_once_without_flows() {
    assert_marbles(merge_sorted(Vec::<Flow<Script<char, Failed>>>::new(), Ord::cmp), "|");
}

#[test]
fn of_equal_items_that_of_the_first_flow_comes_first() {
    let flows = (0..3).map(|flow| from_iter([(1, flow), (2, flow), (2, flow)]));
    let all = virtual_time(merge_sorted(flows, |a, b| a.0.cmp(&b.0)).collect::<Vec<_>>());
    assert_eq!(all, Ok(vec![(1, 0), (1, 1), (1, 2), (2, 0), (2, 0), (2, 1), (2, 1), (2, 2), (2, 2)]));
}

#[test]
fn a_failure_drops_what_is_held_and_the_other_flows() {
    let (other, seen) = probe(Script::marbles("b--c|"));
    virtual_time(async {
        let mut flow = merge_sorted([other, probe(Script::marbles("-a-#")).0], Ord::cmp);
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err(Failed::Scripted));
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn holds_one_item_a_flow() {
    let (flows, probes): (Vec<_>, Vec<_>) =
        ["(bcd|)", "-a-a-a|"].map(|text| probe(Script::marbles(text))).into_iter().unzip();
    assert_marbles(merge_sorted(flows, Ord::cmp), "-a-a-!");
    assert_eq!(probes.iter().map(|seen| seen.items()).collect::<Vec<_>>(), [1, 2]);
    assert!(probes.iter().all(|seen| seen.dropped()));
}

#[test]
fn compares_an_item_with_few_of_many_flows() {
    let mut comparisons = 0;
    let flows = (0..1_024).map(|flow| from_iter((0..10).map(move |n| 1_024 * n + flow * 7 % 1_024)));
    let merged = merge_sorted(flows, |a, b| {
        comparisons += 1;
        a.cmp(b)
    });
    assert_eq!(virtual_time(merged.collect::<Vec<_>>()), Ok((0..10_240).collect()));
    assert!(comparisons < 10_240 * 32, "{comparisons} comparisons of 10,240 items");
}

#[test]
fn has_no_more_to_give_after_the_end() {
    let mut flow = merge_sorted([from_iter([1])], Ord::cmp);
    assert_eq!(flow.size_hint(), (0, None));
    assert_eq!(virtual_time(flow.next()), Ok(Some(1)));
    assert_eq!(virtual_time(flow.next()), Ok(None));
    assert_eq!(flow.size_hint(), (0, Some(0)));
}

/// Reads each flow only while there is no item of it.
fn model(events: &Events) -> Vec<Timed<i64, Failed>> {
    let mut flows = [0, 1, 2].map(|flow| of_flow(events, flow).into_iter());
    let mut held = [None; 3];
    let mut reads = [true; 3];
    let mut since = 0;
    let mut out = Vec::new();
    loop {
        let mut next = Vec::new();
        for flow in (0..3).filter(|flow| reads[*flow]) {
            next.push((flow, flows[flow].next().map(|(tick, event)| (since.max(tick), event))));
        }
        let known = next.iter().filter_map(|(_, event)| event.as_ref());
        if let Some((tick, _)) =
            known.filter(|(_, event)| matches!(event, Event::Failure(_))).min_by_key(|(tick, _)| *tick)
        {
            out.push((*tick, Event::Failure(Failed::Scripted)));
            return out;
        }
        for (flow, event) in next {
            let Some((tick, event)) = event else { return out };
            since = since.max(tick);
            reads[flow] = false;
            if let Event::Item(item) = event {
                held[flow] = Some(item);
            }
        }
        let Some(least) = (0..3).filter(|flow| held[*flow].is_some()).min_by_key(|flow| held[*flow]) else {
            out.push((since, Event::End));
            return out;
        };
        reads[least] = true;
        out.extend(held[least].take().map(|item| (since, Event::Item(item))));
    }
}

proptest! {
    #[test]
    fn is_the_least_of_what_comes_next(scripts in scripts(3)) {
        agrees(&scripts, |flows| merge_sorted(flows, Ord::cmp), model)?;
    }

    #[test]
    fn is_the_sorted_list_of_sorted_lists(mut lists in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6)) {
        for list in &mut lists {
            list.sort_unstable();
        }
        let merged = virtual_time(merge_sorted(lists.iter().cloned().map(from_iter), Ord::cmp).collect::<Vec<_>>());
        let mut all = lists.concat();
        all.sort_unstable();
        prop_assert_eq!(merged, Ok(all));
    }
}
