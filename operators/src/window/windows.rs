//! What operators that give windows have in common: a source that is shared with its windows from the first poll on.

use std::task::{Context, Poll};

use futures::TryStream;

use crate::group::group_until::{BOUNDS, STALL_AFTER};
use crate::group::hub::Route;
use crate::group::substream::{Group, SubStreams};
use crate::{Flow, OperatorError};

pub(super) enum Windows<S: TryStream, R> {
    New(S, R),
    Running(SubStreams<S, R, u64>),
    /// Only while one becomes the other.
    Moving,
}

impl<S: TryStream, R> Windows<S, R> {
    pub(super) const fn new(source: S, route: R) -> Self {
        Self::New(source, route)
    }

    /// The source, before it is shared with windows.
    pub(super) const fn source(&self) -> Option<&S> {
        match self {
            Self::New(source, _) => Some(source),
            Self::Running(_) | Self::Moving => None,
        }
    }
}

/// Nothing in it is pinned before it moves into a box of its own.
impl<S: TryStream, R> Unpin for Windows<S, R> {}

impl<S, R> Windows<S, R>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    R: Route<S::Ok, S::Error, Key = u64>,
{
    #[allow(clippy::type_complexity)]
    pub(super) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Flow<Group<S, R, u64>>, S::Error>>> {
        if let Self::New(..) = self
            && let Self::New(source, route) = std::mem::replace(self, Self::Moving)
        {
            *self = Self::Running(SubStreams::start(source, route, BOUNDS, STALL_AFTER));
        }
        match self {
            Self::Running(windows) => windows.poll_next(cx),
            Self::New(..) | Self::Moving => Poll::Ready(None),
        }
    }
}
