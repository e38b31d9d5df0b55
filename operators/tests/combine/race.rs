//! `race`: the flow that is first to say something.

use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, from_iter, race};
use futures::Stream;
use proptest::prelude::*;

use crate::timed::{Events, agrees, of_flow, scripts, some};

/// As a tuple and as a list.
#[track_caller]
fn gives(texts: [&str; 3], expected: &str) {
    let [a, b, c] = texts.map(Script::marbles);
    assert_marbles(race((a, b, c)), expected);
    assert_marbles(race(texts.map(Script::marbles)), expected);
    assert_marbles(race(Vec::from(texts.map(Script::marbles))), expected);
}

#[test]
fn gives_what_the_first_to_say_something_gives() {
    gives(["---1--2|", "-3----4--5|", "--6|"], "-3----4--5|");
    gives(["---1--2|", "-----4--5|", "-6-"], "-6-");
}

#[test]
fn an_end_is_something() {
    gives(["---1--2|", "--|", "--------3|"], "--|");
    gives(["|", "--|", "--1"], "|");
}

#[test]
fn a_failure_is_something() {
    gives(["---1--2|", "--#", "--------3|"], "--#");
    gives(["-1-#", "--2|", "--------3|"], "-1-#");
}

#[test]
fn of_those_that_are_ready_the_first_in_the_list_wins() {
    gives(["--", "(12|)", "(34|)"], "(12|)");
    gives(["(12|)", "#", "|"], "(12|)");
}

#[test]
fn behaves_as_an_operator_should() {
    check("-a-b--|", |flow| race((Script::marbles("--c"), flow)), "-a-b--|");
    check("--a-b--|", |flow| race((flow, Script::marbles("-c-d|"))), "-c-d|");
    check("-a-b--|", |flow| race([flow]), "-a-b--|");
    check("-a-#", |flow| race([flow]), "-a-#");
    check("--", |flow| race((flow, Script::marbles("--"))), "--");
}

#[test]
fn ends_at_once_without_flows() {
    assert_marbles(race(Vec::<Flow<Script<char, Failed>>>::new()), "|");
}

#[test]
fn drops_the_others_when_the_first_says_something() {
    fn drops<S: Stream<Item = Result<char, Failed>>>(
        make: impl Fn([Flow<anabranch_operators::testing::Probed<Script<char, Failed>>>; 3]) -> Flow<S>,
    ) {
        for text in ["--a---b|", "--|", "--#"] {
            let (a, seen_a) = probe(Script::marbles("---1|"));
            let (b, seen_b) = probe(Script::marbles(text));
            let (c, seen_c) = probe(Script::marbles("---2|"));
            let mut flow = Box::pin(make([a, b, c]));
            virtual_time(async {
                _ = futures::StreamExt::next(&mut flow).await;
                assert!(seen_a.dropped() && seen_c.dropped(), "{text}");
                assert_eq!(seen_b.dropped(), text != "--a---b|", "{text}");
            });
            assert_eq!(seen_a.items() + seen_c.items(), 0);
        }
    }
    drops(|[a, b, c]| race((a, b, c)));
    drops(race);
}

#[test]
fn a_thousand_flows_are_polled_once_until_one_wakes() {
    let (flows, probes): (Vec<_>, Vec<_>) =
        (0..1_000).map(|n| probe(Script::new([(n + 7, Event::<_, Failed>::Item(n))]))).unzip();
    virtual_time(async {
        let mut flow = race(flows);
        assert_eq!(flow.next().await, Ok(Some(0)));
    });
    assert_eq!(probes[1..].iter().map(|seen| seen.polls()).sum::<usize>(), 999);
}

#[test]
fn size_hint_is_that_of_any_and_then_of_the_winner() {
    let mut flow = race((from_iter([1, 2]), from_iter([3])));
    assert_eq!(flow.size_hint(), (1, Some(2)));
    assert_eq!(virtual_time(flow.next()), Ok(Some(1)));
    assert_eq!(flow.size_hint(), (1, Some(1)));
    let mut flow = race([from_iter([1, 2]), from_iter([3, 4])]);
    assert_eq!(flow.size_hint(), (0, None));
    assert_eq!(virtual_time(flow.next()), Ok(Some(1)));
    assert_eq!(flow.size_hint(), (1, Some(1)));
}

fn model(events: &Events) -> Vec<Timed<i64, Failed>> {
    events.first().map_or_else(Vec::new, |(_, winner, _)| of_flow(events, *winner))
}

proptest! {
    #[test]
    fn is_the_flow_with_the_first_event(scripts in scripts(3)) {
        agrees(&scripts, |flows| { let [a, b, c] = some(flows); race((a, b, c)) }, model)?;
        agrees(&scripts, race, model)?;
    }
}
