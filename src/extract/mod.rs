//! Stage 2: turns the bytes of a page into releases and rejects.
//!
//! Extract is a pure function that cannot fail. Each item of a page becomes releases, or rejects
//! that keep the served bytes. Only the key and the columns of a release are read, in the same
//! pass that checks the release's JSON. The release is not parsed into a tree, and deep nesting
//! needs no recursion. So hostile input can exhaust neither memory nor the stack. A release of
//! version 1.0 of the standard is upgraded to 1.1.
//!
//! # What is refused
//!
//! A release is refused here if it is known without a server that PostgreSQL cannot store it. It
//! is refused if it is not UTF-8, if it has `\u0000` or half of a surrogate pair, if it nests too
//! deep, if it has millions of values, or if it has a number with thousands of digits. If the
//! source names a repair for the defect, the release is repaired instead. Defects that only the
//! server can know are found by the sink.

mod column;
mod hash;
mod read;
mod repair;
mod unpack;
mod upgrade;
mod version;

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::tz::TimeZone;
use serde_json::Value;

use self::read::Item;
use self::unpack::{Unpacker, find_kind_by_place};
use crate::config;
use crate::json::{Cut, Loose, Scanner};
use crate::package::{self, Package};
use crate::page::{BrokenDocument, Document, Page};
use crate::redact::Redactor;
use crate::release::{Reason, Reject, Release, ValueCounts};
use crate::source::{Kind, OcidPattern, Repair, Source, Version};

/// The options that decide how the items of a source's pages are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The maximum depth of a release. A deeper release is rejected.
    pub max_depth: usize,
    /// The maximum number of values of a release, including the release itself. A release with
    /// more values is rejected.
    pub max_values: usize,
    /// The maximum number of items of a page. If an item contains other items, those are counted
    /// instead of it.
    pub max_items: usize,
    /// The time zone in which dates without an offset are read.
    pub zone: TimeZone,
    /// The kind of the items. If it is `None`, the content of each item decides.
    pub kind: Option<Kind>,
    /// The version of the standard. If it is `None`, the package that contains the items decides.
    pub version: Option<Version>,
    /// True if each release whose only tag is `compiled` is a compiled release.
    pub compiled: bool,
    /// The pattern that finds the ocid in the `id` of a release without an ocid.
    pub ocid_from_id: Option<OcidPattern>,
    /// True if PostgreSQL will store the releases. Otherwise a release may have values that
    /// PostgreSQL cannot store, and needs no `id` if it has a `date` or a `tag`.
    pub is_stored: bool,
    /// The repairs that are tried on releases that could not be stored otherwise.
    pub repair: Vec<Repair>,
    /// Replaces the source's secrets in packages.
    pub redactor: Redactor,
}

impl Options {
    /// Creates the options for the pages of a source.
    #[must_use]
    pub fn new(source: &Source, settings: &config::Extract) -> Self {
        Self {
            max_depth: settings.max_depth,
            max_values: settings.max_values,
            zone: source.zone.clone(),
            kind: source.items.kind,
            version: source.items.version,
            compiled: source.items.compiled,
            ocid_from_id: source.items.ocid_from_id.clone(),
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
            compiled: false,
            ocid_from_id: None,
            is_stored: true,
            repair: Vec::new(),
            redactor: Redactor::default(),
        }
    }
}

/// The releases and rejects of a page, each in their order on the page.
#[derive(Clone, Debug, Default)]
pub struct Extracted {
    /// The releases that can be stored, including compiled releases.
    pub releases: Vec<Release>,
    /// The rejects for the items that cannot be stored.
    pub rejects: Vec<Reject>,
    /// The number of things that are passed over for each reason, in addition to those among
    /// `rejects`. They are not kept: a link has nothing of its release but the URL, and a record
    /// may have thousands of links. Nor are side files beyond a limit.
    pub unkept: BTreeMap<&'static str, u64>,
    /// The number of releases of which something was inferred, by what it is:
    /// [`OCID_OF_RECORD`](crate::release::OCID_OF_RECORD),
    /// [`OCID_OF_ID`](crate::release::OCID_OF_ID), [`COMPILED_BY_ID`] or [`VERSION_1_0`].
    pub inferred: BTreeMap<&'static str, u64>,
    /// The number of values for the typed columns of the releases. If a value could not be read,
    /// its column is null.
    pub values: ValueCounts,
    /// The number of places in lists of releases that have a comma too many.
    pub extra_commas: u64,
}

impl Extracted {
    /// Counts the rejects without those that are passed over.
    #[must_use]
    pub fn count_rejects(&self) -> usize {
        let rejects = self.rejects.iter();
        rejects.filter(|it| !it.reason.is_passed_over()).count()
    }

    fn count_unkept(&mut self, reason: Reason) {
        *self.unkept.entry(reason.as_str()).or_default() += 1;
    }

    /// Counts what is passed over, by reason.
    #[must_use]
    pub fn count_passed_over(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = self.unkept.clone();
        let kept = self.rejects.iter().map(|reject| reject.reason);
        for reason in kept.filter(|reason| reason.is_passed_over()) {
            *counts.entry(reason.as_str()).or_default() += 1;
        }
        counts
    }

    /// Estimates the memory of the releases and rejects in bytes, without the page from which they
    /// were read.
    pub(crate) fn estimate_memory(&self) -> usize {
        let releases = self.releases.iter().map(Release::estimate_memory);
        let rejects = self.rejects.iter().map(Reject::estimate_memory);
        let packages = self.packages().filter_map(|package| package.text.as_ref());
        releases.chain(rejects).sum::<usize>() + package::estimate_memory(packages)
    }

    /// Returns the package of each release and each reject that has one.
    fn packages(&self) -> impl Iterator<Item = &Package> {
        let releases = self.releases.iter().map(|it| &it.package);
        let rejects = self.rejects.iter().map(|it| &it.package);
        releases.chain(rejects).filter_map(Option::as_deref)
    }
}

/// Extracts the releases and rejects of a page.
#[must_use]
pub fn extract(page: &Page, options: &Options) -> Extracted {
    extract_documents(&page.documents, &page.broken, &page.envelope, options)
}

/// Extracts the releases and rejects of several documents. Documents that could not be read
/// become rejects. If a document is the whole page, `envelope` is the page without its items.
#[must_use]
pub fn extract_documents(
    documents: &[Document],
    broken: &[BrokenDocument],
    envelope: &Value,
    options: &Options,
) -> Extracted {
    let count = documents.iter().map(Document::item_count).sum();
    let mut items = Unpacker::new(options, count);
    for document in documents {
        // If the page consists of one document, the envelope of the document was moved to the
        // page.
        let around = match &document.cut.envelope {
            Value::Null if document.pointer.is_empty() => envelope,
            envelope => envelope,
        };
        items.set_url(document.url.as_ref());
        items.set_package(document.package.as_ref());
        items.add_document(&document.body, &document.pointer, &document.cut, around);
    }
    let mut extracted = items.into_extracted();
    for document in broken {
        match document.body.is_empty() && document.is_side_file() {
            true => extracted.count_unkept(Reason::SideFile),
            false => extracted.rejects.push(reject_document(document)),
        }
    }
    extracted
}

/// Creates the reject for a document that is missing, cannot be read or is no data.
fn reject_document(document: &BrokenDocument) -> Reject {
    let BrokenDocument {
        reason,
        url,
        pointer,
        body,
        message,
    } = document.clone();
    let message = match reason {
        Reason::MissingDocument | Reason::UnfetchedDocument => {
            format!("what the page names could not be had: {message}")
        }
        _ => format!("the document is {message}"),
    };
    Reject {
        reason,
        url,
        ..Reject::unreadable_document(body, pointer, message)
    }
}

/// Extracts the items of a body that was not fetched. [`cut`](crate::json::cut()) must have found
/// the items.
#[must_use]
pub fn extract_items(body: &Bytes, cut: &Cut, options: &Options) -> Extracted {
    let mut items = Unpacker::new(options, cut.item_count());
    let package = package::write_text(&cut.envelope, cut.list_of_items());
    items.set_package(package.as_ref());
    items.add_document(body, "", cut, &cut.envelope);
    if let Some(second) = &cut.second {
        items.add_document(body, "", second, &cut.envelope);
    }
    let mut extracted = items.into_extracted();
    let lone_objects = cut.lone_objects.iter();
    extracted.rejects.extend(
        lone_objects.map(|object| reject_document(&BrokenDocument::lone_object("", body, object))),
    );
    extracted
}

/// Extracts one item that was kept in the quarantine. `version` is the version of the package
/// that contained the item. `ocid` is the ocid of the record that contained the item; an item
/// that has an ocid keeps its own.
#[must_use]
pub fn extract_document(
    document: &Bytes,
    pointer: &str,
    version: Option<Version>,
    ocid: Option<&str>,
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
            kind => find_kind_by_place(pointer).or(kind),
        },
        version: options.version.or(version),
        record_ocid: ocid.map(Into::into),
        package: None,
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

/// The `release_id` of a release that has no `id`, if it needs none. No stored release can have it.
pub const NO_ID: &str = "\0";

/// The name of the inference that a release is a compiled release, because its only tag is
/// `compiled` and its `id` is made of its ocid and its date.
pub const COMPILED_BY_ID: &str = "compiled-by-id";

/// The name of what is inferred of a release that is read as version 1.0 although nothing states
/// its version.
pub const VERSION_1_0: &str = "version-1.0";

/// The end of the pointer to a record's compiled release.
const COMPILED_RELEASE: &str = "/compiledRelease";

#[cfg(test)]
mod tests;
