//! What is shared between tasks, in many orders of what the tasks do: `shuttle` chooses who runs on at each lock and each
//! atomic, and fails where everybody waits for ever.
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" cargo test -p anabranch-operators --test schedules --target-dir target/shuttle
//! ```
//!
//! Schedules are chosen at random and by priorities (PCT), from a seed that `SCHEDULES_SEED` sets, `SCHEDULES` of each;
//! small cases run in every order that there is. A failure prints its schedule, for `shuttle::replay`. Of the channels of
//! tokio only the hand-over is seen, not their insides.
#![cfg(shuttle)]
#![allow(clippy::unwrap_used)]

#[path = "schedules/breaker.rs"]
mod breaker;
#[path = "schedules/tasks.rs"]
mod tasks;
#[path = "schedules/transport.rs"]
mod transport;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use anabranch_operators::group::Until;
use anabranch_operators::{FlowExt, from_iter, share_from};
use futures::{Stream, stream};
use shuttle::future::block_on;
use shuttle::thread;

use tasks::{Feed, Feeder, Reader, Signal, exhaust, explore, fed, feed, feeding, leaving, reading, side_by_side};

#[test]
fn share_a_waits_b_is_dropped_while_an_item_comes_and_a_wakes() {
    exhaust(|| {
        let (feeder, flow) = feed();
        let (a, b) = flow.tee();
        let (mut a, mut b) = (Reader::new(a), Reader::new(b));
        // B is first in line, so the item's wake goes to B unless B has left.
        b.waits();
        a.waits();
        side_by_side(move || drop(b), move || feeder.send(7));
        a.woken_for(7);
    });
}

#[test]
fn balance_a_waits_b_is_dropped_while_an_item_comes_and_a_wakes() {
    exhaust(|| {
        let (feeder, flow) = feed();
        let mut readers = flow.balance(2);
        let (mut a, mut b) = (Reader::new(readers.pop().unwrap()), Reader::new(readers.pop().unwrap()));
        b.waits();
        a.waits();
        side_by_side(move || drop(b), move || feeder.send(7));
        a.woken_for(7);
    });
}

#[test]
fn groups_a_waits_b_is_dropped_while_an_item_comes_and_a_wakes() {
    exhaust(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| n % 2);
        (0..2).for_each(|n| feeder.send(n));
        let [mut a, mut b] = [0, 1].map(|_| Reader::new(block_on(groups.next()).unwrap().unwrap()));
        drop(groups);
        assert_eq!((a.poll(), b.poll()), (Poll::Ready(Some(Ok(0))), Poll::Ready(Some(Ok(1)))));
        b.waits();
        a.waits();
        side_by_side(move || drop(b), move || feeder.send(2));
        a.woken_for(2);
    });
}

#[test]
fn a_reader_that_begins_to_wait_while_an_item_comes_is_woken_or_has_it() {
    fn case<S>(mut reader: Reader<S>, feeder: Feeder)
    where
        S: Stream<Item = Signal> + Unpin,
    {
        let feeding = thread::spawn(move || feeder.send(7));
        let polled = reader.poll();
        feeding.join().unwrap();
        if polled.is_pending() {
            reader.woken_for(7);
        }
    }
    exhaust(|| {
        let (feeder, flow) = feed();
        case(Reader::new(flow.share()), feeder);
    });
    exhaust(|| {
        let (feeder, flow) = feed();
        case(Reader::new(flow.balance(1).remove(0)), feeder);
    });
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|_| ());
        feeder.send(1);
        let mut group = Reader::new(block_on(groups.next()).unwrap().unwrap());
        assert_eq!(group.poll(), Poll::Ready(Some(Ok(1))));
        case(group, feeder);
    });
}

#[test]
fn a_reader_that_waits_for_room_is_woken_by_a_take_and_by_a_drop() {
    explore(|| {
        let (fast, slow) = fed(0..3).try_into_flow().tee();
        let (mut fast, mut slow) = (Reader::new(fast.hold_back(1)), Reader::new(slow));
        assert_eq!(fast.poll(), Poll::Ready(Some(Ok(0))));
        let taking = thread::spawn(move || {
            assert_eq!(slow.poll(), Poll::Ready(Some(Ok(0))));
            slow
        });
        let polled = fast.poll();
        let slow = taking.join().unwrap();
        if polled.is_pending() {
            fast.woken_for(1);
        }
        drop(slow);
    });
    explore(|| {
        let (fast, slow) = fed(0..3).try_into_flow().tee();
        let mut fast = Reader::new(fast.hold_back(1));
        assert_eq!(fast.poll(), Poll::Ready(Some(Ok(0))));
        let dropping = thread::spawn(move || drop(slow));
        let polled = fast.poll();
        dropping.join().unwrap();
        if polled.is_pending() {
            fast.woken_for(1);
        }
    });
}

#[test]
fn a_reader_that_joins_while_the_last_one_leaves_shares_its_run_or_has_a_new_one() {
    explore(|| {
        let flow = share_from(|| fed(1..3).try_into_flow());
        let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
        assert_eq!(a.poll(), Poll::Ready(Some(Ok(1))));
        let leaving = thread::spawn(move || drop(a));
        let first = b.poll();
        leaving.join().unwrap();
        let rest = [b.poll(), b.poll()];
        let shared = first == Poll::Ready(Some(Ok(2))) && rest[0] == Poll::Ready(None);
        let anew = first == Poll::Ready(Some(Ok(1))) && rest[0] == Poll::Ready(Some(Ok(2)));
        assert!(shared || anew, "{first:?}, {rest:?}");
    });
}

#[test]
fn readers_on_tasks_of_their_own_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let flow = flow.share();
        let readers = [flow.clone(), flow.clone(), flow].map(reading);
        feeding(feeder, 0..4);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), Ok(vec![0, 1, 2, 3]));
        }
    });
}

#[test]
fn readers_that_hold_each_other_back_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let flow = flow.share().hold_back(1);
        let leaver = leaving(flow.clone(), 2);
        let readers = [flow.clone(), flow].map(reading);
        feeding(feeder, 0..4);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), Ok(vec![0, 1, 2, 3]));
        }
        assert_eq!(leaver.join().unwrap(), Ok(vec![0, 1]));
    });
}

#[test]
fn readers_that_lose_items_get_the_last_one() {
    explore(|| {
        let (feeder, flow) = feed();
        let flow = flow.share().drop_oldest(1);
        let readers = [flow.clone(), flow.clone(), flow].map(reading);
        feeding(feeder, 0..4);
        for reader in readers {
            let got = reader.join().unwrap().unwrap();
            assert!(got.is_sorted() && got.last() == Some(&3), "{got:?}");
        }
    });
}

#[test]
fn readers_are_cloned_and_dropped_while_others_read() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut flow = flow.share().hold_back(2);
        let reader = reading(flow.clone());
        feeding(feeder, 0..4);
        assert_eq!(block_on(flow.next()), Ok(Some(0)));
        let clone = reading(flow.clone());
        drop(leaving(flow.clone(), 1));
        drop(flow);
        assert_eq!(reader.join().unwrap(), Ok(vec![0, 1, 2, 3]));
        assert_eq!(clone.join().unwrap(), Ok(vec![1, 2, 3]));
    });
}

#[test]
fn a_failure_reaches_all_readers_in_its_place() {
    explore(|| {
        let (feeder, flow) = feed();
        let flow = flow.replay(1);
        let readers = [flow.clone(), flow.clone()].map(reading);
        let parts = [flow.clone(), flow].map(|flow| leaving(flow, 1));
        feeder.send(5);
        feeder.fail();
        for reader in readers {
            reader.join().unwrap().unwrap_err();
        }
        for part in parts {
            assert_eq!(part.join().unwrap(), Ok(vec![5]), "it is kept for those that come late");
        }
        assert!(feeder.source_is_dropped());
    });
}

#[test]
fn a_panic_reaches_all_readers() {
    explore(|| {
        let (feeder, flow) = feed();
        // As quietly as a panic can be, which is not one to fail the test.
        let flow = flow.map(|n| if n == 1 { std::panic::resume_unwind(Box::new("a bad item")) } else { n }).share();
        let readers = [flow.clone(), flow].map(|flow| {
            thread::spawn(move || catch_unwind(AssertUnwindSafe(|| block_on(flow.collect::<Vec<_>>()))).is_err())
        });
        feeding(feeder, 0..3);
        for reader in readers {
            assert!(reader.join().unwrap());
        }
    });
}

#[test]
fn published_readers_begin_when_it_is_connected() {
    explore(|| {
        let (feeder, flow) = feed();
        let flow = flow.publish();
        let first = reading(flow.reader());
        feeding(feeder, 0..3);
        let second = reading(flow.reader());
        flow.connect();
        assert_eq!(first.join().unwrap(), Ok(vec![0, 1, 2]));
        assert_eq!(second.join().unwrap(), Ok(vec![0, 1, 2]));
    });
}

#[test]
fn readers_of_share_from_come_and_go_and_the_run_goes_with_the_last() {
    explore(|| {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        struct Run(Feed);
        impl Stream for Run {
            type Item = Signal;
            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                Pin::new(&mut self.0).poll_next(cx)
            }
        }
        impl Drop for Run {
            fn drop(&mut self) {
                RUNS.fetch_sub(1, SeqCst);
            }
        }
        RUNS.store(0, SeqCst);
        let flow = share_from(|| {
            RUNS.fetch_add(1, SeqCst);
            Run(fed(0..4)).try_into_flow()
        });
        let readers =
            [reading(flow.clone()), leaving(flow.clone(), 2), reading(flow.clone()), leaving(flow.clone(), 1)];
        for (reader, limit) in readers.into_iter().zip([4, 2, 4, 1]) {
            let got = reader.join().unwrap().unwrap();
            assert!(got.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{got:?}");
            assert!(got.len() == limit || got.last().is_none_or(|last| *last == 3), "{got:?} is cut off");
        }
        assert_eq!(RUNS.load(SeqCst), 0, "a run outlived its readers");
        drop(flow);
    });
}

#[test]
fn work_is_shared_out_without_loss() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut readers = flow.balance(4);
        let leavers = [readers.remove(0), readers.remove(0)].map(|reader| leaving(reader, 1));
        let readers = readers.into_iter().map(reading).collect::<Vec<_>>();
        feeding(feeder, 0..5);
        let mut all = Vec::new();
        for reader in readers.into_iter().chain(leavers) {
            all.extend(reader.join().unwrap().unwrap());
        }
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn groups_on_tasks_of_their_own_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| n % 3);
        let feeding = feeding(feeder, 0..7);
        let mut readers = Vec::new();
        while let Some(group) = block_on(groups.next()).unwrap() {
            readers.push(reading(group));
        }
        feeding.join().unwrap();
        let mut all: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    });
}

#[test]
fn groups_that_give_way_to_each_other_in_a_merge_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| n % 3);
        let feeding = feeding(feeder, 0..8);
        let few = [(); 2].map(|()| block_on(groups.next()).unwrap().unwrap());
        let merged = reading(from_iter(few).fails_with().merge_map(2, |group| group));
        let last = reading(block_on(groups.next()).unwrap().unwrap());
        assert!(block_on(groups.next()).unwrap().is_none());
        feeding.join().unwrap();
        let mut all = merged.join().unwrap().unwrap();
        all.sort_unstable();
        assert_eq!((all, last.join().unwrap().unwrap()), (vec![0, 1, 3, 4, 6, 7], vec![2, 5]));
    });
}

#[test]
fn groups_that_are_merged_beside_their_outer_stream_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let feeding = feeding(feeder, 0..8);
        let mut all =
            block_on(flow.group_by(|n| n % 3).merge_map(usize::MAX, |group| group).collect::<Vec<_>>()).unwrap();
        feeding.join().unwrap();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn merged_groups_outlive_their_outer_stream() {
    explore(|| {
        let (feeder, flow) = feed();
        let feeding = feeding(feeder, 0..8);
        let groups = flow.group_by(|n| n % 2).take(2);
        let mut all = block_on(groups.merge_map(usize::MAX, |group| group).collect::<Vec<_>>()).unwrap();
        feeding.join().unwrap();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7]);
    });
}

#[test]
fn groups_that_leave_the_merge_of_their_outer_stream_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let feeding = feeding(feeder, 0..7);
        let mut left = Vec::new();
        let firsts = flow.group_by(|n| n % 3).merge_map(usize::MAX, |mut group| {
            stream::once(async move {
                let first = group.next().await?;
                // From here, another task reads it.
                Ok((first, reading(group)))
            })
        });
        for (first, reader) in block_on(firsts.collect::<Vec<_>>()).unwrap() {
            left.extend(first);
            left.extend(reader.join().unwrap().unwrap());
        }
        feeding.join().unwrap();
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 3, 4, 5, 6]);
    });
}

#[test]
fn groups_that_hold_the_source_back_get_everything() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_until(|n| n % 2, Until::count(2)).buffers(1, 2);
        let feeding = feeding(feeder, 0..6);
        let mut readers = Vec::new();
        while let Some(group) = block_on(groups.next()).unwrap() {
            readers.push(reading(group));
        }
        feeding.join().unwrap();
        let mut all: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap().unwrap()).collect();
        all.sort_unstable();
        assert_eq!(all, [vec![0, 2], vec![1, 3], vec![4], vec![5]]);
    });
}

#[test]
fn what_a_reader_got_makes_room_while_it_reads_no_more() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| n % 2).buffers(2, 8);
        let feeding = feeding(feeder, [0, 2, 4, 6, 1]);
        let mut even = block_on(groups.next()).unwrap().unwrap();
        let reading = thread::spawn(move || {
            let items = [(); 3].map(|()| block_on(even.next()).unwrap().unwrap());
            (items, even)
        });
        let mut odd = block_on(groups.next()).unwrap().unwrap();
        assert_eq!(block_on(odd.next()), Ok(Some(1)));
        assert_eq!(reading.join().unwrap().0, [0, 2, 4]);
        feeding.join().unwrap();
    });
}

#[test]
fn groups_and_the_outer_stream_are_dropped_while_others_read() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| n % 3).buffers(1, 2);
        let feeding = feeding(feeder, 0..9);
        let mut next = || block_on(groups.next()).unwrap().unwrap();
        let (kept, left, dropped) = (reading(next()), leaving(next(), 1), next());
        let dropping = thread::spawn(move || drop(dropped));
        drop(groups);
        assert_eq!(kept.join().unwrap(), Ok(vec![0, 3, 6]));
        assert_eq!(left.join().unwrap(), Ok(vec![1]));
        dropping.join().unwrap();
        feeding.join().unwrap();
    });
}

#[test]
fn a_failure_reaches_the_groups_and_the_outer_stream() {
    explore(|| {
        let (feeder, flow) = feed();
        let mut groups = flow.group_by(|n| *n);
        let group = thread::spawn(move || {
            let group = block_on(groups.next()).unwrap().unwrap();
            let reader = reading(group);
            block_on(groups.next()).unwrap_err();
            reader
        });
        feeder.send(5);
        feeder.fail();
        group.join().unwrap().join().unwrap().unwrap_err();
    });
}
