//! The page: one response body, its place in the feed, and the position of the next page.

mod more_pages;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::json::{self, Cut, Item, LoneObject};
use crate::package::{self, is_storable};
use crate::release::Reason;
use crate::source::Items;

pub use self::more_pages::MorePages;

/// The place of a page in a feed, in the form that the request for the page needs.
///
/// Stored cursors have `{env.NAME}` in place of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The page is the first one of a feed of links, or a single document. Its URL is the
    /// source's own URL.
    Start,
    /// The page is at this absolute URL, which the page before it named.
    Link(String),
    /// The page has this number, which the publisher counts.
    Number(u64),
    /// The page begins after this number of items.
    Offset(u64),
    /// The page has this token, which the page before it contained.
    Token(String),
    /// The page is a piece of a file. It begins where the piece before it ended.
    Piece(Mark),
    /// The page has some of the items that a page of an index names.
    Detail {
        /// The cursor of the index page.
        index: Box<Cursor>,
        /// The number of items of the index page that come before these items.
        skip: u64,
        /// A digest of the skipped items. It shows whether the index has changed.
        seen: String,
    },
}

impl Cursor {
    /// Parses the text that [`fmt::Display`] writes. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("start", "") => Some(Cursor::Start),
            ("link", url) => Some(Cursor::Link(url.to_owned())),
            ("number", n) => n.parse().ok().map(Cursor::Number),
            ("offset", n) => n.parse().ok().map(Cursor::Offset),
            ("token", token) => Some(Cursor::Token(token.to_owned())),
            ("piece", rest) => Mark::parse(rest).map(Cursor::Piece),
            ("detail", rest) => {
                let (skip, rest) = rest.split_once(' ')?;
                let (seen, index) = rest.split_once(' ')?;
                Some(Cursor::Detail {
                    seen: seen.to_owned(),
                    index: Box::new(Self::parse(index)?),
                    skip: skip.parse().ok()?,
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cursor::Start => f.write_str("start "),
            Cursor::Link(url) => write!(f, "link {url}"),
            Cursor::Number(n) => write!(f, "number {n}"),
            Cursor::Offset(n) => write!(f, "offset {n}"),
            Cursor::Token(token) => write!(f, "token {token}"),
            Cursor::Piece(mark) => write!(f, "piece {mark}"),
            Cursor::Detail { index, skip, seen } => write!(f, "detail {skip} {seen} {index}"),
        }
    }
}

/// The place in a file where a piece ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The number of the file's member, from 0. A file that is not an archive has one member.
    pub member: u64,
    /// The number of the text within the member, from 0, if the member is an archive itself.
    pub inner: u64,
    /// The number of bytes of the text before this place. They are counted after decompression
    /// and in UTF-8.
    pub offset: u64,
    /// A digest of the text before this place, and of the names, sizes and checksums of the
    /// members before it. It shows whether the file is still the same.
    pub seen: String,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mark = Self {
            member: words.next()?.parse().ok()?,
            inner: words.next()?.parse().ok()?,
            offset: words.next()?.parse().ok()?,
            seen: words.next()?.to_owned(),
        };
        words.next().is_none().then_some(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member,
            inner,
            offset,
            seen,
        } = self;
        write!(f, "{member} {inner} {offset} {seen}")
    }
}

/// The name of a chain, which is a sequence of pages that lead from one to the next.
///
/// A plain feed is one chain without a name. If a feed is fetched in time windows or along an
/// axis, each window and each value is a chain. A chain also has a number, which says where it
/// is among the chains of its run. Chains with the same name are equal whatever their numbers
/// are, because another run may have chains before them.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    name: Arc<str>,
    number: i32,
}

impl Chain {
    /// The longest name, in bytes. The name is part of a key, and PostgreSQL accepts keys of at
    /// most 2,704 bytes in a B-tree.
    pub const MAX_BYTES: usize = 2_500;

    /// Creates the first chain of a run.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            number: 0,
        }
    }

    /// Returns the chain under which the quarantine keeps the stretches of a feed that runs have
    /// skipped. No run walks such a chain, so a page with the number of a stretch does not resolve
    /// it. A digest of the feed's scope is part of the name, because positions of another feed of
    /// the same source mean nothing in this one.
    #[must_use]
    pub fn skipped(scope: &str) -> Self {
        let digest = blake3::hash(scope.as_bytes()).to_hex();
        Self::new(format!("{SKIPPED}{}", &digest[..16]))
    }

    /// Returns true if this is the chain of skipped stretches of some feed.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.name.starts_with(SKIPPED)
    }

    /// Returns the same chain with its number among the chains of its run, counted from 0.
    #[must_use]
    pub fn with_number(self, number: i32) -> Self {
        Self { number, ..self }
    }

    /// Returns the number of the chain among the chains of its run, counted from 0.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Returns the chain's name. It is empty if the whole feed is one chain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

const SKIPPED: &str = "skipped ";

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Chain {}

impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The number and the cursor of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The publisher's page number, if the publisher numbers its pages. Otherwise pages are
    /// counted from 1.
    pub number: u64,
    /// The place of the page, from which its request is made.
    pub cursor: Cursor,
}

impl Position {
    /// Returns true if the page is one of several pieces of a file. `next` is the page after it.
    #[must_use]
    pub fn is_in_file(&self, next: Option<&Self>) -> bool {
        let is_piece = |position: &Self| matches!(position.cursor, Cursor::Piece(_));
        is_piece(self) || next.is_some_and(is_piece)
    }

    /// Returns true if this position follows a piece of a file and no page follows it.
    #[must_use]
    pub fn is_end_of_file(&self, next: Option<&Self>) -> bool {
        matches!(self.cursor, Cursor::Piece(_)) && next.is_none()
    }
}

/// A page that could be read, with its metadata.
#[derive(Clone, Debug)]
pub struct Page {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The position of the next page. It is `None` only if the page is certainly the last one.
    pub next: Option<Position>,
    /// The number of pages that the publisher states for the chain, if it does.
    pub total_pages: Option<u64>,
    /// The number of items that the publisher states for the chain, if it does.
    pub total_items: Option<u64>,
    /// A sign that more pages follow, if this is the first page of its chain and has one.
    pub more_pages: Option<MorePages>,
    /// The requested URL, before any redirect, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// The time when the page arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The page without its items. It is the package's own fields, if the page is a package.
    pub envelope: Value,
    /// The documents that could be read, with their items. There is one, unless the page has
    /// several documents.
    pub documents: Vec<Document>,
    /// The documents of the page that are missing or unreadable.
    pub broken: Vec<BrokenDocument>,
    /// The number of index entries that the page covers, if the page comes from an index.
    pub entries: Option<usize>,
    /// The validators for a conditional request in a later run.
    pub validators: Validators,
}

/// The validators of a response (RFC 9110). With them a later request can ask whether the page
/// has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` header.
    pub etag: Option<String>,
    /// The `Last-Modified` header.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Returns true if the server sent neither header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Fills the missing validators with those of `others`.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            etag: self.etag.or_else(|| others.etag.clone()),
            last_modified: self.last_modified.or_else(|| others.last_modified.clone()),
        }
    }
}

/// A page of an earlier run, with the validators for a request that asks whether the page has
/// changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedPage {
    /// The id of the earlier run.
    pub run_id: i64,
    /// The number that the page had in that run.
    pub number: u64,
    /// The position of the next page. It is `None` if the page was the last one of its chain.
    pub next: Option<Position>,
    /// The number of items on the page.
    pub items: usize,
    /// The validators that the server sent with the page.
    pub validators: Validators,
}

/// A page that has not changed since an earlier run, according to its server (status 304).
#[derive(Clone, Debug)]
pub struct UnchangedPage {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The requested URL, before any redirect, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// The time when the server answered, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The validators for the next conditional request.
    pub validators: Validators,
    /// The page as the earlier run stored it.
    pub remembered: Arc<RememberedPage>,
}

impl UnchangedPage {
    /// Returns the position of the next page. Returns `None` if this is the last page of its
    /// chain. In a feed of changes, numbers are counted from this page, because a run starts in
    /// the middle of the feed.
    #[must_use]
    pub fn next(&self) -> Option<Position> {
        let RememberedPage { number, next, .. } = &*self.remembered;
        let next = next.as_ref()?;
        let step = next.number.saturating_sub(*number);
        Some(Position {
            number: self.position.number.saturating_add(step),
            cursor: next.cursor.clone(),
        })
    }
}

/// A document that a page names and that is missing, unreadable, or no data.
#[derive(Clone, Debug)]
pub struct BrokenDocument {
    /// The reason why the document has no items. A document that does not exist or is no data is
    /// passed over.
    pub reason: Reason,
    /// The URL that was requested for the document, with `{env.NAME}` in place of secrets. It is
    /// `None` if the document came with the page.
    pub url: Option<Arc<str>>,
    /// The JSON Pointer to the document on the page, or the name that the page gives it.
    pub pointer: String,
    /// The bytes of the document that arrived. If there are none, it is the index item that names
    /// the document. Of a side file, only the beginning is kept.
    pub body: Bytes,
    /// The problem: a clause that follows "the document is", or the reason why the document could
    /// not be fetched. It never quotes a value of JSON, but it may quote the title of an HTML page.
    pub message: String,
}

impl BrokenDocument {
    /// Makes the entry for an unreadable document that came with its page.
    #[must_use]
    pub fn unreadable(pointer: String, body: Bytes, message: String) -> Self {
        Self {
            reason: Reason::UnreadableDocument,
            url: None,
            pointer,
            body,
            message,
        }
    }

    /// Makes the entry for a member of an archive that is no data.
    #[must_use]
    pub fn side_file(pointer: String, body: &[u8], message: String) -> Self {
        Self {
            reason: Reason::SideFile,
            ..Self::unreadable(pointer, copy_beginning(body), message)
        }
    }

    /// Makes the entry for an object in the place of a list. `pointer` is the pointer to the
    /// document, and `body` is the document.
    #[must_use]
    pub fn lone_object(pointer: &str, body: &Bytes, object: &LoneObject) -> Self {
        let message = "an object in the place of a list of releases or records".to_owned();
        let pointer = [pointer, &object.pointer].concat();
        Self {
            reason: Reason::OtherKind,
            ..Self::unreadable(pointer, body.slice(object.range.clone()), message)
        }
    }

    /// Returns true if the document is a member of an archive that is no data.
    #[must_use]
    pub fn is_side_file(&self) -> bool {
        self.reason == Reason::SideFile
    }

    /// Estimates the memory of the document in bytes.
    #[must_use]
    pub fn estimate_memory(&self) -> usize {
        self.body.len() + size_of::<Self>() + DOCUMENT_OVERHEAD_BYTES
    }
}

/// A document that could be read, and where its items are. A page has one document, unless it
/// has one on each line, is an archive, or names documents that are fetched separately.
#[derive(Clone, Debug)]
pub struct Document {
    /// The URL of the document, with `{env.NAME}` in place of secrets. It is `None` if it is the
    /// page's own URL.
    pub url: Option<Arc<str>>,
    /// The beginning of the pointers of all items in the document. It is empty if the document is
    /// the whole page.
    pub pointer: String,
    /// The decoded document, without a byte order mark.
    pub body: Bytes,
    /// The items of the document.
    pub cut: Cut,
    /// The package around the items as JSON text, if there is one. Secrets are not replaced yet.
    pub package: Option<Arc<str>>,
}

impl Document {
    /// Makes the only document of a page.
    #[must_use]
    pub fn single_document(body: Bytes, cut: Cut) -> Self {
        Self {
            url: None,
            pointer: String::new(),
            body,
            cut,
            package: None,
        }
    }

    /// Counts the items of the document.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.cut.items.len()
    }

    /// Estimates the memory of the document in bytes, with the list of its items, which may be
    /// larger than the document.
    #[must_use]
    pub fn estimate_memory(&self) -> usize {
        let items = self.item_count() * size_of::<Item>();
        self.body.len() + items + size_of::<Self>() + DOCUMENT_OVERHEAD_BYTES
    }
}

/// The row that is stored for a page, in the same transaction as its releases.
#[derive(Clone, Debug)]
pub struct PageRecord {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The position of the next page. It is `None` only if the page is certainly the last one.
    pub next: Option<Position>,
    /// The URL of the page, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// The time when the page arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The package's own fields, if PostgreSQL can store them.
    pub package: Option<Value>,
    /// The URLs of the page and of the documents that it names.
    pub documents: Vec<Arc<str>>,
    /// The number of items on the page. They are releases, or the packages and records that
    /// contain releases.
    pub items: usize,
    /// The number of things on the page that are passed over and not kept in the quarantine.
    pub unkept: u64,
    /// The validators for a conditional request in a later run.
    pub validators: Validators,
    /// A digest of all the rules that turn the page's bytes into rows. A later run uses the
    /// validators only if its rules have the same digest. Otherwise it fetches the page in full.
    pub rules: Option<Arc<str>>,
}

/// The memory of a document on a page with many documents, in addition to the document itself:
/// its envelope or message, its URL and its pointer. No document needs more than this, in bytes.
const DOCUMENT_OVERHEAD_BYTES: usize = 500;

impl Page {
    /// Makes the only page of a feed from JSON that was not fetched: a release package, a record
    /// package, a release, a record, or an array of releases or records.
    ///
    /// # Errors
    /// [`Unexpected`](crate::error::Kind::Unexpected): the body is something else. The message
    /// names the URL and says what the body is.
    pub fn from_json(url: impl Into<String>, body: impl Into<Bytes>) -> Result<Self> {
        let (url, body) = (url.into(), body.into());
        let shapes = Items::default().shapes;
        let mut cut = json::cut(&body, &shapes).map_err(|json::Unreadable(message)| {
            Error::unexpected(format!("read {url}: the body is {message}"))
        })?;
        let package = package::write_text(&cut.envelope, cut.list_of_items());
        let envelope = cut.envelope.take();
        let second = cut.take_second();
        let lone_objects = cut.lone_objects.iter();
        let broken = lone_objects.map(|object| BrokenDocument::lone_object("", &body, object));
        let broken = broken.collect();
        let cuts = std::iter::once(cut).chain(second);
        let documents = cuts.map(|cut| Document {
            package: package.clone(),
            ..Document::single_document(body.clone(), cut)
        });
        Ok(Self {
            chain: Chain::default(),
            position: Position {
                number: 1,
                cursor: Cursor::Start,
            },
            next: None,
            total_pages: None,
            total_items: None,
            more_pages: None,
            url,
            fetched_at: Timestamp::now(),
            envelope,
            documents: documents.collect(),
            broken,
            entries: None,
            validators: Validators::default(),
        })
    }

    /// Returns the bytes of the items of all documents.
    pub(crate) fn iter_items(&self) -> impl Iterator<Item = &[u8]> {
        self.documents.iter().flat_map(|document| {
            let items = document.cut.items.iter();
            items.map(|item| &document.body[item.range.clone()])
        })
    }

    /// Estimates the memory of all documents of the page in bytes.
    #[must_use]
    pub fn estimate_memory(&self) -> usize {
        let documents = self.documents.iter().map(Document::estimate_memory);
        let broken = self.broken.iter().map(BrokenDocument::estimate_memory);
        let packages = self.documents.iter().filter_map(|it| it.package.as_ref());
        documents.chain(broken).sum::<usize>() + package::estimate_memory(packages)
    }

    /// Counts the items in all documents of the page. An unreadable document counts as one.
    #[must_use]
    pub fn count_document_items(&self) -> usize {
        let items = self.documents.iter().map(Document::item_count);
        items.sum::<usize>() + self.broken.len()
    }

    /// Counts the items of the page. For a page of an index, these are the index entries.
    #[must_use]
    pub fn item_count(&self) -> usize {
        let items = self.documents.iter().map(Document::item_count);
        self.entries.unwrap_or_else(|| items.sum())
    }

    /// Makes the row that is stored for the page, once its releases are extracted.
    #[must_use]
    pub fn into_record(self) -> PageRecord {
        let items = self.item_count();
        let mut documents = vec![Arc::from(&*self.url)];
        documents.extend(
            self.documents
                .into_iter()
                .filter_map(|document| document.url),
        );
        let package = Some(self.envelope).filter(|value| value.is_object() && is_storable(value));
        PageRecord {
            chain: self.chain,
            position: self.position,
            next: self.next,
            url: self.url,
            fetched_at: self.fetched_at,
            package,
            items,
            documents,
            unkept: 0,
            validators: self.validators,
            rules: None,
        }
    }
}

/// A page that no attempt could read.
#[derive(Clone, Debug)]
pub struct UnreadablePage {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The requested URL, before any redirect, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// The time when the page arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The bytes of the body that arrived. If the body is too large, only its first 64 KiB are
    /// kept.
    pub body: Bytes,
    /// The problem, as one clause that never quotes a value.
    pub message: String,
    /// True if the publisher refuses the page, so that no body arrived. The body of a skipped
    /// stretch names its end instead.
    pub is_refused: bool,
}

/// This many bytes are kept of a body that is too large. They are enough to see what it is.
pub(crate) const MAX_KEPT_BYTES: usize = 64 << 10;

/// Copies the beginning of a body that is too large, so that the rest can be freed.
pub(crate) fn copy_beginning(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(MAX_KEPT_BYTES)])
}

/// The reason why a body has no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// Nothing of the body can be read, or the body is cut short. The text is a clause that
    /// follows "the body is".
    Unreadable(String),
    /// The body exceeds a limit. A retry would exceed it again. The text is a clause that follows
    /// "the body is".
    TooLarge(String),
    /// The body says that there is no data, by `http.empty_if`.
    NoData,
}

impl Undecodable {
    /// Returns the reason as a clause that follows "the body is".
    #[must_use]
    pub fn into_message(self) -> String {
        match self {
            Undecodable::Unreadable(message) | Undecodable::TooLarge(message) => message,
            Undecodable::NoData => "a message that there is no data, by `http.empty_if`".into(),
        }
    }
}

impl From<json::Unreadable> for Undecodable {
    fn from(json::Unreadable(message): json::Unreadable) -> Self {
        Undecodable::Unreadable(message)
    }
}
