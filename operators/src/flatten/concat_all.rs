//! `concat_all`: the flows that a flow gives, one after another.
//!
//! ```text
//! in:   a-b------|
//! a:    1---2|
//! b:         3-4|
//! out:  1---23-4-|
//! ```

use std::convert::identity;

use crate::flatten::ConcatMap;
use crate::{Flow, TryStream};

/// The stream of [`Flow::concat_all`].
pub type ConcatAll<S> = ConcatMap<S, <S as TryStream>::Ok, fn(<S as TryStream>::Ok) -> <S as TryStream>::Ok>;

impl<S> Flow<S>
where
    S: TryStream,
    S::Ok: TryStream<Error = S::Error>,
{
    /// Reads the streams that this flow gives, one at a time and in order, and gives their items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/concat_all.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the stream that is read gives an item |
    /// | Ends | when upstream and the last stream have ended |
    /// | Errors | of upstream or of the stream that is read end it at once; upstream's is seen when it is next read |
    /// | Holds | 1 stream; upstream is not polled while it is read |
    /// | Dropped | the stream that is read |
    /// | Time | none; a stream is first polled at the instant the one before it has ended |
    ///
    /// It is [`concat_map`](Self::concat_map) with a function that changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let pages = from_iter([vec![1, 2], vec![], vec![3]]).map(from_iter);
    /// let Ok(all) = pages.concat_all().collect::<Vec<_>>().await;
    /// assert_eq!(all, [1, 2, 3]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`merge_all`](Self::merge_all) for several at once, [`concat`](crate::concat()) for flows that are there from the start.
    /// futures: `StreamExt::flatten`. ReactiveX: `concatAll`, `flattenConcat`, `concatSubstreams`.
    #[doc(alias = "concatAll")]
    #[doc(alias = "concatAllLazy")]
    #[doc(alias = "concatSubstreams")]
    #[doc(alias = "flattenConcat")]
    pub fn concat_all(self) -> Flow<ConcatAll<S>> {
        self.concat_map(identity)
    }
}
