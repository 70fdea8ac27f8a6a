//! Deleting objects: many with one request, where the store can do that.

use std::sync::atomic::Ordering;

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::S3;
use super::failure::{FailedRequest, HandedOver};
use crate::store::StoreError;

/// The objects that S3 deletes with one request.
const AT_ONCE: usize = 1000;

impl S3 {
    /// Deletes objects. One that is not there counts as deleted.
    pub(super) async fn remove(&self, names: &[String]) -> Result<(), StoreError> {
        for names in names.chunks(AT_ONCE) {
            let is_done =
                names.len() > 1 && !self.removes_singly.load(Ordering::Relaxed) && self.remove_many(names).await?;
            for name in names.iter().filter(|_| !is_done) {
                self.remove_one(name).await?;
            }
        }
        Ok(())
    }

    async fn remove_one(&self, name: &str) -> Result<(), StoreError> {
        let handed_over = HandedOver::new(&self.dates);
        let request = self.client.delete_object().bucket(&self.location.bucket).key(self.key(name));
        if let Err(error) = request.customize().interceptor(handed_over.clone()).send().await {
            let failure = self.failed(error, &handed_over).await;
            if !failure.is_missing_object() {
                return Err(failure.of_other(&self.location));
            }
        }
        self.seen.forget(name);
        Ok(())
    }

    /// Returns false if the store does not know this request.
    async fn remove_many(&self, names: &[String]) -> Result<bool, StoreError> {
        let handed_over = HandedOver::new(&self.dates);
        let objects: Result<_, BuildError> =
            names.iter().map(|name| ObjectIdentifier::builder().key(self.key(name)).build()).collect();
        let list = objects.and_then(|objects| Delete::builder().quiet(true).set_objects(Some(objects)).build());
        let list = list.expect("each object has a key");
        let request = self.client.delete_objects().bucket(&self.location.bucket).delete(list);
        let answer = match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = self.failed(error, &handed_over).await;
                if !is_unknown(&failure) {
                    return Err(failure.of_other(&self.location));
                }
                tracing::info!("the store deletes one object for each request");
                self.removes_singly.store(true, Ordering::Relaxed);
                return Ok(false);
            }
        };
        let missing = |code: Option<&str>| code == Some("NoSuchKey");
        if let Some(refused) = answer.errors().iter().find(|error| !missing(error.code())) {
            let code = refused.code().unwrap_or("an error");
            return Err(self.unclear(&format!("{code} for {}", refused.key().unwrap_or("an object"))));
        }
        names.iter().for_each(|name| self.seen.forget(name));
        Ok(true)
    }
}

/// Whether the store does not know the request, does not allow it, or wants it to be made in another way. Google's storage
/// once did not know it, and some servers ask for a Content-MD5, which the SDK does not send any more.
fn is_unknown(failure: &FailedRequest) -> bool {
    matches!(failure.status, Some(400 | 403 | 404 | 405 | 411 | 501)) && !failure.is_missing_bucket()
}
