//! The operations, as s3s has parsed and verified them. What is not done here is refused by s3s, 501 NotImplemented;
//! so are, below, the parts of these operations that are not done: nothing is quietly left out.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::ETAG;
use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::dto::{
    ChecksumMode, CommonPrefix, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, ETag, ETagCondition, EncodingType,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, ObjectIdentifier, PutObjectInput, PutObjectOutput, Timestamp,
};
use s3s::{Body, S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::contents::Contents;
use super::objects::{Condition, Listing, Object};

/// The most that one page of a list holds, on AWS and here.
const PAGE: usize = 1000;

/// The region whose AWS endpoint lets an owner create a bucket again.
const FORGIVING_REGION: &str = "us-east-1";

/// The operations on a stand-in's buckets.
pub(super) struct Operations(pub(super) Arc<Contents>);

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = req.input.bucket;
        if !self.0.buckets().create(&bucket) && self.0.region != FORGIVING_REGION {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{bucket}")) }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.0.buckets().bucket(&req.input.bucket).map_err(refusal)?;
        let region = Some(self.0.region.clone());
        Ok(S3Response::new(HeadBucketOutput { bucket_region: region, ..Default::default() }))
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.0.buckets().remove(&req.input.bucket).map_err(refusal)?;
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let (mut input, trailers) = (req.input, req.trailing_headers);
        if input.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty()) {
            return Err(s3_error!(NotImplemented, "metadata of an object"));
        }
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let bytes = match input.body.take() {
            Some(body) => Body::from(body).collect().await.map_err(|_| not_as_signed())?.to_bytes(),
            None => Bytes::new(),
        };
        if let Some(trailers) = trailers.and_then(|trailers| trailers.take()) {
            let trailer = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            input.checksum_crc32 = input.checksum_crc32.or_else(|| trailer("x-amz-checksum-crc32"));
            input.checksum_crc32c = input.checksum_crc32c.or_else(|| trailer("x-amz-checksum-crc32c"));
            input.checksum_crc64nvme = input.checksum_crc64nvme.or_else(|| trailer("x-amz-checksum-crc64nvme"));
            input.checksum_sha1 = input.checksum_sha1.or_else(|| trailer("x-amz-checksum-sha1"));
            input.checksum_sha256 = input.checksum_sha256.or_else(|| trailer("x-amz-checksum-sha256"));
        }
        verify(&input, &bytes)?;
        let object = self.0.object(bytes);
        let object = Object { content_type: input.content_type, sha256: input.checksum_sha256.clone(), ..object };
        let e_tag = Some(ETag::Strong(object.etag.clone()));
        self.0.buckets().put(&input.bucket, &input.key, object, &condition).map_err(refusal)?;
        let checksum_sha256 = input.checksum_sha256;
        Ok(S3Response::new(PutObjectOutput { e_tag, checksum_sha256, ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        if input.if_modified_since.is_some() || input.if_unmodified_since.is_some() || input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "a GET by date or part"));
        }
        let object = self.0.buckets().get(&input.bucket, &input.key).map_err(refusal)?.clone();
        may_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let length = object.bytes.len() as u64;
        // The checksum is of the whole object.
        let wanted = input.checksum_mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let checksum_sha256 = object.sha256.clone().filter(|_| wanted && input.range.is_none());
        let (bytes, content_range) = match input.range {
            None => (object.bytes, None),
            Some(range) => {
                let range = range.check(length)?;
                let shown = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                // Both ends are within the object.
                (object.bytes.slice(range.start as usize..range.end as usize), Some(shown))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            checksum_sha256,
            content_length: Some(bytes.len() as i64),
            content_range,
            content_type: Some(content_type(object.content_type)),
            e_tag: Some(ETag::Strong(object.etag)),
            last_modified: Some(Timestamp::from(object.modified)),
            body: Some(Body::from(bytes).into()),
            ..Default::default()
        }))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let dated = input.if_modified_since.is_some() || input.if_unmodified_since.is_some();
        if dated || input.range.is_some() || input.part_number.is_some() {
            return Err(s3_error!(NotImplemented, "a HEAD by date, range or part"));
        }
        let object = self.0.buckets().get(&input.bucket, &input.key).map_err(refusal)?.clone();
        may_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(object.bytes.len() as i64),
            content_type: Some(content_type(object.content_type)),
            e_tag: Some(ETag::Strong(object.etag)),
            last_modified: Some(Timestamp::from(object.modified)),
            ..Default::default()
        }))
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        if input.if_match.is_some() || input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
            return Err(s3_error!(NotImplemented, "a conditional DELETE"));
        }
        self.0.buckets().delete(&input.bucket, &input.key).map_err(refusal)?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        let is_conditional = |object: &ObjectIdentifier| {
            object.e_tag.is_some() || object.last_modified_time.is_some() || object.size.is_some()
        };
        if delete.objects.iter().any(is_conditional) || delete.quiet != Some(true) {
            return Err(s3_error!(NotImplemented, "a DELETE of many objects that is conditional or not quiet"));
        }
        let mut buckets = self.0.buckets();
        delete.objects.iter().try_for_each(|object| buckets.delete(&bucket, &object.key)).map_err(refusal)?;
        Ok(S3Response::new(DeleteObjectsOutput::default()))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let limit = match input.max_keys {
            None => PAGE,
            Some(limit) => usize::try_from(limit).map_err(|_| s3_error!(InvalidArgument, "max-keys"))?.min(PAGE),
        };
        let continued = input.continuation_token.as_deref().map(from_token).transpose()?;
        let listing = Listing {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: continued.or_else(|| input.start_after.clone()),
            limit,
        };
        let page = self.0.buckets().list(&input.bucket, &listing).map_err(refusal)?;
        let encoded = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let shown = |name: String| if encoded { url_encoded(&name) } else { name };
        let contents = page.objects.into_iter().map(|(name, object)| s3s::dto::Object {
            key: Some(shown(name)),
            e_tag: Some(ETag::Strong(object.etag)),
            last_modified: Some(Timestamp::from(object.modified)),
            size: Some(object.bytes.len() as i64),
            storage_class: Some("STANDARD".to_owned().into()),
            ..Default::default()
        });
        let contents: Vec<_> = contents.collect();
        let prefixes: Vec<_> =
            page.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(shown(prefix)) }).collect();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(shown(listing.prefix)),
            delimiter: input.delimiter.map(shown),
            max_keys: Some(limit as i32),
            key_count: Some((contents.len() + prefixes.len()) as i32),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(shown),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|next| BASE64_STANDARD.encode(next)),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..Default::default()
        }))
    }
}

/// AWS knows three conditions for a PUT; `If-Match: *` is the fourth that its neighbours know.
fn condition(matches: Option<&ETagCondition>, none_matches: Option<&ETagCondition>) -> S3Result<Condition> {
    match (matches, none_matches) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Match(etag.value().to_owned())),
        _ => Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")),
    }
}

/// The conditions of GET and HEAD on an object that is there. If-Match goes first.
fn may_read(object: &Object, matches: Option<&ETagCondition>, none_matches: Option<&ETagCondition>) -> S3Result<()> {
    let names = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    };
    if matches.is_some_and(|condition| !names(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if none_matches.is_some_and(names) {
        let mut unchanged = s3_error!(NotModified);
        let tag = format!("\"{}\"", object.etag).parse().expect("hex digits in quotes are a header value");
        unchanged.set_headers([(ETAG, tag)].into_iter().collect());
        return Err(unchanged);
    }
    Ok(())
}

/// Compares the bytes with the checksums that their sender gave.
fn verify(input: &PutObjectInput, bytes: &[u8]) -> S3Result<()> {
    let mut hasher = ChecksumHasher {
        crc32: input.checksum_crc32.as_ref().map(|_| Default::default()),
        crc32c: input.checksum_crc32c.as_ref().map(|_| Default::default()),
        crc64nvme: input.checksum_crc64nvme.as_ref().map(|_| Default::default()),
        sha1: input.checksum_sha1.as_ref().map(|_| Default::default()),
        sha256: input.checksum_sha256.as_ref().map(|_| Default::default()),
    };
    hasher.update(bytes);
    let sums = hasher.finalize();
    let md5 = input.content_md5.as_ref().map(|_| BASE64_STANDARD.encode(Md5::digest(bytes)));
    let agree = sums.checksum_crc32 == input.checksum_crc32
        && sums.checksum_crc32c == input.checksum_crc32c
        && sums.checksum_crc64nvme == input.checksum_crc64nvme
        && sums.checksum_sha1 == input.checksum_sha1
        && sums.checksum_sha256 == input.checksum_sha256
        && md5 == input.content_md5;
    if agree { Ok(()) } else { Err(s3_error!(BadDigest, "the body is not what its checksum says")) }
}

/// A body arrives here only after it has arrived whole: it can only fail to be what its signature says.
fn not_as_signed() -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()));
    error.set_status_code(StatusCode::BAD_REQUEST);
    error
}

fn refusal(code: S3ErrorCode) -> S3Error {
    S3Error::new(code)
}

/// AWS calls it this if nobody calls it anything.
fn content_type(given: Option<String>) -> String {
    given.unwrap_or_else(|| "binary/octet-stream".to_owned())
}

fn from_token(token: &str) -> S3Result<String> {
    let name = BASE64_STANDARD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn url_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;

    use super::*;
    use crate::s3::{Config, Stand};

    /// Creates an object, without HTTP around it: what can race is most of what is done.
    async fn create(operations: &Operations, key: String) -> bool {
        let if_none_match = Some(ETagCondition::Any);
        let input = PutObjectInput { bucket: "bucket".to_owned(), key, if_none_match, ..Default::default() };
        let put = operations.put_object(S3Request {
            input,
            method: hyper::Method::PUT,
            uri: hyper::Uri::default(),
            headers: Default::default(),
            extensions: Default::default(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        });
        put.await.is_ok()
    }

    #[test]
    fn threads_that_create_the_same_object_have_one_winner() {
        const ROUNDS: usize = 10_000;
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stand = Stand::new(Config {
            keys: None,
            region: "us-east-1".to_owned(),
            buckets: vec!["bucket".to_owned()],
            started: SystemTime::UNIX_EPOCH,
        });
        let operations = Operations(Arc::clone(&stand.contents));
        let ready = AtomicUsize::new(0);
        let race = || {
            let runtime = runtime();
            let won = (0..ROUNDS).map(|round| {
                // Waking a sleeper takes longer than a put: they spin, to start together.
                ready.fetch_add(1, Ordering::SeqCst);
                let mut spins = 0_u32;
                while ready.load(Ordering::SeqCst) < 2 * (round + 1) {
                    spins += 1;
                    match spins % 1000 {
                        0 => std::thread::yield_now(), // to the other, if there is one core
                        _ => std::hint::spin_loop(),
                    }
                }
                runtime.block_on(create(&operations, round.to_string()))
            });
            won.collect::<Vec<_>>()
        };
        let (ours, theirs) = std::thread::scope(|scope| {
            let theirs = scope.spawn(race);
            (race(), theirs.join().unwrap())
        });
        for (round, won) in ours.into_iter().zip(theirs).enumerate() {
            assert!(won.0 != won.1, "round {round}: {won:?}");
        }
    }
}
