//! `expand`: a flow for each item, and for each item of those flows, too.
//!
//! ```text
//! limit of 8
//! in:   a----|
//! a:    -b--c|
//! b:     --d|
//! d:       |
//! c:        |
//! out:  ab-dc|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::flatten::merging::{Given, Merging};
use crate::{Flow, OperatorError, TryStream};

/// How many streams wait at most, unless `max_waiting` says otherwise.
const MAX_WAITING: usize = 65_536;

/// The stream of [`Flow::expand`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Expand<S, P: TryStream, F> {
    #[pin]
    merging: Merging<S, P>,
    max_waiting: usize,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Gives each item, and runs the stream `f(&item)`, whose items are given and expanded in the same way; at most
    /// `limit` streams run at once.
    ///
    /// That is for what is only found by following it: the folders in folders, the next page that a page names.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/expand.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream or an inner stream gives an item |
    /// | Ends | when upstream and all inner streams have ended |
    /// | Errors | of upstream or of any inner stream end it at once, and so does an item whose stream would be one too many to wait; the others are dropped. Upstream's is seen when it is next read |
    /// | Holds | at most `limit` inner streams that run, and at most `max_waiting` (65,536) that were not polled yet: those of items that were given and wait to be expanded |
    /// | Ahead | upstream is read while fewer than `limit` inner streams run and none waits; an inner stream is read only when an item is asked for |
    /// | Dropped | the inner streams |
    /// | Time | none; below the limit, an inner stream is first polled at the instant its item is given |
    ///
    /// Streams wait in the order in which their items were given, so a tree comes level by level (breadth first) if its
    /// streams are always ready or `limit` is 1. What waits grows with the breadth of the tree, one stream for each item
    /// that the consumer took. It cannot be held back, as upstream can, because only by reading the tree is what waits
    /// worked off; so a tree that is too broad for `max_waiting` fails. Where a tree may be endless, let `f` stop at a
    /// depth, or end the flow with [`take`](Self::take).
    ///
    /// # Errors
    ///
    /// [`OperatorError::TooBroad`] in place of an item whose stream finds `max_waiting` others waiting.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{OperatorError, from_iter};
    ///
    /// let parts = |thing: &&str| match *thing {
    ///     "boat" => vec!["hull", "mast"],
    ///     "mast" => vec!["boom", "stay"],
    ///     _ => vec![],
    /// };
    /// let boat = from_iter(["boat"]).fails_with::<OperatorError>();
    /// let all = boat.expand(1, |thing| from_iter(parts(thing)).fails_with()).collect::<Vec<_>>().await?;
    /// assert_eq!(all, ["boat", "hull", "mast", "boom", "stay"]);
    /// # Ok::<_, OperatorError>(())
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`merge_map`](Self::merge_map) for one level. ReactiveX: `expand`, as Reactor's and not as its depth-first
    /// `expandDeep`; that of Pekko is another operator.
    #[doc(alias = "expandDeep")]
    #[track_caller]
    pub fn expand<P, F>(self, limit: usize, f: F) -> Flow<Expand<S, P, F>>
    where
        P: TryStream<Ok = S::Ok, Error = S::Error>,
        F: FnMut(&S::Ok) -> P,
        S::Error: From<OperatorError>,
    {
        assert!(limit > 0, "expand needs a limit of at least 1: with 0 it could never run a stream");
        let merging = Merging::new(self.into_inner(), limit);
        Flow::new(Expand { merging, max_waiting: MAX_WAITING, f })
    }
}

impl<S, P: TryStream, F> Flow<Expand<S, P, F>> {
    /// Lets at most `n` streams wait for their turn, in place of 65,536.
    ///
    /// # Panics
    ///
    /// If `n` is 0: every stream waits until it is first polled.
    #[track_caller]
    pub fn max_waiting(mut self, n: usize) -> Self {
        assert!(n > 0, "expand needs a max_waiting of at least 1: with 0 it could never run a stream");
        self.inner_mut().max_waiting = n;
        self
    }
}

impl<S: fmt::Debug, P: TryStream, F> fmt::Debug for Expand<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expand").field("merging", &self.merging).finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for Expand<S, P, F>
where
    S: TryStream,
    P: TryStream<Ok = S::Ok, Error = S::Error>,
    F: FnMut(&S::Ok) -> P,
    S::Error: From<OperatorError>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let given = ready!(this.merging.as_mut().poll_next(cx, &mut Budget::new()));
        Poll::Ready(given.map(|given| {
            let (Given::Upstream(item) | Given::Inner(item)) = given?;
            if this.merging.waiting() == *this.max_waiting {
                this.merging.as_mut().stop();
                return Err(OperatorError::TooBroad { max_waiting: *this.max_waiting }.into());
            }
            this.merging.as_mut().start_later((this.f)(&item));
            Ok(item)
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.merging.size_hint()
    }
}
