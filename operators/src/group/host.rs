//! [`Host`]: the merge that reads an outer stream and, beside it, the sub-streams that it gives.
//!
//! There one task reads all, and the outer stream waits for the source on behalf of all. So a sub-stream that finds nothing needs
//! neither a waker nor a place among those who wait for the baton: it leaves in its lane which stream of the merge it is part of, and
//! all that are given items together are called together. Should the outer stream not wait any more, because the limit of the merge is
//! reached or it is gone, the merge polls all its streams once more, and from then on each waits for itself.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use super::baton::Baton;
use crate::rota::{Member, Rota};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread_local;

thread_local! {
    static VISIT: Cell<Visit> = const { Cell::new(Visit::NONE) };
    static MET: Cell<Option<Arc<Host>>> = const { Cell::new(None) };
}

/// What is polled now. Addresses are compared and never followed.
#[derive(Clone, Copy)]
struct Visit {
    /// The merge, by the address of its rota.
    merge: usize,
    /// Whether it has not met an outer stream yet.
    meets: bool,
    /// Which stream of it, with the address of what its waker wakes; none while upstream is polled.
    member: Option<(Member, usize)>,
}

impl Visit {
    const NONE: Self = Self { merge: 0, meets: false, member: None };
}

/// A merge polls its upstream, or one of its streams, as long as this lives.
pub(crate) struct Visiting {
    before: Visit,
}

impl Visiting {
    #[inline]
    pub(crate) fn upstream(merge: &Arc<Rota>, meets: bool) -> Self {
        if meets {
            drop(take_met()); // Left there by a panic, if at all.
        }
        Self { before: swap(Visit { merge: address(merge), meets, member: None }) }
    }

    #[inline]
    pub(crate) fn member(merge: &Arc<Rota>, member: Member, waker: &Waker) -> Self {
        let member = Some((member, waker.data().addr()));
        Self { before: swap(Visit { merge: address(merge), meets: false, member }) }
    }
}

impl Drop for Visiting {
    #[inline]
    fn drop(&mut self) {
        swap(self.before);
    }
}

#[inline]
fn swap(visit: Visit) -> Visit {
    VISIT.try_with(|cell| cell.replace(visit)).unwrap_or(Visit::NONE)
}

#[inline]
fn visit() -> Visit {
    VISIT.try_with(Cell::get).unwrap_or(Visit::NONE)
}

fn take_met() -> Option<Arc<Host>> {
    MET.try_with(Cell::take).ok().flatten()
}

fn address(merge: &Arc<Rota>) -> usize {
    Arc::as_ptr(merge).addr()
}

/// What an outer stream and the merge that reads it know of each other.
#[derive(Default)]
pub(crate) struct Host {
    /// The first merge that polled the outer stream. It is kept, so that none can come to its address.
    merge: OnceLock<Arc<Rota>>,
    /// Whether it was that merge which polled the outer stream last, and it has not stepped back since.
    reads_outer: AtomicBool,
    /// Whether the outer stream was dropped.
    gone: AtomicBool,
    baton: Arc<Baton>,
}

impl Host {
    pub(super) fn new(baton: Arc<Baton>) -> Self {
        Self { merge: OnceLock::new(), reads_outer: AtomicBool::new(false), gone: AtomicBool::new(false), baton }
    }

    /// The outer stream is polled.
    pub(super) fn outer_is_polled(self: &Arc<Self>) {
        let Visit { merge, meets, .. } = visit();
        let known = self.merge.get().map(address);
        self.reads_outer.store(known == Some(merge), Ordering::SeqCst);
        if known.is_none() && meets {
            _ = MET.try_with(|met| met.set(Some(Arc::clone(self))));
        }
    }

    /// The outer stream that was polled just now, if no merge has polled it before.
    pub(crate) fn meet(merge: &Arc<Rota>) -> Option<Arc<Self>> {
        let host = take_met()?;
        host.merge.set(Arc::clone(merge)).ok()?;
        host.reads_outer.store(true, Ordering::SeqCst);
        Some(host)
    }

    /// Whether the outer stream waits on behalf of the sub-streams in the merge.
    pub(crate) fn outer_waits(&self) -> bool {
        self.reads_outer() && self.baton.outer_waits()
    }

    /// The outer stream is gone.
    pub(super) fn outer_goes(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    pub(crate) fn outer_is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// The merge keeps the outer stream from being polled for now.
    pub(crate) fn outer_steps_back(&self) {
        if self.reads_outer.swap(false, Ordering::SeqCst) {
            self.baton.outer_steps_back();
        }
    }

    /// Whether it was a merge of its sub-streams that polled the outer stream last.
    pub(super) fn reads_outer(&self) -> bool {
        self.reads_outer.load(Ordering::SeqCst)
    }

    /// Which stream of the merge is polled now, with this waker, if the outer stream waits on its behalf, or is polled after it.
    #[inline]
    pub(super) fn member(&self, cx: &Context<'_>) -> Option<Member> {
        let Visit { merge, member: Some((member, waker)), .. } = visit() else { return None };
        if self.outer_is_gone() {
            return None; // It reads the source for nobody any more.
        }
        let here = cx.waker().data().addr() == waker && self.merge.get().map(address) == Some(merge);
        here.then_some(member)
    }

    /// Calls streams of the merge.
    pub(super) fn call(&self, members: impl IntoIterator<Item = Member>) {
        if let Some(merge) = self.merge.get() {
            merge.call(members);
        }
    }
}
