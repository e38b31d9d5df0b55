//! [`Task`], a task that ends with who started it.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::sync::{JoinHandle, panic_of, spawn};

/// A tokio task. Dropped, it is aborted.
#[derive(Debug)]
pub(crate) struct Task {
    handle: JoinHandle<()>,
    operator: &'static str,
}

impl Task {
    /// Starts a task for the operator of that name.
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub(crate) fn start(operator: &'static str, future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { handle: spawn(future), operator }
    }

    /// Ready when the task has ended. Not to be polled again then.
    ///
    /// # Panics
    ///
    /// If the task panicked, with its panic; or if its runtime was shut down, so that an end that was not reached is not
    /// taken for one.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(Pin::new(&mut self.handle).poll(cx)) {
            Ok(()) => Poll::Ready(()),
            Err(error) => match panic_of(error) {
                Some(panic) => resume_unwind(panic),
                None => {
                    panic!("the task of {} was cancelled with its runtime before upstream had ended", self.operator)
                }
            },
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
