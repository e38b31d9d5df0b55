//! `by_ref`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, virtual_time};

#[test]
fn leaves_the_rest_for_later() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b-c-d-|");
        assert_eq!(flow.by_ref().take(2).collect::<String>().await, Ok("ab".to_owned()));
        assert_eq!(flow.by_ref().take(0).collect::<String>().await, Ok(String::new()));
        assert_eq!(flow.by_ref().map(|item| item.to_ascii_uppercase()).next().await, Ok(Some('C')));
        assert_eq!(flow.by_ref().collect::<String>().await, Ok("d".to_owned()));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn lends_the_failure_too() {
    virtual_time(async {
        let mut flow = Script::marbles("a-#");
        assert_eq!(flow.by_ref().count().await, Err(Failed::Scripted));
        assert_eq!(flow.by_ref().count().await, Ok(0));
    });
}

#[test]
fn neither_polls_nor_drops_what_is_lent() {
    let (mut flow, seen) = probe(from_iter([1, 2]));
    drop(flow.by_ref().map(|n| n + 1));
    assert_eq!((seen.polls(), seen.dropped()), (0, false));
}
