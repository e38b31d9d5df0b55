//! A directory as a store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use anabranch::ErrorKind;
use anabranch::store::{self, About, DirStore, Options, Put, Store};
use proptest::prelude::*;
use tempfile::TempDir;

async fn fresh() -> (DirStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = DirStore::new(dir.path().join("not/there/yet"));
    (store, dir)
}

behaviours!(fresh);

#[tokio::test]
async fn keeps_objects_as_files_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let uri = format!("dir:{}/out", dir.path().display());
    let store = store::open(&uri, Options::default()).await.unwrap();
    assert_eq!(store.uri(), uri);
    for _ in 0..2 {
        store.put_if_absent("a/b", "x".into(), &About::default()).await.unwrap();
    }
    let names = fs::read_dir(dir.path().join("out")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["a"]);
    assert_eq!(fs::read(dir.path().join("out/a/b")).unwrap(), b"x");
}

#[tokio::test]
async fn leaves_out_of_listings_what_is_no_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = DirStore::new(dir.path());
    store.put_if_absent("a/b", "x".into(), &About::default()).await.unwrap();
    for name in [".put-1-2-3", "a/.DS_Store", "notes (1).txt", "ä"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    fs::create_dir(dir.path().join("a/.git")).unwrap();
    fs::write(dir.path().join("a/.git/config"), "").unwrap();
    assert_eq!(store.list_after("", None).await.unwrap(), ["a/b"]);
}

#[tokio::test]
async fn finds_keys_behind_more_empty_directories_than_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = DirStore::new(dir.path());
    for n in 0..1_500 {
        fs::create_dir(dir.path().join(format!("d{n:04}"))).unwrap();
    }
    store.put_if_absent("z", "x".into(), &About::default()).await.unwrap();
    assert_eq!(store.list_after("", None).await.unwrap(), ["z"]);
}

#[tokio::test]
async fn removes_what_killed_writers_left_after_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let old = dir.path().join(".put-old");
    let new = dir.path().join(".put-new");
    fs::write(&new, "").unwrap();
    File::create(&old).unwrap().set_modified(SystemTime::now() - Duration::from_secs(25 * 60 * 60)).unwrap();
    DirStore::new(dir.path()).check().await.unwrap();
    assert!(new.exists());
    assert!(!old.exists());
}

#[tokio::test]
async fn says_so_when_the_path_is_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), file.path().join("below")] {
        let error = store::open(&format!("dir:{}", path.display()), Options::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("a file is where a directory is needed"), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn says_so_when_the_directory_cannot_be_written() {
    // Nobody can make files there, not even a superuser, whom permissions do not stop.
    for path in ["/proc/self", "/proc/self/counts"] {
        let error = store::open(&format!("dir:{path}"), Options::default()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied), "{error:?}");
        assert!(error.to_string().contains(path), "{error}");
        assert!(error.to_string().contains("check"), "{error}");
    }
}

#[tokio::test]
async fn says_so_when_a_folder_or_an_object_is_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = DirStore::new(dir.path());
    let about = About::default();
    assert_eq!(store.put_if_absent("a/b", "x".into(), &about).await.unwrap(), Put::Created);
    for key in ["a", "a/b/c"] {
        let error = store.put_if_absent(key, "x".into(), &about).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lists_as_a_sorted_set_of_keys_would(
        keys in prop::collection::btree_set("[a%.=0-]{1,2}(/[ab.0-]{1,2}){0,2}", 1..20),
        prefix in "[a%0-]?(/[ab]?)?",
        after in "([a%.0-]{1,2}(/[ab.0-]{1,2}){0,2})?",
    ) {
        let hidden = |key: &str| key.split('/').any(|segment| segment.starts_with('.'));
        let folder = |key: &str| keys.iter().any(|other| other.starts_with(&format!("{key}/")));
        let keys: BTreeSet<_> = keys.iter().filter(|key| !hidden(key) && !folder(key)).collect();
        prop_assume!(!prefix.starts_with('/'));
        let dir = tempfile::tempdir().unwrap();
        for key in &keys {
            fs::create_dir_all(dir.path().join(key).parent().unwrap()).unwrap();
            fs::write(dir.path().join(key), "").unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = DirStore::new(dir.path());
        let listed = runtime.block_on(store.list_after(&prefix, Some(&after))).unwrap();
        let model = keys.iter().filter(|key| key.starts_with(&prefix) && ***key > after);
        prop_assert_eq!(listed.iter().collect::<Vec<_>>(), model.copied().collect::<Vec<_>>());
    }
}
