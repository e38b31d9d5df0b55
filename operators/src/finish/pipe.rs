//! `pipe`: a function of yours in the chain.
//!
//! ```text
//! in:   a-b-c-|
//! each item twice
//! out:  [aa]-[bb]-[cc]-|
//! ```

use crate::Flow;

impl<S> Flow<S> {
    /// Gives `f(self)`: an operator of your own, written as a function over flows, stands in the chain as ours do.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/pipe.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | what `f` says |
    /// | Ends | when `f` says |
    /// | Errors | do what `f` says |
    /// | Holds | nothing by itself |
    /// | Dropped | nothing is lost by itself |
    /// | Time | none by itself; `f` is called at once |
    ///
    /// # Examples
    ///
    /// ```
    /// use anabranch_operators::{Flow, from_iter};
    /// use futures::Stream;
    ///
    /// fn every_other<T, E>(
    ///     flow: Flow<impl Stream<Item = Result<T, E>>>,
    /// ) -> Flow<impl Stream<Item = Result<T, E>>> {
    ///     flow.enumerate().filter(|(n, _)| n % 2 == 0).map(|(_, item)| item)
    /// }
    ///
    /// # futures::executor::block_on(async {
    /// let Ok(picked) = from_iter("abcde".chars()).pipe(every_other).collect::<String>().await;
    /// assert_eq!(picked, "ace");
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// ReactiveX: `pipe`, `transform`, `compose`.
    #[doc(alias = "transform")]
    #[doc(alias = "compose")]
    pub fn pipe<R, F>(self, f: F) -> R
    where
        F: FnOnce(Self) -> R,
    {
        f(self)
    }
}
