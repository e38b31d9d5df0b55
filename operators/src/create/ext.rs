//! `FlowExt`: the ways in as methods of any stream.

use futures::Stream;

use crate::create::{FromItems, FromResults, from_items, from_results};
use crate::{Flow, TryStream};

/// Turns any stream into a [`Flow`].
///
/// There is no neutral conversion: whether an `Err` is the flow's failure or an item like any other is for you to say.
pub trait FlowExt: Stream + Sized {
    /// A flow of the stream's items, which cannot fail: [`from_items`] as a method.
    fn into_flow(self) -> Flow<FromItems<Self>> {
        from_items(self)
    }

    /// A flow of the stream's `Ok` items, which fails with its first `Err`: [`from_results`] as a method.
    fn try_into_flow(self) -> Flow<FromResults<Self>>
    where
        Self: TryStream,
    {
        from_results(self)
    }
}

impl<S: Stream> FlowExt for S {}
