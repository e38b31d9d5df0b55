//! [`Counted`]: one of the references to a block of lines.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;

use super::Lines;

thread_local! {
    /// The reference that was dropped last on this thread.
    static SPARE: Cell<Option<Arc<Lines>>> = const { Cell::new(None) };
}

/// One of the references to a block of lines.
///
/// Mostly a record is dropped before the next of its block is made, on the same thread. So a thread keeps the reference that was
/// dropped there last, for the next: to count one up and down for each record locks memory twice, a tenth of all that a pipeline
/// takes for it. The block is kept by that, until the thread makes or drops a line of another one, or ends.
#[derive(Clone)]
pub(super) struct Counted(Option<Arc<Lines>>);

impl Counted {
    #[inline]
    pub(super) fn new(lines: &Arc<Lines>) -> Self {
        // A thread that ends may have dropped its own already.
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        Self(Some(spare.filter(|spare| Arc::ptr_eq(spare, lines)).unwrap_or_else(|| Arc::clone(lines))))
    }
}

impl Deref for Counted {
    type Target = Lines;

    #[inline]
    fn deref(&self) -> &Lines {
        match &self.0 {
            Some(lines) => lines,
            None => unreachable!("it is there until this is dropped"),
        }
    }
}

impl Drop for Counted {
    #[inline]
    fn drop(&mut self) {
        let dropped = self.0.take();
        let _ = SPARE.try_with(|spare| drop(spare.replace(dropped)));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use bytes::Bytes;
    use chrono::DateTime;

    use super::*;
    use crate::{Layout, Origin, Partition};

    fn block() -> Arc<Lines> {
        Arc::new(Lines {
            text: Bytes::new(),
            origin: Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json }),
            arrived: DateTime::UNIX_EPOCH,
            offset: 0,
            first: 1,
            unquoted: true,
        })
    }

    #[test]
    fn the_reference_that_was_dropped_last_is_the_next() {
        let block = block();
        let (one, other) = (Counted::new(&block), Counted::new(&block));
        assert_eq!(Arc::strong_count(&block), 3);
        drop((one, other));
        assert_eq!(Arc::strong_count(&block), 2, "one is kept");
        let next = Counted::new(&block);
        assert_eq!(Arc::strong_count(&block), 2);
        let copy = next.clone();
        assert_eq!(Arc::strong_count(&block), 3);
        assert!(std::ptr::eq(&*next, &*copy));
    }

    #[test]
    fn a_block_goes_when_a_line_of_another_is_dropped_or_the_thread_ends() {
        let (first, second) = (block(), block());
        drop(Counted::new(&first));
        let other = Counted::new(&second);
        assert_eq!(Arc::strong_count(&first), 1, "the next was of another block");
        drop(other);
        assert_eq!(Arc::strong_count(&second), 2);
        let sent = Counted::new(&first);
        thread::spawn(move || drop(sent)).join().unwrap();
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 1));
    }
}
