//! A stand-in for S3, in memory: what it does, it does as AWS does; what it does not do, it refuses with a 501.
//!
//! It does CreateBucket, HeadBucket, DeleteBucket, PutObject (If-Match, `If-None-Match: *`, checksums), GetObject
//! (If-Match, If-None-Match, Range), HeadObject, DeleteObject, DeleteObjects and ListObjectsV2, addressed by path. The protocol, the
//! signatures and the XML are the crate s3s's; the conditions are of this module (`objects`), and atomic.
//!
//! The life of a request: it arrives whole (`service`); a [`Fate`] is drawn for it; then it is carried out in a task
//! of its own, which no hang-up of its client stops; and independently of that it is answered. Without faults every
//! fate is [`Fate::HONEST`].
//!
//! What it is not: durable, or a place for presigned URLs (s3s judges their expiry by the machine's clock).

mod contents;
mod counts;
mod fate;
mod keys;
mod objects;
mod operations;
mod service;
mod stand;

pub use self::counts::{Counts, RequestCount};
pub use self::fate::{Answer, Asked, Fate, RequestKind, Tear};
pub use self::keys::Keys;
pub use self::objects::{Object, etag};
pub use self::service::{converse, serve};
pub use self::stand::{Config, Stand, bucket_name};
