//! The buckets and their objects. Every method is one step: whoever holds the lock around them sees no other request
//! between a condition and the write that it guards. Look-alikes that check first and write later lose updates.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use s3s::S3ErrorCode;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its content.
    pub bytes: Bytes,
    /// The MD5 of its content in hex, without quotes: the same bytes have the same tag at any time, as on AWS. A tag
    /// that is unique for every write would hide the faults of a client that mistakes an old version for a new one.
    pub etag: String,
    /// When it was written.
    pub modified: SystemTime,
    /// What its writer called it.
    pub content_type: Option<String>,
    /// The SHA-256 that its writer sent along, in base64.
    pub sha256: Option<String>,
}

impl Object {
    /// An object of these bytes.
    pub fn new(bytes: impl Into<Bytes>, modified: SystemTime) -> Object {
        let bytes = bytes.into();
        Object { etag: etag(&bytes), bytes, modified, content_type: None, sha256: None }
    }

    /// The same object with a tag that is not the MD5 of its content, as on AWS with KMS. It still depends on nothing else.
    pub fn with_opaque_tag(self) -> Object {
        Object { etag: etag(format!("opaque {}", self.etag).as_bytes()), ..self }
    }
}

/// The tag of an object with these bytes, without quotes.
pub fn etag(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// On what a PUT depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// On nothing.
    Always,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match: *`
    Present,
    /// `If-Match` with a tag, without its quotes
    Match(String),
}

/// What of a bucket to list. See ListObjectsV2.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// How the names begin.
    pub prefix: String,
    /// Names that go on beyond this, after the prefix, are listed as one.
    pub delimiter: Option<String>,
    /// Only what sorts after this.
    pub after: Option<String>,
    /// How much of it.
    pub limit: usize,
}

/// A part of a list, in the order of the names' bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<(String, Object)>,
    /// What the delimiter folded.
    pub prefixes: Vec<String>,
    /// There is more, after this.
    pub next: Option<String>,
}

/// All buckets.
#[derive(Debug, Default)]
pub struct Buckets {
    buckets: BTreeMap<String, BTreeMap<String, Object>>,
    /// What the present version of an object has replaced, by bucket and key. Torn answers are made of it.
    replaced: BTreeMap<(String, String), Object>,
}

type ObjectResult<T> = Result<T, S3ErrorCode>;

impl Buckets {
    /// Creates a bucket, and says whether it was not there.
    pub fn create(&mut self, bucket: &str) -> bool {
        let new = !self.buckets.contains_key(bucket);
        self.buckets.entry(bucket.to_owned()).or_default();
        new
    }

    /// Deletes a bucket, which must be empty.
    pub fn remove(&mut self, bucket: &str) -> ObjectResult<()> {
        if !self.bucket(bucket)?.is_empty() {
            return Err(S3ErrorCode::BucketNotEmpty);
        }
        self.buckets.remove(bucket);
        Ok(())
    }

    /// The objects of a bucket.
    pub fn bucket(&self, bucket: &str) -> ObjectResult<&BTreeMap<String, Object>> {
        self.buckets.get(bucket).ok_or(S3ErrorCode::NoSuchBucket)
    }

    /// An object.
    pub fn get(&self, bucket: &str, key: &str) -> ObjectResult<&Object> {
        self.bucket(bucket)?.get(key).ok_or(S3ErrorCode::NoSuchKey)
    }

    /// What the version of an object with this tag has replaced, if it is the present one.
    pub fn replaced_by(&self, bucket: &str, key: &str, etag: &str) -> Option<&Object> {
        self.get(bucket, key).ok().filter(|object| object.etag == etag)?;
        self.replaced.get(&(bucket.to_owned(), key.to_owned()))
    }

    /// Writes an object if its condition holds.
    pub fn put(&mut self, bucket: &str, key: &str, object: Object, condition: &Condition) -> ObjectResult<()> {
        let objects = self.buckets.get_mut(bucket).ok_or(S3ErrorCode::NoSuchBucket)?;
        match (condition, objects.get(key)) {
            (Condition::Always, _) | (Condition::Absent, None) | (Condition::Present, Some(_)) => {}
            (Condition::Match(etag), Some(current)) if current.etag == *etag => {}
            (Condition::Match(_) | Condition::Absent, Some(_)) => return Err(S3ErrorCode::PreconditionFailed),
            (Condition::Match(_) | Condition::Present, None) => return Err(S3ErrorCode::NoSuchKey),
        }
        if let Some(replaced) = objects.insert(key.to_owned(), object) {
            self.replaced.insert((bucket.to_owned(), key.to_owned()), replaced);
        }
        Ok(())
    }

    /// Deletes an object; it need not be there.
    pub fn delete(&mut self, bucket: &str, key: &str) -> ObjectResult<()> {
        self.buckets.get_mut(bucket).ok_or(S3ErrorCode::NoSuchBucket)?.remove(key);
        self.replaced.remove(&(bucket.to_owned(), key.to_owned()));
        Ok(())
    }

    /// Lists a bucket.
    pub fn list(&self, bucket: &str, listing: &Listing) -> ObjectResult<Page> {
        let objects = self.bucket(bucket)?;
        let mut page = Page::default();
        if listing.limit == 0 {
            return Ok(page);
        }
        let after = listing.after.as_deref();
        let start = match after {
            Some(after) if after >= listing.prefix.as_str() => Bound::Excluded(after),
            _ => Bound::Included(listing.prefix.as_str()),
        };
        let mut last = None;
        for (name, object) in objects.range::<str, _>((start, Bound::Unbounded)) {
            let Some(rest) = name.strip_prefix(&listing.prefix) else { break };
            let folded = listing.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()).and_then(|delimiter| {
                rest.find(delimiter).map(|at| &name[..listing.prefix.len() + at + delimiter.len()])
            });
            // A page may end at a prefix: the names below it were listed with it.
            if folded
                .is_some_and(|folded| page.prefixes.last().is_some_and(|last| last == folded) || after == Some(folded))
            {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == listing.limit {
                page.next = last;
                break;
            }
            last = Some(folded.unwrap_or(name).to_owned());
            match folded {
                Some(folded) => page.prefixes.push(folded.to_owned()),
                None => page.objects.push((name.clone(), object.clone())),
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(names: &[&str]) -> Buckets {
        let mut buckets = Buckets::default();
        assert!(buckets.create("b"));
        for name in names {
            buckets.put("b", name, Object::new(name.to_string(), SystemTime::UNIX_EPOCH), &Condition::Always).unwrap();
        }
        buckets
    }

    /// Reads all pages, and gives objects and prefixes in the order of the pages.
    fn walk(buckets: &Buckets, mut listing: Listing) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            let page = buckets.list("b", &listing).unwrap();
            assert!(page.objects.len() + page.prefixes.len() <= listing.limit);
            names.extend(page.objects.into_iter().map(|(name, _)| name));
            names.extend(page.prefixes);
            match page.next {
                Some(next) => listing.after = Some(next),
                None => return names,
            }
        }
    }

    #[test]
    fn pages_of_any_size_list_everything_once_and_in_order() {
        let names = ["a", "a/b", "a/b/c", "aa", "b", "b/1", "b/2", "ä", "😀"];
        let buckets = bucket(&names);
        for limit in 1..=names.len() + 1 {
            assert_eq!(walk(&buckets, Listing { limit, ..Listing::default() }), names, "limit {limit}");
            let listing = Listing { limit, prefix: "a".to_owned(), ..Listing::default() };
            assert_eq!(walk(&buckets, listing), ["a", "a/b", "a/b/c", "aa"], "limit {limit}");
        }
    }

    #[test]
    fn a_delimiter_lists_what_it_folds_once_even_across_pages() {
        let buckets = bucket(&["a/1", "a/2", "b", "c/1", "c/2", "c/3", "d"]);
        for limit in 1..=8 {
            let listing = Listing { limit, delimiter: Some("/".to_owned()), ..Listing::default() };
            let mut names = walk(&buckets, listing);
            names.sort();
            assert_eq!(names, ["a/", "b", "c/", "d"], "limit {limit}");
        }
    }

    #[test]
    fn a_list_may_start_anywhere() {
        let buckets = bucket(&["a", "b", "c"]);
        let after = |after: &str, prefix: &str| {
            let listing =
                Listing { after: Some(after.to_owned()), prefix: prefix.to_owned(), limit: 9, delimiter: None };
            walk(&buckets, listing)
        };
        assert_eq!(after("a", ""), ["b", "c"]);
        assert_eq!(after("a", "b"), ["b"]);
        assert_eq!(after("bb", ""), ["c"]);
        assert_eq!(after("b", "a"), Vec::<String>::new());
    }

    #[test]
    fn the_same_bytes_have_the_same_tag() {
        assert_eq!(etag(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(etag(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
