//! `merge`: several flows at once.
//!
//! ```text
//! a:    1--2----|
//! b:    -3---4|
//! c:    ----5|
//! out:  13-254--|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use super::slots::sealed;
use crate::budget::Budget;
use crate::combine::{Race, RaceMany, Slot, Slots};
use crate::flatten::{MergeSet, RUN};
use crate::rota::Called;
use crate::{Flow, TryStream};

/// The stream of [`merge`](merge()) over a tuple, and of [`Flow::merge_with`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Merge<L> {
    #[pin]
    slots: L,
    /// Whose turn it is, and how many items are left of its run.
    turn: usize,
    left: usize,
}

/// The stream of [`merge`](merge()) over a `Vec` or an array.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MergeMany<S: TryStream> {
    streams: MergeSet<S>,
}

/// Gives the items of all flows as they come.
///
/// `flows` is a tuple of two to eight flows, of any types but with the same item and error, or a `Vec` or an array of
/// flows of one type, of any number: there, a wake-up costs the same however many there are.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/merge.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when any flow gives an item; while several are ready, runs of up to 64 items of each in turn |
/// | Ends | when all have ended; at once if there are none |
/// | Errors | end it at once; the other flows are dropped |
/// | Holds | nothing |
/// | Dropped | nothing is lost |
/// | Time | none; all are first polled at its first poll, or as soon as those before them in turn allow |
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{from_iter, merge};
///
/// let Ok(sum) = merge((from_iter(1..3), from_iter([7]), from_iter(Some(9)))).fold(0, |sum, n| sum + n).await;
/// assert_eq!(sum, 1 + 2 + 7 + 9);
///
/// let shards: Vec<_> = (0..1_000).map(|n| from_iter(n..n + 2)).collect();
/// let Ok(count) = merge(shards).count().await;
/// assert_eq!(count, 2_000);
/// # });
/// ```
///
/// # See also
///
/// [`merge_with`](Flow::merge_with) as a method, [`merge_map`](Flow::merge_map) for flows that come up as it runs,
/// [`concat`](crate::concat()) for one after another. futures: `select`, `select_all`. ReactiveX: `merge`, `mergeArray`.
pub fn merge<M: Mergeable>(flows: M) -> Flow<M::Merged> {
    Flow::new(flows.into_merged())
}

/// What [`merge`](merge()) and [`race`](crate::race()) take: tuples, `Vec`s and arrays of flows. Not to be implemented
/// elsewhere.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged: it is no tuple of two to eight flows with the same item and error, no `Vec` and no array",
    note = "flows of different items can be made alike by `.map(..)`, and of different errors by `.fails_with()` or `.err_into()`"
)]
pub trait Mergeable: sealed::Sealed {
    /// The stream of all items.
    type Merged: TryStream;
    /// The stream of the items of the one that is first.
    type Raced: TryStream;

    #[doc(hidden)]
    fn into_merged(self) -> Self::Merged;

    #[doc(hidden)]
    fn into_raced(self) -> Self::Raced;
}

impl<L> Merge<L> {
    pub(super) const fn new(slots: L) -> Self {
        Self { slots, turn: 0, left: RUN }
    }
}

/// Goes on to the next of so many. Out of line, because it does not come with each item.
#[cold]
#[inline(never)]
const fn next_turn(turn: &mut usize, left: &mut usize, len: usize) {
    *turn = (*turn + 1) % len;
    *left = RUN;
}

impl<S, R> Stream for Merge<Slot<S, R>>
where
    S: TryStream,
    R: Slots<S::Ok, S::Error>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut waiting = false;
        for _ in 0..1 + R::LEN {
            match this.slots.as_mut().poll_slot(*this.turn, cx) {
                Poll::Ready(Some(Ok(item))) => {
                    *this.left -= 1;
                    if *this.left == 0 {
                        next_turn(this.turn, this.left, 1 + R::LEN);
                    }
                    return Poll::Ready(Some(Ok(item)));
                }
                Poll::Ready(Some(Err(error))) => {
                    this.slots.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {}
                Poll::Pending => waiting = true,
            }
            next_turn(this.turn, this.left, 1 + R::LEN);
        }
        if waiting { Poll::Pending } else { Poll::Ready(None) }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let hints = (0..1 + R::LEN).map(|at| self.slots.hint(at)).filter(|hint| *hint != (0, Some(0)));
        // Any stream may fail with the last thing it gives, and that ends the others too.
        let all = hints
            .reduce(|(least, most), hint| (least.min(hint.0), most.zip(hint.1).and_then(|(a, b)| a.checked_add(b))));
        all.unwrap_or((0, Some(0)))
    }
}

impl<S: TryStream> Stream for MergeMany<S> {
    type Item = Result<S::Ok, S::Error>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut budget = Budget::new();
        let given = loop {
            match self.streams.poll_next(cx, None) {
                Poll::Ready(given) => break given,
                Poll::Pending if matches!(self.streams.wait(cx), Called::Nobody) => return Poll::Pending,
                Poll::Pending => ready!(budget.swallow(cx)),
            }
        };
        if matches!(given, Some(Err(_))) {
            self.streams.clear();
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, if self.streams.is_empty() { Some(0) } else { None })
    }
}

impl<S> sealed::Sealed for Vec<S> {}

impl<S: TryStream> Mergeable for Vec<S> {
    type Merged = MergeMany<S>;
    type Raced = RaceMany<S>;

    fn into_merged(self) -> Self::Merged {
        MergeMany { streams: self.into_iter().collect() }
    }

    fn into_raced(self) -> Self::Raced {
        self.into_iter().collect()
    }
}

impl<S, const N: usize> sealed::Sealed for [S; N] {}

impl<S: TryStream, const N: usize> Mergeable for [S; N] {
    type Merged = MergeMany<S>;
    type Raced = RaceMany<S>;

    fn into_merged(self) -> Self::Merged {
        MergeMany { streams: self.into_iter().collect() }
    }

    fn into_raced(self) -> Self::Raced {
        self.into_iter().collect()
    }
}

/// The type of a list of slots, and its value.
macro_rules! slots {
    (type) => { () };
    (type $first:ident $($rest:ident)*) => { Slot<$first, slots!(type $($rest)*)> };
    (value) => { () };
    (value $first:ident $($rest:ident)*) => { Slot::new($first, slots!(value $($rest)*)) };
}

/// `Mergeable` for one length of tuple.
macro_rules! mergeable {
    ($first:ident $($rest:ident)*) => {
        impl<$first, $($rest),*> sealed::Sealed for ($first, $($rest),*) {}

        impl<$first, $($rest),*> Mergeable for ($first, $($rest),*)
        where
            $first: TryStream,
            $($rest: TryStream<Ok = $first::Ok, Error = $first::Error>,)*
        {
            type Merged = Merge<slots!(type $first $($rest)*)>;
            type Raced = Race<slots!(type $first $($rest)*)>;

            fn into_merged(self) -> Self::Merged {
                #[allow(non_snake_case, reason = "the values have the names of their types")]
                let ($first, $($rest),*) = self;
                Merge::new(slots!(value $first $($rest)*))
            }

            fn into_raced(self) -> Self::Raced {
                #[allow(non_snake_case, reason = "the values have the names of their types")]
                let ($first, $($rest),*) = self;
                Race::new(slots!(value $first $($rest)*))
            }
        }
    };
}

mergeable!(A B);
mergeable!(A B C);
mergeable!(A B C D);
mergeable!(A B C D E);
mergeable!(A B C D E F);
mergeable!(A B C D E F G);
mergeable!(A B C D E F G H);
