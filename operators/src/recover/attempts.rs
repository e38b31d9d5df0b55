//! [`Attempts`], how often something is tried.

use std::num::NonZeroUsize;

/// How often a flow may be run, the first time included.
///
/// Libraries differ in whether they count attempts or repetitions, so the number has a name here.
///
/// ```
/// use anabranch_operators::recover::Attempts;
///
/// let once_and_two_more_times = Attempts::in_all(3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// No number is no limit.
    in_all: Option<NonZeroUsize>,
}

impl Attempts {
    /// `n` runs in all: 1 is the flow as it is, without another run after a failure.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[track_caller]
    pub const fn in_all(n: usize) -> Self {
        assert!(n > 0, "the first run is an attempt, too: there is at least 1 in all");
        Self { in_all: NonZeroUsize::new(n) }
    }

    /// Runs until one ends.
    pub const fn unlimited() -> Self {
        Self { in_all: None }
    }

    /// Whether another run may follow after so many that failed.
    pub(super) fn allow_another_after(self, failed: usize) -> bool {
        self.in_all.is_none_or(|n| failed < n.get())
    }
}
