//! A breaker that flows on several tasks share.

use std::future::{pending, ready};
use std::task::Poll;
use std::time::Duration;

use anabranch_operators::FlowExt;
use anabranch_operators::recover::{Breaker, BreakerState};
use anabranch_operators::testing::virtual_time;
use futures::Stream;
use futures::future::{BoxFuture, FutureExt};
use shuttle::future::yield_now;
use shuttle::thread;

use crate::tasks::{Reader, Signal, exhaust, fed};

type Answer = BoxFuture<'static, Result<u32, ()>>;

/// A flow that calls a service for 7, and waits while the breaker is open.
fn calls(breaker: &Breaker, service: fn() -> Answer) -> Reader<impl Stream<Item = Signal> + Send + Unpin + use<>> {
    let items = fed([7]).try_into_flow();
    Reader::new(items.circuit_breaker(1, breaker, move |_| service()).wait_while_open().filter_map(Result::ok))
}

/// The breaker is half open, and a call of A under way that decides, of which something becomes while B begins to wait.
fn half_open(deciding: fn() -> Answer, then: fn(&mut dyn FnMut() -> Poll<Option<Signal>>)) {
    exhaust(move || {
        virtual_time(async {
            let breaker = Breaker::new(1, Duration::from_millis(4));
            assert!(calls(&breaker, || ready(Err(())).boxed()).poll().is_ready());
            assert_eq!(breaker.state(), BreakerState::Open);
            tokio::time::advance(Duration::from_millis(4)).await;
            let mut a = calls(&breaker, deciding);
            a.waits();
            let mut b = calls(&breaker, || ready(Ok(7)).boxed());
            let deciding = thread::spawn(move || then(&mut || a.poll()));
            let polled = b.poll();
            deciding.join().unwrap();
            match polled {
                Poll::Pending => b.woken_for(7),
                ready => assert_eq!(ready, Poll::Ready(Some(Ok(7)))),
            }
            assert_eq!(breaker.state(), BreakerState::Closed);
        });
    });
}

#[test]
fn breaker_a_is_dropped_with_the_call_that_decides_while_b_begins_to_wait() {
    half_open(|| pending().boxed(), |_| {});
}

#[test]
fn breaker_a_has_its_answer_while_b_begins_to_wait() {
    let on_the_second_poll = || yield_now().map(|()| Ok(7)).boxed();
    half_open(on_the_second_poll, |poll| assert_eq!(poll(), Poll::Ready(Some(Ok(7)))));
}
