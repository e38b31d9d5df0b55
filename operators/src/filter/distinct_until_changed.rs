//! `distinct_until_changed`: the items whose key is another than that of the item before.
//!
//! ```text
//! in:   a-a-b-b-a-|
//! out:  a---b---a-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::distinct_until_changed`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct DistinctUntilChanged<S, F, K> {
    #[pin]
    stream: S,
    key: F,
    /// The key of the item that was given last.
    last: Option<K>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items whose `key(item)` differs from that of the item that was given last.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/distinct_until_changed.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives the first item, or one with another key |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | the key of the item that was given last |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let states = anabranch_operators::from_iter([(1, "up"), (2, "up"), (3, "down"), (4, "down"), (5, "up")]);
    /// let Ok(changes) = states.distinct_until_changed(|(_, state)| *state).collect::<Vec<_>>().await;
    /// assert_eq!(changes, [(1, "up"), (3, "down"), (5, "up")]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`distinct`](Self::distinct), which remembers more than one key. itertools: `dedup_by`. ReactiveX:
    /// `distinct_until_changed`, `distinctUntilChanged`, `distinctUntilKeyChanged`, `distinctUntilChangedBy`,
    /// `dropRepeated`.
    #[doc(alias = "distinctUntilChanged")]
    #[doc(alias = "distinctUntilKeyChanged")]
    #[doc(alias = "distinctUntilChangedBy")]
    #[doc(alias = "dropRepeated")]
    #[doc(alias = "dedup")]
    #[doc(alias = "dedup_by")]
    #[doc(alias = "dedup_by_key")]
    pub fn distinct_until_changed<K, F>(self, key: F) -> Flow<DistinctUntilChanged<S, F, K>>
    where
        F: FnMut(&S::Ok) -> K,
        K: PartialEq,
    {
        Flow::new(DistinctUntilChanged { stream: self.into_inner(), key, last: None })
    }
}

impl<S: fmt::Debug, F, K> fmt::Debug for DistinctUntilChanged<S, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistinctUntilChanged").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F, K> Stream for DistinctUntilChanged<S, F, K>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: PartialEq,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => {
                    let key = Some((this.key)(&item));
                    if *this.last != key {
                        *this.last = key;
                        return Poll::Ready(Some(Ok(item)));
                    }
                    ready!(budget.swallow(cx));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        (if self.last.is_none() { low.min(1) } else { 0 }, high)
    }
}
