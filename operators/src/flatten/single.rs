//! [`Single`]: upstream, and at most one inner stream beside it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::TryStream;
use pin_project::pin_project;

/// What `concat_map`, `switch_map` and `exhaust_map` are made of. They differ in when they read upstream.
#[derive(Debug)]
#[pin_project]
pub(super) struct Single<S, P> {
    /// Dropped when it has ended, or when anything has failed.
    #[pin]
    upstream: Option<S>,
    #[pin]
    inner: Option<P>,
}

impl<S, P> Single<S, P>
where
    S: TryStream,
    P: TryStream<Error = S::Error>,
{
    pub(super) fn new(upstream: S) -> Self {
        Self { upstream: Some(upstream), inner: None }
    }

    pub(super) fn start(self: Pin<&mut Self>, inner: P) {
        self.project().inner.set(Some(inner));
    }

    /// Drops the inner stream.
    pub(super) fn stop(self: Pin<&mut Self>) {
        self.project().inner.set(None);
    }

    /// What upstream gives; `None` if it has ended. Its failure drops the inner stream.
    pub(super) fn poll_upstream(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut this = self.project();
        let Some(upstream) = this.upstream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = ready!(upstream.poll_next(cx));
        if !matches!(given, Some(Ok(_))) {
            this.upstream.set(None);
        }
        if matches!(given, Some(Err(_))) {
            this.inner.set(None);
        }
        Poll::Ready(given)
    }

    /// What the inner stream gives; `None` if it has ended or there is none. Its failure drops upstream.
    pub(super) fn poll_inner(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<P::Ok, S::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = ready!(inner.poll_next(cx));
        if !matches!(given, Some(Ok(_))) {
            this.inner.set(None);
        }
        if matches!(given, Some(Err(_))) {
            this.upstream.set(None);
        }
        Poll::Ready(given)
    }

    pub(super) const fn upstream_ended(&self) -> bool {
        self.upstream.is_none()
    }

    /// The hint of the inner stream, and no upper bound as long as upstream may give more of them.
    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.inner.as_ref().map_or((0, Some(0)), P::size_hint);
        (low, high.filter(|_| self.upstream_ended()))
    }
}
