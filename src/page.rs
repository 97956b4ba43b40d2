//! The page: one response body, where it was in its feed, and what follows it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::json::{self, Cut, Item};

/// Where a page is in a feed, as the next request needs it.
///
/// What is stored of it carries `{env.NAME}` wherever a secret is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// The source's own URL: the first page of a link feed, or all of a single document.
    Start,
    /// The URL that the page before named as the next one, absolute.
    Link(String),
    /// The publisher's page number.
    Number(u64),
    /// How many items come before the page.
    Offset(u64),
    /// What the page before gave to ask for this one by.
    Token(String),
    /// What follows a piece of a file.
    Piece(Mark),
    /// Some of what a page of an index names.
    Detail {
        /// The page of the index.
        index: Box<Cursor>,
        /// How many of its items come before.
        skip: u64,
        /// A digest of those, by which it is known whether the index has changed.
        seen: String,
    },
}

impl Cursor {
    /// Reads back what [`fmt::Display`] wrote; `None` if it never did.
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

/// Where a piece of a file ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Which member of the file, counted from 0; a file that is no archive is one.
    pub member: u64,
    /// Which text of an archive that is such a member, counted from 0.
    pub inner: u64,
    /// How many bytes of the text come before, decompressed and in UTF-8.
    pub offset: u64,
    /// A digest of what comes before in the text, and of the names, sizes and
    /// checksums of the members before it: by it the same file is known.
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

/// The name of a chain: one walk of a run, from a first page along what follows.
///
/// A plain feed is one chain without a name. Where a feed is walked in windows of
/// time or along an axis, each window and value is a chain of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chain(Arc<str>);

impl Chain {
    /// The longest name, in bytes. It is in a key, and PostgreSQL takes 2,704 bytes of
    /// one into a B-tree.
    pub const MOST_BYTES: usize = 2_500;

    /// The chain of that name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name; empty for a plain feed.
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

/// A page still to be fetched: its number and how to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The publisher's page number where it has one, else counted from 1.
    pub number: u64,
    /// How to ask for it.
    pub cursor: Cursor,
}

impl Position {
    /// Whether it is in a file, behind a piece of it, and nothing follows.
    #[must_use]
    pub fn is_end_of_file(&self, next: Option<&Self>) -> bool {
        matches!(self.cursor, Cursor::Piece(_)) && next.is_none()
    }
}

/// One response that could be read, and what came with it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The walk it belongs to.
    pub chain: Chain,
    /// Where it is in its chain.
    pub position: Position,
    /// What follows it; `None` if the end of the feed was positively seen.
    pub next: Option<Position>,
    /// How many pages the chain says it has, where it does.
    pub total_pages: Option<u64>,
    /// How many items the chain says it has, where it does.
    pub total_items: Option<u64>,
    /// The URL it was asked for by, before any redirect, with `{env.NAME}` in
    /// place of secrets.
    pub url: String,
    /// When its last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The page without its items: the package's own fields, where it has any.
    pub envelope: Value,
    /// Its documents with their items: one, unless it is a list of documents.
    pub parts: Vec<Part>,
    /// The documents it names that are not there or cannot be read.
    pub broken: Vec<Broken>,
    /// How many entries of an index it is made of, if of any.
    pub entries: Option<usize>,
    /// By what its server can tell later whether it has changed.
    pub validators: Validators,
}

/// What a server says of a page by which it can tell later whether the page has
/// changed, as it was served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// These, and of the others what these do not say.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            etag: self.etag.or_else(|| others.etag.clone()),
            last_modified: self.last_modified.or_else(|| others.last_modified.clone()),
        }
    }
}

/// What a run before made of a page, and by what its server can be asked whether it
/// has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The run.
    pub run_id: i64,
    /// The page's number in that run.
    pub number: u64,
    /// What followed it; `None` if it was the last of its chain.
    pub next: Option<Position>,
    /// How many items it has.
    pub items: usize,
    /// What its server said of it.
    pub validators: Validators,
}

/// A page that has not changed since a run before, by what its server says.
#[derive(Clone, Debug)]
pub struct UnchangedPage {
    /// The walk it belongs to.
    pub chain: Chain,
    /// Where it is in its chain.
    pub position: Position,
    /// The URL it was asked for by, before any redirect, with `{env.NAME}` in
    /// place of secrets.
    pub url: String,
    /// When its server said so, by this machine's clock.
    pub fetched_at: Timestamp,
    /// By what its server can tell the next time.
    pub validators: Validators,
    /// What that run made of it.
    pub remembered: Arc<Remembered>,
}

impl UnchangedPage {
    /// What follows it; `None` if it is the last of its chain. A feed of changes begins
    /// in its middle, and its pages are counted from there.
    #[must_use]
    pub fn next(&self) -> Option<Position> {
        let Remembered { number, next, .. } = &*self.remembered;
        let next = next.as_ref()?;
        let step = next.number.saturating_sub(*number);
        Some(Position {
            number: self.position.number.saturating_add(step),
            cursor: next.cursor.clone(),
        })
    }
}

/// A document that a page names and that is not there or cannot be read.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Whether it answered with anything that could be a document.
    pub is_missing: bool,
    /// Where it was asked for, with `{env.NAME}` in place of secrets, if not with
    /// the page.
    pub url: Option<Arc<str>>,
    /// Where it was on the page, as a JSON Pointer, or what the page calls it.
    pub place: String,
    /// What was served: the document as far as it came, else what names it.
    pub body: Bytes,
    /// What it is instead, a clause that goes on after "the document is", or why it
    /// could not be had; never a value.
    pub message: String,
}

impl Broken {
    /// A document that came with its page.
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

/// A document of a page, cut into its items.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it came from, with `{env.NAME}` in place of secrets, if not from
    /// the page's own URL.
    pub url: Option<Arc<str>>,
    /// What its items' pointers are behind on the page; empty if the page is the
    /// document.
    pub place: String,
    /// The decoded document, without a byte order mark.
    pub body: Bytes,
    /// What it was cut into.
    pub cut: Cut,
}

impl Part {
    /// The document that a page is by itself.
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

/// What is remembered of a page, in the transaction of its releases.
#[derive(Clone, Debug)]
pub struct PageRecord {
    /// The walk it belongs to.
    pub chain: Chain,
    /// Where it is in its chain.
    pub position: Position,
    /// What follows it; `None` if the end of the feed was positively seen.
    pub next: Option<Position>,
    /// The URL it came from, with `{env.NAME}` in place of secrets.
    pub url: String,
    /// When its last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The package's own fields, if PostgreSQL can hold them.
    pub package: Option<Value>,
    /// Where its documents came from: the page, and what it names.
    pub documents: Vec<Arc<str>>,
    /// How many items it has: releases, or packages and records that hold them.
    pub items: usize,
    /// By what its server can tell later whether it has changed.
    pub validators: Validators,
    /// A digest of all that its bytes become rows by: under another one it is asked for
    /// afresh, and so it is where there is none.
    pub rules: Option<Arc<str>>,
}

impl Part {
    /// About how many bytes of memory it takes: its document, and what is known of each
    /// item, which may be more.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let items = self.cut.items.len() * size_of::<Item>();
        self.body.len() + items + size_of::<Self>() + OF_DOCUMENT
    }
}

impl Broken {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len() + size_of::<Self>() + OF_DOCUMENT
    }
}

/// What a document takes beside itself, at the most, where there are many: what is around
/// its items, or a message, and where it is.
const OF_DOCUMENT: usize = 500;

impl Page {
    /// About how many bytes of memory its documents take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(Part::bytes);
        parts.chain(self.broken.iter().map(Broken::bytes)).sum()
    }

    /// How many items its documents have, and of those that are broken one each.
    #[must_use]
    pub fn entries_of_documents(&self) -> usize {
        let items = self.parts.iter().map(|part| part.cut.items.len());
        items.sum::<usize>() + self.broken.len()
    }

    /// How many items it has; of an index, entries.
    #[must_use]
    pub fn items(&self) -> usize {
        if let Some(entries) = self.entries {
            return entries;
        }
        self.parts.iter().map(|part| part.cut.items.len()).sum()
    }

    /// What is remembered of the page once its releases are taken out of it.
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

/// Whether PostgreSQL's text can hold all the text of a value: no NUL.
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
    /// The walk it belongs to.
    pub chain: Chain,
    /// Where it is in its chain.
    pub position: Position,
    /// The URL it was asked for by, before any redirect, with `{env.NAME}` in
    /// place of secrets.
    pub url: String,
    /// When its last byte arrived, by this machine's clock.
    pub fetched_at: Timestamp,
    /// The body as far as it came; the first 64 KiB of one that is too large.
    pub body: Bytes,
    /// What was wrong with it: one clause, never a value.
    pub message: String,
}
/// How much is kept of a body that is too large: enough to see what it is.
pub(crate) const KEPT_OF_TOO_LARGE: usize = 64 << 10;

/// What is kept of a body that is too large: a copy, so that the rest can be freed.
pub(crate) fn beginning(body: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&body[..body.len().min(KEPT_OF_TOO_LARGE)])
}

/// Why a body was not decoded: a clause that goes on after "the body is".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecodable {
    /// Nothing of it can be read, or it is cut short.
    Unreadable(String),
    /// It is over a limit, and will be the next time.
    TooLarge(String),
}

impl From<json::Unreadable> for Undecodable {
    fn from(json::Unreadable(message): json::Unreadable) -> Self {
        Undecodable::Unreadable(message)
    }
}
