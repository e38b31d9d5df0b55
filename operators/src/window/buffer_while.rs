//! `buffer_while`: lists of items that follow each other and pass a test.
//!
//! ```text
//! while there is no capital
//! in:   a-b-X-c-|
//! out:  ----[ab]---([c]|)
//! ```

use std::fmt;

use super::runs::{Place, Rule, Runs};
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_while`].
pub type BufferWhile<S, P> = Runs<S, WhileItems<P>>;

/// Cuts at items that do not pass a test. Part of the type [`BufferWhile`].
pub struct WhileItems<P>(P);

impl<S: TryStream> Flow<S> {
    /// Gives lists of items that follow each other and pass a test. Those that do not are between lists, and left out.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_while.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when an item comes that does not pass, unless the list before it is empty |
    /// | Ends | with upstream, after giving the items that are held, if any |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | the items of one list: **their number is not bounded**, unless by [`max_count`](Self::max_count) |
    /// | Ahead | the items of one list, and those that are left out |
    /// | Dropped | the items that are held |
    /// | Time | none: a list waits for its end as long as that takes, unless [`max_time`](Self::max_time) is set |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["To be,", "or not to be,", "", "", "that is"]);
    /// let Ok(verses) = lines.buffer_while(|line| !line.is_empty()).collect::<Vec<_>>().await;
    /// assert_eq!(verses, [vec!["To be,", "or not to be,"], vec!["that is"]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_until`](Self::buffer_until), [`chunk_by`](Self::chunk_by); [`take_while`](Self::take_while). Rust:
    /// `slice::split`, which gives empty lists, too. ReactiveX: `bufferWhile`.
    #[doc(alias = "bufferWhile")]
    pub fn buffer_while<P>(self, passes: P) -> Flow<BufferWhile<S, P>>
    where
        P: FnMut(&S::Ok) -> bool,
    {
        Flow::new(Runs::new("BufferWhile", self.into_inner(), WhileItems(passes)))
    }
}

impl<T, P: FnMut(&T) -> bool> Rule<T> for WhileItems<P> {
    fn place(&mut self, item: &T, _is_first: bool) -> Place {
        if (self.0)(item) { Place::In { before: false, after: false } } else { Place::Out }
    }
}

impl<P> fmt::Debug for WhileItems<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhileItems").finish_non_exhaustive()
    }
}
