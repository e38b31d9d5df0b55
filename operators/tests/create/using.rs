//! `using`: a flow beside something that it needs as long as it runs.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use anabranch_operators::testing::{Script, assert_marbles, check, virtual_time};
use anabranch_operators::{defer, from_iter, using};
use futures::{Stream, StreamExt, stream};

/// Notes when it is dropped.
struct Note(&'static str, Log);

type Log = Rc<RefCell<Vec<&'static str>>>;

impl Drop for Note {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// The flow of the script, with notes of what is made and dropped.
fn noted(
    text: &'static str,
    log: &Log,
) -> anabranch_operators::Flow<impl Stream<Item = Result<char, anabranch_operators::testing::Failed>> + use<>> {
    let (log, inner) = (Rc::clone(log), Rc::clone(log));
    using(
        move || {
            log.borrow_mut().push("open");
            Note("close", log)
        },
        move |_| {
            inner.borrow_mut().push("begin");
            let note = Note("stop", inner);
            Script::marbles(text).inspect(move |_| _ = &note)
        },
    )
}

#[test]
fn gives_what_the_flow_gives() {
    for text in ["a-b-|", "|", "-a", "-a-#", "(abc|)"] {
        check(text, |flow| using(|| 7, |_| flow), text);
    }
}

#[test]
fn makes_both_at_the_first_poll_and_drops_the_resource_after_the_flow() {
    for (text, all) in [("-a|", true), ("-a#", true), ("-a", false)] {
        let log = Log::default();
        let mut flow = noted(text, &log).boxed_local();
        assert!(log.borrow().is_empty());
        virtual_time(async {
            assert_eq!(flow.next().await, Ok(Some('a')));
            assert_eq!(*log.borrow(), ["open", "begin"]);
            if all {
                assert_ne!(flow.next().await, Ok(Some('a')));
                assert_eq!(*log.borrow(), ["open", "begin", "stop", "close"], "before its reader knew of the end");
                assert_eq!(flow.next().await, Ok(None));
            }
        });
        drop(flow);
        assert_eq!(*log.borrow(), ["open", "begin", "stop", "close"]);
    }
}

#[test]
fn makes_nothing_when_it_is_never_polled() {
    let log = Log::default();
    drop(noted("a|", &log));
    assert!(log.borrow().is_empty());
}

#[test]
fn the_flow_is_made_of_the_resource() {
    let flow = using(|| vec![1, 2, 3], |list| from_iter(list.split_off(1)));
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![2, 3]));
}

#[test]
fn can_be_run_again_when_deferred() {
    let log = Log::default();
    let flow = defer(|| noted("-a|", &log));
    assert_marbles(flow, "-a|");
    assert_eq!(*log.borrow(), ["open", "begin", "stop", "close"]);
}

#[test]
fn gives_nothing_after_a_stream_that_goes_on_after_its_failure() {
    let flow = using(|| (), |()| stream::iter([Err("broken"), Ok(2)]));
    assert_eq!(virtual_time(StreamExt::collect::<Vec<_>>(flow)), [Err("broken")]);
}

#[test]
fn a_panic_in_either_function_drops_what_was_made() {
    let log = Log::default();
    let inner = Rc::clone(&log);
    let mut flow = using(
        move || Note("close", inner),
        |_| -> anabranch_operators::Flow<stream::Empty<Result<(), ()>>> { panic!("no flow") },
    );
    assert!(catch_unwind(AssertUnwindSafe(|| virtual_time(flow.next()))).is_err());
    assert_eq!(*log.borrow(), ["close"]);
    assert_eq!(virtual_time(flow.next()), Ok(None));
}

#[test]
fn size_hint_is_unknown_until_the_flow_is_made() {
    let mut flow = using(|| (), |()| from_iter([1, 2]));
    assert_eq!(flow.size_hint(), (0, None));
    assert_eq!(virtual_time(flow.next()), Ok(Some(1)));
    assert_eq!(flow.size_hint(), (1, Some(1)));
}
