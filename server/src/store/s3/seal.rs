//! Whether the body of an answer belongs to the ETag of the answer.
//!
//! A real server tears its answers. While versitygw 1.8.0 replaces an object, about one GET in a thousand brings the new
//! body with the ETag of the version before, or says 404. The server builds on what it reads, so it must not believe
//! such an answer:
//!
//! | answer | a server that believes it |
//! |---|---|
//! | new body, old ETag | asks for a replacement of a version that is gone, which the store refuses. The next read shows the same generation with another ETag, and the server refuses the database. Nothing is lost, but the server stops. |
//! | old body, new ETag | builds the next version on the old body and names the new ETag, which is the present one. The store replaces the newer version: an acknowledged write is destroyed. |
//! | 404 | takes the database for gone and stops, or, at its start, for one that nobody has created yet |
//!
//! # How an answer is checked
//!
//! - *Where ETags are the MD5 of the body* (AWS without KMS, MinIO, Ceph, versitygw), the MD5 of every body must be its
//!   ETag. This proves that body and ETag belong to one version, in both directions.
//! - *Elsewhere* the server uses the checksum that S3 keeps with an object. Each PUT brings one, and each GET asks for
//!   it. This proves that the body belongs to the version of the checksum. It does not prove that the ETag does: both are
//!   headers of one answer, and a store that read one of them before a replacement and the other after it could still
//!   deceive the server. No known store does; AWS keeps both in one record.
//! - *A store with neither* cannot be checked. The log says so once, and the server takes every answer as it is.
//!
//! A request asks for the checksum once the kind of the store is known. So an answer whose request went out before proves
//! nothing, if the kind has become known meanwhile, and the server asks again.
//!
//! The server learns from the answers to its own PUTs which kind the store is, because there it knows the bytes. The
//! first such answers are those of the proof at the start ([`super::super::proof`]). Before them the server believes no
//! body that does not fit its ETag. One PUT with a fitting ETag decides: other bytes never have that MD5 by chance. From
//! then on the answer to a PUT must fit as well. A PUT that is answered with the ETag of a newer version would be as bad
//! as an old body with a new ETag, so such an answer is unclear. AWS marks objects that KMS encrypts, whose ETags are
//! not MD5s, also in a bucket where this began while the server runs.
//!
//! # A 200 with the ETag that the request named
//!
//! To `If-None-Match: E` a store answers 304, or sends a version other than E. A 200 with E itself contradicts itself: the
//! store compared E with one version and labelled the answer with another. If the body is newer than E, the answer is
//! the first row of the table, and the body does not fit. If the body is that of E, both parts are true: E was current
//! when the store read it, which was after the request. So the server asks again, and believes a fitting body when the
//! store repeats the answer. A store that never says 304 to this form of the header repeats it always, and the proof at
//! the start has to see that to try the other form. An old body with a new ETag never has the ETag that was named, so
//! the name proves nothing about the second row; only the body's own check does.
//!
//! # A 404
//!
//! The server believes a 404 that the store repeats: through growing pauses of half a second in all for an object that
//! this server has seen before, and three times within some milliseconds for any other. What a lasting 404 means is for
//! the commit loop to decide.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::store::ETag;
use crate::zoo::planted;

/// What a store's ETags are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// No PUT has been answered yet.
    Unknown,
    /// The MD5 of the body.
    Md5,
    /// Something else.
    Opaque,
}

/// How the two parts of an answer fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealFit {
    /// They belong together, as far as this store allows to prove it.
    Sound,
    /// They do not.
    Torn,
    /// Nothing can be proven before the store's kind is known.
    Unknown,
}

/// What this server has learned of its store's ETags.
#[derive(Debug, Default)]
pub(super) struct Seals {
    md5: AtomicBool,
    opaque: AtomicBool,
    /// The log has said that answers cannot be checked.
    warned: AtomicBool,
    /// A request has tried whether the store knows the SHA-256 of what it keeps.
    tried_sum: AtomicBool,
    /// It does.
    knows_sum: AtomicBool,
}

/// The part of an answer's headers that tells how to check its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The request has asked for the checksum. Whether it does depends on what the server knew of the store then.
    pub(super) asked: bool,
    /// The store keeps a checksum of the whole object. The SDK compares the body with it.
    pub(super) has_checksum: bool,
    /// The ETag is not an MD5, whatever other objects have.
    pub(super) encrypted: bool,
}

impl Marks {
    pub(super) fn of(answer: &GetObjectOutput, asked: bool) -> Marks {
        let checksums = [
            answer.checksum_crc64_nvme(),
            answer.checksum_crc32(),
            answer.checksum_crc32_c(),
            answer.checksum_sha256(),
            answer.checksum_sha1(),
        ];
        // A checksum of checksums, as of an upload in parts, has a dash before the number of parts.
        let has_checksum = checksums.iter().flatten().any(|checksum| !checksum.contains('-'));
        let encrypted = is_encrypted(answer.server_side_encryption(), answer.sse_customer_algorithm());
        Marks { asked, has_checksum, encrypted }
    }
}

fn is_encrypted(method: Option<&ServerSideEncryption>, customer: Option<&str>) -> bool {
    let by_kms = matches!(method, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse));
    by_kms || customer.is_some()
}

/// Whether the processor has instructions for SHA-256.
fn has_sha256() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The digest as an ETag has it.
pub(super) fn in_hex(md5: Md5) -> String {
    md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a PUT seals its body, so that the store refuses one that was damaged on its way.
///
/// Where ETags are MD5s, the server needs the MD5 of the body for itself, and sends it. Elsewhere it sends the SHA-256. The
/// signature of the request covers this header, and so the body. So it leaves the body itself out, which would need the
/// SHA-256 of the body once more: without instructions for it, that was a sixth of the CPU time of pipelined SETs.
///
/// Nobody needs the ETag of a run. Processors have instructions for SHA-256 and none for MD5, so where there are such
/// instructions, the SHA-256 seals a run. A store that knows the SHA-256 repeats it in its answer. One run brings both to find
/// that out.
#[derive(Debug, Default)]
pub(super) struct Seal {
    /// The MD5, as an ETag has it. None where the ETag does not matter.
    pub(super) md5: Option<String>,
    /// The MD5, as the header has it.
    pub(super) content_md5: Option<String>,
    /// The SHA-256, as the header has it.
    pub(super) sha256: Option<String>,
}

impl Seal {
    /// The seal of a body for a store with such ETags.
    pub(super) fn of(bytes: &[u8], tags: Tags) -> Seal {
        let md5 = Md5::new_with_prefix(bytes);
        Seal {
            content_md5: (tags == Tags::Md5).then(|| BASE64_STANDARD.encode(md5.clone().finalize())),
            sha256: (tags == Tags::Opaque).then(|| BASE64_STANDARD.encode(Sha256::digest(bytes))),
            md5: Some(in_hex(md5)),
        }
    }

    /// The seal of a body whose ETag does not matter.
    fn of_sum(bytes: &[u8]) -> Seal {
        Seal { sha256: Some(BASE64_STANDARD.encode(Sha256::digest(bytes))), ..Seal::default() }
    }

    /// Whether the request has a header that seals the body.
    pub(super) fn is_sent(&self) -> bool {
        self.content_md5.is_some() || self.sha256.is_some()
    }
}

impl Seals {
    pub(super) fn tags(&self) -> Tags {
        match (self.md5.load(Ordering::Relaxed), self.opaque.load(Ordering::Relaxed)) {
            (true, _) => Tags::Md5,
            (false, true) => Tags::Opaque,
            (false, false) => Tags::Unknown,
        }
    }

    /// The seal of an object that nobody replaces.
    pub(super) fn seal_of_created(&self, bytes: &[u8]) -> Seal {
        if !has_sha256() {
            return Seal::of(bytes, self.tags());
        }
        if self.knows_sum.load(Ordering::Relaxed) {
            return Seal::of_sum(bytes);
        }
        let seal = Seal::of(bytes, self.tags());
        match self.tags() == Tags::Md5 && !self.tried_sum.swap(true, Ordering::Relaxed) {
            true => Seal { sha256: Seal::of_sum(bytes).sha256, ..seal },
            false => seal,
        }
    }

    /// Learns from the answer to a PUT that brought this SHA-256.
    pub(super) fn note_sum(&self, sent: Option<&str>, answer: &PutObjectOutput) {
        if sent.is_some() {
            self.knows_sum.store(sent == answer.checksum_sha256(), Ordering::Relaxed);
        }
    }

    /// Whether the answer to a PUT of bytes with this MD5 may be believed. Learns from it what the ETags are.
    pub(super) fn fits_put(&self, md5: &str, etag: &ETag, answer: &PutObjectOutput) -> bool {
        if etag.0.eq_ignore_ascii_case(md5) {
            self.md5.store(true, Ordering::Relaxed);
            return true;
        }
        let encrypted = is_encrypted(answer.server_side_encryption(), answer.sse_customer_algorithm());
        if self.tags() == Tags::Md5 && !encrypted {
            return false;
        }
        self.opaque.store(true, Ordering::Relaxed);
        true
    }

    /// How a body with this MD5, which agrees with the checksum if there is one, fits the ETag.
    pub(super) fn fit(&self, md5: &str, ETag(etag): &ETag, marks: Marks) -> SealFit {
        if etag.eq_ignore_ascii_case(md5) {
            return SealFit::Sound;
        }
        match self.tags() {
            Tags::Md5 if !marks.encrypted => SealFit::Torn,
            _ if marks.has_checksum => SealFit::Sound,
            Tags::Unknown => SealFit::Unknown,
            // The kind of the store became known while the answer was on its way. Asked again, it may bring a checksum.
            Tags::Opaque if !marks.asked && !planted!("checksum-missed-before-it-was-asked-for") => SealFit::Unknown,
            Tags::Md5 | Tags::Opaque => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "the ETags of this store are not MD5s, and it keeps no checksums: answers cannot be checked"
                    );
                }
                SealFit::Sound
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";
    const BARE: Marks = Marks { asked: true, has_checksum: false, encrypted: false };

    fn etag(text: &str) -> ETag {
        ETag(text.into())
    }

    fn learned(etags: &[&str]) -> Seals {
        let seals = Seals::default();
        for text in etags {
            seals.fits_put(ABC, &etag(text), &PutObjectOutput::builder().build());
        }
        seals
    }

    #[test]
    fn one_fitting_put_proves_that_tags_are_md5s() {
        assert_eq!(Seal::of(b"abc", Tags::Unknown).md5.as_deref(), Some(ABC));
        assert_eq!(learned(&[]).tags(), Tags::Unknown);
        assert_eq!(learned(&["x"]).tags(), Tags::Opaque);
        assert_eq!(learned(&["x", ABC]).tags(), Tags::Md5);
        assert_eq!(learned(&[&ABC.to_uppercase(), "x"]).tags(), Tags::Md5);
    }

    #[test]
    fn what_nobody_replaces_is_sealed_by_its_sha256_once_the_store_has_repeated_one() {
        let headers = |seal: &Seal| (seal.md5.is_some(), seal.content_md5.is_some(), seal.sha256.is_some());
        let seals = learned(&[ABC]);
        let first = seals.seal_of_created(b"abc");
        assert_eq!(headers(&first), (true, true, has_sha256()));
        assert_eq!(headers(&seals.seal_of_created(b"abc")), (true, true, false), "only one request tries it");
        let answer = |sum: Option<&str>| PutObjectOutput::builder().set_checksum_sha256(sum.map(str::to_owned)).build();
        seals.note_sum(None, &answer(None));
        seals.note_sum(first.sha256.as_deref(), &answer(None));
        seals.note_sum(first.sha256.as_deref(), &answer(Some("another")));
        assert_eq!(headers(&seals.seal_of_created(b"abc")), (true, true, false));
        seals.note_sum(Some("abc"), &answer(Some("abc")));
        assert_eq!(headers(&seals.seal_of_created(b"abc")), (!has_sha256(), !has_sha256(), has_sha256()));
        assert_eq!(headers(&Seal::of(b"abc", seals.tags())), (true, true, false), "what is replaced needs its MD5");
    }

    #[test]
    fn where_tags_are_md5s_a_put_with_another_tag_is_not_believed() {
        let (plain, seals) = (PutObjectOutput::builder().build(), learned(&[ABC]));
        assert!(!seals.fits_put(ABC, &etag("x"), &plain));
        let encrypted = PutObjectOutput::builder().server_side_encryption(ServerSideEncryption::AwsKms).build();
        assert!(seals.fits_put(ABC, &etag("x"), &encrypted));
        assert_eq!(seals.tags(), Tags::Md5);
    }

    #[test]
    fn an_answer_without_a_checksum_proves_nothing_if_nobody_has_asked_for_one() {
        let marks = Marks { asked: false, ..BARE };
        assert_eq!(learned(&["x"]).fit(ABC, &etag("x"), marks), SealFit::Unknown);
        assert_eq!(learned(&["x"]).fit(ABC, &etag(ABC), marks), SealFit::Sound);
        assert_eq!(learned(&[ABC]).fit(ABC, &etag("x"), marks), SealFit::Torn);
        let encrypted = Marks { encrypted: true, ..marks };
        assert_eq!(learned(&[ABC]).fit(ABC, &etag("x"), encrypted), SealFit::Sound);
    }

    #[test]
    fn a_body_fits_by_its_md5_or_by_the_checksum_of_a_store_without_md5s() {
        let sum = Marks { has_checksum: true, ..BARE };
        let encrypted = Marks { encrypted: true, ..sum };
        for (etags, found, marks, fit) in [
            (&[ABC][..], ABC, BARE, SealFit::Sound),
            (&[ABC], "x", BARE, SealFit::Torn),
            (&[ABC], "x", sum, SealFit::Torn),
            (&[ABC], "x", encrypted, SealFit::Sound),
            (&[], ABC, BARE, SealFit::Sound),
            (&[], "x", BARE, SealFit::Unknown),
            (&[], "x", sum, SealFit::Sound),
            (&["x"], "x", sum, SealFit::Sound),
            (&["x"], "x", BARE, SealFit::Sound),
        ] {
            assert_eq!(learned(etags).fit(ABC, &etag(found), marks), fit, "{etags:?} {found} {marks:?}");
        }
    }
}
