//! Stage 2: page bytes in, releases and rejects out.
//!
//! A pure function that cannot fail: every item of a page becomes a release or
//! a reject, and keeps the bytes it was served in. Of a release only its key and
//! its columns are read, in the pass that validates it; no tree is built, and
//! what is deeply nested is walked, not recursed into. Nothing is repaired.
//!
//! What keeps PostgreSQL from storing a release and can be known here is found
//! here: text that is not UTF-8, `\u0000`, half a surrogate pair, nesting. What
//! only the server can know, it says when the sink asks it.

mod amount;
mod column;
mod date;
mod hash;

use bytes::Bytes;
use jiff::tz::TimeZone;

use self::column::Reading;
use crate::config;
use crate::json::{Cut, Item, Loose, Scanner, Unstorable};
use crate::page::{Broken, Page};
use crate::release::{Key, Reason, Reject, Release};
use crate::source::Source;

/// How the items of a source's pages are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The deepest nesting of a release that is kept.
    pub max_depth: usize,
    /// The time zone of dates without an offset.
    pub zone: TimeZone,
}

impl Options {
    /// How the items of a source are read.
    #[must_use]
    pub fn new(source: &Source, settings: &config::Extract) -> Self {
        Self {
            max_depth: settings.max_depth,
            zone: source.zone.clone(),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_depth: config::Extract::default().max_depth,
            zone: TimeZone::UTC,
        }
    }
}

/// The items of a page, in the order they were served.
#[derive(Clone, Debug, Default)]
pub struct Extracted {
    /// What can be stored.
    pub releases: Vec<Release>,
    /// What cannot.
    pub rejects: Vec<Reject>,
}

/// Reads the items of a page: each is in exactly one of the two lists.
#[must_use]
pub fn extract(page: &Page, options: &Options) -> Extracted {
    let mut extracted = Extracted::default();
    for part in &page.parts {
        let Extracted { releases, rejects } = extract_items(&part.body, &part.cut, options);
        extracted.releases.extend(releases);
        let url = &part.url;
        extracted
            .rejects
            .extend(rejects.into_iter().map(|reject| Reject {
                url: url.clone(),
                ..reject
            }));
    }
    extracted.rejects.extend(page.broken.iter().map(broken));
    extracted
}

/// A document that is not there or cannot be read, as what is kept of it.
fn broken(document: &Broken) -> Reject {
    let Broken {
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
        let message = format!("what the page names cannot be read: {message}");
        (Reason::UnreadableDocument, message)
    };
    Reject {
        reason,
        pointer: place,
        url,
        ..Reject::unreadable_page(body, message)
    }
}

/// Reads the items of a body that came another way than by fetch, once
/// [`cut`](crate::json::cut()) has found them.
#[must_use]
pub fn extract_items(body: &Bytes, cut: &Cut, options: &Options) -> Extracted {
    let mut extracted = Extracted::default();
    for item in &cut.items {
        // A range that is not of this body is an empty item, and so a reject.
        let bytes = body.get(item.range.clone()).unwrap_or_default();
        let served = body.slice_ref(bytes);
        match read(bytes, item, options) {
            Ok((key, reading)) => extracted.releases.push(Release {
                key,
                content_hash: hash::of_content(bytes, reading.white_space),
                columns: reading.columns,
                pointer: item.pointer.clone(),
                text: served,
            }),
            Err(refusal) => extracted.rejects.push(refusal.into_reject(item, served)),
        }
    }
    extracted
}

/// Reads one item that is kept by itself, as quarantine keeps them.
#[must_use]
pub fn extract_document(document: &Bytes, pointer: &str, options: &Options) -> Extracted {
    // what the scanner cannot pass is not JSON, and refused for that
    let depth = Scanner::new(document, 0, Loose).value().unwrap_or_default();
    let item = Item {
        pointer: pointer.to_owned(),
        range: 0..document.len(),
        depth,
    };
    let cut = Cut {
        items: vec![item],
        ..Cut::default()
    };
    extract_items(document, &cut, options)
}

/// Reads an item, and refuses it by the first of its faults.
fn read(bytes: &[u8], item: &Item, options: &Options) -> Result<(Key, Reading), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(Refusal::invalid_utf8)?;
    if !text.starts_with('{') {
        column::validate(text).map_err(Refusal::invalid_json)?;
        let message = "the item is JSON, but not an object".to_owned();
        return Err(Refusal::new(Reason::NotAnObject, message));
    }
    if item.depth > options.max_depth {
        let message = format!(
            "the release nests {} deep; extract.max_depth is {}",
            item.depth, options.max_depth
        );
        return Err(Refusal::new(Reason::TooDeep, message));
    }
    let mut reading = column::read(text, &options.zone).map_err(Refusal::invalid_json)?;
    if let Some((what, at)) = reading.unstorable {
        return Err(Refusal::unstorable(what, at));
    }
    let missing = |reason, name| {
        let message = format!(
            "the release has no {name}, or one that is neither text nor a number, or empty"
        );
        Refusal::new(reason, message)
    };
    let ocid = reading.ocid.take();
    let release_id = reading.id.take();
    let ocid = ocid.ok_or_else(|| missing(Reason::MissingOcid, "ocid"))?;
    let release_id = release_id.ok_or_else(|| missing(Reason::MissingId, "id"))?;
    Ok((Key { ocid, release_id }, reading))
}

/// Why an item is refused.
struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }

    fn invalid_utf8(error: std::str::Utf8Error) -> Self {
        let at = error.valid_up_to();
        let message = format!("the item is not UTF-8 at its byte {at}");
        Self::new(Reason::InvalidUtf8, message)
    }

    fn invalid_json(stop: crate::json::Stop) -> Self {
        let message = format!(
            "the item is not JSON at its byte {}: {}",
            stop.at,
            stop.clause()
        );
        Self::new(Reason::InvalidJson, message)
    }

    fn unstorable(what: Unstorable, at: usize) -> Self {
        let (reason, name) = match what {
            Unstorable::Nul => (Reason::NulCharacter, r"\u0000"),
            Unstorable::LoneSurrogate => (Reason::LoneSurrogate, "half a surrogate pair"),
        };
        let message =
            format!("the release has {name} at its byte {at}, which PostgreSQL cannot store");
        Self::new(reason, message)
    }

    fn into_reject(self, item: &Item, served: Bytes) -> Reject {
        let (ocid, release_id) = column::read_key(&served);
        Reject {
            reason: self.reason,
            message: self.message,
            pointer: item.pointer.clone(),
            url: None,
            document: served,
            ocid,
            release_id,
            sqlstate: None,
            constraint: None,
        }
    }
}

#[cfg(test)]
mod tests;
