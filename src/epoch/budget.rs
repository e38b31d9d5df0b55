//! [`Budget`]: how much may be held that is made and not committed.

use tokio::sync::watch;

/// A number of bytes that all partitions of a pipeline share. Clones are one.
///
/// An epoch takes from it as it grows, and gives back when it is committed or thrown away. When it is used up, open epochs
/// are closed and no other is begun. So what waits holds nothing, what holds is being put, and nobody waits for another's
/// waiting.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    most: u64,
    held: watch::Sender<u64>,
}

impl Budget {
    /// `held` shows how much is.
    pub(super) const fn new(most: u64, held: watch::Sender<u64>) -> Self {
        Self { most, held }
    }

    /// A piece of it, of nothing as yet.
    pub(super) fn take(&self) -> Held {
        Held { budget: Some(self.clone()), bytes: 0 }
    }

    /// Also with a budget of nothing something may be held, or nothing would ever be made.
    const fn is_full(&self, held: u64) -> bool {
        held > 0 && held >= self.most
    }

    /// Ready when it is used up.
    pub(super) async fn full(self) {
        self.wait(true).await;
    }

    /// Ready when there is something left of it.
    pub(super) async fn room(self) {
        self.wait(false).await;
    }

    async fn wait(self, full: bool) {
        // Fails only without a sender, and we are one.
        let _ = self.held.subscribe().wait_for(|held| self.is_full(*held) == full).await;
    }
}

/// What one epoch has of a [`Budget`]; given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Unset: it is not counted.
    budget: Option<Budget>,
    bytes: u64,
}

impl Held {
    /// Says how much is held now.
    pub(super) fn set(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        let Some(budget) = self.budget.as_ref().filter(|_| bytes != self.bytes) else { return };
        budget.held.send_if_modified(|held| {
            let was_full = budget.is_full(*held);
            *held = held.saturating_sub(self.bytes).saturating_add(bytes);
            was_full != budget.is_full(*held)
        });
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}
