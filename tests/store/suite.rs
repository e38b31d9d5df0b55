//! What every store owes, as plain functions over a fresh one.

use std::collections::BTreeSet;

use anabranch::store::{About, Put, Range, Store};
use anabranch::{Error, ErrorKind};
use bytes::Bytes;
use futures::future::{join, join_all};
use futures::{StreamExt, stream};

/// Makes a test of each behaviour; `$fresh().await` gives an empty store and what must outlive it.
macro_rules! behaviours {
    ($fresh:path) => {
        behaviours! { $fresh:
            gives_nothing_under_an_absent_key
            gives_back_what_was_put
            leaves_alone_what_is_there
            tells_one_of_many_writers_that_it_created
            lists_in_byte_order_of_the_whole_key
            lists_behind_a_key_and_under_a_prefix
            lists_all_of_many_keys_in_pages
            gives_either_end_of_an_object
            puts_in_the_place_of_what_was_there
            puts_one_of_many_whole
            refuses_what_is_no_key
            keeps_large_objects
            tells_one_of_many_writers_of_a_large_object_that_it_created
            shows_objects_whole_or_not_at_all
            takes_keys_of_data_percent_encoded
        }
    };
    ($fresh:path: $($behaviour:ident)*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                let (store, _guard) = $fresh().await;
                $crate::suite::$behaviour(&store).await;
            }
        )*
    };
}

/// Keys in byte order, which is not that of their directories: `-` and `.` stand before the slash, `0` behind.
const NASTY: [&str; 11] = ["a%/b", "a-/z", "a-b/c", "a.b", "a.c/d", "a/b", "a/b-c/d", "a/c/d", "a0/b", "a00", "b"];

async fn put(store: &dyn Store, key: &str, body: impl Into<Bytes>) -> Result<Put, Error> {
    store.put_if_absent(key, body.into(), &About::default()).await
}

/// Puts objects under these keys, some at a time.
async fn put_all(store: &dyn Store, keys: impl IntoIterator<Item = impl AsRef<str>>) {
    let puts = keys.into_iter().map(|key| async move {
        assert_eq!(put(store, key.as_ref(), "x").await.unwrap(), Put::Created, "{}", key.as_ref());
    });
    stream::iter(puts).buffer_unordered(16).collect::<()>().await;
}

pub(crate) async fn gives_nothing_under_an_absent_key(store: &dyn Store) {
    assert_eq!(store.get("absent").await.unwrap(), None);
    assert_eq!(store.get("no/such/folder").await.unwrap(), None);
    assert_eq!(store.get_range("absent", Range::First(10)).await.unwrap(), None);
    assert_eq!(store.list_after("", None).await.unwrap(), [""; 0]);
    assert_eq!(store.list_after("no/such/", None).await.unwrap(), [""; 0]);

    put(store, "a/b", "x").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), None, "a folder is no object");
    assert_eq!(store.get("a/b/c").await.unwrap(), None, "an object is no folder");
}

pub(crate) async fn gives_back_what_was_put(store: &dyn Store) {
    let about = About { content_type: "application/gzip", metadata: vec![("n", "7".to_owned())] };
    let body = Bytes::from((0..=255).collect::<Vec<u8>>());
    let key = "dt=2013-01-01/hour=00/events%2FshardId-000000000000/1-2.jsonl.gz";
    assert_eq!(store.put_if_absent(key, body.clone(), &about).await.unwrap(), Put::Created);
    assert_eq!(store.get(key).await.unwrap(), Some(body));
    assert_eq!(put(store, "empty", "").await.unwrap(), Put::Created);
    assert_eq!(store.get("empty").await.unwrap(), Some(Bytes::new()));
}

pub(crate) async fn leaves_alone_what_is_there(store: &dyn Store) {
    assert_eq!(put(store, "a", "first").await.unwrap(), Put::Created);
    assert_eq!(put(store, "a", "second").await.unwrap(), Put::Exists);
    assert_eq!(put(store, "a", "first").await.unwrap(), Put::Exists);
    assert_eq!(store.get("a").await.unwrap().unwrap(), "first");
}

pub(crate) async fn tells_one_of_many_writers_that_it_created(store: &dyn Store) {
    for round in 0..10 {
        let key = format!("dt=2013-01-01/{round}");
        let puts = (0..32).map(|writer| put(store, &key, format!("writer {writer}")));
        let puts: Vec<_> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = (0..32).filter(|writer| puts[*writer] == Put::Created).collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(store.get(&key).await.unwrap().unwrap(), format!("writer {}", winners[0]));
    }
}

pub(crate) async fn lists_in_byte_order_of_the_whole_key(store: &dyn Store) {
    put_all(store, NASTY.iter().rev()).await;
    assert_eq!(store.list_after("", None).await.unwrap(), NASTY);
}

pub(crate) async fn lists_behind_a_key_and_under_a_prefix(store: &dyn Store) {
    put_all(store, NASTY).await;
    let prefixes = ["", "a", "a/", "a/b", "a-", "a-b/", "a0", "a0/b", "b/", "c"];
    let afters = ["a", "a-b", "a-b/", "a-b/c", "a.b", "a/", "a/b", "a/c", "a/c/d", "a0/b", "b", "zzz", "", "%"];
    for prefix in prefixes {
        for after in afters.map(Some).into_iter().chain([None]) {
            let model = NASTY.into_iter().filter(|key| key.starts_with(prefix) && Some(*key) > after);
            let listed = store.list_after(prefix, after).await.unwrap();
            assert_eq!(listed, model.collect::<Vec<_>>(), "under {prefix:?} behind {after:?}");
        }
    }
}

pub(crate) async fn lists_all_of_many_keys_in_pages(store: &dyn Store) {
    let keys: BTreeSet<String> = (0..1_203).map(|n| format!("part={}/{:04}", n % 3, n)).collect();
    put_all(store, &keys).await;
    let mut listed = Vec::new();
    let mut pages = Vec::new();
    loop {
        let page = store.list_after("part=", listed.last().map(String::as_str)).await.unwrap();
        if page.is_empty() {
            break;
        }
        pages.push(page.len());
        listed.extend(page);
    }
    assert!(pages.len() >= 2 && pages.iter().all(|len| *len <= 1_000), "{pages:?}");
    assert_eq!(listed, keys.into_iter().collect::<Vec<_>>());
}

pub(crate) async fn gives_either_end_of_an_object(store: &dyn Store) {
    put(store, "ten", "0123456789").await.unwrap();
    put(store, "none", "").await.unwrap();
    for (len, first, last) in
        [(0, "", ""), (4, "0123", "6789"), (10, "0123456789", "0123456789"), (99, "0123456789", "0123456789")]
    {
        assert_eq!(store.get_range("ten", Range::First(len)).await.unwrap().unwrap(), first, "first {len}");
        assert_eq!(store.get_range("ten", Range::Last(len)).await.unwrap().unwrap(), last, "last {len}");
        assert_eq!(store.get_range("none", Range::First(len)).await.unwrap().unwrap(), "", "first {len} of none");
        assert_eq!(store.get_range("none", Range::Last(len)).await.unwrap().unwrap(), "", "last {len} of none");
    }
    assert_eq!(store.get_range("absent", Range::Last(10)).await.unwrap(), None);
}

pub(crate) async fn puts_in_the_place_of_what_was_there(store: &dyn Store) {
    let about = About::default();
    for body in ["first", "second, which is longer", "third", ""] {
        store.put("a/b", body.into(), &about).await.unwrap();
        assert_eq!(store.get("a/b").await.unwrap().unwrap(), body);
    }
    assert_eq!(put(store, "a/b", "late").await.unwrap(), Put::Exists);
    assert_eq!(put(store, "c", "absent").await.unwrap(), Put::Created);
    store.put("c", "replaced".into(), &about).await.unwrap();
    assert_eq!(store.get("c").await.unwrap().unwrap(), "replaced");
    assert_eq!(store.list_after("", None).await.unwrap(), ["a/b", "c"]);
}

pub(crate) async fn puts_one_of_many_whole(store: &dyn Store) {
    let about = About::default();
    let bodies: Vec<_> = (0..16_u8).map(|writer| Bytes::from(vec![writer; 100_000 + usize::from(writer)])).collect();
    for put in join_all(bodies.iter().map(|body| store.put("hint", body.clone(), &about))).await {
        put.unwrap();
    }
    assert!(bodies.contains(&store.get("hint").await.unwrap().unwrap()));
}

pub(crate) async fn refuses_what_is_no_key(store: &dyn Store) {
    let long = "k".repeat(1_025);
    let keys = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../up",
        "a/../b",
        "a/./b",
        ".hidden",
        "a/.hidden",
        "a b",
        "a\nb",
        "a\\b",
        "a\0b",
        "a:b",
        "ä",
        "☃",
        "a?b",
        "a*b",
        "~",
        "\"",
        &long,
    ];
    for key in keys {
        for error in [
            put(store, key, "x").await.unwrap_err(),
            store.get(key).await.unwrap_err(),
            store.get_range(key, Range::Last(1)).await.unwrap_err(),
            store.put(key, "x".into(), &About::default()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Usage, "{key:?}: {error}");
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
    for prefix in ["/", "..", "../", "a//", ".hidden", "a/../b"] {
        assert_eq!(store.list_after(prefix, None).await.unwrap_err().kind(), ErrorKind::Usage, "{prefix:?}");
    }
    assert_eq!(store.list_after("", None).await.unwrap(), [""; 0]);
}

pub(crate) async fn keeps_large_objects(store: &dyn Store) {
    let body: Bytes = (0..10_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(put(store, "large", body.clone()).await.unwrap(), Put::Created);
    assert!(store.get("large").await.unwrap().unwrap() == body);
    assert!(store.get_range("large", Range::First(65_536)).await.unwrap().unwrap() == body.slice(..65_536));
    assert!(store.get_range("large", Range::Last(65_536)).await.unwrap().unwrap() == body.slice(body.len() - 65_536..));
}

pub(crate) async fn tells_one_of_many_writers_of_a_large_object_that_it_created(store: &dyn Store) {
    // Large enough for S3 to take it in parts.
    let body = |writer: u8| Bytes::from(vec![writer; (8 << 20) + 1 + usize::from(writer)]);
    for round in 0..3 {
        let key = format!("large-{round}");
        let puts = (0..6).map(|writer| put(store, &key, body(writer)));
        let puts: Vec<_> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = (0..6).filter(|writer| puts[usize::from(*writer)] == Put::Created).collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert!(store.get(&key).await.unwrap().unwrap() == body(winners[0]));
        assert_eq!(put(store, &key, "small").await.unwrap(), Put::Exists);
        store.put(&key, body(7), &About::default()).await.unwrap();
        assert!(store.get(&key).await.unwrap().unwrap() == body(7));
    }
}

pub(crate) async fn shows_objects_whole_or_not_at_all(store: &dyn Store) {
    for n in 0..10_u8 {
        let key = format!("whole-{n}");
        let body = Bytes::from(vec![n; 1 << 20]);
        let read = async {
            loop {
                if let Some(read) = store.get(&key).await.unwrap() {
                    break read;
                }
            }
        };
        let (created, read) = join(put(store, &key, body.clone()), read).await;
        assert_eq!(created.unwrap(), Put::Created);
        assert!(read == body, "{} of {} bytes", read.len(), body.len());
    }
}

pub(crate) async fn takes_keys_of_data_percent_encoded(store: &dyn Store) {
    let keys = ["_dead/file%3A%2Ftmp%2F..%2Fa%20b.tsv/1-0", "p/%2E%2E/x", "p/%2e%2e/x", "p/%25", "p/a%2Fb", "p/a=b"];
    for key in keys {
        assert_eq!(put(store, key, key).await.unwrap(), Put::Created, "{key}");
    }
    for key in keys {
        assert_eq!(store.get(key).await.unwrap().unwrap(), key);
    }
    let listed = store.list_after("", None).await.unwrap();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), keys.map(str::to_owned).into_iter().collect());
}
