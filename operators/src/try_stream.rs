//! [`TryStream`]: a stream of results, as operators ask for it.

use futures::Stream;

/// A [`Stream`] of `Result<Ok, Error>`: what a [`Flow`](crate::Flow) wraps and operators read.
///
/// Every such stream is one, also those of other libraries; nobody implements it by hand. It is there to name the two types in
/// a bound:
///
/// ```
/// use anabranch_operators::{Flow, TryStream};
///
/// /// The squares of numbers, whatever stream they come from.
/// fn squares<S>(numbers: Flow<S>) -> Flow<impl TryStream<Ok = u64, Error = S::Error>>
/// where
///     S: TryStream<Ok = u64>,
/// {
///     numbers.map(|number| number * number)
/// }
/// ```
///
/// It says more than the trait of that name of the crate `futures`, which every stream of results has as well: that it *is* a
/// stream, and of what. So it is polled by [`poll_next`](Stream::poll_next), where the other has a function of its own in
/// between, which the compiler cannot be told to make a part of the loop around it. A bound of a function that uses operators
/// has to be this one.
pub trait TryStream: Stream<Item = Result<<Self as TryStream>::Ok, <Self as TryStream>::Error>> {
    /// An item.
    type Ok;

    /// The failure.
    type Error;
}

impl<S, T, E> TryStream for S
where
    S: Stream<Item = Result<T, E>> + ?Sized,
{
    type Ok = T;
    type Error = E;
}
