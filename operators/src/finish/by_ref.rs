//! `by_ref`: a flow that is lent to the operators behind it.
//!
//! ```text
//! in:   a-b-c-d-|
//! the first 2 of it, lent
//! out:  a-(b|)
//! ```

use crate::{Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Lends the flow: operators behind it read as far as they read, and the rest is there afterwards.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/by_ref.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: the flow goes on where it was. What the operators behind it held is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// let mut lines = anabranch_operators::from_iter(["from: a", "to: b", "text", "more"]);
    /// let Ok(head) = lines.by_ref().take(2).collect::<Vec<_>>().await;
    /// let Ok(body) = lines.collect::<Vec<_>>().await;
    /// assert_eq!(head, ["from: a", "to: b"]);
    /// assert_eq!(body, ["text", "more"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`next`](Self::next). futures: `StreamExt::by_ref`.
    pub fn by_ref(&mut self) -> Flow<&mut S>
    where
        S: Unpin,
    {
        Flow::new(self.inner_mut())
    }
}
