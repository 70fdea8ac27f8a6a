//! Why a store did not do what it was asked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Deref;

/// The words for clients when nobody has found better ones.
const VAGUE: &str = "the store fails";

/// A failed request, sorted by what the caller does next.
#[derive(Debug)]
pub enum StoreError {
    /// The condition did not hold: read the object, and build on what it is now. One such answer proves little, because
    /// an intermediary may have sent the request twice.
    Conflict(Reason),
    /// The request had no effect and never will: the caller may do something else instead.
    DidNotHappen(Reason),
    /// The request may have had its effect, or may yet have it: look at the object, or send the same request again.
    Unclear(Reason),
    /// Something that is no object has the object's name: tell the operator. Trying again does not help. Only reads fail
    /// like this, and the reason is a phrase that follows the object's name.
    Obstructed(Reason),
}

impl StoreError {
    /// What happened, in words for the operator.
    pub fn why(&self) -> &str {
        self.reason()
    }

    /// What happened, in all detail.
    pub fn reason(&self) -> &Reason {
        match self {
            StoreError::Conflict(reason)
            | StoreError::DidNotHappen(reason)
            | StoreError::Unclear(reason)
            | StoreError::Obstructed(reason) => reason,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conclusion = match self {
            StoreError::Conflict(_) => "conflict",
            StoreError::DidNotHappen(_) => "did not happen",
            StoreError::Unclear(_) => "unclear",
            StoreError::Obstructed(_) => "obstructed: the name of the object",
        };
        write!(f, "{conclusion}: {}", self.why())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason().cause.as_deref().map(|cause| cause as _)
    }
}

/// What made a request fail: a sentence for the operator, a few words for clients, and the error behind it.
#[derive(Debug)]
pub struct Reason {
    text: String,
    gist: Cow<'static, str>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Reason {
    /// A reason of which only this sentence is known.
    pub fn new(text: impl Into<String>) -> Reason {
        Reason { text: text.into(), gist: VAGUE.into(), cause: None }
    }

    /// Adds the words that clients see. They name no path, host or key, because any client may see them.
    pub fn with_gist(self, gist: impl Into<Cow<'static, str>>) -> Reason {
        Reason { gist: gist.into(), ..self }
    }

    /// Adds the error that caused it.
    pub fn with_cause(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Reason {
        Reason { cause: Some(cause.into()), ..self }
    }

    /// A reason that the operating system gave. `text` already contains it.
    pub fn of_system(text: String, error: io::Error) -> Reason {
        let gist = match error.kind() {
            io::ErrorKind::StorageFull => "the disk is full",
            io::ErrorKind::QuotaExceeded => "the disk quota is used up",
            io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only",
            io::ErrorKind::PermissionDenied => "the server may not use the folder of the store",
            io::ErrorKind::NotFound => "the folder of the store is gone",
            _ => "the disk fails",
        };
        Reason::new(text).with_gist(gist).with_cause(error)
    }

    /// A few words for clients.
    pub fn gist(&self) -> &Cow<'static, str> {
        &self.gist
    }
}

impl Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Reason {
        Reason::new(text)
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Reason {
        Reason::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_cause_and_says_it_once() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = StoreError::DidNotHappen(Reason::of_system(format!("cannot write x: {full}"), full));
        assert_eq!(error.to_string(), "did not happen: cannot write x: no storage space");
        assert_eq!(error.reason().gist(), "the disk is full");
        assert_eq!(error.source().unwrap().to_string(), "no storage space");
        assert_eq!(error.source().unwrap().source().map(ToString::to_string), None);
    }

    #[test]
    fn a_reason_without_a_cause_is_only_its_words() {
        let error = StoreError::Unclear("no answer".into());
        assert_eq!((error.to_string().as_str(), error.reason().gist().as_ref()), ("unclear: no answer", VAGUE));
        assert!(error.source().is_none());
    }
}
