//! `conflate`: what comes while the consumer is busy, merged into one item.
//!
//! ```text
//! in:   1234---|
//! the digits added up, and a consumer that is busy for 4 after each item
//! out:  1---9---|
//! ```

use std::fmt;

use super::read_ahead::{Place, Policy, ReadAhead, sealed};
use crate::{Flow, TryStream};

/// The [`Policy`] of [`conflate`](Flow::conflate).
pub struct Merged<F> {
    f: F,
}

impl<F> fmt::Debug for Merged<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged").finish_non_exhaustive()
    }
}

impl<F> sealed::Sealed for Merged<F> {}

impl<T, E, F> Policy<T, E> for Merged<F>
where
    F: FnMut(T, T) -> T,
{
    type Held = Option<T>;
    type Given = T;

    const NAME: &'static str = "conflate";

    fn has_room(&self, _held: &Option<T>) -> bool {
        true
    }

    fn put(&mut self, place: &Place<Option<T>, E>, item: T) -> Result<(), E> {
        let merged = match place.take_back(Option::take) {
            Some(older) => (self.f)(older, item),
            None => item,
        };
        place.put(|held| *held = Some(merged));
        Ok(())
    }

    fn take(held: &mut Option<T>) -> Option<T> {
        held.take()
    }

    fn waiting(held: &Option<T>) -> usize {
        usize::from(held.is_some())
    }
}

impl<S: TryStream> Flow<S> {
    /// Reads upstream on a tokio task of its own, even while the consumer is busy, and merges what comes meanwhile into
    /// one item, by `f(older, newer)`.
    ///
    /// A consumer that is fast enough gets each item as it is. To merge into another type, such as a count or a list,
    /// [`map`](Self::map) to it before.
    ///
    /// What upstream has at once counts as coming while the consumer is busy: on one thread, the consumer is not polled
    /// before the task waits or has taken 256 items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/conflate.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | the item that waits, merged of one or more, as soon as the consumer asks for one |
    /// | Ends | with upstream, after the item that waits |
    /// | Errors | keep their place: they end it after the item that waits |
    /// | Holds | one item |
    /// | Ahead | without a bound: upstream is never held back |
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
    /// use anabranch_operators::from_iter;
    ///
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # rt.block_on(async {
    /// let moves = from_iter([3, -1, 2]).conflate(|sum, step| sum + step);
    /// assert_eq!(moves.collect::<Vec<_>>().await, Ok(vec![4]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`batch_while_busy`](Self::batch_while_busy) for a list of them, [`on_overflow`](Self::on_overflow) to keep some
    /// and drop others, [`scan`](Self::scan). RxJava: `onBackpressureReduce`; Pekko: `conflateWithSeed`, `batch`,
    /// `batchWeighted`; Kotlin: `conflate`, which keeps the latest, as `on_overflow(Overflow::latest())`.
    #[doc(alias = "onBackpressureReduce")]
    #[doc(alias = "conflateWithSeed")]
    #[doc(alias = "batchWeighted")]
    pub fn conflate<F>(self, f: F) -> Flow<ReadAhead<S, Merged<F>>>
    where
        F: FnMut(S::Ok, S::Ok) -> S::Ok + Send + 'static,
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Send,
    {
        Flow::new(ReadAhead::new(self.into_inner(), Merged { f }))
    }
}
