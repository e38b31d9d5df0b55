//! [`Ahead`]: a source, and items of it that were read together, before the first of them was looked at.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::TryStream;

/// Whether items are such that it may pay to read some together: of more than two words, so that they are handed over in memory.
pub(super) const fn pays<T>() -> bool {
    size_of::<T>() > 2 * size_of::<usize>()
}

/// Reads a source some items ahead, as long as it gives without waiting.
///
/// An item of more than two words is handed over in memory, and its group lies anywhere in memory. If the source is polled
/// between two items, the processor waits for what was written to one group before it can read the item that is handed over
/// next. Of items that are looked at one right after the other, it waits for several groups at once.
pub(super) struct Ahead<S: TryStream> {
    source: Pin<Box<S>>,
    items: VecDeque<S::Ok>,
    /// What the source gave behind them: nothing for now, its end or its failure.
    behind: Option<Poll<Option<S::Error>>>,
    /// The source is being read ahead.
    reading: bool,
}

impl<S: TryStream> Ahead<S> {
    /// How many items are read together, at most: enough for what a processor can wait for at once, few enough to stay in its
    /// nearest cache.
    const MOST: usize = if pays::<S::Ok>() { 64 } else { 1 };

    pub(super) fn new(source: S) -> Self {
        Self { source: Box::pin(source), items: VecDeque::new(), behind: None, reading: false }
    }

    /// How many items were read and not given yet.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The next item. The source may be read `most` items ahead for it.
    #[inline(always)]
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Option<Result<S::Ok, S::Error>>> {
        if Self::MOST == 1 {
            return self.source.as_mut().poll_next(cx);
        }
        match self.items.pop_front() {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None => self.read(cx, most.min(Self::MOST)),
        }
    }

    #[inline(never)]
    fn read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Option<Result<S::Ok, S::Error>>> {
        if let Some(behind) = self.behind.take() {
            return behind.map(|end| end.map(Err));
        }
        self.reading = true;
        while self.items.len() < most {
            match self.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => self.items.push_back(item),
                Poll::Ready(end) => {
                    self.behind = Some(Poll::Ready(end.and_then(Result::err)));
                    break;
                }
                Poll::Pending => {
                    self.behind = Some(Poll::Pending);
                    break;
                }
            }
        }
        self.reading = false;
        match self.items.pop_front() {
            Some(item) => Poll::Ready(Some(Ok(item))),
            None => self.behind.take().unwrap_or(Poll::Pending).map(|end| end.map(Err)),
        }
    }

    /// The source may have been woken since it had nothing for now, and is to be asked again.
    pub(super) fn ask_again(&mut self) {
        self.behind = self.behind.take().filter(Poll::is_ready);
    }

    /// After a panic: what the source gave before, if it was the source that panicked. What came behind an item that could not
    /// be sorted is dropped.
    pub(super) fn rescue(&mut self) -> VecDeque<S::Ok> {
        let items = std::mem::take(&mut self.items);
        if self.reading { items } else { VecDeque::new() }
    }
}
