//! `combine_latest`: the latest items of all flows, whenever one of them gives another.
//!
//! ```text
//! a:    a---b----c|
//! b:    --1---2|
//! out:  --[a1]-[b1]-[b2]--[c2]|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;
use crate::combine::{Combinable, CopyingSides};

/// The stream of [`combine_latest`](combine_latest()).
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct CombineLatest<L> {
    #[pin]
    sides: L,
}

/// Gives the latest items of all flows whenever one of them gives another, from when each has given one.
///
/// `flows` is a tuple of two to eight flows, of any types but with the same error, and gives tuples; or a `Vec` or an
/// array of flows of one type, of any number, and gives `Vec`s: there, only the flows that were woken are polled.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/combine_latest.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when a flow gives an item and each has given one; while several are ready, an item of each in turn |
/// | Ends | when all have ended, or one without an item, which leaves nothing to combine; at once if there are no flows |
/// | Errors | end it at once; the other flows are dropped |
/// | Holds | the latest item of each flow, also of those that have ended |
/// | Dropped | the held items; those of a flow that are followed by others before each flow has given one are not seen |
/// | Time | none; a consumer that polls late sees every item in some combination, beside what the others had given by then |
///
/// The items are cloned: each is in as many combinations as there are until the next item of its flow. Put what is
/// large into an `Arc`.
///
/// ReactiveX libraries differ in when they end after a flow has ended without an item: at once, as here, in RxJava and
/// Reactor, and when all others have ended, or gone on, in RxJS and RxPY.
///
/// # Examples
///
/// ```
/// # use anabranch_operators::testing::virtual_time;
/// # virtual_time(async {
/// use std::time::Duration;
/// use anabranch_operators::{combine_latest, interval};
///
/// let fast = interval(Duration::from_secs(2)).take(4);
/// let slow = interval(Duration::from_secs(5)).take(1);
/// let Ok(both) = combine_latest((fast, slow)).collect::<Vec<_>>().await;
/// assert_eq!(both, [(1, 0), (2, 0), (3, 0)]);
/// # });
/// ```
///
/// # See also
///
/// [`with_latest_from`](Flow::with_latest_from) when only one of them is to cause anything, [`zip`](crate::zip()) for
/// each item once. ReactiveX: `combine_latest`, `combineLatest`, `combineLatestWith`, `combineLatestAll`, `zipLatest`,
/// `mergeLatest`, `combine`.
pub fn combine_latest<C>(flows: C) -> Flow<CombineLatest<C::Sides>>
where
    C: Combinable,
    C::Sides: CopyingSides,
{
    Flow::new(CombineLatest { sides: flows.into_sides() })
}

impl<L: CopyingSides> Stream for CombineLatest<L> {
    type Item = Result<L::Items, L::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut sides = self.project().sides;
        let mut budget = Budget::new();
        loop {
            let polled = sides.as_mut().poll_any(cx);
            let end = match polled {
                Poll::Ready(Some(Err(error))) => Some(Err(error)),
                _ if sides.is_hopeless() => None,
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => None,
                Poll::Ready(Some(Ok(()))) => match sides.copy() {
                    Some(items) => return Poll::Ready(Some(Ok(items))),
                    None => {
                        ready!(budget.swallow(cx));
                        continue;
                    }
                },
            };
            sides.clear();
            return Poll::Ready(end);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.sides.most_of_any())
    }
}
