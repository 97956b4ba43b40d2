//! The one error of the library: the world failing.
//!
//! Bad data is never an [`Error`]; it is a [`Reject`](crate::release::Reject).
//! An error answers what code asks of it, [`Error::is_transient`] and
//! [`Error::exit_code`]; the rest is a sentence for a person, whose causes are
//! chained by [`std::error::Error::source`] and never pasted into it.

use std::fmt;

use tokio_postgres::error::DbError;

use crate::sqlstate::Blame;

/// Why an operation failed.
///
/// It displays as one lower-case clause without its causes; [`Error::chain`]
/// gives the whole sentence. It never holds a secret, a row's value or a body.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an [`Error`] means to whoever started the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A defect of this program or of its database's schema.
    Unexpected,
    /// The command line or the configuration is wrong; trying again is useless.
    Config,
    /// The database or the publisher cannot be used now; try again later.
    Environment,
    /// The run ended before the end of the feed; what it had is committed.
    Truncated,
    /// What comes next may not be asked for, because of where it is; what the run had
    /// is committed.
    Refused,
    /// A server leads to where nothing may be asked for, by a redirect or by where its
    /// name is; the next time it may not. What the run had is committed.
    Misled,
    /// The publisher wants to be left alone for longer than is waited out; what
    /// the run had is committed.
    RateLimited,
    /// More releases than allowed were rejected.
    TooManyBad,
    /// Another run holds the source, or took it over.
    Lease,
    /// The database has lost commits that it had answered, as a standby does that lagged
    /// behind when it was promoted. The next run fetches what is missing.
    Lost,
}

impl Kind {
    /// The process exit code that tells a scheduler what to do next.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Unexpected => 1,
            Kind::Config => 2,
            Kind::Environment | Kind::Lost => 3,
            Kind::Truncated | Kind::Refused | Kind::Misled | Kind::RateLimited => 4,
            Kind::TooManyBad => 5,
            Kind::Lease => 6,
        }
    }

    /// The next run can be expected to do better, without anyone changing anything.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Kind::Truncated
            | Kind::Refused
            | Kind::Misled
            | Kind::RateLimited
            | Kind::Environment
            | Kind::Lease
            | Kind::Lost => true,
            Kind::Unexpected | Kind::Config | Kind::TooManyBad => false,
        }
    }

    /// A run that lost its pages may be repeated at once after this error. It would meet other
    /// errors again, and some require a wait.
    pub(crate) fn may_repeat_at_once(self) -> bool {
        matches!(self, Kind::Lease | Kind::Lost | Kind::Environment)
    }

    /// The run no longer holds its source, or its pages, as the database knows them.
    pub(crate) fn ends_lease(self) -> bool {
        matches!(self, Kind::Lease | Kind::Lost)
    }

    /// What a status means in the place of an answer: the server's trouble, or that there is
    /// no more to be had.
    pub(crate) fn from_status(status: u16) -> Self {
        match status {
            408 | 500.. => Kind::Environment,
            _ => Kind::Truncated,
        }
    }

    /// The error ends one chain of pages, and says nothing about the others.
    pub(crate) fn ends_only_its_chain(self) -> bool {
        match self {
            Kind::Truncated | Kind::Refused | Kind::Misled | Kind::Environment => true,
            Kind::Unexpected
            | Kind::Config
            | Kind::RateLimited
            | Kind::TooManyBad
            | Kind::Lease
            | Kind::Lost => false,
        }
    }
}

/// The result of anything in this library that the world can make fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind whose message is one lower-case clause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// A wrong command line or configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// A database, publisher or machine that cannot be used now.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Kind::Environment, message)
    }

    /// A defect of this program or of its database's schema.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message)
    }

    /// The same error with the cause that made it happen.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// This error as the cause of a wider one of the same kind.
    #[must_use]
    pub fn context(self, message: impl Into<String>) -> Self {
        Self::new(self.kind(), message).with_source(self)
    }

    /// What this error means to whoever started the program.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anyone changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.kind() == Kind::Environment
    }

    /// The process exit code of a command that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }

    /// The message and all its causes as one sentence, `a: b: c`.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut sentence = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            sentence.push_str(": ");
            sentence.push_str(&cause.to_string());
            next = cause.source();
        }
        sentence
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind(), self.chain())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Keeps the severity, SQLSTATE and message of a server's error and leaves out
/// its detail, which quotes rows.
impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let message = if error.is_closed() {
                "the database closed the connection"
            } else {
                "talk to the database"
            };
            return Self::environment(message).with_source(error);
        };
        let code = db.code().code();
        let kind = match Blame::of(db.code()) {
            Blame::Server | Blame::RowOrServer => Kind::Environment,
            Blame::Config => Kind::Config,
            Blame::Row | Blame::RowOrDefect | Blame::Defect => Kind::Unexpected,
        };
        Self::new(
            kind,
            format!("database error {code}: {}", without_values(db)),
        )
    }
}

/// The server's message, or what can be said instead of one that may quote a value:
/// classes 22 and 23 do, and a function may say whatever it was told.
pub(crate) fn without_values(db: &DbError) -> &str {
    match db.code().code().get(..2) {
        Some("22" | "23") => "a value was refused",
        _ if is_raised(db) => "a trigger or another function raised it",
        _ => db.message(),
    }
}

/// Whether the words are those of a function in a procedural language: by the server's
/// source file that they come from.
fn is_raised(db: &DbError) -> bool {
    const LANGUAGES: [&str; 5] = ["pl_", "plperl", "plpy", "pltcl", "plv8"];
    db.file()
        .is_some_and(|file| LANGUAGES.iter().any(|name| file.starts_with(name)))
}
