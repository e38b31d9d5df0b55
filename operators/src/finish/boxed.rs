//! `boxed`: a flow whose type can be named.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use futures::TryStreamExt;

use crate::{BoxFlow, Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Puts the flow into a box: for struct fields, for return types, for flows of different kinds in one place.
    ///
    /// The result is `Unpin`, too. Each item costs a call through a pointer. Where a function takes or returns a flow,
    /// `Flow<impl Stream<Item = Result<T, E>>>` costs nothing.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/boxed.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use anabranch_operators::{BoxFlow, from_iter};
    ///
    /// fn numbers(even: bool) -> BoxFlow<'static, u32, Infallible> {
    ///     let all = from_iter(0..10);
    ///     if even { all.filter(|n| n % 2 == 0).boxed() } else { all.boxed() }
    /// }
    /// # futures::executor::block_on(async {
    /// assert_eq!(numbers(true).count().await, Ok(5));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`boxed_local`](Self::boxed_local) for a flow that is not `Send`. futures: `StreamExt::boxed`. ReactiveX: `as_observable`, `hide`.
    #[doc(alias = "as_observable")]
    #[doc(alias = "hide")]
    pub fn boxed<'a>(self) -> BoxFlow<'a, S::Ok, S::Error>
    where
        S: Send + 'a,
    {
        Flow::new(Box::pin(self.into_inner().into_stream()))
    }
}
