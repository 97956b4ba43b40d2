//! Reads one release, or refuses it because of its first defect.

use bytes::Bytes;

use crate::extract::column::{self, Reading};
use crate::extract::{Options, hash, measure_depth, repair, upgrade};
use crate::json::{Loose, MAX_DIGITS, ScanError, Scanner, Unstorable, count_values, is_key};
use crate::release::{Change, Key, Reason, Reject, Release, UPGRADE};
use crate::source::{self, Repair, Version};

/// An item of a page, before the program knows that it is a release.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The JSON Pointer to it on its page.
    pub(super) pointer: String,
    pub(super) served: Bytes,
    pub(super) depth: usize,
    pub(super) kind: Option<source::Kind>,
    pub(super) version: Option<Version>,
}

/// The kind of a release. A release is a compiled release if it is the `compiledRelease` of a
/// record, or if it has the single tag `compiled` and no id. The id matters because South Africa
/// gives this tag to all its releases, which have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Release,
    CompiledRelease,
}

/// A release that can be stored: its text, its values, and the names of the changes to the text.
pub(super) struct ReadRelease {
    text: Bytes,
    key: Key,
    pub(super) reading: Reading,
    repairs: Vec<&'static str>,
}

/// Reads a release. A release that could not be stored is repaired first. A release of version
/// 1.0 is upgraded to version 1.1.
pub(super) fn read_release(
    item: &Item,
    kind: Kind,
    options: &Options,
) -> Result<ReadRelease, Refusal> {
    let read = read_or_repair(item, kind, options)?;
    if item.version == Some(Version::V1_0)
        && !read.reading.has_parties
        && let Some(upgraded) = upgrade_release(&read, item, kind, options)
    {
        return Ok(upgraded);
    }
    Ok(read)
}

impl ReadRelease {
    pub(super) fn into_release(self, item: Item) -> Release {
        let has_white_space = self.reading.has_white_space;
        let content_hash = hash::hash_content(&self.text, has_white_space, &self.repairs);
        let change = (!self.repairs.is_empty()).then(|| Change {
            repairs: self.repairs,
            served: item.served,
        });
        Release {
            key: self.key,
            content_hash,
            columns: Box::new(self.reading.columns),
            url: None,
            pointer: item.pointer,
            text: self.text,
            change,
            version: item.version,
        }
    }
}

/// Reads an item as it was served. If that fails, repairs the item and reads it again.
fn read_or_repair(item: &Item, kind: Kind, options: &Options) -> Result<ReadRelease, Refusal> {
    let refusal = match read_text(item.served.clone(), item.depth, kind, options) {
        Ok(read) => return Ok(read),
        Err(refusal) => refusal,
    };
    let Some(repaired) = repair::repair(&item.served, &options.repair) else {
        return Err(refusal);
    };
    let text = Bytes::from(repaired.text);
    let depth = measure_depth(&text).unwrap_or(item.depth);
    let repairs = repaired.repairs.into_iter().map(Repair::as_str).collect();
    match read_text(text, depth, kind, options) {
        Ok(read) => Ok(ReadRelease { repairs, ..read }),
        Err(refusal) => Err(refusal.add_repairs(&repairs)),
    }
}

/// Upgrades a release to version 1.1. Returns `None` if the upgrade changes nothing, or if the
/// upgraded release cannot be stored. A party is nested deeper in version 1.1, so the upgraded
/// release may be too deep.
fn upgrade_release(
    found: &ReadRelease,
    item: &Item,
    kind: Kind,
    options: &Options,
) -> Option<ReadRelease> {
    let text = std::str::from_utf8(&found.text).ok()?;
    let text = Bytes::from(upgrade::upgrade(text)?);
    let depth = measure_depth(&text).unwrap_or(item.depth);
    let mut upgraded = read_text(text, depth, kind, options).ok()?;
    upgraded.repairs.extend(&found.repairs);
    upgraded.repairs.push(UPGRADE);
    Some(upgraded)
}

/// Returns the refusal if the bytes are not JSON, or `None` if they are JSON.
pub(super) fn find_json_error(bytes: &[u8]) -> Option<Refusal> {
    match std::str::from_utf8(bytes) {
        Err(error) => Some(Refusal::invalid_utf8(error)),
        Ok(text) => column::validate(text).err().map(Refusal::invalid_json),
    }
}

/// Reads a text as it is, without repairs.
fn read_text(
    bytes: Bytes,
    depth: usize,
    kind: Kind,
    options: &Options,
) -> Result<ReadRelease, Refusal> {
    let text = std::str::from_utf8(&bytes).map_err(Refusal::invalid_utf8)?;
    if !text.starts_with('{') {
        column::validate(text).map_err(Refusal::invalid_json)?;
        let message = "the item is JSON, but not an object".to_owned();
        return Err(Refusal::new(Reason::NotAnObject, message));
    }
    if depth > options.max_depth {
        let message = format!(
            "the release nests {depth} deep; extract.max_depth is {}",
            options.max_depth
        );
        return Err(Refusal::new(Reason::TooDeep, message));
    }
    // A value and its separator need at least two bytes. So the values must be counted only in
    // long texts.
    if bytes.len().div_ceil(2) > options.max_values {
        let values = count_values(&bytes);
        if values > options.max_values {
            let message = format!(
                "the release has {values} values; extract.max_values is {}",
                options.max_values
            );
            return Err(Refusal::new(Reason::TooManyValues, message));
        }
    }
    let mut reading = column::read(text, &options.zone).map_err(Refusal::invalid_json)?;
    if let Some((what, at)) = reading.unstorable {
        return Err(Refusal::unstorable(what, at));
    }
    let key = take_key(&mut reading, kind).map_err(|refusal| {
        if is_link(&bytes) {
            let message = "the release is not there: the item only links to it".to_owned();
            return Refusal::new(Reason::LinkedRelease, message);
        }
        refusal
    })?;
    Ok(ReadRelease {
        text: bytes,
        key,
        reading,
        repairs: Vec::new(),
    })
}

fn take_key(reading: &mut Reading, kind: Kind) -> Result<Key, Refusal> {
    let missing = |reason, name| {
        let message = format!(
            "the release has no {name}, or one that is neither text nor a number, or empty"
        );
        Refusal::new(reason, message)
    };
    let ocid = reading.ocid.take();
    let ocid = ocid.ok_or_else(|| missing(Reason::MissingOcid, "ocid"))?;
    if kind == Kind::CompiledRelease {
        return Ok(Key::compiled(ocid));
    }
    let says_compiled = matches!(reading.columns.tag.as_deref(), Some([tag]) if tag == "compiled");
    match reading.id.take() {
        Some(release_id) => Ok(Key { ocid, release_id }),
        None if says_compiled => Ok(Key::compiled(ocid)),
        None => Err(missing(Reason::MissingId, "id")),
    }
}

/// Returns true if an item only links to a release, as a linked release of the standard does.
/// Such an item has a `url`, and no other members except perhaps `date` and `tag`.
fn is_link(item: &[u8]) -> bool {
    let (mut has_url, mut has_more) = (false, false);
    let mut scanner = Scanner::new(item, 0, Loose);
    let walked = scanner.walk_members(|scanner, key| {
        let is_named = |name: &&str| is_key(&item[key.clone()], name);
        has_url |= is_named(&"url");
        has_more |= !["url", "date", "tag"].iter().any(is_named);
        scanner.skip_value().map(drop)
    });
    walked.is_ok() && has_url && !has_more
}

#[derive(Debug)]
pub(super) struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }

    /// Adds to the message that the item is refused although these repairs have changed it.
    fn add_repairs(self, repairs: &[&str]) -> Self {
        let message = format!("once repaired ({}), {}", repairs.join(", "), self.message);
        Self { message, ..self }
    }

    pub(super) fn is_link(&self) -> bool {
        self.reason == Reason::LinkedRelease
    }

    fn invalid_utf8(error: std::str::Utf8Error) -> Self {
        let at = error.valid_up_to();
        let message = format!("the item is not UTF-8 at its byte {at}");
        Self::new(Reason::InvalidUtf8, message)
    }

    fn invalid_json(error: ScanError) -> Self {
        let message = format!(
            "the item is not JSON at its byte {}: {}",
            error.at,
            error.reason()
        );
        Self::new(Reason::InvalidJson, message)
    }

    fn unstorable(what: Unstorable, at: usize) -> Self {
        let (reason, name) = match what {
            Unstorable::Nul => (Reason::NulCharacter, r"\u0000"),
            Unstorable::LoneSurrogate => (Reason::LoneSurrogate, "half a surrogate pair"),
            Unstorable::LargeNumber => {
                let message = format!(
                    "the release has a number at its byte {at} of more than {MAX_DIGITS} digits once its exponent is written out"
                );
                return Self::new(Reason::LargeNumber, message);
            }
        };
        let message =
            format!("the release has {name} at its byte {at}, which PostgreSQL cannot store");
        Self::new(reason, message)
    }

    pub(super) fn into_reject(self, item: Item, kind: Kind) -> Reject {
        let (ocid, release_id) = column::read_key(&item.served);
        let release_id = match kind {
            Kind::Release => release_id,
            Kind::CompiledRelease => Some(String::new()),
        };
        Reject {
            reason: self.reason,
            message: self.message,
            pointer: item.pointer,
            url: None,
            document: item.served,
            ocid,
            release_id,
            version: item.version,
            sqlstate: None,
            constraint: None,
        }
    }
}
