//! `boxed_local`: a flow whose type can be named, and that stays on its thread.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use futures::TryStreamExt;

use crate::{Flow, LocalBoxFlow, TryStream};

impl<S: TryStream> Flow<S> {
    /// As [`boxed`](Self::boxed), for a flow that is not `Send`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/boxed_local.svg"))]
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
    /// use std::rc::Rc;
    ///
    /// # futures::executor::block_on(async {
    /// let names = ["reed", "mud"].map(Rc::new);
    /// let flow = anabranch_operators::from_iter(names).boxed_local();
    /// assert_eq!(flow.count().await, Ok(2));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`boxed`](Self::boxed). futures: `StreamExt::boxed_local`.
    pub fn boxed_local<'a>(self) -> LocalBoxFlow<'a, S::Ok, S::Error>
    where
        S: 'a,
    {
        Flow::new(Box::pin(self.into_inner().into_stream()))
    }
}
