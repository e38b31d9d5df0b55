//! What [`zip`](crate::zip()), [`combine_latest`](crate::combine_latest()) and
//! [`with_latest_from`](crate::Flow::with_latest_from) read: several streams, and the item that each gave.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::slots::sealed;
use crate::combine::{CopyingSlots, KeepingSlots, Many, Slot};
use crate::{Flow, TryStream};

/// Several streams, and the item that each gave. Not to be implemented elsewhere.
pub trait Sides: sealed::Sealed {
    /// An item of each.
    type Items;
    /// What any of them fails with.
    type Error;

    /// Keeps the next item of any stream, in place of the one before of that stream; `None` when all have ended.
    #[doc(hidden)]
    fn poll_any(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<(), Self::Error>>>;

    /// The next item of each; `None` when a stream has ended that has none.
    #[doc(hidden)]
    fn poll_each(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Self::Items, Self::Error>>>;

    /// Whether a stream has ended without ever having given an item.
    #[doc(hidden)]
    fn is_hopeless(&self) -> bool;

    /// Drops all streams and items.
    #[doc(hidden)]
    fn clear(self: Pin<&mut Self>);

    /// How many signals [`poll_any`](Self::poll_any) still gives at most.
    #[doc(hidden)]
    fn most_of_any(&self) -> Option<usize>;

    /// How many signals [`poll_each`](Self::poll_each) still gives.
    #[doc(hidden)]
    fn hint_of_each(&self) -> (usize, Option<usize>);
}

/// [`Sides`] whose items can be copied. Not to be implemented elsewhere.
pub trait CopyingSides: Sides {
    /// A copy of the item of each, if each has one.
    #[doc(hidden)]
    fn copy(&self) -> Option<Self::Items>;
}

/// What [`zip`](crate::zip()) and [`combine_latest`](crate::combine_latest()) take: tuples, `Vec`s and arrays of flows.
/// Not to be implemented elsewhere.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be combined: it is no tuple of two to eight flows with one error type, no `Vec` and no array",
    note = "a flow that cannot fail gets an error type by `.fails_with()`, and another one by `.err_into()`"
)]
pub trait Combinable: sealed::Sealed {
    /// The streams.
    type Sides: Sides;

    #[doc(hidden)]
    fn into_sides(self) -> Self::Sides;
}

/// What [`with_latest_from`](Flow::with_latest_from) takes: a flow, or a tuple, `Vec` or array of flows, whose items can
/// be copied. Not to be implemented elsewhere.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no latest item here: it is neither a flow of `Clone` items nor a tuple, `Vec` or array of them",
    note = "a stream becomes a flow by `.into_flow()`; items that cannot be copied can be put into an `Rc` or an `Arc`"
)]
pub trait LatestOf: sealed::Sealed {
    /// The streams.
    type Sides: CopyingSides;

    #[doc(hidden)]
    fn into_latest(self) -> Self::Sides;
}

/// The streams of a tuple: [`Sides`] of different types.
#[derive(Clone, Debug)]
#[pin_project]
pub struct Tuple<L> {
    #[pin]
    slots: L,
    /// Whose turn it is.
    turn: usize,
}

/// The streams of a pair.
pub type Pair<A, B> = Tuple<KeepingSlot<A, KeepingSlot<B, ()>>>;

/// A [`Slot`] that keeps an item.
pub type KeepingSlot<S, R> = Slot<S, R, Option<<S as TryStream>::Ok>>;

impl<L> Tuple<L> {
    const fn new(slots: L) -> Self {
        Self { slots, turn: 0 }
    }
}

impl<A: TryStream, B: TryStream> Pair<A, B> {
    pub(super) fn of(a: A, b: B) -> Self {
        Self::new(Slot::new(a, Slot::new(b, ())))
    }
}

impl<L> sealed::Sealed for Tuple<L> {}

impl<S, R> Sides for Tuple<KeepingSlot<S, R>>
where
    S: TryStream,
    R: KeepingSlots<S::Error>,
    (S::Ok, R::Items): Flat,
{
    type Items = <(S::Ok, R::Items) as Flat>::Flat;
    type Error = S::Error;

    fn poll_any(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<(), S::Error>>> {
        let mut this = self.project();
        let mut waiting = false;
        for _ in 0..1 + R::LEN {
            let at = *this.turn;
            *this.turn = (at + 1) % (1 + R::LEN);
            match this.slots.as_mut().poll_slot(at, cx) {
                Poll::Ready(None) => {}
                Poll::Pending => waiting = true,
                given => return given,
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(None) }
    }

    fn poll_each(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Self::Items, S::Error>>> {
        let mut this = self.project();
        let mut waiting = false;
        for at in 0..1 + R::LEN {
            if this.slots.has(at).0 {
                continue;
            }
            match this.slots.as_mut().poll_slot(at, cx) {
                Poll::Ready(Some(Ok(()))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => waiting = true,
            }
        }
        if waiting {
            return Poll::Pending;
        }
        Poll::Ready(this.slots.take().map(|items| Ok(items.flat())))
    }

    fn is_hopeless(&self) -> bool {
        (0..1 + R::LEN).any(|at| self.slots.has(at) == (false, false))
    }

    fn clear(self: Pin<&mut Self>) {
        self.project().slots.clear();
    }

    fn most_of_any(&self) -> Option<usize> {
        (0..1 + R::LEN).try_fold(0_usize, |sum, at| sum.checked_add(self.slots.hint(at).1?))
    }

    fn hint_of_each(&self) -> (usize, Option<usize>) {
        let hints = (0..1 + R::LEN).map(|at| {
            let (least, most) = self.slots.hint(at);
            let kept = usize::from(self.slots.has(at).0);
            (least.saturating_add(kept), most.and_then(|most| most.checked_add(kept)))
        });
        let (mut least, mut shortest, mut longest) = (usize::MAX, None, Some(0));
        for (at_least, at_most) in hints {
            least = least.min(at_least);
            shortest = at_most.map_or(shortest, |most| Some(shortest.map_or(most, |other| most.min(other))));
            longest = at_most.zip(longest).map(|(most, other)| most.max(other));
        }
        // A failure of one side is one more thing to give than what the shortest allows.
        let most = shortest.and_then(|most: usize| most.checked_add(1));
        (least, most.map(|most| longest.map_or(most, |longest| most.min(longest))))
    }
}

impl<S, R> CopyingSides for Tuple<KeepingSlot<S, R>>
where
    S: TryStream,
    S::Ok: Clone,
    R: CopyingSlots<S::Error>,
    (S::Ok, R::Items): Flat,
{
    fn copy(&self) -> Option<Self::Items> {
        self.slots.copy().map(Flat::flat)
    }
}

impl<S: TryStream> Combinable for Vec<S> {
    type Sides = Many<S>;

    fn into_sides(self) -> Many<S> {
        self.into_iter().collect()
    }
}

impl<S: TryStream, const N: usize> Combinable for [S; N] {
    type Sides = Many<S>;

    fn into_sides(self) -> Many<S> {
        self.into_iter().collect()
    }
}

impl<C> LatestOf for C
where
    C: Combinable,
    C::Sides: CopyingSides,
{
    type Sides = C::Sides;

    fn into_latest(self) -> Self::Sides {
        self.into_sides()
    }
}

impl<S> sealed::Sealed for Flow<S> {}

impl<S> LatestOf for Flow<S>
where
    S: TryStream,
    S::Ok: Clone,
{
    type Sides = Tuple<KeepingSlot<S, ()>>;

    fn into_latest(self) -> Self::Sides {
        Tuple::new(Slot::new(self.into_inner(), ()))
    }
}

/// A list of items that can be made a tuple: `(A, (B, ()))` is `(A, B)`. Not to be implemented elsewhere.
pub trait Flat: sealed_flat::Sealed {
    /// The tuple; of one item, the item.
    type Flat;

    #[doc(hidden)]
    fn flat(self) -> Self::Flat;
}

mod sealed_flat {
    pub trait Sealed {}

    impl<A, R> Sealed for (A, R) {}
}

impl<A> Flat for (A, ()) {
    type Flat = A;

    fn flat(self) -> A {
        self.0
    }
}

/// A list of types, and its value.
macro_rules! list {
    (type) => { () };
    (type $first:ident $($rest:ident)*) => { ($first, list!(type $($rest)*)) };
    (slots) => { () };
    (slots $first:ident $($rest:ident)*) => { KeepingSlot<$first, list!(slots $($rest)*)> };
    (value) => { () };
    (value $first:ident $($rest:ident)*) => { Slot::new($first, list!(value $($rest)*)) };
}

/// `Flat` and `Combinable` for one length of tuple.
macro_rules! combinable {
    ($first:ident $($rest:ident)*) => {
        impl<$first, $($rest),*> Flat for list!(type $first $($rest)*) {
            type Flat = ($first, $($rest),*);

            fn flat(self) -> Self::Flat {
                #[allow(non_snake_case, reason = "the values have the names of their types")]
                let list!(type $first $($rest)*) = self;
                ($first, $($rest),*)
            }
        }

        impl<$first, $($rest),*> Combinable for ($first, $($rest),*)
        where
            $first: TryStream,
            $($rest: TryStream<Error = $first::Error>,)*
        {
            type Sides = Tuple<list!(slots $first $($rest)*)>;

            fn into_sides(self) -> Self::Sides {
                #[allow(non_snake_case, reason = "the values have the names of their types")]
                let ($first, $($rest),*) = self;
                Tuple::new(list!(value $first $($rest)*))
            }
        }
    };
}

combinable!(A B);
combinable!(A B C);
combinable!(A B C D);
combinable!(A B C D E);
combinable!(A B C D E F);
combinable!(A B C D E F G);
combinable!(A B C D E F G H);
