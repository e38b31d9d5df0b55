//! `batch_while_busy`: what comes while the consumer is busy, as one list.
//!
//! ```text
//! in:   abcdef--|
//! 3, and a consumer that is busy for 4 after each list
//! out:  [a]---[bcd]---[ef]---|
//! ```

use super::read_ahead::{Place, Policy, ReadAhead, sealed};
use crate::{Flow, TryStream};

/// The [`Policy`] of [`batch_while_busy`](Flow::batch_while_busy).
#[derive(Clone, Debug)]
pub struct Batch {
    max: usize,
}

impl sealed::Sealed for Batch {}

impl<T, E> Policy<T, E> for Batch {
    type Held = Vec<T>;
    type Given = Vec<T>;

    const NAME: &'static str = "batch_while_busy";

    fn has_room(&self, held: &Vec<T>) -> bool {
        held.len() < self.max
    }

    fn put(&mut self, place: &Place<Vec<T>, E>, item: T) -> Result<(), E> {
        place.put(|held| held.push(item));
        Ok(())
    }

    fn take(held: &mut Vec<T>) -> Option<Vec<T>> {
        (!held.is_empty()).then(|| std::mem::take(held))
    }

    fn waiting(held: &Vec<T>) -> usize {
        usize::from(!held.is_empty())
    }
}

impl<S: TryStream> Flow<S> {
    /// Reads upstream on a tokio task of its own, even while the consumer is busy, and gives what came meanwhile as one
    /// list, of up to `max` items and never empty.
    ///
    /// So lists are as long as they must be, and no item waits for a list to fill: a consumer that is fast enough gets
    /// lists of one. When `max` items wait, upstream is held back.
    ///
    /// What upstream has at once counts as coming while the consumer is busy: on one thread, the consumer is not polled
    /// before the task waits or has taken 256 items.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/batch_while_busy.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | a list of all items that wait, as soon as the consumer asks for one |
    /// | Ends | with upstream, after the items that wait |
    /// | Errors | keep their place: they end it after all items that came before |
    /// | Holds | `max` items |
    /// | Ahead | as many |
    /// | Dropped | the task is aborted: upstream is dropped the next time that it waits, and what waits is lost |
    /// | Time | none; the task starts at the first poll, and goes on while nobody polls. A consumer that polls late gets what waits then |
    ///
    /// # Panics
    ///
    /// If `max` is zero. If it is first polled outside a tokio runtime, or if the runtime was shut down while it ran.
    ///
    /// # Examples
    ///
    /// ```
    /// use anabranch_operators::from_iter;
    ///
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # rt.block_on(async {
    /// let rows = from_iter(1..=5).batch_while_busy(3);
    /// assert_eq!(rows.collect::<Vec<_>>().await, Ok(vec![vec![1, 2, 3], vec![4, 5]]));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count`](Self::buffer_count), [`buffer_time_or_count`](Self::buffer_time_or_count),
    /// [`conflate`](Self::conflate). futures: `StreamExt::ready_chunks`, which reads nothing while the consumer is
    /// busy. Pekko: `batch`.
    #[doc(alias = "batch")]
    #[doc(alias = "ready_chunks")]
    #[track_caller]
    pub fn batch_while_busy(self, max: usize) -> Flow<ReadAhead<S, Batch>>
    where
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Send,
    {
        assert!(max > 0, "a list must have room for at least one item");
        Flow::new(ReadAhead::new(self.into_inner(), Batch { max }))
    }
}
