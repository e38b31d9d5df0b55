//! `enumerate`: each item with its number.
//!
//! ```text
//! in:   a   -b   -c   -|
//! out:  [0a]-[1b]-[2c]-|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::enumerate`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Enumerate<S> {
    #[pin]
    stream: S,
    next: usize,
}

impl<S: TryStream> Flow<S> {
    /// Gives `(0, first)`, `(1, second)`, and so on.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/enumerate.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they have no number |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lines = anabranch_operators::from_iter(["carrier", "UA", "AA"]);
    /// let Ok(data) = lines.enumerate().filter(|(n, _)| *n > 0).collect::<Vec<_>>().await;
    /// assert_eq!(data, [(1, "UA"), (2, "AA")]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map`](Self::map), [`scan`](Self::scan). futures: `StreamExt::enumerate`. ReactiveX: `map_indexed`,
    /// `zipWithIndex`.
    #[doc(alias = "index")]
    #[doc(alias = "map_indexed")]
    #[doc(alias = "withIndex")]
    #[doc(alias = "zipWithIndex")]
    pub fn enumerate(self) -> Flow<Enumerate<S>> {
        Flow::new(Enumerate { stream: self.into_inner(), next: 0 })
    }
}

impl<S: TryStream> Stream for Enumerate<S> {
    type Item = Result<(usize, S::Ok), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        this.stream.poll_next(cx).map_ok(|item| {
            let n = *this.next;
            *this.next += 1;
            (n, item)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
