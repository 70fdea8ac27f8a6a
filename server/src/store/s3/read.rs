//! Reading an object, and reading it again while the answer cannot be true. `seal` says which answers cannot.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};
use tokio::time::{sleep, timeout};

use super::failure::HandedOver;
use super::seal::{Marks, SealFit, Tags, in_hex};
use super::timeouts::LARGE;
use super::{S3, phrase, unquote};
use crate::store::{ETag, Got, Reason, StoreError};
use crate::zoo::planted;

/// The pauses before a doubtful answer is asked for again, in milliseconds. A replacement takes a store milliseconds; a
/// store that still contradicts itself after half a second has another problem.
const PAUSES: [u64; 7] = [5, 10, 20, 40, 80, 160, 250];

/// How often the store has to repeat an answer that is odd but no contradiction: a 404 for an object that this server has
/// never seen, for which the commands on a new database wait, or the ETag that the request named.
const FEW: usize = 2;

/// How much memory the server sets aside for an answer at most before the answer has come: until then its length is only
/// a claim.
const SET_ASIDE: usize = 64 * LARGE;

/// What the caller needs to know of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyProof {
    /// That it belongs to the ETag of the answer.
    OfVersion,
    /// Nothing: the caller checks it. A start reads the whole database, and would hash each byte twice.
    Nothing,
}

/// An answer to one GET.
enum GetOutcome {
    Sound(Got),
    Absent,
    /// A 200 with the ETag that the request named. The body fits.
    Renamed(Got),
    /// Nobody can tell yet whether the parts of the answer fit.
    Unproven(Got),
    /// The parts of the answer contradict each other.
    Torn,
}

/// Why an answer is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Absent,
    Renamed,
    Torn,
}

impl S3 {
    /// Reads an object until the answer can be true, or has been repeated often enough.
    pub(super) async fn read(&self, name: &str, known: Option<&ETag>) -> Result<Got, StoreError> {
        self.insist(name, known, BodyProof::OfVersion).await
    }

    /// Version of `read` for an object that nobody replaces, and whose bytes the caller checks.
    pub(super) async fn read_unproven(&self, name: &str) -> Result<Got, StoreError> {
        self.insist(name, None, BodyProof::Nothing).await
    }

    async fn insist(&self, name: &str, known: Option<&ETag>, proof: BodyProof) -> Result<Got, StoreError> {
        let seen = known.is_some() || self.seen.has(name);
        let (mut last, mut alike) = (None, 0);
        for pause in PAUSES.iter().map(Some).chain([None]) {
            let answer = self.read_once(name, known, proof).await?;
            let doubt = match &answer {
                GetOutcome::Sound(_) => None,
                GetOutcome::Absent => Some(Doubt::Absent),
                GetOutcome::Renamed(_) => Some(Doubt::Renamed),
                GetOutcome::Unproven(_) | GetOutcome::Torn => Some(Doubt::Torn),
            };
            alike = if doubt == last { alike + 1 } else { 1 };
            last = doubt;
            match answer {
                GetOutcome::Sound(got) => {
                    self.seen.note(name);
                    return Ok(got);
                }
                GetOutcome::Absent if planted!("one-404-believed") => return Ok(Got::Absent),
                GetOutcome::Absent if alike > if seen { PAUSES.len() } else { FEW } => return Ok(Got::Absent),
                GetOutcome::Renamed(got) if alike > FEW => return Ok(got),
                // Somebody who only reads never learns more, and builds nothing on what it reads.
                GetOutcome::Unproven(got) if self.only_reads && pause.is_none() => return Ok(got),
                _ => {}
            }
            let Some(pause) = pause else { break };
            if let Some(doubt) = doubt.filter(|doubt| seen || *doubt != Doubt::Absent) {
                self.note_reread(name, doubt);
            }
            sleep(Duration::from_millis(*pause)).await;
        }
        let text = format!("the answers of {} about {name} contradict each other", self.location.host());
        Err(StoreError::Unclear(Reason::new(text).with_gist("the answers of the store contradict each other")))
    }

    async fn read_once(&self, name: &str, known: Option<&ETag>, proof: BodyProof) -> Result<GetOutcome, StoreError> {
        let handed_over = HandedOver::new(&self.dates);
        // A store whose ETags are MD5s needs no checksums, and an old one may not know what is meant.
        let wants_checksum = proof == BodyProof::OfVersion && (self.only_reads || self.seals.tags() == Tags::Opaque);
        let request = self
            .client
            .get_object()
            .bucket(&self.location.bucket)
            .key(self.key(name))
            .set_checksum_mode(wants_checksum.then_some(ChecksumMode::Enabled))
            .set_if_none_match(known.map(|etag| phrase(etag, &self.bare_none_match)));
        match request.customize().interceptor(handed_over.clone()).send().await {
            Ok(answer) => {
                self.note_bucket();
                let etag = unquote(answer.e_tag.as_deref()).ok_or_else(|| self.unclear("without an ETag"))?;
                let marks = Marks::of(&answer, wants_checksum);
                let md5 = (proof == BodyProof::OfVersion).then(Md5::new);
                let Some((bytes, md5)) = self.body(answer.body, answer.content_length, marks, md5).await? else {
                    return Ok(GetOutcome::Torn);
                };
                let fit = md5.map_or(SealFit::Sound, |md5| self.seals.fit(&in_hex(md5), &etag, marks));
                let got = Got::Object { bytes, etag };
                Ok(sorted(got, fit, known))
            }
            Err(error) => {
                let failure = self.failed(error, &handed_over).await;
                if failure.is_missing_object() {
                    self.note_bucket();
                    return Ok(GetOutcome::Absent);
                }
                match failure.status {
                    Some(304) if known.is_some() => Ok(GetOutcome::Sound(Got::Unchanged)),
                    _ => Err(failure.of_other(&self.location)),
                }
            }
        }
    }

    /// Reads the body of an answer to its end, with its MD5 if that is wanted; `None` if it is whole but not what its checksum
    /// says. A body that is shorter than announced must not pass for the object.
    async fn body(
        &self,
        mut body: ByteStream,
        announced: Option<i64>,
        marks: Marks,
        mut md5: Option<Md5>,
    ) -> Result<Option<(Bytes, Option<Md5>)>, StoreError> {
        let reason = |why: &dyn fmt::Display| {
            let text = format!("an answer of {} broke off: {why}", self.location.host());
            Reason::new(text).with_gist("the answers of the store break off")
        };
        let broken = |why: &dyn fmt::Display| StoreError::Unclear(reason(why));
        // Without a length, an answer that is cut short by the end of its connection would look whole.
        let announced = announced.and_then(|length| usize::try_from(length).ok());
        let announced = announced.ok_or_else(|| broken(&"it does not say how long it is"))?;
        let mut bytes = BytesMut::with_capacity(announced.min(SET_ASIDE));
        loop {
            let next = timeout(self.timeouts.stall, body.next()).await;
            match next.map_err(|_| broken(&format_args!("nothing came for {:?}", self.timeouts.stall)))? {
                Some(Ok(part)) => {
                    md5.iter_mut().for_each(|md5| md5.update(&part));
                    bytes.extend_from_slice(&part);
                }
                // The SDK compares the checksum when all bytes have come.
                Some(Err(_)) if bytes.len() == announced && marks.has_checksum => return Ok(None),
                Some(Err(error)) => return Err(StoreError::Unclear(reason(&error).with_cause(error))),
                None if bytes.len() == announced => return Ok(Some((bytes.freeze(), md5))),
                None => return Err(broken(&format_args!("{} of {announced} bytes", bytes.len()))),
            }
        }
    }

    /// Counts an answer that is asked for again. The log says once that the store gives such answers.
    fn note_reread(&self, name: &str, doubt: Doubt) {
        tracing::debug!(name, ?doubt, "an answer is doubtful: reading again");
        if self.rereads.fetch_add(1, Ordering::Relaxed) == 0 {
            let answer = match doubt {
                Doubt::Absent => "says that it is gone",
                Doubt::Renamed => "gives it the ETag that it had before",
                Doubt::Torn => "has a body that does not fit the ETag",
            };
            tracing::info!("an answer of the store about {name} {answer}: the server reads such answers again");
        }
    }
}

/// Whether a whole object may be believed.
fn sorted(got: Got, fit: SealFit, known: Option<&ETag>) -> GetOutcome {
    let renamed = matches!(&got, Got::Object { etag, .. } if Some(etag) == known);
    match fit {
        _ if renamed && planted!("torn-answer-trusted-new-body") => GetOutcome::Sound(got),
        _ if !renamed && planted!("torn-answer-trusted-old-body") => GetOutcome::Sound(got),
        SealFit::Sound if renamed => GetOutcome::Renamed(got),
        SealFit::Sound => GetOutcome::Sound(got),
        SealFit::Unknown => GetOutcome::Unproven(got),
        SealFit::Torn => GetOutcome::Torn,
    }
}
