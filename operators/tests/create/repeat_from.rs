//! `repeat_from`: a flow that is made and run several times, one run after another.

use std::cell::Cell;
use std::pin::pin;

use anabranch_operators::create::Restart;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, probe_stuttering, virtual_time};
use anabranch_operators::{from_iter, from_results, repeat_from};
use futures::{FutureExt, Stream, StreamExt};
use proptest::prelude::*;

#[test]
fn begins_each_run_at_the_instant_the_one_before_ends() {
    assert_marbles(repeat_from(3, || Script::marbles("-a-b|")), "-a-b-a-b-a-b|");
    assert_marbles(repeat_from(2, || Script::marbles("(ab|)")), "(abab|)");
    assert_marbles(repeat_from(2, || Script::marbles("-a-")), "-a");
}

#[test]
fn times_is_the_number_of_all_runs() {
    for times in 0..4 {
        let made = Cell::new(0);
        let flow = repeat_from(times, || {
            made.set(made.get() + 1);
            Script::marbles("-|")
        });
        assert_eq!(made.get(), 0, "made before it was polled");
        assert_marbles(flow, &format!("{}|", "-".repeat(times)));
        assert_eq!(made.get(), times);
    }
}

#[test]
fn one_run_is_the_flow_as_it_is() {
    for text in ["a-b-|", "|", "-a", "-a-#", "(abc|)"] {
        check(
            text,
            |flow| {
                let mut flow = Some(flow);
                repeat_from(1, move || flow.take().unwrap_or_else(|| panic!("made twice")))
            },
            text,
        );
    }
}

#[test]
fn a_failure_ends_it_without_another_run() {
    let mut texts = ["-a|", "-b-#", "c|"].iter();
    let mut runs = 0;
    let flow = repeat_from(3, || {
        runs += 1;
        Script::marbles(texts.next().unwrap_or_else(|| panic!("a fourth run")))
    });
    assert_marbles(flow, "-a-b-#");
    assert_eq!(runs, 2);
}

#[test]
fn drops_a_run_before_it_makes_the_next_and_the_last_at_the_end() {
    let (flows, probes): (Vec<_>, Vec<_>) = ["-a|", "-b|"].map(|text| probe(Script::marbles(text))).into_iter().unzip();
    let mut flows = flows.into_iter();
    let mut run = 0;
    let mut flow = repeat_from(2, || {
        assert!(probes[..run].iter().all(|seen| seen.dropped()), "an old run lives on");
        run += 1;
        flows.next().unwrap_or_else(|| panic!("a third run"))
    });
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Ok(Some('b')));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.next().await, Ok(None));
    });
    assert!(probes.iter().all(|seen| seen.dropped() && seen.polls_after_end() == 0));
}

#[test]
fn lets_others_run_while_runs_are_empty() {
    virtual_time(async {
        let mut flow = repeat_from(1_000, || from_iter([0; 0]));
        assert!(flow.next().now_or_never().is_none(), "a thousand empty runs in one poll");
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn begins_with_the_first_run_after_a_restart() {
    virtual_time(async {
        let mut flow = pin!(repeat_from(2, || from_iter([1])));
        let mut given = Vec::new();
        for _ in 0..2 {
            while let Some(Ok(item)) = StreamExt::next(&mut flow).await {
                given.push(item);
            }
            flow.as_mut().restart();
        }
        assert_eq!(StreamExt::next(&mut flow).await, Some(Ok(1)));
        flow.as_mut().restart();
        assert_eq!(StreamExt::collect::<Vec<_>>(flow).await.len(), 2, "in the middle of a run");
        assert_eq!(given, [1; 4]);
    });
}

#[test]
fn size_hint_is_that_of_the_last_run() {
    let mut flow = repeat_from(2, || from_iter([1, 2]));
    assert_eq!(flow.size_hint(), (0, None));
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.size_hint(), (1, None));
        assert_eq!(flow.next().await, Ok(Some(2)));
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.size_hint(), (1, Some(1)));
    });
    assert_eq!(repeat_from(0, || from_iter([1, 2])).size_hint(), (0, Some(0)));
}

/// Lists in which a failure is rare.
fn runs() -> impl Strategy<Value = Vec<Vec<Result<u8, u8>>>> {
    let result = (0..40_u8).prop_map(|n| if n == 0 { Err(n) } else { Ok(n) });
    prop::collection::vec(prop::collection::vec(result, 0..8), 0..6)
}

proptest! {
    #[test]
    fn is_the_concatenation_of_its_runs(runs in runs()) {
        let mut lists = runs.clone().into_iter();
        let flow = repeat_from(runs.len(), || {
            let run = from_results(futures::stream::iter(lists.next().unwrap_or_default()));
            probe_stuttering(run).0
        });
        let given = virtual_time(StreamExt::collect::<Vec<_>>(flow));
        let all = runs.concat();
        let upto = all.iter().position(Result::is_err).map_or(all.len(), |failure| failure + 1);
        prop_assert_eq!(given, &all[..upto]);
    }
}
