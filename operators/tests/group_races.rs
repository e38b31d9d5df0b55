//! Groups whose readers come in any order and on any task: who is woken, how often, and that nobody waits for ever.
#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::OperatorError;
use anabranch_operators::group::Until;
use anabranch_operators::testing::{probe, virtual_time};

use self::support::{Reader, channel, send};

#[test]
fn the_outer_reader_is_woken_first_and_passes_the_baton() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    assert_eq!((a.item(), b.item()), ('a', 'b'));
    a.waits();
    b.waits();
    outer.waits();
    send(&source, "b".chars());
    assert_eq!((outer.wakes(), a.wakes(), b.wakes()), (1, 0, 0), "one is woken, and it is the outer reader");
    outer.waits();
    assert_eq!((outer.wakes(), a.wakes(), b.wakes()), (0, 0, 1), "an item for another wakes that one alone");
    assert_eq!(b.item(), 'b');
    send(&source, "c".chars());
    assert_eq!(outer.wakes(), 1);
    let mut c = Reader::new(outer.item());
    assert_eq!((outer.wakes(), a.wakes(), b.wakes()), (0, 1, 0), "who has what it wants lets the next one poll");
    assert_eq!(c.item(), 'c');
}

#[test]
fn the_baton_is_passed_when_its_holder_is_dropped() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "abc".chars());
    let mut groups = (0..3).map(|_| Reader::new(outer.item())).collect::<Vec<_>>();
    for group in &mut groups {
        group.item();
        group.waits();
    }
    outer.waits();
    send(&source, "d".chars());
    assert_eq!(outer.wakes(), 1);
    drop(outer);
    assert_eq!(groups.iter().map(Reader::wakes).collect::<Vec<_>>(), [1, 0, 0]);
    groups.remove(0);
    assert_eq!(groups.iter().map(Reader::wakes).collect::<Vec<_>>(), [1, 0]);
    groups.remove(0);
    assert_eq!(groups[0].wakes(), 1);
    groups[0].waits();
    send(&source, "c".chars());
    assert_eq!(groups[0].wakes(), 1);
    assert_eq!(groups[0].item(), 'c');
}

#[test]
fn a_dropped_reader_without_the_baton_wakes_nobody() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    (a.item(), b.item());
    a.waits();
    b.waits();
    outer.waits();
    drop(a);
    assert_eq!((outer.wakes(), b.wakes()), (0, 0));
}

#[test]
fn a_reader_that_has_got_the_baton_but_reads_no_more_holds_up_nobody_who_polls() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    (a.item(), b.item());
    b.waits(); // As in a select that another branch wins.
    outer.waits();
    send(&source, "c".chars());
    let mut c = Reader::new(outer.item());
    assert_eq!(b.wakes(), 1, "it has the baton now, and does not come");
    assert_eq!(c.item(), 'c');
    c.waits();
    send(&source, "c".chars());
    assert_eq!(c.wakes(), 1);
    assert_eq!(c.item(), 'c');
    a.waits();
}

#[test]
fn a_group_can_be_read_where_another_was_given_up() {
    // One task: it waits for one group, gives up, and waits for another.
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = flow.group_by(|c: &char| *c);
        send(&source, "ab".chars());
        let (mut a, mut b) = (outer.next().await.unwrap().unwrap(), outer.next().await.unwrap().unwrap());
        assert_eq!((a.next().await, b.next().await), (Ok(Some('a')), Ok(Some('b'))));
        let soon = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, b.next()).await.is_err());
        assert!(tokio::time::timeout(soon, outer.next()).await.is_err());
        let later = async {
            for n in "caaca".chars() {
                tokio::time::sleep(soon).await;
                send(&source, [n]);
            }
            tokio::time::sleep(soon).await;
            drop(source);
        };
        let reads = async {
            let mut c = outer.next().await.unwrap().unwrap();
            assert_eq!(c.next().await, Ok(Some('c')));
            assert_eq!(a.next().await, Ok(Some('a')));
            assert!(tokio::time::timeout(soon / 2, c.next()).await.is_err());
            assert_eq!(a.next().await, Ok(Some('a')));
            assert_eq!(c.next().await, Ok(Some('c')));
            assert_eq!(c.next().await, Ok(None));
            assert_eq!(a.count().await, Ok(1));
        };
        let both = async { futures::future::join(later, reads).await };
        tokio::time::timeout(soon * 100, both).await.expect("a wake was lost");
    });
}

#[test]
fn when_the_outer_stream_is_gone_groups_live_on_and_no_more_open() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.group_until(|c: &char| *c, Until::end()).max_groups(1).buffers(4, 8));
    send(&source, "a".chars());
    let mut a = Reader::new(outer.item());
    outer.waits();
    drop(outer);
    send(&source, "bcbcbcbcbcbcbcbcbcbcbcba".chars());
    assert_eq!(a.item(), 'a');
    assert_eq!(a.item(), 'a', "others are discarded, and do not make a leave");
    a.waits();
    assert!(!seen.dropped());
    drop(a);
    assert!(seen.dropped(), "with the last reader goes the source");
}

#[test]
fn when_the_outer_stream_is_gone_a_limit_that_fails_is_not_reached() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c).max_groups(1).fail_beyond());
    send(&source, "a".chars());
    let mut a = Reader::new(outer.item());
    drop(outer);
    send(&source, "ba".chars());
    drop(source);
    assert_eq!((a.item(), a.item()), ('a', 'a'));
    a.has_ended();
}

#[test]
fn groups_that_nobody_took_go_with_the_outer_stream() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "abc".chars());
    let mut a = Reader::new(outer.item());
    assert_eq!(a.item(), 'a');
    a.waits();
    assert_eq!(seen.items(), 3);
    drop(outer);
    send(&source, "bca".chars());
    assert_eq!(a.item(), 'a');
    drop(a);
    assert!(seen.dropped());
}

#[test]
fn when_a_key_closure_panics_every_reader_panics() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| if *c == '!' { panic!("no key") } else { *c }));
    send(&source, "abc".chars());
    let mut groups = (0..3).map(|_| Reader::new(outer.item())).collect::<Vec<_>>();
    for group in &mut groups {
        group.item();
        group.waits();
    }
    outer.waits();
    send(&source, "a!".chars());
    assert_eq!(outer.wakes(), 1);
    let panics = |polled: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(polled)).is_err();
    assert!(panics(&mut || _ = outer.poll()));
    // Nobody is dropped, and still each is woken in turn and panics rather than to wait for ever.
    assert_eq!(groups[0].wakes(), 1);
    assert_eq!(groups[0].item(), 'a', "what came before the panic can be read");
    for group in &mut groups[1..] {
        assert_eq!(group.wakes(), 1);
        assert!(panics(&mut || _ = group.poll()));
    }
    assert!(panics(&mut || _ = groups[0].poll()));
    assert!(panics(&mut || _ = outer.poll()));
}

#[test]
fn a_wake_from_inside_the_poll_is_not_lost() {
    // The source says "not yet" and wakes at once, whoever polls it.
    let (source, flow) = channel();
    let (flow, _) = anabranch_operators::testing::probe_stuttering(flow);
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    outer.waits();
    assert_eq!(outer.wakes(), 1);
    let mut a = Reader::new(outer.item());
    assert_eq!(a.item(), 'a');
    a.waits();
    assert_eq!((outer.wakes(), a.wakes()), (0, 1), "it polled the source alone, so the wake is its own");
    a.waits();
    assert_eq!(a.wakes(), 1, "and so is the next");
    let mut b = Reader::new(outer.item());
    assert_eq!(b.item(), 'b');
}

#[test]
fn groups_over_parts_that_can_be_sent_can_be_sent() {
    fn check_send<T: Send>(_: &T) {}
    fn check_sync<T: Sync>(_: &T) {}
    let (source, flow) = channel::<Cell<u8>>();
    let mut outer = Reader::new(flow.group_until(
        |item: &Cell<u8>| item.get(),
        Until::when(|_: &u8| futures::stream::pending::<Result<(), OperatorError>>()).or(Until::count(3)),
    ));
    send(&source, [Cell::new(1)]);
    let group = outer.item();
    check_send(&group);
    check_sync(&group);
    check_send(&outer);
    let (_source, flow) = channel::<Cell<u8>>();
    check_send(&flow.group_by(Cell::get).count_each());
}
