//! The release, and the reject that replaces it when it cannot be stored.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::Type;

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
        let values = COLUMNS.iter().map(|column| column.value.bytes(self));
        let changed = self.change.as_ref().map_or(0, |_| self.text.len());
        RELEASE_BYTES + self.pointer.len() + values.sum::<usize>() + changed
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

/// The values of a release that have a typed column in `ocds.release`. Each is optional: a
/// value that does not have the standard's type leaves its column null, and the release is
/// stored all the same.
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
    /// `buyer`.
    pub buyer: Buyer,
    /// `tender`.
    pub tender: Tender,
    /// The number of entries of `awards`.
    pub award_count: i32,
    /// The number of entries of `contracts`.
    pub contract_count: i32,
    /// The distinct `awards/suppliers/name` in order of appearance, the first 100,000.
    pub supplier_names: Vec<String>,
}

/// The values of a release's `buyer`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buyer {
    /// `buyer/id`, if it has at most 1,000 bytes (the column is indexed).
    pub id: Option<String>,
    /// `buyer/name`.
    pub name: Option<String>,
}

/// The values of a release's `tender`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tender {
    /// `tender/id`.
    pub id: Option<String>,
    /// `tender/title`.
    pub title: Option<String>,
    /// `tender/status`.
    pub status: Option<String>,
    /// `tender/procurementMethod`.
    pub procurement_method: Option<String>,
    /// `tender/mainProcurementCategory`.
    pub main_procurement_category: Option<String>,
    /// `tender/value/amount`: a number, or a number in a string.
    pub value: Option<Decimal>,
    /// `tender/value/currency`.
    pub currency: Option<String>,
    /// `tender/tenderPeriod/startDate`.
    pub start: Option<Timestamp>,
    /// `tender/tenderPeriod/endDate`.
    pub end: Option<Timestamp>,
}

/// The columns of `ocds.release` that a release fills, in the order in which they are sent.
/// The other columns say where and when it was served.
///
/// This is the only list of them: the table, the upserts, the memory that a release takes and
/// the benchmarks follow it.
pub const COLUMNS: &[Column] = &[
    Column::new("ocid", Value::Text(|release| Some(&release.key.ocid))),
    Column::new(
        "release_id",
        Value::Text(|release| Some(&release.key.release_id)),
    ),
    Column::new(
        "date",
        Value::Instant(|release| release.columns.date.as_ref()),
    ),
    Column::new("tag", Value::Texts(|release| release.columns.tag.as_ref())),
    Column::new(
        "initiation_type",
        Value::Text(|release| release.columns.initiation_type.as_ref()),
    ),
    Column::new(
        "language",
        Value::Text(|release| release.columns.language.as_ref()),
    ),
    Column::new(
        "buyer_id",
        Value::Text(|release| release.columns.buyer.id.as_ref()),
    ),
    Column::new(
        "buyer_name",
        Value::Text(|release| release.columns.buyer.name.as_ref()),
    ),
    Column::new(
        "tender_id",
        Value::Text(|release| release.columns.tender.id.as_ref()),
    ),
    Column::new(
        "tender_title",
        Value::Text(|release| release.columns.tender.title.as_ref()),
    ),
    Column::new(
        "tender_status",
        Value::Text(|release| release.columns.tender.status.as_ref()),
    ),
    Column::new(
        "procurement_method",
        Value::Text(|release| release.columns.tender.procurement_method.as_ref()),
    ),
    Column::new(
        "main_procurement_category",
        Value::Text(|release| release.columns.tender.main_procurement_category.as_ref()),
    ),
    Column::new(
        "tender_value",
        Value::Decimal(|release| release.columns.tender.value.as_ref()),
    ),
    Column::new(
        "tender_currency",
        Value::Text(|release| release.columns.tender.currency.as_ref()),
    ),
    Column::new(
        "tender_start",
        Value::Instant(|release| release.columns.tender.start.as_ref()),
    ),
    Column::new(
        "tender_end",
        Value::Instant(|release| release.columns.tender.end.as_ref()),
    ),
    Column::new(
        "award_count",
        Value::Count(|release| &release.columns.award_count),
    ),
    Column::new(
        "contract_count",
        Value::Count(|release| &release.columns.contract_count),
    ),
    Column::new(
        "supplier_names",
        Value::Texts(|release| Some(&release.columns.supplier_names)),
    ),
    Column::new(
        "content_hash",
        Value::Bytes(|release| Some(&release.content_hash)),
    ),
    Column::new(
        "repairs",
        Value::Names(|release| release.change.as_ref().map(|change| &change.repairs)),
    ),
    Column::new("data", Value::Json(|release| &release.text)),
    Column::new(
        "served",
        Value::Bytes(|release| release.change.as_ref().map(|change| &*change.served)),
    ),
];

/// A column of `ocds.release`: its name, and its type with the function that reads its value
/// from a release.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name of the column.
    pub name: &'static str,
    /// The type and the function.
    pub value: Value,
}

/// The type of a [`Column`] and the function that reads its value. A value of `None` is null.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// `text`.
    Text(fn(&Release) -> Option<&String>),
    /// `text[]`.
    Texts(fn(&Release) -> Option<&Vec<String>>),
    /// `text[]`, of names that the program knows.
    Names(fn(&Release) -> Option<&Vec<&'static str>>),
    /// `timestamptz`.
    Instant(fn(&Release) -> Option<&Timestamp>),
    /// `numeric`.
    Decimal(fn(&Release) -> Option<&Decimal>),
    /// `int4`.
    Count(fn(&Release) -> &i32),
    /// `bytea`.
    Bytes(fn(&Release) -> Option<&[u8]>),
    /// `jsonb`, from its JSON text.
    Json(fn(&Release) -> &[u8]),
}

impl Column {
    const fn new(name: &'static str, value: Value) -> Self {
        Self { name, value }
    }
}

impl Value {
    /// Returns the PostgreSQL type of the column.
    #[must_use]
    pub const fn r#type(self) -> Type {
        match self {
            Value::Text(_) => Type::TEXT,
            Value::Texts(_) | Value::Names(_) => Type::TEXT_ARRAY,
            Value::Instant(_) => Type::TIMESTAMPTZ,
            Value::Decimal(_) => Type::NUMERIC,
            Value::Count(_) => Type::INT4,
            Value::Bytes(_) => Type::BYTEA,
            Value::Json(_) => Type::JSONB,
        }
    }

    /// Estimates the memory in bytes that a release owns for the value.
    fn bytes(self, release: &Release) -> usize {
        let in_list = |text: &String| size_of::<String>() + ALLOCATION_OVERHEAD_BYTES + text.len();
        match self {
            Value::Text(get) => get(release).map_or(0, String::len),
            Value::Texts(get) => get(release).into_iter().flatten().map(in_list).sum(),
            // these have a fixed size, or are slices of the page
            Value::Names(_)
            | Value::Instant(_)
            | Value::Decimal(_)
            | Value::Count(_)
            | Value::Bytes(_)
            | Value::Json(_) => 0,
        }
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
