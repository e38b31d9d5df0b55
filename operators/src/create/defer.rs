//! `defer`: a flow that is made when it is first read, and can be made again.
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

/// The stream of [`defer`].
#[derive(Clone)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Defer<S, F> {
    #[pin]
    run: Run<S>,
    make: F,
}

#[derive(Clone, Debug)]
#[pin_project(project = RunOf)]
enum Run<S> {
    NotBegun,
    Going(#[pin] S),
    /// The flow was dropped when it ended or failed.
    Over,
}

/// A flow that can be run again from its beginning.
///
/// A Rust stream is read once: to run it again, another has to be made. A flow with this trait was given the function
/// that makes it, so operators that run their upstream more than once, such as `retry`, ask for it. It is what
/// [`defer`] and [`repeat_from`](crate::repeat_from()) give. No other operator passes it on: what is to be run again
/// stands inside of the function, what is to go on stands behind the operator that runs it.
///
/// ```
/// use anabranch_operators::create::Restart;
/// use anabranch_operators::{defer, from_iter};
///
/// fn can_run_again(_flow: impl Restart) {}
///
/// can_run_again(defer(|| from_iter(["reed", "mud"]).map(str::len)));
/// ```
///
/// ```compile_fail,E0277
/// # use anabranch_operators::create::Restart;
/// # use anabranch_operators::{defer, from_iter};
/// # fn can_run_again(_flow: impl Restart) {}
/// can_run_again(defer(|| from_iter(["reed", "mud"])).map(str::len));
/// ```
///
/// ```compile_fail,E0277
/// use anabranch_operators::{from_iter, recover::Attempts};
///
/// let once = from_iter(["reed", "mud"]).retry(Attempts::in_all(3));
/// ```
///
/// The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "this operator runs its upstream again, and needs a flow that can be made anew: put it into `defer(|| ...)`",
    label = "this flow can be read only once",
    note = "`defer(|| source().map(f)).retry(..)` makes source and `map` anew for each attempt"
)]
pub trait Restart: TryStream + sealed::Sealed {
    /// Drops the run that is going on, if there is one. The next poll begins a new run, also after the end or a failure.
    fn restart(self: Pin<&mut Self>);
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl<S> Sealed for crate::Flow<S> {}
    impl<S, F> Sealed for super::Defer<S, F> {}
}

/// Gives what the flow gives that `make` makes at the first poll.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/defer.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the flow that was made gives an item |
/// | Ends | with that flow |
/// | Errors | of that flow end it at once |
/// | Holds | nothing |
/// | Dropped | nothing is lost; before the first poll, nothing was made |
/// | Time | none; `make` runs inside the first poll |
///
/// All flows are lazy, so a flow need not be deferred to begin late. This one can be run again: operators such as
/// `retry` call `make` for each run. Its type says so by [`Restart`]. Where `make` chooses between flows of different types,
/// [`boxed`](Flow::boxed) makes them one.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{defer, from_iter};
///
/// let mut made = 0;
/// let mut flow = defer(|| {
///     made += 1;
///     from_iter(["reed", "mud"])
/// });
/// assert_eq!(flow.next().await, Ok(Some("reed")));
/// drop(flow);
/// assert_eq!(made, 1);
/// # });
/// ```
///
/// # See also
///
/// [`repeat_from`](crate::repeat_from()) to run it several times, [`using`](crate::using()) for a flow beside something
/// that it needs, [`concat`](crate::concat()) of an iterator that makes the flows as it goes. ReactiveX: `defer`,
/// `lazySource`, `if_then`, `case`.
pub fn defer<S, F>(make: F) -> Flow<Defer<S, F>>
where
    F: FnMut() -> S,
    S: TryStream,
{
    Flow::new(Defer { run: Run::NotBegun, make })
}

impl<S: fmt::Debug, F> fmt::Debug for Defer<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defer").field("run", &self.run).finish_non_exhaustive()
    }
}

impl<S, F> Stream for Defer<S, F>
where
    F: FnMut() -> S,
    S: TryStream,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if matches!(*this.run, Run::NotBegun) {
            this.run.set(Run::Going((this.make)()));
        }
        let RunOf::Going(stream) = this.run.as_mut().project() else {
            return Poll::Ready(None);
        };
        let given = stream.poll_next(cx);
        if matches!(given, Poll::Ready(None | Some(Err(_)))) {
            this.run.set(Run::Over);
        }
        given
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.run {
            Run::NotBegun => (0, None),
            Run::Going(stream) => stream.size_hint(),
            Run::Over => (0, Some(0)),
        }
    }
}

impl<S, F> Restart for Defer<S, F>
where
    F: FnMut() -> S,
    S: TryStream,
{
    fn restart(self: Pin<&mut Self>) {
        self.project().run.set(Run::NotBegun);
    }
}

impl<S> Restart for Flow<S>
where
    S: Restart,
{
    fn restart(self: Pin<&mut Self>) {
        self.inner_pinned().restart();
    }
}
