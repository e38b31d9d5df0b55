//! Giving way: a sub-stream with nothing to give lets others on its task be read first.
//!
//! A merge of sub-streams knows whom it will poll next. If each of them polled the source as soon as it finds nothing,
//! all would read far ahead for the others, who have not even come to take what there is. So while others are to be
//! polled, a sub-stream that finds nothing waits without polling the source. When all have been polled and nobody has
//! polled the source since, the merge calls the [`Baton`], as the source would: one of those that wait polls it then.

use std::cell::Cell;
use std::sync::Arc;

use super::baton::Baton;
use crate::sync::thread_local;

thread_local! {
    static WAY: Cell<Way> = const { Cell::new(Way::Free) };
    static OWED: Cell<Option<Owed>> = const { Cell::new(None) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nobody has said that others are to be polled.
    Free,
    /// Others are to be polled.
    Give,
    /// A sub-stream has left it to others to poll the source.
    Given,
}

/// A call that is to be made, unless the source has been polled since.
struct Owed {
    baton: Arc<Baton>,
    /// How many times the source had been polled when somebody gave way last.
    polls: usize,
}

/// Tells sub-streams that are polled while it lives to give way. Whoever has made it [settles](Self::settle) what comes of
/// it, after the others were polled.
pub(crate) struct Others {
    before: Way,
}

impl Others {
    /// Others will be polled after what is polled now.
    #[inline]
    pub(crate) fn wait() -> Self {
        Self { before: swap(Way::Give) }
    }

    /// Whether a sub-stream has given way, so that it is to be [settled](Self::settle).
    #[inline]
    pub(crate) fn were_given_way(self) -> bool {
        let way = swap(self.before);
        std::mem::forget(self);
        way == Way::Given
    }

    /// Calls for the source, if nobody has polled it since a sub-stream gave way.
    #[inline(never)]
    pub(crate) fn settle() {
        if let Ok(Some(Owed { baton, polls })) = OWED.try_with(Cell::take)
            && baton.polls() == polls
        {
            baton.call();
        }
    }
}

impl Drop for Others {
    /// What was polled has panicked.
    fn drop(&mut self) {
        if swap(self.before) == Way::Given {
            Self::settle();
        }
    }
}

#[inline]
fn swap(way: Way) -> Way {
    WAY.try_with(|cell| cell.replace(way)).unwrap_or(Way::Free)
}

/// Whether others are to be polled.
#[inline]
fn others_wait() -> bool {
    WAY.try_with(|way| way.get() != Way::Free).unwrap_or(false)
}

/// Whether a sub-stream that waits leaves it to others to poll the source.
pub(super) fn gives_way(baton: &Arc<Baton>) -> bool {
    others_wait()
        && OWED
            .try_with(|cell| {
                let mut owed = cell.take().unwrap_or_else(|| Owed { baton: Arc::clone(baton), polls: 0 });
                let same = Arc::ptr_eq(&owed.baton, baton);
                if same {
                    owed.polls = baton.polls(); // Those before were for who has given way before.
                }
                cell.set(Some(owed));
                same
            })
            .unwrap_or(false)
        && WAY.try_with(|way| way.set(Way::Given)).is_ok()
}
