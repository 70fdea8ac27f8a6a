//! What happens to a request. On a network these are different things, and a client that confuses them loses writes:
//! when a request is carried out, if at all; when it is answered; and with what.

use std::time::Duration;

use serde::Serialize;

/// What a request wants. `Ord` is the order in which counts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// CreateBucket
    CreateBucket,
    /// DeleteBucket
    DeleteBucket,
    /// HeadBucket
    HeadBucket,
    /// ListObjectsV2
    List,
    /// GetObject
    Get,
    /// HeadObject
    Head,
    /// PutObject
    Put,
    /// DeleteObject
    Delete,
    /// DeleteObjects
    DeleteMany,
    /// Anything else, which is refused
    Other,
}

/// A request that has arrived whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number among the requests of this stand-in, from 1.
    pub number: u64,
    /// What it wants.
    pub kind: RequestKind,
    /// Where.
    pub bucket: String,
    /// And of which object; empty if of none.
    pub key: String,
    /// Whether it has an If-Match or If-None-Match.
    pub conditional: bool,
    /// The length of its body as it was sent.
    pub length: usize,
}

/// What happens to a request. The two times go by its arrival and are independent of each other: a request may be
/// answered before it is carried out, or be carried out although its client hung up long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How long after its arrival it is carried out; never, if `None`.
    pub performed: Option<Duration>,
    /// How long after its arrival it is answered. The true answer waits for the carrying out.
    pub answered: Duration,
    /// With what.
    pub answer: Answer,
}

/// What a client gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What came of it. If it is never carried out, this is [`Answer::Silence`].
    Truth,
    /// An error that says nothing about what came of it.
    Error {
        /// The HTTP status.
        status: u16,
        /// S3's name for the error.
        code: &'static str,
    },
    /// The connection ends without an answer.
    Hangup,
    /// Nothing, for as long as the client keeps the connection.
    Silence,
    /// The head of what came of it, and at most so many bytes of the body; then the connection ends.
    Truncated(usize),
    /// What came of a GET, but with a part of the version before. The truth, if there was none or for another request.
    Torn(Tear),
}

/// A part of an answer that is of the version before. versitygw 1.8.0 tears its answers in the first way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// The new body with the old headers: the ETag, and the checksum if there is one.
    NewBody,
    /// The old body with the new headers.
    OldBody,
}

impl Answer {
    /// 500 InternalError
    pub const INTERNAL_ERROR: Answer = Answer::Error { status: 500, code: "InternalError" };
    /// 503 SlowDown
    pub const SLOW_DOWN: Answer = Answer::Error { status: 503, code: "SlowDown" };
    /// 404 NoSuchKey: to a GET of an object that is being replaced, on versitygw 1.8.0
    pub const NO_SUCH_KEY: Answer = Answer::Error { status: 404, code: "NoSuchKey" };
    /// 409 ConditionalRequestConflict: on AWS, another write came in between; the client is to try again
    pub const CONFLICT: Answer = Answer::Error { status: 409, code: "ConditionalRequestConflict" };
}

impl Fate {
    /// It is carried out at once, and answered with the truth.
    pub const HONEST: Fate = Fate::performed(Answer::Truth);

    /// It is carried out at once, and answered like this.
    pub const fn performed(answer: Answer) -> Fate {
        Fate { performed: Some(Duration::ZERO), answered: Duration::ZERO, answer }
    }

    /// It is not carried out, and answered like this.
    pub const fn refused(answer: Answer) -> Fate {
        Fate { performed: None, answered: Duration::ZERO, answer }
    }
}

/// Decides on every request, in the order of their arrival. Called under a lock: it must not call the stand-in.
pub type Decide = Box<dyn FnMut(&Asked) -> Fate + Send>;
