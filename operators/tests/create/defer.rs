//! `defer`: a flow that is made when it is first read, and can be made again.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use anabranch_operators::create::Restart;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{defer, from_iter};
use futures::{Stream, StreamExt};

#[test]
fn gives_what_the_made_flow_gives() {
    for text in ["a-b-|", "|", "-a", "-a-#", "(abc|)"] {
        check(
            text,
            |flow| {
                let mut flow = Some(flow);
                defer(move || flow.take().unwrap_or_else(|| panic!("made twice")))
            },
            text,
        );
    }
}

#[test]
fn makes_the_flow_once_and_at_the_first_poll() {
    let made = Cell::new(0);
    let flow = defer(|| {
        made.set(made.get() + 1);
        Script::marbles("-a-b|")
    });
    assert_eq!(made.get(), 0);
    assert_marbles(flow, "-a-b|");
    assert_eq!(made.get(), 1);
}

#[test]
fn drops_the_flow_at_its_end_or_failure() {
    for text in ["a|", "a#"] {
        let (source, seen) = probe(Script::marbles(text));
        let mut source = Some(source);
        let mut flow = defer(move || source.take().unwrap_or_else(|| panic!("made twice")));
        virtual_time(async {
            assert_eq!(flow.next().await, Ok(Some('a')));
            assert!(!seen.dropped());
            assert_ne!(flow.next().await, Ok(Some('a')));
            assert!(seen.dropped());
            assert_eq!(flow.next().await, Ok(None));
        });
    }
}

#[test]
fn takes_a_stream_that_goes_on_after_its_failure_and_does_not() {
    let flow = defer(|| futures::stream::iter([Ok(1), Err("broken"), Ok(2)]));
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Err("broken"));
    let results = virtual_time(StreamExt::collect::<Vec<_>>(defer(|| futures::stream::iter([Err("broken"), Ok(2)]))));
    assert_eq!(results, [Err("broken")]);
}

#[test]
fn runs_anew_after_a_restart() {
    let made = Cell::new(0);
    virtual_time(async {
        let mut flow = pin!(defer(|| {
            made.set(made.get() + 1);
            from_iter([10 * made.get(), 10 * made.get() + 1])
        }));
        assert_eq!(StreamExt::next(&mut flow).await, Some(Ok(10)), "before its end");
        flow.as_mut().restart();
        assert_eq!(made.get(), 1, "made before it was polled");
        for expected in [Some(Ok(20)), Some(Ok(21)), None, None] {
            assert_eq!(StreamExt::next(&mut flow).await, expected, "to its end");
        }
        flow.as_mut().restart();
        flow.as_mut().restart();
        assert_eq!(StreamExt::next(&mut flow).await, Some(Ok(30)), "after its end");
    });
}

#[test]
fn drops_the_running_flow_when_it_restarts() {
    let (source, seen) = probe(Script::marbles("a-b|"));
    let mut source = Some(source);
    let mut flow = pin!(defer(move || source.take().unwrap_or_else(|| panic!("made twice"))));
    virtual_time(StreamExt::next(&mut flow)).map_or_else(|| panic!("it ended"), |item| assert_eq!(item, Ok('a')));
    flow.as_mut().restart();
    assert!(seen.dropped());
}

#[test]
fn a_panic_in_the_function_leaves_it_to_be_polled_again() {
    let mut calls = 0;
    let mut flow = defer(|| {
        calls += 1;
        assert!(calls > 1, "the first call");
        from_iter([calls])
    });
    let first = catch_unwind(AssertUnwindSafe(|| virtual_time(flow.next())));
    assert!(first.is_err());
    assert_eq!(virtual_time(flow.next()), Ok(Some(2)));
}

#[test]
fn size_hint_is_unknown_until_the_flow_is_made() {
    let mut flow = defer(|| from_iter([1, 2, 3]));
    assert_eq!(flow.size_hint(), (0, None));
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.size_hint(), (2, Some(2)));
        assert_eq!(flow.count().await, Ok(2));
    });
}
