//! The models of `window`.

use crate::harness::{Ending, agrees};

#[test]
fn buffer_count() {
    agrees(
        |flow, n| flow.buffer_count(n + 1),
        |items, ending, n| {
            let mut lists: Vec<_> = items.chunks(n + 1).map(<[i64]>::to_vec).collect();
            if ending != Ending::End && lists.last().is_some_and(|list| list.len() <= n) {
                lists.pop();
            }
            (lists, ending)
        },
    );
}
