//! `inspect`: a look at each item as it passes.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::inspect`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Inspect<S, F> {
    #[pin]
    stream: S,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Calls `f` with each item on its way, for logs and counters.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/inspect.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once, and `f` does not see them |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let mut longest = 0;
    /// let words = anabranch_operators::from_iter(["reed", "mud", "heron"]);
    /// let Ok(n) = words.inspect(|word| longest = longest.max(word.len())).count().await;
    /// assert_eq!((n, longest), (3, 5));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map`](Self::map), [`for_each`](Self::for_each). futures: `TryStreamExt::inspect_ok`. ReactiveX: `do`, `tap`.
    #[doc(alias = "do")]
    #[doc(alias = "do_action")]
    #[doc(alias = "doOnEach")]
    #[doc(alias = "doOnNext")]
    #[doc(alias = "onEach")]
    #[doc(alias = "tap")]
    #[doc(alias = "wireTap")]
    #[doc(alias = "watch")]
    #[doc(alias = "log")]
    pub fn inspect<F>(self, f: F) -> Flow<Inspect<S, F>>
    where
        F: FnMut(&S::Ok),
    {
        Flow::new(Inspect { stream: self.into_inner(), f })
    }
}

impl<S: fmt::Debug, F> fmt::Debug for Inspect<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspect").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<S, F> Stream for Inspect<S, F>
where
    S: TryStream,
    F: FnMut(&S::Ok),
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let polled = this.stream.poll_next(cx);
        if let Poll::Ready(Some(Ok(item))) = &polled {
            (this.f)(item);
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
