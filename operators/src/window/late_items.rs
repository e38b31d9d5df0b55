//! [`LateItems`]: what becomes of items that come too late for their windows.

/// What becomes of late items: [`CountLate`] or [`GiveLate`]. The trait is sealed.
pub trait LateItems<V, T>: sealed::Sealed {
    /// What the flow gives.
    type Item;

    #[doc(hidden)]
    fn result(result: V) -> Self::Item;

    #[doc(hidden)]
    fn late(item: T) -> Option<Self::Item>;
}

/// Late items are counted only.
#[derive(Debug)]
#[non_exhaustive]
pub struct CountLate;

/// Late items are given beside the results: see [`give_late`](crate::Flow::give_late).
#[derive(Debug)]
#[non_exhaustive]
pub struct GiveLate;

impl<V, T> LateItems<V, T> for CountLate {
    type Item = V;

    fn result(result: V) -> V {
        result
    }

    fn late(_item: T) -> Option<V> {
        None
    }
}

impl<V, T> LateItems<V, T> for GiveLate {
    type Item = Result<V, T>;

    fn result(result: V) -> Result<V, T> {
        Ok(result)
    }

    fn late(item: T) -> Option<Result<V, T>> {
        Some(Err(item))
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::CountLate {}

    impl Sealed for super::GiveLate {}
}
