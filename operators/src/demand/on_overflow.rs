//! `on_overflow`: what to do with items that come while the consumer is busy.
//!
//! ```text
//! in:   abcd-e---|
//! latest, and a consumer that is busy for 4 after each item
//! out:  a---d---e---|
//! ```

use super::overflow::{Beyond, Overflow};
use super::read_ahead::ReadAhead;
use crate::{Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Reads upstream on a tokio task of its own, even while the consumer is busy, and lets a bounded number of items
    /// wait for it; the [`Overflow`] says how many, and what becomes of those beyond.
    ///
    /// | policy | when one more comes than may wait |
    /// |---|---|
    /// | [`Overflow::buffer(n)`](Overflow::buffer) | upstream is held back until there is room |
    /// | [`Overflow::drop_newest(n)`](Overflow::drop_newest) | it is dropped |
    /// | [`Overflow::drop_oldest(n)`](Overflow::drop_oldest) | the one that waited longest is dropped |
    /// | [`Overflow::latest()`](Overflow::latest) | it takes the place of the only one that waits |
    /// | [`Overflow::error(n)`](Overflow::error) | the flow fails, behind those that wait |
    ///
    /// [`lost`](Overflow::lost) counts what is dropped. Only `error` asks for an error type that takes an
    /// [`OperatorError`](crate::OperatorError).
    ///
    /// What upstream has at once counts as coming while the consumer is busy: on one thread, the consumer is not polled
    /// before the task waits or has taken 256 items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/on_overflow.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item that waits, as soon as the consumer asks for one |
    /// | Ends | with upstream, after the items that wait |
    /// | Errors | keep their place: they end it after all items that came before and were not dropped |
    /// | Holds | the items that wait, `n` at most |
    /// | Ahead | as many; without a bound where items are dropped |
    /// | Dropped | the task is aborted: upstream is dropped the next time that it waits, and what waits is lost |
    /// | Time | none; the task starts at the first poll, and goes on while nobody polls. A consumer that polls late gets what waits then |
    ///
    /// # Panics
    ///
    /// If it is first polled outside a tokio runtime, or if the runtime was shut down while it ran.
    ///
    /// # Examples
    ///
    /// ```
    /// use anabranch_operators::{Counter, Overflow, from_iter};
    ///
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # rt.block_on(async {
    /// let lost = Counter::new();
    /// let prices = from_iter([101, 102, 99, 104]).on_overflow(Overflow::latest().lost(&lost));
    /// assert_eq!(prices.collect::<Vec<_>>().await, Ok(vec![104]));
    /// assert_eq!(lost.get(), 3);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`prefetch`](Self::prefetch), [`conflate`](Self::conflate) and [`batch_while_busy`](Self::batch_while_busy),
    /// which lose nothing; [`spawn`](Self::spawn). ReactiveX: `onBackpressureBuffer`, `onBackpressureDrop`,
    /// `onBackpressureLatest`, `onBackpressureError`; Pekko and Kotlin: `buffer`.
    #[doc(alias = "onBackpressureBuffer")]
    #[doc(alias = "onBackpressureDrop")]
    #[doc(alias = "onBackpressureLatest")]
    #[doc(alias = "onBackpressureError")]
    #[doc(alias = "buffer")]
    pub fn on_overflow<P>(self, policy: Overflow<P>) -> Flow<ReadAhead<S, Overflow<P>>>
    where
        P: Beyond<S::Error>,
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Send,
    {
        Flow::new(ReadAhead::new(self.into_inner(), policy))
    }
}
