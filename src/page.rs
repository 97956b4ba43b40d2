//! The page: one response body, its place in the feed, and the position of the next page.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::json::{self, Cut, Item};
use crate::source::Items;

/// The place of a page in a feed, in the form that the next request needs.
///
/// Stored cursors have `{env.NAME}` in place of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The source's own URL: the first page of a feed of links, or a single document.
    Start,
    /// The absolute URL that the previous page named as the next one.
    Link(String),
    /// The publisher's page number.
    Number(u64),
    /// The number of items before the page.
    Offset(u64),
    /// The token for this page, which the previous page contained.
    Token(String),
    /// The rest of a file, after the piece that was read last.
    Piece(Mark),
    /// Some of the items that a page of an index names.
    Detail {
        /// The cursor of the index page.
        index: Box<Cursor>,
        /// The number of its items that come before these.
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

/// The end of a piece of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The number of the file's member, from 0. A file that is not an archive has one member.
    pub member: u64,
    /// The number of the text within the member, from 0, if the member is an archive itself.
    pub inner: u64,
    /// The number of bytes of the text before this place, decompressed and in UTF-8.
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

/// The name of a chain: a sequence of pages from a first page to the last one that follows.
///
/// A plain feed is one chain without a name. Where a feed is fetched in time windows or along
/// an axis, each window and each value is a chain of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(Arc<str>);

impl Chain {
    /// The longest name, in bytes. The name is part of a key, and PostgreSQL accepts keys of at
    /// most 2,704 bytes in a B-tree.
    pub const MOST_BYTES: usize = 2_500;

    /// Creates a chain name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the name; empty for a plain feed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A page that is not fetched yet: its number and its cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The publisher's page number if it has one; otherwise pages are counted from 1.
    pub number: u64,
    /// The place to fetch it from.
    pub cursor: Cursor,
}

impl Position {
    /// Returns true if this position follows a piece of a file and no page follows it.
    #[must_use]
    pub fn is_end_of_file(&self, next: Option<&Self>) -> bool {
        matches!(self.cursor, Cursor::Piece(_)) && next.is_none()
    }
}

/// A response that could be read, with its metadata.
#[derive(Clone, Debug)]
pub struct Page {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The position of the next page; `None` if the end of the feed was seen for
    /// certain.
    pub next: Option<Position>,
    /// The number of pages that the publisher states for the chain, if it does.
    pub total_pages: Option<u64>,
    /// The number of items that the publisher states for the chain, if it does.
    pub total_items: Option<u64>,
    /// The requested URL, before any redirect, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When the last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The page without its items: the package's own fields, if it has any.
    pub envelope: Value,
    /// The documents with their items. There is one, unless the page is a list of documents.
    pub parts: Vec<Part>,
    /// The documents that the page names and that are missing or unreadable.
    pub broken: Vec<BrokenDocument>,
    /// The number of index entries that the page covers, if it comes from an index.
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

    /// Fills the missing validators from others.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            etag: self.etag.or_else(|| others.etag.clone()),
            last_modified: self.last_modified.or_else(|| others.last_modified.clone()),
        }
    }
}

/// A page of an earlier run, with the validators that a request needs to ask whether it has
/// changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedPage {
    /// The earlier run.
    pub run_id: i64,
    /// The page's number in that run.
    pub number: u64,
    /// The position of the next page; `None` if it was the last of its chain.
    pub next: Option<Position>,
    /// The number of its items.
    pub items: usize,
    /// The validators that the server sent with it.
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
    /// When the server answered, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The validators for the next conditional request.
    pub validators: Validators,
    /// The page as the earlier run stored it.
    pub remembered: Arc<RememberedPage>,
}

impl UnchangedPage {
    /// Returns the position of the next page; `None` if this is the last of its chain. A feed
    /// of changes starts in the middle, so page numbers are counted from there.
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

/// A document that a page names and that is missing or unreadable.
#[derive(Clone, Debug)]
pub struct BrokenDocument {
    /// The server did not send anything that could be the document.
    pub is_missing: bool,
    /// The URL that was requested for it, with `{env.NAME}` in place of secrets; `None` if it
    /// came with the page.
    pub url: Option<Arc<str>>,
    /// The JSON Pointer to it on the page, or the page's name for it.
    pub place: String,
    /// The served bytes, as far as they arrived. If there are none, the index item that names
    /// the document.
    pub body: Bytes,
    /// The problem: a clause that follows "the document is", or the reason why it could not be
    /// fetched. It never quotes a value.
    pub message: String,
}

impl BrokenDocument {
    /// Creates the entry for an unreadable document that came with its page.
    #[must_use]
    pub fn unreadable(place: String, body: Bytes, message: String) -> Self {
        Self {
            is_missing: false,
            url: None,
            place,
            body,
            message,
        }
    }
}

/// A document of a page, split into its items.
#[derive(Clone, Debug)]
pub struct Part {
    /// The URL that served it, with `{env.NAME}` in place of secrets; `None` if it is the
    /// page's own URL.
    pub url: Option<Arc<str>>,
    /// The prefix of its items' pointers on the page. It is empty if the page is the document.
    pub place: String,
    /// The decoded document, without a byte order mark.
    pub body: Bytes,
    /// Its items.
    pub cut: Cut,
}

impl Part {
    /// Creates the only document of a page.
    #[must_use]
    pub fn whole(body: Bytes, cut: Cut) -> Self {
        Self {
            url: None,
            place: String::new(),
            body,
            cut,
        }
    }
}

/// The row that is stored for a page, in the same transaction as its releases.
#[derive(Clone, Debug)]
pub struct PageRecord {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The position of the next page; `None` if the end of the feed was seen for
    /// certain.
    pub next: Option<Position>,
    /// The URL of the page, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When the last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The package's own fields, if PostgreSQL can store them.
    pub package: Option<Value>,
    /// The URLs of its documents: the page, and the documents that it names.
    pub documents: Vec<Arc<str>>,
    /// The number of its items: releases, or the packages and records that contain them.
    pub items: usize,
    /// The validators for a conditional request in a later run.
    pub validators: Validators,
    /// A digest of all the rules that turn the page's bytes into rows. A later run uses the
    /// validators only if its rules have the same digest. With another digest, or none, it
    /// fetches the page in full.
    pub rules: Option<Arc<str>>,
}

impl Part {
    /// Estimates the memory that it takes in bytes: the document and the list of its items,
    /// which may be larger.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let items = self.cut.items.len() * size_of::<Item>();
        self.body.len() + items + size_of::<Self>() + DOCUMENT_OVERHEAD_BYTES
    }
}

impl BrokenDocument {
    /// Estimates the memory that it takes in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len() + size_of::<Self>() + DOCUMENT_OVERHEAD_BYTES
    }
}

/// The largest overhead of one document in bytes, where a page has many: its envelope or
/// message, and its URL and place.
const DOCUMENT_OVERHEAD_BYTES: usize = 500;

impl Page {
    /// Creates the only page of a feed from JSON that was not fetched: a release package, a
    /// record package, an array of releases or of records, or one of them.
    ///
    /// # Errors
    /// [`Unexpected`](crate::error::Kind::Unexpected): the body is something else. The message
    /// names the URL and says what the body is.
    pub fn from_json(url: impl Into<String>, body: impl Into<Bytes>) -> Result<Self> {
        let (url, body) = (url.into(), body.into());
        let mut cut =
            json::cut(&body, &Items::default().shapes).map_err(|json::Unreadable(message)| {
                Error::unexpected(format!("read {url}: the body is {message}"))
            })?;
        Ok(Self {
            chain: Chain::default(),
            position: Position {
                number: 1,
                cursor: Cursor::Start,
            },
            next: None,
            total_pages: None,
            total_items: None,
            url,
            fetched_at: Timestamp::now(),
            envelope: cut.envelope.take(),
            parts: vec![Part::whole(body, cut)],
            broken: Vec::new(),
            entries: None,
            validators: Validators::default(),
        })
    }

    /// Estimates the memory of its documents in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(Part::bytes);
        parts
            .chain(self.broken.iter().map(BrokenDocument::bytes))
            .sum()
    }

    /// Counts the items of its documents. An unreadable document counts as one.
    #[must_use]
    pub fn count_document_items(&self) -> usize {
        let items = self.parts.iter().map(|part| part.cut.items.len());
        items.sum::<usize>() + self.broken.len()
    }

    /// Counts its items; for a page of an index, the index entries.
    #[must_use]
    pub fn items(&self) -> usize {
        if let Some(entries) = self.entries {
            return entries;
        }
        self.parts.iter().map(|part| part.cut.items.len()).sum()
    }

    /// Builds the row that is stored for the page after its releases were extracted.
    #[must_use]
    pub fn into_record(self) -> PageRecord {
        let items = self.items();
        let mut documents = vec![Arc::from(&*self.url)];
        documents.extend(self.parts.into_iter().filter_map(|part| part.url));
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
            validators: self.validators,
            rules: None,
        }
    }
}

/// Returns true if PostgreSQL can store all the text of a value, that is, if there is no NUL.
fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(entries) => entries.iter().all(is_storable),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| !name.contains('\0') && is_storable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A page that could not be read, even after its retries.
#[derive(Clone, Debug)]
pub struct UnreadablePage {
    /// The chain that the page belongs to.
    pub chain: Chain,
    /// The position of the page in its chain.
    pub position: Position,
    /// The requested URL, before any redirect, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When the last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The body as far as it arrived. Of a body that is too large, only the first 64 KiB are
    /// kept.
    pub body: Bytes,
    /// The problem: one clause, which never quotes a value.
    pub message: String,
}

/// The number of bytes that are kept of a body that is too large. They are enough to see what
/// it is.
pub(crate) const MOST_KEPT_BYTES: usize = 64 << 10;

/// Copies the beginning of a body that is too large, so that the rest can be freed.
pub(crate) fn copy_beginning(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(MOST_KEPT_BYTES)])
}

/// The reason why a body could not be decoded: a clause that follows "the body is".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// No part of it can be read, or it is cut short.
    Unreadable(String),
    /// It exceeds a limit. A retry would exceed it again.
    TooLarge(String),
}

impl From<json::Unreadable> for Undecodable {
    fn from(json::Unreadable(message): json::Unreadable) -> Self {
        Undecodable::Unreadable(message)
    }
}
