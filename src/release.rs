//! Defines the release, and the reject that is kept when a release cannot be stored.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::types::Type;

use crate::package::{Package, PackageId};
use crate::source::Version;

/// The key of a release within a source. It consists of the `ocid` of the contracting process and
/// the release's own `id`. The standard requires that the `id` is unique within the process.
///
/// The compiled release of a process has an empty `release_id`, because a process has only one.
/// Keys are ordered by bytes. Every transaction locks rows in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The `ocid` of the contracting process. It is never empty.
    pub ocid: String,
    /// The release's `id`. A number is stored as its text. Only a compiled release has an empty
    /// `release_id`.
    pub release_id: String,
}

impl Key {
    /// Creates the key of the compiled release of a process.
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

/// A release, which is one dated statement about a contracting process. It may also be a
/// publisher's compiled release, which summarises all statements about the process.
#[derive(Clone, Debug)]
pub struct Release {
    /// The key of the release in the database.
    pub key: Key,
    /// The values of the typed columns. They are boxed because a small `Release` can be sorted
    /// faster.
    pub columns: Box<Columns>,
    /// The BLAKE3 hash of the text without the white space between its tokens. If the text was
    /// changed, the names of the changes are part of the hash.
    pub content_hash: [u8; 32],
    /// The URL from which the release was served. It is `None` if that is the page's own URL.
    pub url: Option<Arc<str>>,
    /// The JSON Pointer from the page to the release.
    pub pointer: String,
    /// The JSON text of the release. It is a slice of the page's body, or a copy if the text was
    /// changed.
    pub text: Bytes,
    /// The changes to the served text, or `None` if the text was not changed.
    pub change: Option<Change>,
    /// The version of the standard in which the release is written. It is `None` if neither the
    /// source nor the package of the release states a version.
    pub version: Option<Version>,
    /// The package that contains the release, if there is one.
    pub package: Option<Arc<Package>>,
}

impl Release {
    /// Returns the bytes of the release as the publisher served them.
    #[must_use]
    pub fn served_text(&self) -> &Bytes {
        self.change
            .as_ref()
            .map_or(&self.text, |change| &change.served)
    }

    /// Estimates the memory of the release in bytes. The page is not counted, although the text of
    /// the release is a slice of it.
    pub(crate) fn estimate_memory(&self) -> usize {
        let values = COLUMNS
            .iter()
            .map(|column| column.value.estimate_memory(self));
        let changed = self.change.as_ref().map_or(0, |_| self.text.len());
        RELEASE_BYTES + self.pointer.len() + values.sum::<usize>() + changed
    }
}

/// The number of bytes that every release needs: the value itself, its columns, and the
/// allocator's overhead for the four texts that each release has at least.
pub(crate) const RELEASE_BYTES: usize =
    size_of::<Release>() + size_of::<Columns>() + 4 * ALLOCATION_OVERHEAD_BYTES;

// The memory limit of the pods in config/kubernetes is computed with this number.
const _: () = assert!(RELEASE_BYTES <= 800);

/// The number of bytes that every reject needs: the value itself and the allocator's overhead.
const REJECT_BYTES: usize = size_of::<Reject>() + 4 * ALLOCATION_OVERHEAD_BYTES;

/// The maximum number of bytes that the allocator adds to one allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 24;

/// The changes that were made to the served text of a release before it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The names of the changes. They are names of repairs that the source requests,
    /// [`OCID_OF_RECORD`], [`OCID_OF_ID`] or [`UPGRADE`].
    pub repairs: Vec<&'static str>,
    /// The bytes of the release as the publisher served them.
    pub served: Bytes,
}

/// The name of the change that adds the ocid of a record to a release within it that has none.
pub const OCID_OF_RECORD: &str = "ocid-of-record";

/// The name of the change that adds an ocid that is a part of the release's `id`.
pub const OCID_OF_ID: &str = "ocid-of-id";

/// The name of the change that upgrades a release from version 1.0 of the standard.
pub const UPGRADE: &str = "upgrade-1.0";

/// The values of a release that have a typed column in `ocds.release`. Each value is optional. If
/// a value has another type than in the standard, only its column is null, and the release is
/// stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The release's `date`. A date without an offset is read in the source's time zone.
    pub date: Option<Timestamp>,
    /// The release's `tag`. A single string becomes a list with one entry. A list with more than
    /// 100 entries is left out.
    pub tag: Option<Vec<String>>,
    /// The release's `initiationType`.
    pub initiation_type: Option<String>,
    /// The release's `language`.
    pub language: Option<String>,
    /// The release's `buyer`.
    pub buyer: Buyer,
    /// The release's `tender`.
    pub tender: Tender,
    /// The number of entries of `awards`.
    pub award_count: i32,
    /// The number of entries of `contracts`.
    pub contract_count: i32,
    /// The names of the suppliers of all awards without duplicates, in the order of their first
    /// appearance. Only the first 100,000 are kept. If a supplier has no name of its own, its name
    /// is that of the entry of `parties` with its id.
    pub supplier_names: Vec<String>,
    /// The names of the typed columns that are null although the release has a value for them,
    /// because the value could not be read.
    pub unread: Vec<&'static str>,
}

/// A column for a date or an amount. Publishers write both in many forms, so a value may be
/// unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedColumn {
    /// The release's `date`.
    Date,
    /// The amount of `tender/value`.
    TenderValue,
    /// The start of `tender/tenderPeriod`.
    TenderStart,
    /// The end of `tender/tenderPeriod`.
    TenderEnd,
}

impl TypedColumn {
    /// All typed columns, in the order of the table.
    pub const ALL: [Self; 4] = [
        Self::Date,
        Self::TenderValue,
        Self::TenderStart,
        Self::TenderEnd,
    ];

    /// Returns the name of the column.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::TenderValue => "tender_value",
            Self::TenderStart => "tender_start",
            Self::TenderEnd => "tender_end",
        }
    }
}

/// The number of values for one typed column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueCount {
    /// The values that were present, whether they could be read or not.
    pub present: u64,
    /// The values that could not be read.
    pub unread: u64,
}

/// The number of values for each typed column. A value that is null or empty is not present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueCounts([ValueCount; TypedColumn::ALL.len()]);

impl ValueCounts {
    /// Returns the count of each column, in the order of [`TypedColumn::ALL`].
    pub fn per_column(&self) -> impl Iterator<Item = (TypedColumn, ValueCount)> {
        TypedColumn::ALL.into_iter().zip(self.0)
    }

    /// Forgets the counts of all other columns. A compiled release has only one typed column.
    pub fn retain(&mut self, column: TypedColumn) {
        let kept = *self.get_mut(column);
        *self = Self::default();
        *self.get_mut(column) = kept;
    }

    /// Returns the count of a column.
    pub fn get_mut(&mut self, column: TypedColumn) -> &mut ValueCount {
        &mut self.0[column as usize]
    }
}

impl AddAssign for ValueCounts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            count.present += more.present;
            count.unread += more.unread;
        }
    }
}

/// The values of a release's `buyer`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buyer {
    /// The value of `buyer/id`. It is left out if it has more than 1,000 bytes, because the
    /// column is indexed.
    pub id: Option<String>,
    /// The value of `buyer/name`. If the buyer has no name of its own, this is the name of the
    /// entry of `parties` with its id.
    pub name: Option<String>,
}

/// The values of a release's `tender`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tender {
    /// The value of `tender/id`.
    pub id: Option<String>,
    /// The value of `tender/title`.
    pub title: Option<String>,
    /// The value of `tender/status`.
    pub status: Option<String>,
    /// The value of `tender/procurementMethod`.
    pub procurement_method: Option<String>,
    /// The value of `tender/mainProcurementCategory`.
    pub main_procurement_category: Option<String>,
    /// The value of `tender/value/amount`, which is a number or a string that contains a number.
    pub value: Option<Decimal>,
    /// The value of `tender/value/currency`.
    pub currency: Option<String>,
    /// The value of `tender/tenderPeriod/startDate`.
    pub start: Option<Timestamp>,
    /// The value of `tender/tenderPeriod/endDate`.
    pub end: Option<Timestamp>,
}

/// The columns of `ocds.release` that a release fills, in the order in which they are sent. The
/// other columns say where and when the release was served.
///
/// The table, the upserts, the estimate of a release's memory and the benchmarks are derived from
/// this list. The migrations create the columns, and `extract` reads their values.
pub const COLUMNS: &[Column] = &[
    Column::text("ocid", |it| Some(&it.key.ocid)),
    Column::text("release_id", |it| Some(&it.key.release_id)),
    Column::new("date", Value::Instant(|it| it.columns.date.as_ref())),
    Column::new("tag", Value::Texts(|it| it.columns.tag.as_ref())),
    Column::text("initiation_type", |it| it.columns.initiation_type.as_ref()),
    Column::text("language", |it| it.columns.language.as_ref()),
    Column::text("buyer_id", |it| it.columns.buyer.id.as_ref()),
    Column::text("buyer_name", |it| it.columns.buyer.name.as_ref()),
    Column::text("tender_id", |it| it.columns.tender.id.as_ref()),
    Column::text("tender_title", |it| it.columns.tender.title.as_ref()),
    Column::text("tender_status", |it| it.columns.tender.status.as_ref()),
    Column::text("procurement_method", |it| {
        it.columns.tender.procurement_method.as_ref()
    }),
    Column::text("main_procurement_category", |it| {
        it.columns.tender.main_procurement_category.as_ref()
    }),
    Column::new(
        "tender_value",
        Value::Decimal(|it| it.columns.tender.value.as_ref()),
    ),
    Column::text("tender_currency", |it| it.columns.tender.currency.as_ref()),
    Column::new(
        "tender_start",
        Value::Instant(|it| it.columns.tender.start.as_ref()),
    ),
    Column::new(
        "tender_end",
        Value::Instant(|it| it.columns.tender.end.as_ref()),
    ),
    Column::new("award_count", Value::Count(|it| &it.columns.award_count)),
    Column::new(
        "contract_count",
        Value::Count(|it| &it.columns.contract_count),
    ),
    Column::new(
        "supplier_names",
        Value::Texts(|it| Some(&it.columns.supplier_names)),
    ),
    Column::new(
        "unread",
        Value::Names(|it| Some(&it.columns.unread).filter(|unread| !unread.is_empty())),
    ),
    Column::new("content_hash", Value::Bytes(|it| Some(&it.content_hash))),
    Column::new(
        "package_id",
        Value::Package(|it| it.package.as_ref().map(|package| &package.id)),
    ),
    Column::new(
        "repairs",
        Value::Names(|it| it.change.as_ref().map(|change| &change.repairs)),
    ),
    Column::new("data", Value::Json(|it| &it.text)),
    Column::new(
        "served",
        Value::Bytes(|it| it.change.as_ref().map(|change| &*change.served)),
    ),
];

/// A column of `ocds.release`, which a release fills.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name of the column.
    pub name: &'static str,
    /// The type of the column, and the function that reads the column's value from a release.
    pub value: Value,
}

/// The type of a [`Column`], and the function that reads the column's value from a release. If
/// the function returns `None`, the value is null.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// A column of type `text`.
    Text(fn(&Release) -> Option<&String>),
    /// A column of type `text[]`.
    Texts(fn(&Release) -> Option<&Vec<String>>),
    /// A column of type `text[]` that contains names which the program itself defines.
    Names(fn(&Release) -> Option<&Vec<&'static str>>),
    /// A column of type `timestamptz`.
    Instant(fn(&Release) -> Option<&Timestamp>),
    /// A column of type `numeric`.
    Decimal(fn(&Release) -> Option<&Decimal>),
    /// A column of type `int4`.
    Count(fn(&Release) -> &i32),
    /// A column of type `bytea`.
    Bytes(fn(&Release) -> Option<&[u8]>),
    /// A column of type `uuid`, which contains the id of a package.
    Package(fn(&Release) -> Option<&PackageId>),
    /// A column of type `jsonb`. The function returns the JSON text.
    Json(fn(&Release) -> &[u8]),
}

impl Column {
    const fn new(name: &'static str, value: Value) -> Self {
        Self { name, value }
    }

    const fn text(name: &'static str, get: fn(&Release) -> Option<&String>) -> Self {
        Self::new(name, Value::Text(get))
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
            Value::Package(_) => Type::UUID,
            Value::Json(_) => Type::JSONB,
        }
    }

    /// Estimates the memory in bytes that a release allocates for the value of this column.
    fn estimate_memory(self, release: &Release) -> usize {
        let in_list = |text: &String| size_of::<String>() + ALLOCATION_OVERHEAD_BYTES + text.len();
        match self {
            Value::Text(get) => get(release).map_or(0, String::len),
            Value::Texts(get) => get(release).into_iter().flatten().map(in_list).sum(),
            // These values have a fixed size, or are slices of the page, so they need no memory
            // of their own.
            Value::Names(_)
            | Value::Instant(_)
            | Value::Decimal(_)
            | Value::Count(_)
            | Value::Bytes(_)
            | Value::Package(_)
            | Value::Json(_) => 0,
        }
    }
}

/// A piece of served data that is not stored as a release. Its bytes and the reason are kept.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The reason why the data are not stored as a release.
    pub reason: Reason,
    /// A sentence for people that says what is wrong and where. It quotes no value, unless the
    /// server's own message does.
    pub message: String,
    /// The JSON Pointer from the page to the rejected data. It is empty if the whole page is
    /// rejected. For a document that could not be fetched, it is the name that the page gives to
    /// the document.
    pub pointer: String,
    /// The URL from which the data were served. It is `None` if that is the page's own URL.
    pub url: Option<Arc<str>>,
    /// The rejected bytes. They are decompressed and in UTF-8, but not repaired. A page or a
    /// document that could not be decoded is kept as it was served.
    pub document: Bytes,
    /// The `ocid` in the rejected data, if it could be read.
    pub ocid: Option<String>,
    /// The release's `id` in the rejected data, if it could be read. It is empty for a compiled
    /// release.
    pub release_id: Option<String>,
    /// The version of the standard in which the data are written. It is `None` if neither the
    /// source nor the package of the data states a version.
    pub version: Option<Version>,
    /// The package that contains the data, if there is one.
    pub package: Option<Arc<Package>>,
    /// The SQLSTATE, if the server refused the release.
    pub sqlstate: Option<String>,
    /// The name of the constraint that the release violates, if a constraint was violated.
    pub constraint: Option<String>,
}

impl Reject {
    /// Creates the reject for a page that could not be read. The message must be one clause.
    #[must_use]
    pub fn unreadable_page(body: Bytes, message: String) -> Self {
        Self::unreadable(Reason::UnreadablePage, body, String::new(), message)
    }

    /// Creates the reject for a page that runs step over. `place` is the place of the page in the
    /// feed, because there is no body that could tell it from others.
    #[must_use]
    pub fn refused_page(body: Bytes, place: String, message: String) -> Self {
        Self::unreadable(Reason::RefusedPage, body, place, message)
    }

    /// Creates the reject for a document that could not be read, although its page could be read.
    #[must_use]
    pub fn unreadable_document(body: Bytes, pointer: String, message: String) -> Self {
        Self::unreadable(Reason::UnreadableDocument, body, pointer, message)
    }

    /// Estimates the memory of the reject in bytes. The page is not counted, although the document
    /// of the reject may be a slice of it.
    pub(crate) fn estimate_memory(&self) -> usize {
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
            package: None,
            sqlstate: None,
            constraint: None,
        }
    }
}

/// The reason why served data are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The item is not a JSON object. Some publishers serve `null`, for example.
    NotAnObject,
    /// The `ocid` is missing, is empty, or is neither a string nor a number.
    MissingOcid,
    /// The `id` is missing, is empty, or is neither a string nor a number.
    MissingId,
    /// The release nests deeper than `extract.max_depth`.
    TooDeep,
    /// The release has more values than `extract.max_values`.
    TooManyValues,
    /// The item is not JSON.
    InvalidJson,
    /// The item is not UTF-8.
    InvalidUtf8,
    /// The release has the character `\u0000`, which PostgreSQL cannot store in text.
    NulCharacter,
    /// The release has half of a UTF-16 surrogate pair, which is not a character.
    LoneSurrogate,
    /// The item is a link to a release, and does not contain the release itself.
    LinkedRelease,
    /// The item is a record without anything that can be stored: it has neither releases nor a
    /// compiled release, or only links to releases beside a versioned release.
    EmptyRecord,
    /// The item is not of the kind that the source declares for its items, or it is an object in
    /// the place of a list of items.
    OtherKind,
    /// The item contains more releases than a page may have.
    TooManyReleases,
    /// The release has a number with more than a thousand digits when it is written without an
    /// exponent.
    LargeNumber,
    /// The release was replaced, because a later release on the same page has the same key.
    Superseded,
    /// PostgreSQL refused to store the release. The SQLSTATE says why.
    Refused,
    /// One document of the page could not be read, such as a member of an archive or a line.
    UnreadableDocument,
    /// The whole page could not be read.
    UnreadablePage,
    /// A document that the page names could not be fetched.
    UnfetchedDocument,
    /// A document that the page names does not exist, as the publisher says.
    MissingDocument,
    /// Runs step over the page, because the publisher refuses it, or over the stretch that begins
    /// with it, because the server answers with errors.
    RefusedPage,
    /// A member of an archive is not data, such as a licence beside the data.
    SideFile,
    /// The item is the versioned release of a record, which is its history in one object. It
    /// repeats the record's releases.
    VersionedRelease,
    /// An entry of a record only links to a release. The record's compiled release is stored, and
    /// includes it.
    IncludedLink,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Reason; 24] = [
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
        Reason::UnfetchedDocument,
        Reason::MissingDocument,
        Reason::RefusedPage,
        Reason::SideFile,
        Reason::VersionedRelease,
        Reason::IncludedLink,
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
            Reason::UnfetchedDocument => "unfetched-document",
            Reason::MissingDocument => "missing-document",
            Reason::RefusedPage => "refused-page",
            Reason::SideFile => "side-file",
            Reason::VersionedRelease => "versioned-release",
            Reason::IncludedLink => "included-link",
        }
    }

    /// Returns true if what was served was never a release. It is *passed over*: it is counted
    /// apart from releases and rejects, and does not make a run fail. Its bytes may be kept in
    /// the quarantine.
    #[must_use]
    pub fn is_passed_over(self) -> bool {
        match self {
            Reason::MissingDocument
            | Reason::SideFile
            | Reason::VersionedRelease
            | Reason::IncludedLink => true,
            Reason::NotAnObject
            | Reason::MissingOcid
            | Reason::MissingId
            | Reason::TooDeep
            | Reason::TooManyValues
            | Reason::InvalidJson
            | Reason::InvalidUtf8
            | Reason::NulCharacter
            | Reason::LoneSurrogate
            | Reason::LinkedRelease
            | Reason::EmptyRecord
            | Reason::OtherKind
            | Reason::TooManyReleases
            | Reason::LargeNumber
            | Reason::Superseded
            | Reason::Refused
            | Reason::UnreadableDocument
            | Reason::UnreadablePage
            | Reason::UnfetchedDocument
            | Reason::RefusedPage => false,
        }
    }

    /// Returns true if a page that is stored later may resolve the reject. A document that was
    /// missing may appear, but a side file stays what it is.
    #[must_use]
    pub fn can_be_resolved(self) -> bool {
        let is_missing = self == Reason::MissingDocument;
        self != Reason::Superseded && (is_missing || !self.is_passed_over())
    }

    /// Returns the words of all reasons that are passed over, for a statement's parameter.
    #[must_use]
    pub fn passed_over_words() -> Vec<&'static str> {
        let all = Self::ALL.into_iter();
        all.filter(|reason| reason.is_passed_over())
            .map(Self::as_str)
            .collect()
    }

    /// Returns true if the reject is a document or a page, and so may contain several releases.
    #[must_use]
    pub fn can_contain_releases(self) -> bool {
        matches!(self, Reason::UnreadableDocument | Reason::UnreadablePage)
    }

    /// Returns the reason that is stored as this word, or `None` if the word is unknown.
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
