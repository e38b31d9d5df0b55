//! [`Lanes`]: how much is buffered in all lanes of one operator, and whether that holds back its source.

use std::sync::Arc;

use super::baton::Baton;
use super::host::Host;
use crate::sync::TURN;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many items a lane is to get at once, if they come fast: each time costs as much as about ten items do. No more than a
/// merge takes of each in its turn, or what is left would grow.
const RUN: usize = TURN / 4;

/// A sub-stream that nobody reads is buffered up to these bounds; then the source is held back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) each: usize,
    pub(crate) all: usize,
}

/// What all lanes of one operator share.
pub(crate) struct Lanes {
    pub(crate) baton: Arc<Baton>,
    pub(super) host: Arc<Host>,
    bounds: Bounds,
    /// How many items a reader may be given before they are counted as read: few beside the bounds, or what it has been
    /// given could hold back the source while it waits for another lane.
    uncounted: usize,
    /// Items in all lanes together.
    buffered: AtomicUsize,
    /// While the source is held back, it goes on when fewer items than this are buffered; otherwise zero.
    held: AtomicUsize,
}

impl Lanes {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let uncounted = (bounds.each / 64).min(bounds.all / 256).max(1);
        // Readers count in 32 bits what they have, since they are many.
        let bounds = Bounds { each: bounds.each.min(u32::MAX as usize), ..bounds };
        let baton = Arc::<Baton>::default();
        let host = Arc::new(Host::new(Arc::clone(&baton)));
        Self { baton, host, bounds, uncounted, buffered: AtomicUsize::new(0), held: AtomicUsize::new(0) }
    }

    #[inline]
    pub(super) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    #[inline]
    pub(super) const fn uncounted(&self) -> usize {
        self.uncounted
    }

    /// Whether no more items may be buffered beside those that have gathered: from when the bound is reached until a
    /// 256th of it is free again, so that the source is not polled for an item at a time.
    #[inline]
    pub(crate) fn is_full(&self, gathered: usize) -> bool {
        let buffered = self.buffered() + gathered;
        buffered >= self.bounds.all || buffered >= self.resume() && self.held.load(Ordering::SeqCst) == self.resume()
    }

    const fn resume(&self) -> usize {
        self.bounds.all - self.bounds.all / 256
    }

    /// How many items may gather before they are handed over: no more than a reader that waits for its own can do without,
    /// and most of the bound for all, where many are open. Where even more are, hardly any would get two of them: then few gather,
    /// so that lanes are still in the processor's cache when what was handed over is read.
    pub(super) fn gathering(&self, open: usize) -> usize {
        let most = self.bounds.all - self.bounds.all / 8;
        if open > most { most / 64 } else { open.saturating_mul(RUN).min(most) }
    }

    /// How many items may be read before the first of them is put into its lane. If that fills it, the others wait: few beside
    /// what it holds.
    pub(super) fn ahead(&self) -> usize {
        (self.bounds.each / 16).max(1)
    }

    /// How many items may come until it is to be looked whether the lanes are full: each may open a lane, which counts too.
    pub(crate) fn steps(&self, gathered: usize) -> usize {
        (self.bounds.all.saturating_sub(self.buffered() + gathered) / 2).max(1)
    }

    /// Items in all lanes together.
    #[inline]
    pub(crate) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::SeqCst)
    }

    /// The source is held back from now on: by one full lane, or by the bound for all. Buffers are to be looked at once
    /// more after this: an item taken before it does not let the source go on.
    pub(crate) fn hold(&self, by_one: bool) {
        self.held.store(if by_one { usize::MAX } else { self.resume() }, Ordering::SeqCst);
        // Who counted items as read before, and so did not see it, is seen to have done so.
        self.buffered();
    }

    /// The source goes on.
    #[inline]
    pub(crate) fn release(&self) {
        if self.is_held() {
            self.held.store(0, Ordering::SeqCst);
        }
    }

    /// How many items a lane with so many has room for, or fewer.
    pub(super) fn room(&self, items: usize) -> u32 {
        u32::try_from(self.bounds.each.saturating_sub(items)).unwrap_or(u32::MAX)
    }

    /// Counts items that are about to be added to lanes.
    pub(super) fn add(&self, items: usize) {
        self.buffered.fetch_add(items, Ordering::SeqCst);
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst) > 0
    }

    /// Counts items as read, or lost, which lets the source go on if that makes room.
    pub(super) fn taken(&self, items: usize) {
        let left = self.buffered.fetch_sub(items, Ordering::SeqCst) - items;
        if left < self.held.load(Ordering::SeqCst) && self.held.swap(0, Ordering::SeqCst) > 0 {
            self.baton.call();
        }
    }
}
