//! The one error type of the library. It says that something outside the program failed.
//!
//! Bad data is never an [`Error`]; it is a [`Reject`](crate::release::Reject). Code looks at
//! [`Error::is_transient`] and [`Error::exit_code`]. People read the message. The causes are
//! chained by [`std::error::Error::source`], and no message repeats them.

use std::fmt;

use tokio_postgres::error::DbError;

use crate::sqlstate::Blame;

/// The reason why an operation failed.
///
/// It displays as one lower-case clause without its causes; [`Error::chain`] adds them. It
/// never holds a secret or a row's value. Of a response it holds at most what the server says about
/// its status.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    http_status: Option<u16>,
    page: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The class of an [`Error`]. It decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This program or the database's schema has a defect.
    Unexpected,
    /// The command line or the configuration is wrong, or the certificate of the source's own host
    /// is not trusted. A retry is useless until somebody changes it.
    Config,
    /// The feed shows that it has more pages than the declared pagination leads to. A retry is
    /// useless until somebody changes the declaration. The pages that were fetched are committed.
    Misdeclared,
    /// The database or the publisher does not work at the moment. A later retry may succeed.
    Environment,
    /// A body of the publisher began to arrive and did not arrive whole, in any attempt. A later
    /// retry may succeed.
    Interrupted,
    /// The run ended before the end of the feed. The pages that it fetched are committed.
    Truncated,
    /// The run of a feed of one chain cannot get past a position, and is given up. The process
    /// begins another run at the beginning of the feed.
    GivenUp,
    /// A link leads to a URL that is not allowed, for its scheme, host or length. The link does
    /// not change by itself, so the next run meets it again. The pages before it are committed.
    LinkRefused,
    /// A redirect or a DNS answer points to a host or URL that is not allowed, or the certificate
    /// of a host other than the source's own is not trusted. This may change, so the next run tries
    /// again. The pages before it are committed.
    HostRefused,
    /// The publisher rate-limits us, and asks for a longer wait than the configuration permits.
    /// The pages that were fetched are committed.
    RateLimited,
    /// More releases were rejected than the configuration permits.
    TooManyBad,
    /// Another run holds the source, or has taken it over.
    Lease,
    /// The database has lost commits that it had acknowledged. This happens when a standby is
    /// promoted before it has replayed them. The next run fetches the missing pages again.
    Lost,
}

impl Kind {
    /// Returns the exit code of the process, which tells a scheduler what to do next.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Unexpected => 1,
            Kind::Config | Kind::Misdeclared => 2,
            Kind::Environment | Kind::Interrupted | Kind::Lost => 3,
            Kind::Truncated
            | Kind::GivenUp
            | Kind::LinkRefused
            | Kind::HostRefused
            | Kind::RateLimited => 4,
            Kind::TooManyBad => 5,
            Kind::Lease => 6,
        }
    }

    /// Returns true if the next run may succeed although nobody changes anything.
    pub(crate) fn can_succeed_later(self) -> bool {
        !matches!(
            self,
            Kind::Unexpected | Kind::Config | Kind::Misdeclared | Kind::TooManyBad
        )
    }

    /// Returns true if a run that lost its pages may be repeated at once after this error. Other
    /// errors would occur again, and some require a wait.
    pub(crate) fn can_repeat_at_once(self) -> bool {
        matches!(
            self,
            Kind::Lease | Kind::Lost | Kind::Environment | Kind::Interrupted
        )
    }

    /// Returns true if the run has lost its lease, or the database has lost pages of the run.
    pub(crate) fn is_lost_lease_or_data(self) -> bool {
        matches!(self, Kind::Lease | Kind::Lost)
    }

    /// Returns the class of a failure with this HTTP status. A server error may pass; any other
    /// status ends the run. Some servers refuse by a status above 599, such as 999.
    pub(crate) fn from_status(status: u16) -> Self {
        match status {
            408 | 500..=599 => Kind::Environment,
            _ => Kind::Truncated,
        }
    }

    /// Returns true if the error ends one chain of pages and the other chains can continue.
    pub(crate) fn is_limited_to_chain(self) -> bool {
        matches!(
            self,
            Kind::Truncated
                | Kind::LinkRefused
                | Kind::HostRefused
                | Kind::Environment
                | Kind::Interrupted
        )
    }
}

/// The result of an operation that depends on something outside the program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error of a kind. The message is one lower-case clause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            http_status: None,
            page: None,
            source: None,
        }))
    }

    /// Creates an error about a wrong command line or configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// Creates an error about a database, publisher or machine that does not work at the
    /// moment.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Kind::Environment, message)
    }

    /// Creates an error about a defect of this program or of the database's schema.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, message)
    }

    /// Adds the cause of this error.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Wraps this error as the cause of a wider one of the same kind.
    #[must_use]
    pub fn context(self, message: impl Into<String>) -> Self {
        Self::new(self.kind(), message).with_source(self)
    }

    /// Creates an error about a publisher that answered with an HTTP status in place of a page.
    pub(crate) fn from_http_status(status: u16, message: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::from_status(status), message);
        error.0.http_status = Some(status);
        error
    }

    /// Returns the HTTP status that a publisher answered with in place of a page, if that is the
    /// cause of this error.
    pub(crate) fn http_status(&self) -> Option<u16> {
        self.find_in_chain(|error| error.0.http_status)
    }

    /// Returns the same error, which says that it concerns this page.
    #[must_use]
    pub(crate) fn at_page(mut self, number: u64) -> Self {
        self.0.page = Some(number);
        self
    }

    /// Returns the number of the page that this error concerns, if it is known.
    pub(crate) fn page(&self) -> Option<u64> {
        self.find_in_chain(|error| error.0.page)
    }

    /// Returns the first value that this error or one of its causes has.
    fn find_in_chain<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<T> {
        let first: &(dyn std::error::Error + 'static) = self;
        let mut causes = std::iter::successors(Some(first), |cause| cause.source());
        causes.find_map(|cause| cause.downcast_ref::<Self>().and_then(&read))
    }

    /// Returns the class of this error.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns true if the same call may succeed later although nobody changes anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind(), Kind::Environment | Kind::Interrupted)
    }

    /// Returns the exit code of a command that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.kind().exit_code()
    }

    /// Returns the message and all its causes as one sentence, `a: b: c`.
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

/// Keeps the SQLSTATE and the message of a server's error. The detail is left out, because it
/// quotes rows.
impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let message = if error.is_closed() {
                "the database closed the connection"
            } else {
                "communicate with the database"
            };
            return Self::environment(message).with_source(error);
        };
        let code = db.code().code();
        let kind = match Blame::from_sqlstate(db.code()) {
            Blame::Server | Blame::RowOrServer => Kind::Environment,
            Blame::Config => Kind::Config,
            Blame::Row | Blame::RowOrDefect | Blame::Defect => Kind::Unexpected,
        };
        Self::new(
            kind,
            format!("database error {code}: {}", message_without_values(db)),
        )
    }
}

/// Returns the server's message, or a general one where the server's may quote a value.
/// Messages of classes 22 and 23 do, and a function may raise any text.
pub(crate) fn message_without_values(db: &DbError) -> &str {
    match db.code().code().get(..2) {
        Some("22" | "23") => "a value was refused",
        _ if is_raised_by_function(db) => "a trigger or another function raised it",
        _ => db.message(),
    }
}

/// Returns true if a function in a procedural language raised the error. The name of the
/// server's source file tells.
fn is_raised_by_function(db: &DbError) -> bool {
    const LANGUAGES: [&str; 5] = ["pl_", "plperl", "plpy", "pltcl", "plv8"];
    db.file()
        .is_some_and(|file| LANGUAGES.iter().any(|name| file.starts_with(name)))
}
