//! `using`: a flow beside something that it needs as long as it runs.
//!
//! ```text
//! in:   a-b-|
//! out:  a-b-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`using`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Using<R, S, M, F> {
    /// What makes the two others, until the first poll.
    make: Option<(M, F)>,
    /// Fields are dropped in order: first the flow, then what it uses.
    #[pin]
    stream: Option<S>,
    resource: Option<R>,
}

/// Makes a resource and a flow that uses it, gives what the flow gives, and drops the resource after the flow.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/using.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the flow that was made gives an item |
/// | Ends | with that flow |
/// | Errors | of that flow end it at once |
/// | Holds | the resource |
/// | Dropped | nothing is lost; before the first poll, nothing was made |
/// | Time | none; `make_resource` and `make_flow` run inside the first poll, in this order |
///
/// The flow is dropped when it ends, when it fails, or when it is no longer wanted, and right after it the resource:
/// at an end or a failure, both are gone before the reader learns of it. A connection is closed, a lock file removed, a
/// lease given back by its `Drop`.
///
/// `make_flow` sees the resource, but the flow cannot borrow from it; it takes a clone, a handle or a half of it. A
/// resource that the flow can own needs no `using`. To run both anew, put the call into [`defer`](crate::defer()).
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use anabranch_operators::{from_iter, using};
///
/// let lease = Arc::new("the river");
/// let leased = Arc::clone(&lease);
/// let Ok(holders) = using(move || leased, |_lease| from_iter([1, 2]))
///     .map(|_| Arc::strong_count(&lease))
///     .collect::<Vec<_>>()
///     .await;
/// assert_eq!(holders, [2, 2]);
/// assert_eq!(Arc::strong_count(&lease), 1);
/// # });
/// ```
///
/// # See also
///
/// [`defer`](crate::defer()) for a flow that is made late and needs nothing beside it. ReactiveX: `using`, `usingWhen`,
/// `unfoldResource`.
pub fn using<R, S, M, F>(make_resource: M, make_flow: F) -> Flow<Using<R, S, M, F>>
where
    M: FnOnce() -> R,
    F: FnOnce(&mut R) -> S,
    S: TryStream,
{
    Flow::new(Using { make: Some((make_resource, make_flow)), stream: None, resource: None })
}

impl<R, S: fmt::Debug, M, F> fmt::Debug for Using<R, S, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Using").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<R, S, M, F> Stream for Using<R, S, M, F>
where
    M: FnOnce() -> R,
    F: FnOnce(&mut R) -> S,
    S: TryStream,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some((make_resource, make_flow)) = this.make.take() {
            let mut resource = make_resource();
            this.stream.set(Some(make_flow(&mut resource)));
            *this.resource = Some(resource);
        }
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = stream.poll_next(cx);
        if matches!(given, Poll::Ready(None | Some(Err(_)))) {
            this.stream.set(None);
            *this.resource = None;
        }
        given
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match (&self.make, &self.stream) {
            (Some(_), _) => (0, None),
            (None, Some(stream)) => stream.size_hint(),
            (None, None) => (0, Some(0)),
        }
    }
}
