//! What an open group holds in memory, by counting what the allocator gives and takes back.
//!
//! Each of a million groups gets an item; then, with all of them open and all items read, it is looked at what is allocated.
//! Run it with `cargo bench -p anabranch-operators --bench memory`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::task::Poll;
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::{OperatorError, from_items};
use futures::stream::{self, BoxStream, StreamExt};
use peak_alloc::PeakAlloc;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const GROUPS: usize = 1_000_000;

/// The bytes that each open group holds, without its key and its count; and what it held at most, while the groups opened.
fn bytes_each(of: impl FnOnce(BoxStream<'_, u64>) -> usize) -> (f64, f64) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let (mut steady, mut peak) = (0, 0);
    let mut given = 0;
    let source = stream::poll_fn(|cx| {
        if given < GROUPS {
            given += 1;
            return Poll::Ready(Some(given as u64));
        }
        if steady == 0 && given == GROUPS {
            given += 1;
            cx.waker().wake_by_ref(); // Once more later, when all that was read has been taken.
            return Poll::Pending;
        }
        (steady, peak) = (ALLOCATOR.current_usage() - before, ALLOCATOR.peak_usage() - before);
        Poll::Ready(None)
    });
    assert_eq!(of(source.boxed()), GROUPS);
    let each = |bytes: usize| bytes as f64 / GROUPS as f64 - size_of::<(u64, usize)>() as f64;
    (each(steady), each(peak))
}

fn print(name: &str, (steady, peak): (f64, f64)) {
    println!(
        "{name}: {steady:.0} bytes an open group beside its key and its count; at most {peak:.0} while groups open"
    );
}

fn main() {
    let runtime = &Runtime::new().unwrap();
    let hour = || Until::after(Duration::from_secs(3600));
    let each = bytes_each(|source| {
        let Ok(groups) = runtime.block_on(from_items(source).group_until(|key| *key, hour()).count_each().count());
        groups
    });
    print("count_each", each);
    let sub = bytes_each(|source| {
        let groups = from_items(source).fails_with::<OperatorError>().group_until(|key| *key, hour());
        let counts = groups.merge_map(usize::MAX, |group| stream::once(group.count()));
        runtime.block_on(counts.count()).unwrap()
    });
    print("sub-streams", sub);
}
