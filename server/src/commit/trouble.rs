//! Why the database cannot be used.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The database cannot be used: what is wrong with it, and the error that showed it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Unusable {
    /// What the log and the clients are told. It contains the words of the cause.
    pub text: Arc<str>,
    /// Nothing caused it where the text is the fact itself: a run is missing, a generation has gone back.
    #[source]
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Unusable {
    /// A fact that no other error has shown.
    pub fn new(text: impl Into<Arc<str>>) -> Unusable {
        Unusable { text: text.into(), cause: None }
    }

    /// Keeps the error that showed it.
    pub fn caused_by(self, cause: impl Error + Send + Sync + 'static) -> Unusable {
        Unusable { cause: Some(Arc::new(cause)), ..self }
    }

    /// Adds a sentence to the text.
    pub fn and(self, sentence: &str) -> Unusable {
        Unusable { text: format!("{}. {sentence}", self.text).into(), ..self }
    }
}

/// Why the database cannot be used, and when to look again.
pub struct Trouble {
    pub why: Unusable,
    pub pause: Duration,
    /// When to look again.
    pub look: Instant,
}

impl Trouble {
    /// What clients are told.
    pub fn why(&self) -> Arc<str> {
        Arc::clone(&self.why.text)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::root::Root;

    #[test]
    fn an_unusable_database_keeps_the_error_that_showed_it() {
        let damage = Root::decode(b"", &[]).unwrap_err();
        let unusable = Unusable::new(format!("db.json {damage}")).caused_by(damage).and("Mend it");
        assert_eq!(unusable.to_string(), "db.json is empty. Mend it");
        assert_eq!(unusable.source().unwrap().to_string(), "is empty");
    }
}
