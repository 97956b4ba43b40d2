//! Stage 2: page bytes in, releases and rejects out.
//!
//! A pure function that cannot fail: every item of a page becomes releases or
//! rejects, which keep the bytes they were served in. Of a release only its key and
//! its columns are read, in the pass that validates it; no tree is built, and
//! what is deeply nested is walked, not recursed into. A release of version 1.0 of
//! the standard is rewritten as 1.1 has it.
//!
//! What keeps PostgreSQL from storing a release and can be known here is found
//! here: text that is not UTF-8, `\u0000`, half a surrogate pair, nesting, millions of
//! values, numbers of thousands of digits. Such a release is repaired where the source asks for it
//! by name, and refused where it does not. What only the server can know, it says
//! when the sink asks it.

mod amount;
mod column;
mod date;
mod hash;
mod item;
mod read;
mod repair;
mod unpack;
mod upgrade;
mod version;

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::Value;

use self::item::Item;
use self::unpack::{Items, kind_by_place};
use crate::config;
use crate::json::{Cut, Loose, Scanner};
use crate::page::{BrokenDocument, Page, Part};
use crate::release::{Reason, Reject, Release};
use crate::source::{Kind, Repair, Source, Version};

/// How the items of a source's pages are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deepest nesting of a release that is kept.
    pub max_depth: usize,
    /// The most values that a release that is kept may hold, itself among them.
    pub max_values: usize,
    /// The most items of a page, those within others in place of these.
    pub max_items: usize,
    /// The time zone of dates without an offset.
    pub zone: TimeZone,
    /// What the items are; `None` is told from each.
    pub kind: Option<Kind>,
    /// The version of the standard they are written in; `None` is told from their
    /// package.
    pub version: Option<Version>,
    /// The repairs of what could not be stored otherwise.
    pub repair: Vec<Repair>,
}

impl Options {
    /// How the items of a source are read.
    #[must_use]
    pub fn new(source: &Source, settings: &config::Extract) -> Self {
        Self {
            max_depth: settings.max_depth,
            max_values: settings.max_values,
            max_items: config::Fetch::default().max_items,
            zone: source.zone.clone(),
            kind: source.items.kind,
            version: source.items.version,
            repair: source.decode.repair.clone(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let config::Extract {
            max_depth,
            max_values,
        } = config::Extract::default();
        Self {
            max_depth,
            max_values,
            max_items: config::Fetch::default().max_items,
            zone: TimeZone::UTC,
            kind: None,
            version: None,
            repair: Vec::new(),
        }
    }
}

/// The items of a page, in the order they were served.
#[derive(Clone, Debug, Default)]
pub struct Extracted {
    /// What can be stored, compiled releases among them.
    pub releases: Vec<Release>,
    /// What cannot.
    pub rejects: Vec<Reject>,
    /// How many of the releases have a `tender/value/amount` that is no amount, or has
    /// more digits than its column holds: the column is null.
    pub unread_amounts: u64,
}

impl Extracted {
    /// About how many bytes of memory it takes beside the page that it was read from.
    pub(crate) fn bytes(&self) -> usize {
        let releases = self.releases.iter().map(Release::bytes);
        releases.chain(self.rejects.iter().map(Reject::bytes)).sum()
    }
}

/// Reads the items of a page.
#[must_use]
pub fn extract(page: &Page, options: &Options) -> Extracted {
    extract_documents(&page.parts, &page.broken, &page.envelope, options)
}

/// Reads the items of documents, and keeps those that are broken; of one that is
/// the page by itself, `envelope` is what is around its items.
#[must_use]
pub fn extract_documents(
    parts: &[Part],
    broken: &[BrokenDocument],
    envelope: &Value,
    options: &Options,
) -> Extracted {
    let count = parts.iter().map(|part| part.cut.items.len()).sum();
    let mut items = Items::new(options, count);
    for part in parts {
        // of a page that is one document the envelope has moved to the page
        let around = match &part.cut.envelope {
            Value::Null if part.place.is_empty() => envelope,
            envelope => envelope,
        };
        items.come_from(part.url.as_ref());
        items.take_all(&part.body, &part.place, &part.cut, around);
    }
    let mut extracted = items.extracted();
    extracted.rejects.extend(broken.iter().map(reject));
    extracted
}

/// A document that is not there or cannot be read, as what is kept of it.
fn reject(document: &BrokenDocument) -> Reject {
    let BrokenDocument {
        is_missing,
        url,
        place,
        body,
        message,
    } = document.clone();
    let (reason, message) = if is_missing {
        let message = format!("what the page names could not be had: {message}");
        (Reason::MissingDocument, message)
    } else {
        let message = format!("the document is {message}");
        (Reason::UnreadableDocument, message)
    };
    Reject {
        reason,
        url,
        ..Reject::unreadable_document(body, place, message)
    }
}

/// Reads the items of a body that came another way than by fetch, once
/// [`cut`](crate::json::cut()) has found them.
#[must_use]
pub fn extract_items(body: &Bytes, cut: &Cut, options: &Options) -> Extracted {
    let mut items = Items::new(options, cut.items.len());
    items.take_all(body, "", cut, &cut.envelope);
    items.extracted()
}

/// Reads one item that is kept by itself, as quarantine keeps them, and that is
/// of a package of that version.
#[must_use]
pub fn extract_document(
    document: &Bytes,
    pointer: &str,
    version: Option<Version>,
    options: &Options,
) -> Extracted {
    let mut items = Items::new(options, 1);
    let item = Item {
        pointer: pointer.to_owned(),
        served: document.clone(),
        // what the scanner cannot pass is not JSON, and refused for that
        depth: Scanner::new(document, 0, Loose).value().unwrap_or_default(),
        kind: match options.kind {
            Some(Kind::Release) => options.kind,
            told => kind_by_place(pointer).or(told),
        },
        version: options.version.or(version),
    };
    if pointer.ends_with(COMPILED_RELEASE) {
        items.compiled_release(item);
    } else {
        items.take(item);
    }
    items.extracted()
}

/// What the pointer of a record's compiled release ends in.
const COMPILED_RELEASE: &str = "/compiledRelease";

#[cfg(test)]
mod tests;
