//! `start_with`: some items, and then those of the flow.
//!
//! ```text
//! with x and y
//! in:   a-b-|
//! out:  (xya)-b-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::start_with`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct StartWith<S, I> {
    #[pin]
    stream: S,
    /// Gone when it has ended.
    items: Option<I>,
}

impl<S: TryStream> Flow<S> {
    /// Gives `items`, and then those of upstream.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/start_with.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | an item of `items` at each poll, until they are all given; then when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | what is left of `items` |
    /// | Dropped | what is left of `items` |
    /// | Time | none; upstream is first polled when `items` are all given |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let counts = anabranch_operators::from_iter([2, 5]).scan(0, |sum, n| sum + n);
    /// let Ok(with_seed) = counts.start_with([0]).collect::<Vec<_>>().await;
    /// assert_eq!(with_seed, [0, 2, 7]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`chain`](Self::chain) for another flow behind this one, also with the items of an iterator, as `endWith`:
    /// `flow.chain(from_iter(items).fails_with())`. ReactiveX: `start_with`, `startWith`, `startWithItem`,
    /// `startWithIterable`, `prepend`, `prependLazy`, `onStart`.
    #[doc(alias = "startWith")]
    #[doc(alias = "startWithItem")]
    #[doc(alias = "startWithIterable")]
    #[doc(alias = "prepend")]
    #[doc(alias = "prependLazy")]
    #[doc(alias = "onStart")]
    pub fn start_with<I>(self, items: I) -> Flow<StartWith<S, I::IntoIter>>
    where
        I: IntoIterator<Item = S::Ok>,
    {
        Flow::new(StartWith { stream: self.into_inner(), items: Some(items.into_iter()) })
    }
}

impl<S: fmt::Debug, I> fmt::Debug for StartWith<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("StartWith");
        debug.field("stream", &self.stream).field("started", &self.items.is_none()).finish_non_exhaustive()
    }
}

impl<S, I> Stream for StartWith<S, I>
where
    S: TryStream,
    I: Iterator<Item = S::Ok>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if let Some(items) = this.items {
            if let Some(item) = items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            *this.items = None;
        }
        this.stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        let (first, first_most) = self.items.as_ref().map_or((0, Some(0)), Iterator::size_hint);
        (low.saturating_add(first), high.zip(first_most).and_then(|(high, most)| high.checked_add(most)))
    }
}
