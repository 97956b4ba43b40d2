//! Stage 2: page bytes in, releases and rejects out.
//!
//! Extract is a pure function that cannot fail. Each item of a page becomes releases, or rejects
//! that keep the served bytes. Only the key and the columns of a release are read, in the pass
//! that checks its JSON. No tree is built, and deep nesting needs no recursion, so hostile input
//! can exhaust neither memory nor the stack. A release of version 1.0 of the standard is upgraded
//! to 1.1.
//!
//! # What is refused
//!
//! A release is refused here if PostgreSQL cannot store it and this can be known without a
//! server: it is not UTF-8, it has `\u0000` or half of a surrogate pair, it nests too deep, it
//! has millions of values, or a number of thousands of digits. If the source names a repair for
//! the defect, the release is repaired instead. The sink finds what only the server can know.

mod amount;
mod column;
mod date;
mod hash;
mod read;
mod repair;
mod unpack;
mod upgrade;
mod version;

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::Value;

use self::unpack::{Item, Unpacker, kind_by_place};
use crate::config;
use crate::json::{Cut, Loose, Scanner};
use crate::page::{BrokenDocument, Page, Part};
use crate::release::{Reason, Reject, Release};
use crate::source::{Kind, Repair, Source, Version};

/// The options for reading the items of a source's pages.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deepest nesting of a release that is kept.
    pub max_depth: usize,
    /// The most values of a release that is kept, including the release itself.
    pub max_values: usize,
    /// The most items of a page. Items within an item count in its place.
    pub max_items: usize,
    /// The time zone of dates without an offset.
    pub zone: TimeZone,
    /// The kind of the items; with `None`, each item shows its own.
    pub kind: Option<Kind>,
    /// The version of the standard; with `None`, the package of the items shows it.
    pub version: Option<Version>,
    /// The repairs for releases that could not be stored otherwise.
    pub repair: Vec<Repair>,
}

impl Options {
    /// Creates the options for a source.
    #[must_use]
    pub fn new(source: &Source, settings: &config::Extract) -> Self {
        Self {
            max_depth: settings.max_depth,
            max_values: settings.max_values,
            zone: source.zone.clone(),
            kind: source.items.kind,
            version: source.items.version,
            repair: source.decode.repair.clone(),
            ..Self::default()
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let settings = config::Extract::default();
        Self {
            max_depth: settings.max_depth,
            max_values: settings.max_values,
            max_items: config::Fetch::default().max_items,
            zone: TimeZone::UTC,
            kind: None,
            version: None,
            repair: Vec::new(),
        }
    }
}

/// The items of a page, in their order on the page.
#[derive(Clone, Debug, Default)]
pub struct Extracted {
    /// The releases that can be stored, including compiled releases.
    pub releases: Vec<Release>,
    /// The items that cannot be stored.
    pub rejects: Vec<Reject>,
    /// The number of releases with a `tender/value/amount` that is not an amount, or has more
    /// digits than its column holds. Their column is null.
    pub unread_amounts: u64,
}

impl Extracted {
    /// Estimates its memory in bytes, without the page that it was read from.
    pub(crate) fn bytes(&self) -> usize {
        let releases = self.releases.iter().map(Release::bytes);
        releases.chain(self.rejects.iter().map(Reject::bytes)).sum()
    }
}

/// Extracts the items of a page.
#[must_use]
pub fn extract(page: &Page, options: &Options) -> Extracted {
    extract_documents(&page.parts, &page.broken, &page.envelope, options)
}

/// Extracts the items of documents, and keeps the documents that could not be read. If a document
/// is the whole page, `envelope` is the page without its items.
#[must_use]
pub fn extract_documents(
    parts: &[Part],
    broken: &[BrokenDocument],
    envelope: &Value,
    options: &Options,
) -> Extracted {
    let count = parts.iter().map(|part| part.cut.items.len()).sum();
    let mut items = Unpacker::new(options, count);
    for part in parts {
        // if a page is one document, its envelope has moved to the page
        let around = match &part.cut.envelope {
            Value::Null if part.place.is_empty() => envelope,
            envelope => envelope,
        };
        items.set_url(part.url.as_ref());
        items.add_document(&part.body, &part.place, &part.cut, around);
    }
    let mut extracted = items.into_extracted();
    extracted.rejects.extend(broken.iter().map(reject_document));
    extracted
}

/// Creates the reject of a document that is missing or cannot be read.
fn reject_document(document: &BrokenDocument) -> Reject {
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

/// Extracts the items of a body that was not fetched, after [`cut`](crate::json::cut()) has found
/// them.
#[must_use]
pub fn extract_items(body: &Bytes, cut: &Cut, options: &Options) -> Extracted {
    let mut items = Unpacker::new(options, cut.items.len());
    items.add_document(body, "", cut, &cut.envelope);
    items.into_extracted()
}

/// Extracts one item that quarantine has kept. `version` is the version of its package.
#[must_use]
pub fn extract_document(
    document: &Bytes,
    pointer: &str,
    version: Option<Version>,
    options: &Options,
) -> Extracted {
    let mut items = Unpacker::new(options, 1);
    let item = Item {
        pointer: pointer.to_owned(),
        served: document.clone(),
        // an item that the scanner cannot pass is refused, because it is not JSON
        depth: measure_depth(document).unwrap_or_default(),
        kind: match options.kind {
            Some(Kind::Release) => options.kind,
            told => kind_by_place(pointer).or(told),
        },
        version: options.version.or(version),
    };
    if pointer.ends_with(COMPILED_RELEASE) {
        items.add_compiled_release(item);
    } else {
        items.add(item);
    }
    items.into_extracted()
}

/// Returns the depth of a JSON value, or `None` if its brackets do not match.
fn measure_depth(value: &[u8]) -> Option<usize> {
    Scanner::new(value, 0, Loose).skip_value().ok()
}

/// The end of the pointer to a record's compiled release.
const COMPILED_RELEASE: &str = "/compiledRelease";

#[cfg(test)]
mod tests;
