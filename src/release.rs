//! The release, and the reject that replaces it when it cannot be stored.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::source::Version;

/// The key of a release within a source: the `ocid` of the contracting process, and the
/// release's own `id`. The standard requires that the `id` is unique within the process.
///
/// A process has one compiled release, and that key has an empty `release_id`. Keys are ordered
/// by bytes, the order in which every transaction locks rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The `ocid`; never empty.
    pub ocid: String,
    /// The release's `id`; a number is stored as its text. It is empty for a compiled release
    /// only.
    pub release_id: String,
}

impl Key {
    /// Creates the key of a process's compiled release.
    #[must_use]
    pub fn compiled(ocid: String) -> Self {
        Self {
            ocid,
            release_id: String::new(),
        }
    }

    /// Returns true if this is the key of a compiled release.
    #[must_use]
    pub fn is_compiled(&self) -> bool {
        self.release_id.is_empty()
    }
}

/// One dated statement about a contracting process, or a publisher's compiled release, which
/// summarises all of them.
#[derive(Clone, Debug)]
pub struct Release {
    /// The key in the database.
    pub key: Key,
    /// The values of the typed columns. They are boxed to keep a `Release` small, because
    /// releases are sorted.
    pub columns: Box<Columns>,
    /// The BLAKE3 hash of the text without insignificant white space. It includes the names of
    /// the changes, if there are any.
    pub content_hash: [u8; 32],
    /// The URL that served it, if this is not the page's own URL.
    pub url: Option<Arc<str>>,
    /// The JSON Pointer to it on its page.
    pub pointer: String,
    /// The release's JSON text: a slice of the page's body, or a copy if it was changed.
    pub text: Bytes,
    /// The changes to the served text, if any.
    pub change: Option<Change>,
    /// The version of the standard, if the source or its package states one.
    pub version: Option<Version>,
}

impl Release {
    /// Returns the bytes as the publisher served them.
    #[must_use]
    pub fn served_text(&self) -> &Bytes {
        self.change
            .as_ref()
            .map_or(&self.text, |change| &change.served)
    }

    /// Estimates the memory that it takes in bytes, without the page that it is a slice of.
    pub(crate) fn bytes(&self) -> usize {
        let Key { ocid, release_id } = &self.key;
        let texts = ocid.len() + release_id.len() + self.pointer.len();
        let changed = self.change.as_ref().map_or(0, |_| self.text.len());
        RELEASE_BYTES + texts + self.columns.bytes() + changed
    }
}

/// The memory that every release takes, in bytes: the value, its columns, and the allocator's
/// overhead for the four texts that each release has at least.
pub(crate) const RELEASE_BYTES: usize =
    size_of::<Release>() + size_of::<Columns>() + 4 * ALLOCATION_OVERHEAD_BYTES;

// the memory limit of the pods in config/kubernetes is computed with this number
const _: () = assert!(RELEASE_BYTES <= 800);

/// The memory that every reject takes, in bytes: the value and the allocator's overhead.
const REJECT_BYTES: usize = size_of::<Reject>() + 4 * ALLOCATION_OVERHEAD_BYTES;

/// The largest overhead of the allocator for one allocation, in bytes.
const ALLOCATION_OVERHEAD_BYTES: usize = 24;

/// The difference between a stored release and the served one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The names of the changes: the repairs that the source requests, and [`UPGRADE`].
    pub repairs: Vec<&'static str>,
    /// The bytes as the publisher served them.
    pub served: Bytes,
}

/// The name of the change that upgrades a release from version 1.0 of the standard.
pub const UPGRADE: &str = "upgrade-1.0";

/// The typed columns of `ocds.release`. Each is optional: a value that does not have the
/// standard's type leaves its column null, and the release is stored all the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// `date`, an instant. A date without an offset is read in the source's time zone.
    pub date: Option<Timestamp>,
    /// `tag`. A single string becomes a list of one; a list of more than 100 is left out.
    pub tag: Option<Vec<String>>,
    /// `initiationType`.
    pub initiation_type: Option<String>,
    /// `language`.
    pub language: Option<String>,
    /// `buyer/id`, if it has at most 1,000 bytes (the column is indexed).
    pub buyer_id: Option<String>,
    /// `buyer/name`.
    pub buyer_name: Option<String>,
    /// `tender/id`.
    pub tender_id: Option<String>,
    /// `tender/title`.
    pub tender_title: Option<String>,
    /// `tender/status`.
    pub tender_status: Option<String>,
    /// `tender/procurementMethod`.
    pub procurement_method: Option<String>,
    /// `tender/mainProcurementCategory`.
    pub main_procurement_category: Option<String>,
    /// `tender/value/amount`: a number, or a number in a string.
    pub tender_value: Option<Decimal>,
    /// `tender/value/currency`.
    pub tender_currency: Option<String>,
    /// `tender/tenderPeriod/startDate`.
    pub tender_start: Option<Timestamp>,
    /// `tender/tenderPeriod/endDate`.
    pub tender_end: Option<Timestamp>,
    /// The number of entries of `awards`.
    pub award_count: i32,
    /// The number of entries of `contracts`.
    pub contract_count: i32,
    /// The distinct `awards/suppliers/name` in order of appearance, the first 100,000.
    pub supplier_names: Vec<String>,
}

impl Columns {
    /// Estimates the memory of its texts in bytes.
    fn bytes(&self) -> usize {
        let texts = [
            &self.initiation_type,
            &self.language,
            &self.buyer_id,
            &self.buyer_name,
            &self.tender_id,
            &self.tender_title,
            &self.tender_status,
            &self.procurement_method,
            &self.main_procurement_category,
            &self.tender_currency,
        ];
        let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
        let lists = self.tag.iter().flatten().chain(&self.supplier_names);
        let in_list = |text: &String| size_of::<String>() + ALLOCATION_OVERHEAD_BYTES + text.len();
        texts + lists.map(in_list).sum::<usize>()
    }
}

/// A piece of what a publisher served that is not stored as a release. It is kept byte for
/// byte, with the reason.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The reason.
    pub reason: Reason,
    /// A sentence for people that says what is wrong and where. It quotes no value, unless the
    /// server's own message does.
    pub message: String,
    /// The JSON Pointer to it on its page. It is empty for a whole page. For a document that
    /// could not be fetched it is the page's name for it.
    pub pointer: String,
    /// The URL that served it, if this is not the page's own URL.
    pub url: Option<Arc<str>>,
    /// The served bytes.
    pub document: Bytes,
    /// Its `ocid`, if it has a readable one.
    pub ocid: Option<String>,
    /// Its `id`, if it has a readable one; empty for a compiled release.
    pub release_id: Option<String>,
    /// The version of the standard, if the source or its package states one.
    pub version: Option<Version>,
    /// The SQLSTATE, if the server refused it.
    pub sqlstate: Option<String>,
    /// The name of the constraint that refused it, if one did.
    pub constraint: Option<String>,
}

impl Reject {
    /// Creates the reject of a page that could not be read. The message is one clause.
    #[must_use]
    pub fn unreadable_page(body: Bytes, message: String) -> Self {
        Self::unreadable(Reason::UnreadablePage, body, String::new(), message)
    }

    /// Creates the reject of a document that could not be read. Other documents of its page
    /// could.
    #[must_use]
    pub fn unreadable_document(body: Bytes, pointer: String, message: String) -> Self {
        Self::unreadable(Reason::UnreadableDocument, body, pointer, message)
    }

    /// Estimates the memory that it takes in bytes, without the page that it is a slice of.
    pub(crate) fn bytes(&self) -> usize {
        let keys = self.ocid.iter().chain(&self.release_id);
        let keys = keys.map(String::len).sum::<usize>();
        REJECT_BYTES + self.message.len() + self.pointer.len() + keys
    }

    fn unreadable(reason: Reason, document: Bytes, pointer: String, message: String) -> Self {
        Self {
            reason,
            message,
            pointer,
            url: None,
            document,
            ocid: None,
            release_id: None,
            version: None,
            sqlstate: None,
            constraint: None,
        }
    }
}

/// The reason of a reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An item of the page is not a JSON object (some publishers serve `null`).
    NotAnObject,
    /// Its `ocid` is missing, is empty, or is neither a string nor a number.
    MissingOcid,
    /// Its `id` is missing, is empty, or is neither a string nor a number.
    MissingId,
    /// It nests deeper than `extract.max_depth`.
    TooDeep,
    /// It holds more values than `extract.max_values`.
    TooManyValues,
    /// It is not JSON.
    InvalidJson,
    /// It is not UTF-8.
    InvalidUtf8,
    /// It holds `\u0000`, which PostgreSQL cannot store in text.
    NulCharacter,
    /// It holds half of a UTF-16 surrogate pair, which is not a character.
    LoneSurrogate,
    /// It is a link to a release, without the release itself.
    LinkedRelease,
    /// It is a record that has no releases and no compiled release.
    EmptyRecord,
    /// It is not of the kind that the source declares for its items.
    OtherKind,
    /// It holds more releases than a page may have.
    TooManyReleases,
    /// It holds a number that has more than a thousand digits when it is written without an
    /// exponent.
    LargeNumber,
    /// A later release on the same page has the same key and is stored instead.
    Superseded,
    /// PostgreSQL refused it; the SQLSTATE says why.
    Refused,
    /// One document of the page could not be read, such as a member of an archive or a line.
    UnreadableDocument,
    /// The whole page could not be read.
    UnreadablePage,
    /// The page names a document that could not be fetched.
    MissingDocument,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Reason; 19] = [
        Reason::NotAnObject,
        Reason::MissingOcid,
        Reason::MissingId,
        Reason::TooDeep,
        Reason::TooManyValues,
        Reason::InvalidJson,
        Reason::InvalidUtf8,
        Reason::NulCharacter,
        Reason::LoneSurrogate,
        Reason::LinkedRelease,
        Reason::EmptyRecord,
        Reason::OtherKind,
        Reason::TooManyReleases,
        Reason::LargeNumber,
        Reason::Superseded,
        Reason::Refused,
        Reason::UnreadableDocument,
        Reason::UnreadablePage,
        Reason::MissingDocument,
    ];

    /// Returns the word that is stored in `ocds.quarantine.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NotAnObject => "not-an-object",
            Reason::MissingOcid => "missing-ocid",
            Reason::MissingId => "missing-id",
            Reason::TooDeep => "too-deep",
            Reason::TooManyValues => "too-many-values",
            Reason::InvalidJson => "invalid-json",
            Reason::InvalidUtf8 => "invalid-utf8",
            Reason::NulCharacter => "nul-character",
            Reason::LoneSurrogate => "lone-surrogate",
            Reason::LinkedRelease => "linked-release",
            Reason::EmptyRecord => "empty-record",
            Reason::OtherKind => "other-kind",
            Reason::TooManyReleases => "too-many-releases",
            Reason::LargeNumber => "large-number",
            Reason::Superseded => "superseded",
            Reason::Refused => "refused",
            Reason::UnreadableDocument => "unreadable-document",
            Reason::UnreadablePage => "unreadable-page",
            Reason::MissingDocument => "missing-document",
        }
    }

    /// Returns true if the reject is not a release but may contain releases.
    #[must_use]
    pub fn is_unreadable(self) -> bool {
        matches!(self, Reason::UnreadableDocument | Reason::UnreadablePage)
    }

    /// Returns the reason for a stored word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
