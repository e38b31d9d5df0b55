//! The embedded S3: `s3s-fs`, with what it lacks for a ledger.
//!
//! `s3s-fs` looks whether a key is taken, writes, and renames, so that two conditional writes of one key can both succeed;
//! it makes buckets that are not there; and it names a file after the key in base64, which limits keys to some 160
//! bytes. Here every object is kept by `s3s-fs` under the hash of its key, and what makes it exist is a hard link at
//! `buckets/<bucket>/<key>`, made under a lock of the key. An object is there with its metadata or not at all, also after
//! a crash. A key of which another is a folder (`a` and `a/b`) cannot be kept; segments may have 255 bytes.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::crypto::{Checksum, Sha256};
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::RwLock;

/// The bucket of `bodies` that holds them all.
const BODIES: &str = "bodies";

/// The objects of all buckets.
#[derive(Clone)]
pub(crate) struct Objects(Arc<Inner>);

struct Inner {
    /// Links named by key, as users see them; `s3s-fs` lists them.
    buckets: FileSystem,
    /// Bodies and metadata named by the hash of bucket and key.
    bodies: FileSystem,
    buckets_dir: PathBuf,
    bodies_dir: PathBuf,
    /// One lock serves many keys, which is slower and no less right.
    locks: [RwLock<()>; 64],
}

impl Objects {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let buckets_dir = root.join("buckets");
        let bodies_dir = root.join("objects");
        fs::create_dir_all(&buckets_dir)?;
        fs::create_dir_all(bodies_dir.join(BODIES))?;
        let open = |dir: &Path| FileSystem::new(dir).map_err(|error| io::Error::other(format!("{error:?}")));
        Ok(Self(Arc::new(Inner {
            buckets: open(&buckets_dir)?,
            bodies: open(&bodies_dir)?,
            buckets_dir,
            bodies_dir,
            locks: [const { RwLock::const_new(()) }; 64],
        })))
    }

    pub(crate) fn bucket_dir(&self, name: &str) -> PathBuf {
        self.0.buckets_dir.join(name)
    }

    pub(crate) fn create_bucket(&self, name: &str) -> io::Result<()> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !(3..=63).contains(&name.len()) || !name.bytes().all(good) || name.starts_with(['-', '.']) {
            let rule = "a bucket's name has 3 to 63 of a-z, 0-9, dots and hyphens, and begins with a letter or a digit";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?}: {rule}")));
        }
        fs::create_dir_all(self.bucket_dir(name))
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("buckets", &self.0.buckets_dir).finish_non_exhaustive()
    }
}

/// Serves S3 until it is dropped.
pub(crate) async fn serve(listener: TcpListener, objects: Objects, (access_key, secret_key): (&str, &str)) {
    let mut builder = S3ServiceBuilder::new(objects);
    builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = builder.build();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = service.clone();
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // What a client did to its own connection is the client's to report.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Where the parts of one object are.
struct Place {
    link: PathBuf,
    body: PathBuf,
    hash: String,
}

impl Inner {
    /// The places of a key, in a bucket that exists.
    fn place(&self, bucket: &str, key: &str) -> S3Result<Place> {
        let dir = self.buckets_dir.join(bucket);
        if !dir.is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(s3_error!(InvalidArgument, "this S3 has no keys with empty segments, `.` or `..`"));
        }
        let mut sha = Sha256::new();
        sha.update(bucket.as_bytes());
        sha.update(b"/");
        sha.update(key.as_bytes());
        let hash = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(Place { link: dir.join(key), body: self.bodies_dir.join(BODIES).join(&hash), hash })
    }

    fn lock(&self, place: &Place) -> &RwLock<()> {
        let mut hasher = DefaultHasher::new();
        place.hash.hash(&mut hasher);
        &self.locks[(hasher.finish() % self.locks.len() as u64) as usize]
    }

    /// The place of a key that has an object.
    fn existing(&self, bucket: &str, key: &str) -> S3Result<Place> {
        let place = self.place(bucket, key)?;
        if place.link.is_file() { Ok(place) } else { Err(s3_error!(NoSuchKey)) }
    }
}

impl Place {
    /// Refuses what the request's conditions forbid; the caller holds the lock.
    fn check(&self, if_none_match: Option<&ETagCondition>, if_match: Option<&ETagCondition>) -> S3Result<()> {
        if if_none_match.is_some_and(ETagCondition::is_any) && self.link.exists() {
            return Err(s3_error!(PreconditionFailed, "the key is taken"));
        }
        if if_match.is_some() && !self.link.exists() {
            return Err(s3_error!(PreconditionFailed, "the key is free"));
        }
        Ok(())
    }

    /// Makes the object exist, once its body and metadata do; the caller holds the lock.
    fn publish(&self) -> S3Result<()> {
        let publish = || {
            if let Some(parent) = self.link.parent() {
                fs::create_dir_all(parent)?;
            }
            if !self.link.exists() {
                return fs::hard_link(&self.body, &self.link);
            }
            let beside = self.body.with_extension("link");
            fs::hard_link(&self.body, &beside)?;
            fs::rename(&beside, &self.link)
        };
        publish().map_err(|error| s3_error!(error, InternalError))
    }
}

/// The condition of a write is checked when its body has arrived, as on AWS; a sender that stalls holds nobody up.
async fn whole(body: Option<StreamingBlob>) -> S3Result<StreamingBlob> {
    let Some(body) = body else { return Err(s3_error!(IncompleteBody)) };
    let chunks: Vec<_> = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
    Ok(StreamingBlob::wrap(stream::iter(chunks).map(Ok::<_, io::Error>)))
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn put_object(&self, mut req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        req.input.body = Some(whole(req.input.body.take()).await?);
        let _locked = self.0.lock(&place).write().await;
        place.check(req.input.if_none_match.take().as_ref(), None)?;
        // The etag of an `If-Match` is left for `s3s-fs` to compare.
        place.check(None, req.input.if_match.as_ref())?;
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key.clone_from(&place.hash);
        let response = self.0.bodies.put_object(req).await?;
        place.publish()?;
        Ok(response)
    }

    async fn get_object(&self, mut req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let place = self.0.existing(&req.input.bucket, &req.input.key)?;
        let _locked = self.0.lock(&place).read().await;
        // `s3s-fs` looks for so many last bytes before the beginning of a shorter object.
        if let Some(Range::Suffix { length }) = &mut req.input.range {
            let size = fs::metadata(&place.link).map_err(|error| s3_error!(error, InternalError))?.len();
            *length = size.min(*length);
            if size == 0 {
                return Err(s3_error!(InvalidRange));
            }
        }
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key.clone_from(&place.hash);
        self.0.bodies.get_object(req).await
    }

    async fn head_object(&self, mut req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let place = self.0.existing(&req.input.bucket, &req.input.key)?;
        let _locked = self.0.lock(&place).read().await;
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key.clone_from(&place.hash);
        self.0.bodies.head_object(req).await
    }

    async fn delete_object(&self, mut req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        let _locked = self.0.lock(&place).write().await;
        if !place.link.is_file() {
            return Ok(S3Response::new(DeleteObjectOutput::default()));
        }
        fs::remove_file(&place.link).map_err(|error| s3_error!(error, InternalError))?;
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key.clone_from(&place.hash);
        self.0.bodies.delete_object(req).await
    }

    async fn create_multipart_upload(
        &self,
        mut req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        let bucket = std::mem::replace(&mut req.input.bucket, BODIES.to_owned());
        let key = std::mem::replace(&mut req.input.key, place.hash);
        let mut response = self.0.bodies.create_multipart_upload(req).await?;
        response.output.bucket = Some(bucket);
        response.output.key = Some(key);
        Ok(response)
    }

    async fn upload_part(&self, mut req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key = place.hash;
        self.0.bodies.upload_part(req).await
    }

    async fn complete_multipart_upload(
        &self,
        mut req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        let _locked = self.0.lock(&place).write().await;
        place.check(req.input.if_none_match.take().as_ref(), req.input.if_match.as_ref())?;
        let bucket = std::mem::replace(&mut req.input.bucket, BODIES.to_owned());
        let key = std::mem::replace(&mut req.input.key, place.hash.clone());
        let response = self.0.bodies.complete_multipart_upload(req).await?;
        let mut output = match response.output.future {
            Some(completed) => completed.await?,
            None => response.output,
        };
        place.publish()?;
        output.bucket = Some(bucket);
        output.key = Some(key);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        mut req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let place = self.0.place(&req.input.bucket, &req.input.key)?;
        BODIES.clone_into(&mut req.input.bucket);
        req.input.key = place.hash;
        self.0.bodies.abort_multipart_upload(req).await
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.0.buckets.create_bucket(req).await
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0.buckets.head_bucket(req).await
    }

    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        self.0.buckets.list_buckets(req).await
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.0.buckets.get_bucket_location(req).await
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        self.0.buckets.list_objects(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.0.buckets.list_objects_v2(req).await
    }
}
