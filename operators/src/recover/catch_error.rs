//! `catch_error`: another flow takes the place of one that fails.
//!
//! ```text
//! in:        a-b-#
//! fallback:      x-y|
//! out:       a-b-x-y|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::catch_error`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct CatchError<S, P, F> {
    #[pin]
    run: Run<S, P>,
    /// Gone when it was called.
    f: Option<F>,
}

#[derive(Debug)]
#[pin_project(project = RunOf)]
enum Run<S, P> {
    Upstream(#[pin] S),
    Fallback(#[pin] P),
    Over,
}

impl<S: TryStream> Flow<S> {
    /// When upstream fails, goes on with the flow `f(error)` in its place.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/catch_error.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, and after its failure when the other flow does |
    /// | Ends | with upstream, or with the other flow |
    /// | Errors | of upstream are answered by `f`; one of the other flow ends it at once |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none; upstream is dropped and the other flow first polled at the instant of the failure |
    ///
    /// The error type is that of the other flow: with one that cannot fail, neither can the whole.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{from_iter, from_results};
    ///
    /// let lost = from_results(futures::stream::iter([Ok("reed"), Err("connection lost")]));
    /// let Ok(items) = lost.catch_error(|error| from_iter([error])).collect::<Vec<_>>().await;
    /// assert_eq!(items, ["reed", "connection lost"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`on_error_resume`](Self::on_error_resume) for a flow that follows in any case, [`retry`](Self::retry) for the same
    /// flow again, [`map_err`](Self::map_err) for another error. futures: `or_else` is about single items. ReactiveX:
    /// `catch`, `catchError`, `onErrorResume`, `onErrorReturn`, `recoverWith`.
    #[doc(alias = "catch")]
    #[doc(alias = "catchError")]
    #[doc(alias = "onErrorResume")]
    #[doc(alias = "onErrorResumeWith")]
    #[doc(alias = "onErrorReturn")]
    #[doc(alias = "onErrorReturnItem")]
    #[doc(alias = "recover")]
    #[doc(alias = "recoverWith")]
    #[doc(alias = "on_error_return")]
    pub fn catch_error<P, F>(self, f: F) -> Flow<CatchError<S, P, F>>
    where
        P: TryStream<Ok = S::Ok>,
        F: FnOnce(S::Error) -> P,
    {
        Flow::new(CatchError { run: Run::Upstream(self.into_inner()), f: Some(f) })
    }
}

impl<S: fmt::Debug, P: fmt::Debug, F> fmt::Debug for CatchError<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchError").field("run", &self.run).finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for CatchError<S, P, F>
where
    S: TryStream,
    P: TryStream<Ok = S::Ok>,
    F: FnOnce(S::Error) -> P,
{
    type Item = Result<P::Ok, P::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let given = match this.run.as_mut().project() {
                RunOf::Upstream(stream) => match ready!(stream.poll_next(cx)) {
                    Some(Err(error)) => {
                        this.run.set(Run::Over);
                        if let Some(f) = this.f.take() {
                            this.run.set(Run::Fallback(f(error)));
                        }
                        continue;
                    }
                    Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                    None => None,
                },
                RunOf::Fallback(stream) => ready!(stream.poll_next(cx)),
                RunOf::Over => return Poll::Ready(None),
            };
            if !matches!(given, Some(Ok(_))) {
                this.run.set(Run::Over);
            }
            return Poll::Ready(given);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.run {
            // Its failure, for which another flow may give nothing or any number of items, may come at once.
            Run::Upstream(_) => (0, None),
            Run::Fallback(stream) => stream.size_hint(),
            Run::Over => (0, Some(0)),
        }
    }
}
