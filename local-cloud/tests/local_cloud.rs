//! What `LocalCloud` owes to examples and tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures::future::join_all;

fn s3(cloud: &LocalCloud) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&cloud.sdk_config()).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

fn kinesis(cloud: &LocalCloud) -> aws_sdk_kinesis::Client {
    aws_sdk_kinesis::Client::new(&cloud.sdk_config())
}

fn status<T, E>(result: &Result<T, SdkError<E>>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(error) => error.raw_response().expect("an answer").status().as_u16(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_a_key_once_when_many_put_it_at_once() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("race").unwrap();
    let client = s3(&cloud);
    for round in 0..20 {
        let key = format!("dt=2013-01-01/round-{round}");
        let puts = (0..32).map(|writer| {
            let put = client.put_object().bucket("race").key(&key).if_none_match("*");
            let put = put.metadata("writer", writer.to_string()).body(format!("{writer}").into_bytes().into());
            tokio::spawn(put.send())
        });
        let results: Vec<_> = join_all(puts).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = results.iter().enumerate().filter(|(_, result)| result.is_ok()).collect();
        assert_eq!(winners.len(), 1, "of {:?}", results.iter().map(status).collect::<Vec<_>>());
        assert!(results.iter().all(|result| matches!(status(result), 200 | 412)));

        let object = client.get_object().bucket("race").key(&key).send().await.unwrap();
        let winner = winners[0].0.to_string();
        assert_eq!(object.metadata().unwrap()["writer"], winner);
        assert_eq!(object.body.collect().await.unwrap().into_bytes(), winner);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completes_one_of_many_multipart_uploads_of_a_key() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("race").unwrap();
    let client = s3(&cloud);
    let mut uploads = Vec::new();
    for writer in 0..8 {
        let upload = client.create_multipart_upload().bucket("race").key("big").send().await.unwrap();
        let id = upload.upload_id.unwrap();
        let body = ByteStream::from(format!("{writer}").into_bytes());
        let part = client.upload_part().bucket("race").key("big").upload_id(&id).part_number(1).body(body);
        let part = CompletedPart::builder().part_number(1).set_e_tag(part.send().await.unwrap().e_tag).build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let complete = client.complete_multipart_upload().bucket("race").key("big").upload_id(id);
        uploads.push(complete.multipart_upload(parts).if_none_match("*"));
    }
    let results = join_all(uploads.into_iter().map(|upload| tokio::spawn(upload.send()))).await;
    let mut answers: Vec<_> = results.iter().map(|result| status(result.as_ref().unwrap())).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn keeps_keys_of_any_length_and_lists_them_by_prefix() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("long").unwrap();
    let client = s3(&cloud);
    let key = format!("{}/{}/{}", "p".repeat(250), "%E2%98%83".repeat(25), "q".repeat(250));
    client.put_object().bucket("long").key(&key).body(ByteStream::from_static(b"x")).send().await.unwrap();
    client.put_object().bucket("long").key("other").body(ByteStream::from_static(b"y")).send().await.unwrap();
    let listed = client.list_objects_v2().bucket("long").prefix("ppp").send().await.unwrap();
    assert_eq!(listed.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), [&key]);

    client.put_object().bucket("long").key(&key).body(ByteStream::from_static(b"new")).send().await.unwrap();
    let object = client.get_object().bucket("long").key(&key).send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().into_bytes(), "new");
    client.delete_object().bucket("long").key(&key).send().await.unwrap();
    let gone = client.get_object().bucket("long").key(&key).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchKey"));
    let listed = client.list_objects_v2().bucket("long").send().await.unwrap();
    assert_eq!(listed.contents().len(), 1);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_made_by_a_put() {
    let cloud = LocalCloud::start().unwrap();
    let put = s3(&cloud).put_object().bucket("nowhere").key("a").body(ByteStream::from_static(b"x"));
    assert_eq!(put.send().await.unwrap_err().code(), Some("NoSuchBucket"));
}

/// The AWS CLI and boto3 read one of them, the SDKs for Rust and Java the other.
#[test]
fn tells_other_processes_the_region_in_both_ways() {
    let env: std::collections::BTreeMap<_, _> = LocalCloud::start().unwrap().env().into();
    assert_eq!(env["AWS_REGION"], "us-east-1");
    assert_eq!(env["AWS_DEFAULT_REGION"], env["AWS_REGION"]);
}

#[tokio::test]
async fn refuses_a_wrong_secret() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("closed").unwrap();
    let credentials = aws_sdk_s3::config::Credentials::new("local", "wrong", None, None, "test");
    let config = aws_sdk_s3::config::Builder::from(&cloud.sdk_config()).credentials_provider(credentials);
    let client = aws_sdk_s3::Client::from_conf(config.force_path_style(true).build());
    let listed = client.list_objects_v2().bucket("closed").send().await;
    assert_eq!(status(&listed), 403);
}

#[tokio::test]
async fn goes_on_with_what_its_directory_holds() {
    let dir = tempfile::tempdir().unwrap();
    let start = || LocalCloud::builder().state_dir(dir.path()).start().unwrap();
    let cloud = start();
    cloud.create_stream("events", 2).await.unwrap();
    cloud.create_bucket("counts").unwrap();
    let records = (0..500).map(|n| {
        let entry = PutRecordsRequestEntry::builder().data(Blob::new(vec![b'x'; 150])).partition_key(n.to_string());
        entry.build().unwrap()
    });
    let records = Some(records.collect());
    kinesis(&cloud).put_records().stream_name("events").set_records(records).send().await.unwrap();
    s3(&cloud).put_object().bucket("counts").key("a/b").body(ByteStream::from_static(b"x")).send().await.unwrap();
    let taken = LocalCloud::builder().state_dir(dir.path()).start().unwrap_err();
    assert!(taken.to_string().contains("another local cloud uses this directory"), "{taken}");
    drop(cloud);

    let cloud = start();
    cloud.create_stream("events", 2).await.unwrap();
    let client = kinesis(&cloud);
    let shards = client.list_shards().stream_name("events").send().await.unwrap();
    let mut records = 0;
    for shard in shards.shards() {
        let iterator = client.get_shard_iterator().stream_name("events").shard_id(shard.shard_id());
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
        let got = client.get_records().set_shard_iterator(iterator.shard_iterator).send().await.unwrap();
        records += got.records().len();
    }
    assert_eq!(records, 500);
    let object = s3(&cloud).get_object().bucket("counts").key("a/b").send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().into_bytes(), "x");
}

#[tokio::test]
async fn ends_with_its_value_and_leaves_no_directory() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream("events", 4).await.unwrap();
    let dir = cloud.state_dir().to_owned();
    assert!(dir.is_dir());
    let address = cloud.s3_url().trim_start_matches("http://").to_owned();
    let began = Instant::now();
    drop(cloud);
    assert!(began.elapsed().as_secs() < 3, "it took {:?} to shut down", began.elapsed());
    assert!(!dir.exists());
    tokio::net::TcpStream::connect(address).await.unwrap_err();
}

#[test]
fn refuses_a_bucket_name_that_is_a_path() {
    let cloud = LocalCloud::start().unwrap();
    for name in ["..", "../up", "a/b", "", "UPPER", ".hidden"] {
        cloud.create_bucket(name).unwrap_err();
    }
}

#[tokio::test]
async fn refuses_streams_that_the_service_would_refuse() {
    let cloud = LocalCloud::builder().shard_limit(4).start().unwrap();
    for (name, shards) in [("", 1), ("a b", 1), ("a/b", 1), ("many", 5)] {
        cloud.create_stream(name, shards).await.unwrap_err();
    }
    cloud.create_stream("few", 4).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takes_requests_of_five_mebibytes() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream("large", 1).await.unwrap();
    let entry = |key: usize| {
        let data = Blob::new(vec![b'x'; 1_000_000]);
        PutRecordsRequestEntry::builder().partition_key(key.to_string()).data(data).build().unwrap()
    };
    let put = kinesis(&cloud).put_records().stream_name("large").set_records(Some((0..5).map(entry).collect()));
    assert_eq!(put.send().await.unwrap().failed_record_count(), Some(0));
}
