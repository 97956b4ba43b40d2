//! The release, and the reject it becomes when it cannot be stored.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::source::Version;

/// What names a release within a source: the `ocid` of the contracting process
/// and the release's own `id`, unique within that process by the standard.
///
/// A process has one compiled release, whose key has no id. Keys are ordered by
/// bytes, the order in which every transaction locks rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The `ocid`; never empty.
    pub ocid: String,
    /// The release's `id`, a number being taken as its text; empty for a compiled
    /// release and for no other.
    pub release_id: String,
}

impl Key {
    /// The key of a process's compiled release.
    #[must_use]
    pub fn of_compiled(ocid: String) -> Self {
        Self {
            ocid,
            release_id: String::new(),
        }
    }

    /// Whether it is a compiled release's.
    #[must_use]
    pub fn is_compiled(&self) -> bool {
        self.release_id.is_empty()
    }
}

/// One dated statement about a contracting process, or a publisher's compiled
/// release, which sums up all of them.
#[derive(Clone, Debug)]
pub struct Release {
    /// What the release is stored under.
    pub key: Key,
    /// What is read out of the text for indexing; boxed, since releases are sorted.
    pub columns: Box<Columns>,
    /// BLAKE3 of the text without insignificant white space; with what was done to
    /// it, if anything was.
    pub content_hash: [u8; 32],
    /// Where it came from, if not from the page's own URL.
    pub url: Option<Arc<str>>,
    /// Where it was on its page, as a JSON Pointer.
    pub pointer: String,
    /// The release's own JSON text: a slice of the page's body, unless it was
    /// changed.
    pub text: Bytes,
    /// What was changed about it, if anything was.
    pub change: Option<Change>,
    /// The version of the standard it was served in, as far as the source or its
    /// package tells.
    pub version: Option<Version>,
}

impl Release {
    /// Its bytes as they were served.
    #[must_use]
    pub fn served(&self) -> &Bytes {
        self.change
            .as_ref()
            .map_or(&self.text, |change| &change.served)
    }

    /// About how many bytes of memory it takes beside the page that it is a slice of.
    pub(crate) fn bytes(&self) -> usize {
        let Key { ocid, release_id } = &self.key;
        let texts = ocid.len() + release_id.len() + self.pointer.len();
        let changed = self.change.as_ref().map_or(0, |_| self.text.len());
        OF_RELEASE + texts + self.columns.bytes() + changed
    }
}

/// What any release takes: itself, its columns, and what the allocator adds to the four
/// texts that it has at the least.
pub(crate) const OF_RELEASE: usize =
    size_of::<Release>() + size_of::<Columns>() + 4 * OF_ALLOCATION;

// what the pods of config/kubernetes have room for
const _: () = assert!(OF_RELEASE <= 800);

/// What any reject takes: itself, its message and what the allocator adds.
const OF_REJECT: usize = size_of::<Reject>() + 4 * OF_ALLOCATION;

/// What the allocator adds to what it is asked for, at the most.
const OF_ALLOCATION: usize = 24;

/// How a stored release differs from what was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done: repairs that the source asks for, and [`UPGRADE`].
    pub repairs: Vec<&'static str>,
    /// The bytes as they were served.
    pub served: Bytes,
}

/// What marks a release that was upgraded from version 1.0 of the standard.
pub const UPGRADE: &str = "upgrade-1.0";

/// The typed columns of `ocds.release`. Each is optional: a value of another
/// type than the standard's costs its column and never the release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// `date`, an instant; without an offset it is read in the source's zone.
    pub date: Option<Timestamp>,
    /// `tag`; a lone string becomes a list of one, and a list of more than 100 none.
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
    /// The distinct `awards/suppliers/name`, in order of appearance, the first 100,000.
    pub supplier_names: Vec<String>,
}

impl Columns {
    /// About how many bytes its texts take.
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
        let in_list = |text: &String| size_of::<String>() + OF_ALLOCATION + text.len();
        texts + lists.map(in_list).sum::<usize>()
    }
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
    /// Its `id`, where one could be read; empty for a compiled release.
    pub release_id: Option<String>,
    /// The version of the standard it is written in, as far as the source or its
    /// package tells.
    pub version: Option<Version>,
    /// The server's SQLSTATE, where the server refused it.
    pub sqlstate: Option<String>,
    /// The constraint that refused it, where one did.
    pub constraint: Option<String>,
}

impl Reject {
    /// A page that could not be read: one clause says what was wrong with it.
    #[must_use]
    pub fn unreadable_page(body: Bytes, message: String) -> Self {
        Self::unreadable(Reason::UnreadablePage, body, String::new(), message)
    }

    /// A document that could not be read, beside others on its page that could.
    #[must_use]
    pub fn unreadable_document(body: Bytes, pointer: String, message: String) -> Self {
        Self::unreadable(Reason::UnreadableDocument, body, pointer, message)
    }

    /// About how many bytes of memory it takes beside the page that it is a slice of.
    pub(crate) fn bytes(&self) -> usize {
        let keys = self.ocid.iter().chain(&self.release_id);
        let keys = keys.map(String::len).sum::<usize>();
        OF_REJECT + self.message.len() + self.pointer.len() + keys
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
    /// It holds more values than `extract.max_values`.
    TooManyValues,
    /// It is not JSON.
    InvalidJson,
    /// It is not UTF-8.
    InvalidUtf8,
    /// It holds `\u0000`, which PostgreSQL cannot store in text.
    NulCharacter,
    /// It holds half of a UTF-16 surrogate pair, which is no character.
    LoneSurrogate,
    /// It is a link to a release, and nothing else is there of it.
    LinkedRelease,
    /// It is a record without releases and without a compiled release.
    EmptyRecord,
    /// It is not what the source says its items are.
    OtherKind,
    /// It holds more releases than a page may have.
    TooManyReleases,
    /// It holds a number of more than a thousand digits, once it is written out.
    LargeNumber,
    /// Another release with its key, later on the same page, is stored instead.
    Superseded,
    /// PostgreSQL refused it; the SQLSTATE says why.
    Refused,
    /// A document of the page could not be read: a member of an archive, a line.
    UnreadableDocument,
    /// The page as a whole could not be read.
    UnreadablePage,
    /// A document that the page names could not be had.
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

    /// The word stored in `ocds.quarantine.reason`.
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

    /// Whether what was refused may hold releases, and is no release itself.
    #[must_use]
    pub fn is_unreadable(self) -> bool {
        matches!(self, Reason::UnreadableDocument | Reason::UnreadablePage)
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
