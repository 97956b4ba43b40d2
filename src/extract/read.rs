//! Reads one release, or refuses it because of its first defect.

use std::sync::Arc;

use bytes::Bytes;

use crate::extract::column::{self, Reading};
use crate::extract::version::has_organisation_details;
use crate::extract::{COMPILED_BY_ID, NO_ID, Options, hash, measure_depth, repair, upgrade};
use crate::json::{MAX_DIGITS, ScanError, Unstorable, count_values};
use crate::package::Package;
use crate::release::{
    Change, Key, OCID_OF_ID, OCID_OF_RECORD, Reason, Reject, Release, TypedColumn, UPGRADE,
};
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
    /// The ocid of the record that contains the item, if the record has one.
    pub(super) record_ocid: Option<Arc<str>>,
    pub(super) package: Option<Arc<Package>>,
}

/// The kind of a release, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Release,
    /// The release is listed in a record, which may also link to releases.
    ReleaseOfRecord,
    CompiledRelease,
}

/// A release that can be stored: its text, its values, and the names of the changes to the text.
pub(super) struct ReadRelease {
    text: Bytes,
    key: Key,
    pub(super) reading: Reading,
    repairs: Vec<&'static str>,
    is_compiled_by_id: bool,
}

/// Reads a release. A release that could not be stored is repaired first. A release of version
/// 1.0 is upgraded to version 1.1.
pub(super) fn read_release(
    item: &Item,
    kind: Kind,
    options: &Options,
) -> Result<ReadRelease, Refusal> {
    let read = read_or_repair(item, kind, options)?;
    if !read.reading.has_parties
        && is_of_1_0(item, &read)
        && let Some(upgraded) = upgrade_release(&read, item, kind, options)
    {
        return Ok(upgraded);
    }
    Ok(read)
}

/// Returns true if a release without `parties` is of version 1.0. If nothing states the version,
/// the release itself may show it.
fn is_of_1_0(item: &Item, read: &ReadRelease) -> bool {
    match item.version {
        Some(version) => version == Version::V1_0,
        None => !read.reading.has_other_items && has_organisation_details(&read.text),
    }
}

impl ReadRelease {
    /// Returns what was inferred of the release.
    pub(super) fn inferences(&self) -> impl Iterator<Item = &'static str> {
        let is_ocid = |change: &&&'static str| [OCID_OF_RECORD, OCID_OF_ID].contains(*change);
        let ocid = self.repairs.iter().find(is_ocid).copied();
        ocid.into_iter()
            .chain(self.is_compiled_by_id.then_some(COMPILED_BY_ID))
    }

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
            package: item.package,
        }
    }
}

/// Reads an item as it was served. If that fails, repairs the item and reads it again. In both
/// forms, an ocid that is only missing within the item is added.
fn read_or_repair(item: &Item, kind: Kind, options: &Options) -> Result<ReadRelease, Refusal> {
    let text = item.served.clone();
    let refusal = match read_or_add_ocid(item, (text, item.depth), kind, options) {
        Ok(read) => return Ok(read),
        Err(refusal) => refusal,
    };
    let Some(repaired) = repair::repair(&item.served, &options.repair) else {
        return Err(refusal);
    };
    let text = Bytes::from(repaired.text);
    let depth = measure_depth(&text).unwrap_or(item.depth);
    let repairs: Vec<_> = repaired.repairs.into_iter().map(Repair::as_str).collect();
    match read_or_add_ocid(item, (text, depth), kind, options) {
        Ok(read) => Ok(ReadRelease {
            repairs: [repairs, read.repairs].concat(),
            ..read
        }),
        Err(refusal) => Err(refusal.add_repairs(&repairs)),
    }
}

/// Reads the text of an item. If only the ocid is missing, and the record around the item or the
/// item's `id` has one, the ocid is added to the text.
fn read_or_add_ocid(
    item: &Item,
    (text, depth): (Bytes, usize),
    kind: Kind,
    options: &Options,
) -> Result<ReadRelease, Refusal> {
    let read = read_text(text.clone(), depth, kind, options);
    let is_missing = |refusal: &Refusal| refusal.reason == Reason::MissingOcid;
    if !read.as_ref().is_err_and(is_missing) {
        return read;
    }
    let Some((ocid, change)) = find_missing_ocid(item, &text, options) else {
        return read;
    };
    let Some(text) = insert_ocid(&text, &ocid) else {
        return read;
    };
    let read = read_text(text, depth, kind, options)?;
    Ok(ReadRelease {
        repairs: vec![change],
        ..read
    })
}

/// Returns the ocid of an item without one, and the name of the change that adds it.
fn find_missing_ocid(
    item: &Item,
    text: &[u8],
    options: &Options,
) -> Option<(String, &'static str)> {
    if let Some(ocid) = &item.record_ocid {
        return Some((ocid.to_string(), OCID_OF_RECORD));
    }
    let pattern = options.ocid_from_id.as_ref()?;
    let (_, id) = column::read_key(text);
    Some((pattern.find(&id?)?.to_owned(), OCID_OF_ID))
}

/// Adds an ocid as the last member of an object. There it replaces an ocid that cannot be read,
/// because the last one of several members with the same name counts. Returns `None` if the
/// object is empty.
fn insert_ocid(text: &[u8], ocid: &str) -> Option<Bytes> {
    let before = text.trim_ascii_end().strip_suffix(b"}")?;
    if before.trim_ascii() == b"{" {
        return None;
    }
    let ocid = serde_json::Value::from(ocid).to_string();
    Some(
        [before, b",\"ocid\":", ocid.as_bytes(), b"}"]
            .concat()
            .into(),
    )
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
    if let Some((what, at)) = reading.unstorable
        && options.is_stored
    {
        return Err(Refusal::unstorable(what, at));
    }
    if reading.is_link && kind == Kind::ReleaseOfRecord {
        return Err(Refusal::link());
    }
    let key = match take_key(&mut reading, text, kind, options) {
        Err(_) if reading.is_link => return Err(Refusal::link()),
        key => key?,
    };
    if key.is_compiled() {
        reading.values.retain(TypedColumn::Date);
    }
    let unread = reading
        .values
        .per_column()
        .filter(|(_, value)| value.unread > 0);
    reading.columns.unread = unread.map(|(column, _)| column.as_str()).collect();
    Ok(ReadRelease {
        is_compiled_by_id: key.is_compiled() && reading.is_made_by_merge,
        text: bytes,
        key,
        reading,
        repairs: Vec::new(),
    })
}

/// Returns the key of a release. It is the key of a compiled release if the release is the
/// `compiledRelease` of a record, or if its only tag is `compiled` and it has no `id`, or one that
/// is made of the ocid and the date, as the standard's merge makes it.
///
/// Neither the tag nor such an `id` is enough. South Africa gives the tag to all its releases, and
/// all releases of Italian authorities have such an `id`.
fn take_key(
    reading: &mut Reading,
    text: &str,
    kind: Kind,
    options: &Options,
) -> Result<Key, Refusal> {
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
    let date = &text[reading.date_place.clone()];
    let id = reading.id.take();
    let is_made_by_merge = |id: &String| {
        let rest = id.strip_prefix(&*ocid).and_then(|id| id.strip_prefix('-'));
        !date.is_empty() && rest == Some(date)
    };
    reading.is_made_by_merge = says_compiled && id.as_ref().is_some_and(is_made_by_merge);
    match id {
        Some(_) if reading.is_made_by_merge || (says_compiled && options.compiled) => {
            Ok(Key::compiled(ocid))
        }
        Some(release_id) => Ok(Key { ocid, release_id }),
        None if says_compiled => Ok(Key::compiled(ocid)),
        // a versioned release has neither a date nor a tag
        None if !options.is_stored && (!date.is_empty() || reading.columns.tag.is_some()) => {
            Ok(Key {
                ocid,
                release_id: NO_ID.to_owned(),
            })
        }
        None => Err(missing(Reason::MissingId, "id")),
    }
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

    fn link() -> Self {
        let message = "the release is not there: the item only links to it".to_owned();
        Self::new(Reason::LinkedRelease, message)
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
            Kind::Release | Kind::ReleaseOfRecord => release_id,
            Kind::CompiledRelease => Some(String::new()),
        };
        Reject {
            reason: self.reason,
            message: self.message,
            pointer: item.pointer,
            url: None,
            document: item.served,
            ocid: ocid.or_else(|| item.record_ocid.as_deref().map(str::to_owned)),
            release_id,
            version: item.version,
            package: item.package,
            sqlstate: None,
            constraint: None,
        }
    }
}
