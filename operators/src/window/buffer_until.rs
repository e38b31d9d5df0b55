//! `buffer_until`: lists that each end with an item that passes a test.
//!
//! ```text
//! until a capital
//! in:   a-B-c-D-e|
//! out:  --[aB]---[cD]--([e]|)
//! ```

use std::fmt;

use super::runs::{Place, Rule, Runs};
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_until`].
pub type BufferUntil<S, P> = Runs<S, UntilItem<P>>;

/// Cuts behind items that pass a test. Part of the type [`BufferUntil`].
pub struct UntilItem<P>(P);

impl<S: TryStream> Flow<S> {
    /// Gives lists of items that follow each other, of which each ends with the first that passes a test.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_until.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when an item has come for which `is_last` is true, with that item as the last |
    /// | Ends | with upstream, after giving the items that are held, if any |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | the items of one list: **their number is not bounded**, unless by [`max_count`](Self::max_count) |
    /// | Ahead | the items of one list |
    /// | Dropped | the items that are held |
    /// | Time | none: a list waits for its last item as long as that takes, unless [`max_time`](Self::max_time) is set |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let words = anabranch_operators::from_iter(["I", "came.", "I", "saw."]);
    /// let Ok(sentences) = words.buffer_until(|word| word.ends_with('.')).collect::<Vec<_>>().await;
    /// assert_eq!(sentences, [["I", "came."], ["I", "saw."]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_while`](Self::buffer_while), [`chunk_by`](Self::chunk_by); [`buffer_when`](Self::buffer_when), for cuts
    /// that another flow makes. Rust: `slice::split_inclusive`. ReactiveX: `bufferUntil`.
    #[doc(alias = "bufferUntil")]
    #[doc(alias = "aggregateWithBoundary")]
    #[doc(alias = "split_inclusive")]
    pub fn buffer_until<P>(self, is_last: P) -> Flow<BufferUntil<S, P>>
    where
        P: FnMut(&S::Ok) -> bool,
    {
        Flow::new(Runs::new("BufferUntil", self.into_inner(), UntilItem(is_last)))
    }
}

impl<T, P: FnMut(&T) -> bool> Rule<T> for UntilItem<P> {
    fn place(&mut self, item: &T, _is_first: bool) -> Place {
        Place::In { before: false, after: (self.0)(item) }
    }
}

impl<P> fmt::Debug for UntilItem<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilItem").finish_non_exhaustive()
    }
}
