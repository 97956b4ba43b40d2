//! The release, and the reject it becomes when it cannot be stored.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;

/// What names a release within a source: the `ocid` of the contracting process
/// and the release's own `id`, unique within that process by the standard.
///
/// Keys are ordered by bytes, the order in which every transaction locks rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The `ocid`; never empty.
    pub ocid: String,
    /// The release's `id`, a number being taken as its text; never empty.
    pub release_id: String,
}

/// One dated statement about a contracting process, as it was served.
#[derive(Clone, Debug)]
pub struct Release {
    /// What the release is stored under.
    pub key: Key,
    /// What is read out of the text for indexing.
    pub columns: Columns,
    /// BLAKE3 of the text without insignificant white space.
    pub content_hash: [u8; 32],
    /// Where it was on its page, as a JSON Pointer.
    pub pointer: String,
    /// The release's own JSON text, a slice of the page's body.
    pub text: Bytes,
}

/// The typed columns of `ocds.release`. Each is optional: a value of another
/// type than the standard's costs its column and never the release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// `date`, an instant; without an offset it is read in the source's zone.
    pub date: Option<Timestamp>,
    /// `tag`; a lone string becomes a list of one.
    pub tag: Option<Vec<String>>,
    /// `initiationType`.
    pub initiation_type: Option<String>,
    /// `language`.
    pub language: Option<String>,
    /// `buyer/id`, if of at most 1,000 bytes (it is indexed).
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
    /// `tender/value/amount`, a number or the text of one.
    pub tender_value: Option<Decimal>,
    /// `tender/value/currency`.
    pub tender_currency: Option<String>,
    /// `tender/tenderPeriod/startDate`.
    pub tender_start: Option<Timestamp>,
    /// `tender/tenderPeriod/endDate`.
    pub tender_end: Option<Timestamp>,
    /// How many entries `awards` has.
    pub award_count: i32,
    /// How many entries `contracts` has.
    pub contract_count: i32,
    /// The distinct `awards/suppliers/name`, in order of appearance.
    pub supplier_names: Vec<String>,
}

/// Something a publisher served that is not stored as a release, kept byte for
/// byte, and why.
#[derive(Clone, Debug)]
pub struct Reject {
    /// Why it was refused.
    pub reason: Reason,
    /// A sentence for a person: what was wrong and where. It quotes no value,
    /// unless the server's own sentence does.
    pub message: String,
    /// Where it was on its page, as a JSON Pointer; empty for a whole page, and
    /// what the page calls a document that could not be had.
    pub pointer: String,
    /// Where it came from, if not from the page's own URL.
    pub url: Option<Arc<str>>,
    /// What was served.
    pub document: Bytes,
    /// Its `ocid`, where one could be read.
    pub ocid: Option<String>,
    /// Its `id`, where one could be read.
    pub release_id: Option<String>,
    /// The server's SQLSTATE, where the server refused it.
    pub sqlstate: Option<String>,
    /// The constraint that refused it, where one did.
    pub constraint: Option<String>,
}

impl Reject {
    /// A page that could not be read: one clause says what was wrong with it.
    #[must_use]
    pub fn unreadable_page(body: Bytes, message: String) -> Self {
        Self {
            reason: Reason::UnreadablePage,
            message,
            pointer: String::new(),
            url: None,
            document: body,
            ocid: None,
            release_id: None,
            sqlstate: None,
            constraint: None,
        }
    }
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An item of the page is not a JSON object (publishers serve `null`).
    NotAnObject,
    /// It has no `ocid`, or one that is neither text nor number, or empty.
    MissingOcid,
    /// It has no `id`, or one that is neither text nor number, or empty.
    MissingId,
    /// It nests deeper than `extract.max_depth`.
    TooDeep,
    /// It is not JSON.
    InvalidJson,
    /// It is not UTF-8.
    InvalidUtf8,
    /// It holds `\u0000`, which PostgreSQL cannot store in text.
    NulCharacter,
    /// It holds half of a UTF-16 surrogate pair, which is no character.
    LoneSurrogate,
    /// Another release with its key, later on the same page, is stored instead.
    Superseded,
    /// PostgreSQL refused it; the SQLSTATE says why.
    Refused,
    /// The page as a whole could not be read.
    UnreadablePage,
    /// A document of the page could not be read.
    UnreadableDocument,
    /// A document that the page names could not be had.
    MissingDocument,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Reason; 13] = [
        Reason::NotAnObject,
        Reason::MissingOcid,
        Reason::MissingId,
        Reason::TooDeep,
        Reason::InvalidJson,
        Reason::InvalidUtf8,
        Reason::NulCharacter,
        Reason::LoneSurrogate,
        Reason::Superseded,
        Reason::Refused,
        Reason::UnreadablePage,
        Reason::UnreadableDocument,
        Reason::MissingDocument,
    ];

    /// The word stored in `ocds.quarantine.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NotAnObject => "not-an-object",
            Reason::MissingOcid => "missing-ocid",
            Reason::MissingId => "missing-id",
            Reason::TooDeep => "too-deep",
            Reason::InvalidJson => "invalid-json",
            Reason::InvalidUtf8 => "invalid-utf8",
            Reason::NulCharacter => "nul-character",
            Reason::LoneSurrogate => "lone-surrogate",
            Reason::Superseded => "superseded",
            Reason::Refused => "refused",
            Reason::UnreadablePage => "unreadable-page",
            Reason::UnreadableDocument => "unreadable-document",
            Reason::MissingDocument => "missing-document",
        }
    }

    /// The reason a stored word stands for.
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
