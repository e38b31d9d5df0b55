//! `on_error_resume`: one flow after another, whether they end or fail.
//!
//! ```text
//! in:     a-b-#
//! other:      x-y|
//! out:    a-b-x-y|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Counter, Flow, TryStream};

/// The stream of [`Flow::on_error_resume`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct OnErrorResume<A, B> {
    /// Dropped when it has ended or failed.
    #[pin]
    first: Option<A>,
    #[pin]
    second: Option<B>,
    failures: Counter,
}

impl<S: TryStream> Flow<S> {
    /// Goes on with `other` when upstream has ended or failed; a failure, also that of `other`, counts as an end.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/on_error_resume.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, and after its end or failure when `other` does |
    /// | Ends | when `other` has ended or failed |
    /// | Errors | are forgotten, but [counted](Flow::failures): the result cannot fail |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none; upstream is dropped and `other` first polled at the instant at which upstream ends or fails |
    ///
    /// The error types of the two need not be equal. Nobody sees from the result that something is missing; where that
    /// matters, [`catch_error`](Self::catch_error) is the better answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{Counter, from_iter, from_results};
    ///
    /// let failures = Counter::new();
    /// let lost = from_results(futures::stream::iter([Ok("reed"), Err("connection lost")]));
    /// let Ok(items) = lost.on_error_resume(from_iter(["mud"])).failures(&failures).collect::<Vec<_>>().await;
    /// assert_eq!((items, failures.get()), (vec!["reed", "mud"], 1));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`chain`](Self::chain), which fails with the first, [`catch_error`](Self::catch_error) for a flow that follows only
    /// after a failure. ReactiveX: `on_error_resume_next`, `onErrorResumeNext` (but RxJava's method of that name is
    /// `catch_error`), `catch_with_iterable`.
    #[doc(alias = "on_error_resume_next")]
    #[doc(alias = "onErrorResumeNext")]
    #[doc(alias = "onErrorResumeNextWith")]
    #[doc(alias = "catch_with_iterable")]
    #[doc(alias = "onErrorComplete")]
    pub fn on_error_resume<B>(self, other: B) -> Flow<OnErrorResume<S, B>>
    where
        B: TryStream<Ok = S::Ok>,
    {
        Flow::new(OnErrorResume { first: Some(self.into_inner()), second: Some(other), failures: Counter::new() })
    }
}

impl<A, B> Flow<OnErrorResume<A, B>> {
    /// Counts in `counter` the failures that were taken for ends.
    pub fn failures(mut self, counter: &Counter) -> Self {
        self.inner_mut().failures = counter.clone();
        self
    }
}

impl<A, B> Stream for OnErrorResume<A, B>
where
    A: TryStream,
    B: TryStream<Ok = A::Ok>,
{
    type Item = Result<A::Ok, std::convert::Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            match ready!(first.poll_next(cx)) {
                Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Some(Err(_)) => this.failures.add(1),
                None => {}
            }
            this.first.set(None);
        }
        if let Some(second) = this.second.as_mut().as_pin_mut() {
            match ready!(second.poll_next(cx)) {
                Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Some(Err(_)) => this.failures.add(1),
                None => {}
            }
            this.second.set(None);
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // What they give may be a failure, which is forgotten.
        let least = |(least, _): (usize, _)| usize::saturating_sub(least, 1);
        let first = self.first.as_ref().map_or((0, Some(0)), A::size_hint);
        let second = self.second.as_ref().map_or((0, Some(0)), B::size_hint);
        let most = first.1.zip(second.1).and_then(|(first, second)| first.checked_add(second));
        (least(first).saturating_add(least(second)), most)
    }
}
