//! Objects that are put in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use super::{S3Store, condition, content_type, metadata};
use crate::aws::retry::{Class, Trouble};
use crate::aws::s3::status;
use crate::store::{About, Put};

/// The size of a part but the last. S3 takes 5 MiB at least, and 10,000 parts.
pub(super) const PART: usize = 8 << 20;

/// How many parts are sent at once.
const AT_ONCE: usize = 4;

/// One attempt at putting an object in parts; parts that fail are sent again. Nothing is seen of it before its last call,
/// which has the condition.
pub(super) async fn put(
    store: &S3Store,
    key: &str,
    body: Bytes,
    about: &About,
    if_absent: bool,
) -> Result<Put, Trouble> {
    let (client, bucket) = (&store.bucket.client, &store.bucket.name);
    let create = client.create_multipart_upload().bucket(bucket).key(store.key(key));
    let create = create.set_metadata(Some(metadata(about))).set_content_type(content_type(about)).send().await;
    let created = store.answered(create, "cannot begin the upload of the object", key)?;
    let upload = Upload { store, key, id: created.upload_id.unwrap_or_default() };
    let put = match upload.parts(&body).await {
        Ok(parts) => upload.complete(parts, if_absent).await,
        Err(trouble) => Err(trouble),
    };
    if !matches!(put, Ok(Put::Created)) {
        upload.abort().await;
    }
    put
}

/// An upload that has begun.
struct Upload<'a> {
    store: &'a S3Store,
    key: &'a str,
    id: String,
}

impl Upload<'_> {
    async fn parts(&self, body: &Bytes) -> Result<Vec<CompletedPart>, Trouble> {
        let parts = (1..).zip((0..body.len()).step_by(PART));
        let parts = parts.map(|(number, at)| self.part(number, body.slice(at..body.len().min(at + PART))).boxed());
        stream::iter(parts).buffered(AT_ONCE).try_collect().await
    }

    async fn part(&self, number: i32, body: Bytes) -> Result<CompletedPart, Trouble> {
        let Self { store, key, id } = self;
        let sent = store.retry.call(|| {
            let part = store.bucket.client.upload_part().bucket(&store.bucket.name).key(store.key(key));
            let part = part.upload_id(id).part_number(number).body(ByteStream::from(body.clone())).send();
            part.map(|part| store.answered(part, "cannot write a part of the object", key)).boxed()
        });
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.await?.e_tag).build())
    }

    /// Makes the parts an object.
    async fn complete(&self, parts: Vec<CompletedPart>, if_absent: bool) -> Result<Put, Trouble> {
        let Self { store, key, id } = self;
        let complete = store.bucket.client.complete_multipart_upload().bucket(&store.bucket.name).key(store.key(key));
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = complete.upload_id(id).multipart_upload(parts).set_if_none_match(condition(if_absent));
        let complete = complete.send().await;
        match complete {
            Err(error) if if_absent && status(&error) == Some(412) => Ok(Put::Exists),
            complete => match store.answered(complete, "cannot finish the upload of the object", key) {
                Ok(_) => Ok(Put::Created),
                // It may be there, and only the answer be lost: then all that is sent again would be for nothing.
                Err(trouble) if if_absent && trouble.class != Class::Fatal && self.is_there().await => Ok(Put::Exists),
                Err(trouble) => Err(trouble),
            },
        }
    }

    async fn is_there(&self) -> bool {
        let Self { store, key, .. } = self;
        store.bucket.client.head_object().bucket(&store.bucket.name).key(store.key(key)).send().await.is_ok()
    }

    /// Lets the service forget the parts. What fails here is left to the bucket's lifecycle rule.
    async fn abort(&self) {
        let Self { store, key, id } = self;
        let abort = store.bucket.client.abort_multipart_upload().bucket(&store.bucket.name).key(store.key(key));
        if let Err(trouble) = store.answered(abort.upload_id(id).send().await, "cannot abort the upload", key) {
            tracing::debug!(error = %trouble.error, "the parts of an upload stay until a lifecycle rule removes them");
        }
    }
}
