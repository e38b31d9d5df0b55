//! A bucket as a store.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::store::{self, About, Options, Put, S3Store, Store};
use anabranch::{Error, ErrorKind};
use anabranch_local_cloud::LocalCloud;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const SECRET: &str = "a-secret-that-nobody-may-see";

async fn fresh() -> (S3Store, LocalCloud) {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("counts").unwrap();
    let store = S3Store::builder("counts", "per/minute").sdk_config(cloud.sdk_config()).build().await.unwrap();
    (store, cloud)
}

behaviours!(fresh);

fn config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("local", SECRET, None, None, "test")))
        .build()
}

fn client(cloud: &LocalCloud) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&cloud.sdk_config()).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The whole of what a user may see of an error.
fn told(error: &Error) -> String {
    let mut told = format!("{error}\n{error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}\n{error}");
        cause = error.source();
    }
    assert!(!told.contains(SECRET) && !told.contains("Signature="), "{told}");
    told
}

async fn put(store: &S3Store) -> Result<Put, Error> {
    store.put_if_absent("key", "x".into(), &About::default()).await
}

#[tokio::test]
async fn opens_by_uri_and_keeps_to_its_prefix() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("counts").unwrap();
    let options = Options::default().sdk_config(cloud.sdk_config());
    let all = store::open("s3://counts", options.clone()).await.unwrap();
    let part = store::open("s3://counts/part/", options).await.unwrap();
    assert_eq!((all.uri().as_str(), part.uri().as_str()), ("s3://counts", "s3://counts/part"));
    for key in ["part/a", "part-2/b", "z"] {
        all.put_if_absent(key, "x".into(), &About::default()).await.unwrap();
    }
    assert_eq!(part.list_after("", None).await.unwrap(), ["a"]);
    assert_eq!(part.get("a").await.unwrap().unwrap(), "x");
    assert_eq!(all.list_after("part/", None).await.unwrap(), ["part/a"]);
}

#[tokio::test]
async fn keeps_what_is_said_about_an_object() {
    let (store, cloud) = fresh().await;
    let about = About { content_type: "application/gzip", metadata: vec![("nonce", "f00".to_owned())] };
    store.put_if_absent("a", "x".into(), &about).await.unwrap();
    let head = client(&cloud).head_object().bucket("counts").key("per/minute/a");
    let head = head.send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/gzip"));
    assert_eq!(head.metadata().unwrap()["nonce"], "f00");
}

#[tokio::test]
async fn lists_what_stands_behind_a_page_of_what_others_put_there() {
    let (store, cloud) = fresh().await;
    let client = client(&cloud);
    let puts = (0..1_001).map(|n| client.put_object().bucket("counts").key(format!("per/minute/a b {n}")).send());
    stream::iter(puts).buffer_unordered(16).for_each(|put| async move { drop(put.unwrap()) }).await;
    store.put_if_absent("b", "x".into(), &About::default()).await.unwrap();
    assert_eq!(store.list_after("", None).await.unwrap(), ["b"]);
}

#[tokio::test]
async fn names_the_bucket_that_is_not_there_and_how_to_make_it() {
    let cloud = LocalCloud::start().unwrap();
    let store = S3Store::builder("nowhere", "").sdk_config(cloud.sdk_config()).build().await.unwrap();
    for error in [
        store.check().await.unwrap_err(),
        put(&store).await.unwrap_err(),
        store.get("key").await.unwrap_err(),
        store.list_after("", None).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(told(&error).contains("aws s3 mb s3://nowhere"), "{error}");
    }
}

#[tokio::test]
async fn says_which_credentials_are_wrong_and_not_what_they_are() {
    let (_, cloud) = fresh().await;
    let store = S3Store::builder("counts", "").sdk_config(config(cloud.s3_url())).build().await.unwrap();
    for error in [store.check().await.unwrap_err(), store.get("key").await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert!(told(&error).contains("credentials"), "{error}");
    }
}

#[tokio::test]
async fn asks_for_region_and_credentials_that_are_not_set() {
    let error = S3Store::builder("counts", "").sdk_config(SdkConfig::builder().build()).build().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(told(&error).contains("AWS_REGION"), "{error}");

    let region = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-west-1"));
    let region = region.endpoint_url("http://127.0.0.1:9").build();
    let error = S3Store::builder("counts", "").sdk_config(region).build().await.unwrap().check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(told(&error).contains("AWS_ACCESS_KEY_ID"), "{error}");
}

#[tokio::test]
async fn keeps_the_password_of_an_endpoint_to_itself() {
    let with_password = config("http://me:secret@127.0.0.1:9");
    let store = S3Store::builder("counts", "").sdk_config(with_password).build().await.unwrap();
    let shown = format!("{store:?}");
    assert!(shown.contains("http://127.0.0.1:9") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn refuses_what_is_no_bucket_and_no_prefix() {
    for uri in ["s3://", "s3:///x", "s3://a/x", "s3://UPPER/x", "s3://a_b_c/x", "s3://bucket/../x", "s3://bucket/a b"] {
        let error = store::open(uri, Options::default().sdk_config(config("http://127.0.0.1:9"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{uri}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_an_endpoint_that_nobody_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    refuses_soon(&endpoint).await;
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_an_endpoint_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    refuses_soon(&format!("http://{}", listener.local_addr().unwrap())).await;
}

async fn refuses_soon(endpoint: &str) {
    let began = Instant::now();
    let options = Options::default().sdk_config(config(endpoint));
    let error = store::open("s3://counts/x", options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_transient());
    assert!(told(&error).contains(endpoint) && told(&error).contains("AWS_ENDPOINT_URL_S3"), "{error}");
    assert!(began.elapsed() <= Duration::from_secs(13), "after {:?}", began.elapsed());
}

/// An S3 that gives these answers in turn, `0` for a line that breaks; the last one again and again.
async fn scripted(answers: &'static [u16]) -> (S3Store, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let n = count.fetch_add(1, Ordering::SeqCst);
            answer(stream, *answers.get(n).or(answers.last()).unwrap()).await;
        }
    });
    let store = S3Store::builder("counts", "").sdk_config(config(&endpoint)).patience(Duration::from_secs(2));
    (store.build().await.unwrap(), asked)
}

/// The head of the next request, in small letters, once all of it has come.
async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut head = None;
    loop {
        stream.read_buf(&mut request).await.unwrap();
        if head.is_none() {
            let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            head = end.map(|end| (String::from_utf8_lossy(&request[..end]).to_lowercase(), end + 4));
        }
        let Some((head, begin)) = &head else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if request.len() - begin >= length.map_or(0, |length| length.parse().unwrap()) {
            return head.clone();
        }
    }
}

/// Gives the head of the request.
async fn answer(mut stream: TcpStream, status: u16) -> String {
    let asked = request(&mut stream).await;
    let region = "x-amz-bucket-region: ap-south-1";
    let head = format!("HTTP/1.1 {status} Scripted\r\n{region}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    if status != 0 {
        stream.write_all(head.as_bytes()).await.unwrap();
    }
    asked
}

#[tokio::test]
async fn puts_again_after_a_conflict_of_two_puts() {
    let (store, asked) = scripted(&[409, 409, 200]).await;
    assert_eq!(put(&store).await.unwrap(), Put::Created);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn leaves_a_lasting_conflict_to_the_caller() {
    let (store, asked) = scripted(&[409]).await;
    let error = put(&store).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn puts_again_when_an_answer_is_lost() {
    let (store, asked) = scripted(&[0, 412]).await;
    assert_eq!(put(&store).await.unwrap(), Put::Exists);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn calls_trouble_of_the_service_transient_after_its_own_attempts() {
    let (store, asked) = scripted(&[503]).await;
    let error = put(&store).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(told(&error).contains("answered 503"), "{}", told(&error));
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn sends_checksums_only_where_required_if_told_so() {
    for (query, trailers) in [("", true), ("?checksums=when_required", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (heads, mut seen) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                heads.send(answer(stream, 200).await).unwrap();
            }
        });
        let uri = format!("s3://counts{query}");
        let store = store::open(&uri, Options::default().sdk_config(config(&endpoint))).await.unwrap();
        assert!(seen.recv().await.unwrap().starts_with("head "));
        store.put("key", "x".into(), &About::default()).await.unwrap();
        assert_eq!(seen.recv().await.unwrap().contains("checksum"), trailers, "{uri}");
    }
    let options = Options::default().sdk_config(config("http://127.0.0.1:9"));
    for uri in ["s3://counts?checksums=never", "s3://counts?x=y"] {
        assert_eq!(store::open(uri, options.clone()).await.unwrap_err().kind(), ErrorKind::Usage, "{uri}");
    }
}

#[tokio::test]
async fn names_the_region_that_the_bucket_is_in() {
    let (store, _) = scripted(&[301]).await;
    let error = store.check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
    assert!(told(&error).contains("set AWS_REGION to ap-south-1"), "{error}");
}

/// What a multipart upload is asked for, in turn.
type Asked = Arc<Mutex<Vec<&'static str>>>;

/// An S3 that takes uploads in parts, gives these answers to their completions, and says whether the object is there.
async fn uploads(completions: &'static [u16], there: bool) -> (S3Store, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = request(&mut stream).await;
            let (what, status, body) = match head.split(' ').next().unwrap() {
                "post" if head.contains("?uploads") => {
                    let id = "<UploadId>7</UploadId>";
                    ("begin", 200, format!("<InitiateMultipartUploadResult>{id}</InitiateMultipartUploadResult>"))
                }
                "put" => ("part", 200, String::new()),
                "post" => {
                    assert!(head.contains("if-none-match: *"), "{head}");
                    let n = seen.lock().unwrap().iter().filter(|what| **what == "complete").count();
                    let status = *completions.get(n).or(completions.last()).unwrap();
                    let body = match status {
                        404 => "<Error><Code>NoSuchUpload</Code></Error>",
                        _ => "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
                    };
                    ("complete", status, body.to_owned())
                }
                "head" => ("look", if there { 200 } else { 404 }, String::new()),
                "delete" => ("abort", 204, String::new()),
                other => panic!("{other}"),
            };
            seen.lock().unwrap().push(what);
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Scripted\r\netag: \"e\"\r\ncontent-length: {length}\r\n");
            if status != 0 {
                stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        }
    });
    let store = S3Store::builder("counts", "").sdk_config(config(&endpoint)).patience(Duration::from_secs(30));
    (store.build().await.unwrap(), asked)
}

async fn put_large(store: &S3Store) -> Result<Put, Error> {
    store.put_if_absent("key", vec![1; (8 << 20) + 1].into(), &About::default()).await
}

const UPLOAD: [&str; 4] = ["begin", "part", "part", "complete"];

#[tokio::test]
async fn puts_a_large_object_in_parts_with_the_condition_on_the_last_call() {
    let (store, asked) = uploads(&[200], false).await;
    assert_eq!(put_large(&store).await.unwrap(), Put::Created);
    assert_eq!(*asked.lock().unwrap(), UPLOAD);
}

#[tokio::test]
async fn aborts_an_upload_whose_key_is_taken() {
    let (store, asked) = uploads(&[412], true).await;
    assert_eq!(put_large(&store).await.unwrap(), Put::Exists);
    assert_eq!(*asked.lock().unwrap(), [&UPLOAD[..], &["abort"]].concat());
}

#[tokio::test]
async fn looks_for_an_object_when_the_answer_to_its_last_call_is_lost() {
    for completion in [&[0][..], &[500], &[404]] {
        let (store, asked) = uploads(completion, true).await;
        assert_eq!(put_large(&store).await.unwrap(), Put::Exists);
        assert_eq!(*asked.lock().unwrap(), [&UPLOAD[..], &["look", "abort"]].concat());
    }
}

#[tokio::test]
async fn begins_a_large_object_anew_when_it_is_not_there_after_all() {
    for completions in [&[0, 200][..], &[503, 200], &[409, 200]] {
        let (store, asked) = uploads(completions, false).await;
        assert_eq!(put_large(&store).await.unwrap(), Put::Created);
        assert_eq!(*asked.lock().unwrap(), [&UPLOAD[..], &["look", "abort"], &UPLOAD[..]].concat());
    }
}

#[tokio::test]
async fn leaves_no_parts_behind_when_it_may_not_finish() {
    let (store, asked) = uploads(&[403], false).await;
    assert_eq!(put_large(&store).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(*asked.lock().unwrap(), [&UPLOAD[..], &["abort"]].concat());
}
