//! `merge_sorted`: sorted flows as one sorted flow.
//!
//! ```text
//! a:    a--c--e|
//! b:    -b-d|
//! out:  -a-(bc)--(de)|
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};

use super::many::Next;
use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`merge_sorted`].
#[must_use = "streams do nothing unless polled"]
pub struct MergeSorted<S: TryStream, F> {
    /// Those of which the next item is not known.
    reading: FuturesUnordered<Next<S>>,
    /// The one that gave the last item. It is polled directly, and goes to the others if it has to wait.
    current: Option<Next<S>>,
    /// The others, each with it: a heap, so each stands before the two at twice its place and behind.
    resting: Vec<(S::Ok, Next<S>)>,
    compare: F,
}

/// Gives the items of all flows, always the least of those that come next.
///
/// If each flow is sorted by `compare`, then so is the result; if they are not, it still keeps the order of each. Of
/// equal items, that of the flow that stands first is given first. `flows` is a `Vec`, an array, or any other iterator of
/// flows of one type.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/merge_sorted.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the next item of each flow that has not ended is there: one that gives nothing holds all back |
/// | Ends | when all have ended; at once if there are none |
/// | Errors | end it at once, when they are read: a flow whose item is held is not |
/// | Holds | 1 item a flow |
/// | Ahead | 1 item a flow |
/// | Dropped | the held items |
/// | Time | none |
///
/// Each item is compared with some of the others: about twice the binary logarithm of the number of flows.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{from_iter, merge_sorted};
///
/// let shards = [from_iter(vec![1, 4, 6]), from_iter(vec![2, 3, 9]), from_iter(vec![5])];
/// let Ok(all) = merge_sorted(shards, |a, b| a.cmp(b)).collect::<Vec<_>>().await;
/// assert_eq!(all, [1, 2, 3, 4, 5, 6, 9]);
/// # });
/// ```
///
/// # See also
///
/// [`merge`](crate::merge()) for items as they come, [`zip`](crate::zip()) for one of each. itertools: `kmerge_by`.
/// ReactiveX: `mergeSorted`, `mergeComparing`.
pub fn merge_sorted<I, S, F>(flows: I, compare: F) -> Flow<MergeSorted<S, F>>
where
    I: IntoIterator<Item = S>,
    S: TryStream,
    F: FnMut(&S::Ok, &S::Ok) -> Ordering,
{
    let reading = flows.into_iter().enumerate().map(|(at, stream)| Next::new(at, stream));
    Flow::new(MergeSorted { reading: reading.collect(), current: None, resting: Vec::new(), compare })
}

impl<S: TryStream, F> fmt::Debug for MergeSorted<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reading, resting) = (self.reading.len() + usize::from(self.current.is_some()), self.resting.len());
        f.debug_struct("MergeSorted").field("reading", &reading).field("resting", &resting).finish_non_exhaustive()
    }
}

/// The streams are boxed, and the items are never pinned.
impl<S: TryStream, F> Unpin for MergeSorted<S, F> {}

impl<S, F> Stream for MergeSorted<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok, &S::Ok) -> Ordering,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut budget = Budget::new();
        loop {
            let polled = match this.current.take() {
                Some(mut current) => match current.poll_unpin(cx) {
                    Poll::Ready(given) => Some(given),
                    Poll::Pending => {
                        this.reading.push(current);
                        continue;
                    }
                },
                None => ready!(this.reading.poll_next_unpin(cx)),
            };
            let Some((next, given)) = polled else {
                break;
            };
            match given {
                Some(Ok(item)) => {
                    this.resting.push((item, next));
                    sift_up(&mut this.resting, &mut this.compare);
                }
                Some(Err(error)) => {
                    this.reading.clear();
                    this.resting.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
            ready!(budget.swallow(cx));
        }
        if this.resting.is_empty() {
            return Poll::Ready(None);
        }
        let (item, next) = this.resting.swap_remove(0);
        sift_down(&mut this.resting, &mut this.compare);
        this.current = Some(next);
        Poll::Ready(Some(Ok(item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, (self.reading.is_empty() && self.current.is_none() && self.resting.is_empty()).then_some(0))
    }
}

/// Whether the first is to be given before the second.
fn is_before<T, S: TryStream>(
    compare: &mut impl FnMut(&T, &T) -> Ordering,
    a: &(T, Next<S>),
    b: &(T, Next<S>),
) -> bool {
    compare(&a.0, &b.0).then_with(|| a.1.at().cmp(&b.1.at())).is_lt()
}

/// Brings the last element of the heap to its place.
fn sift_up<T, S: TryStream>(heap: &mut [(T, Next<S>)], compare: &mut impl FnMut(&T, &T) -> Ordering) {
    let mut at = heap.len() - 1;
    while at > 0 {
        let above = (at - 1) / 2;
        if !is_before(compare, &heap[at], &heap[above]) {
            break;
        }
        heap.swap(at, above);
        at = above;
    }
}

/// Brings the first element of the heap to its place.
fn sift_down<T, S: TryStream>(heap: &mut [(T, Next<S>)], compare: &mut impl FnMut(&T, &T) -> Ordering) {
    let mut at = 0;
    loop {
        let below = (2 * at + 1..2 * at + 3).filter(|below| *below < heap.len());
        let Some(first) = below.reduce(|a, b| if is_before(compare, &heap[b], &heap[a]) { b } else { a }) else {
            break;
        };
        if !is_before(compare, &heap[first], &heap[at]) {
            break;
        }
        heap.swap(at, first);
        at = first;
    }
}
