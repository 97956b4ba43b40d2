//! Reads one release, or refuses it by the first of its faults.

use bytes::Bytes;

use crate::extract::column::{self, Reading};
use crate::extract::item::Item;
use crate::extract::{Options, hash, repair, upgrade};
use crate::json::{Loose, MOST_DIGITS, Scanner, Stop, Unstorable, count_values, key_is};
use crate::release::{Change, Key, Reason, Reject, Release, UPGRADE};
use crate::source::{Repair, Version};

/// What a release is taken for. Only a record's compiled release is one, and what
/// says itself that it is compiled, and nothing else, and has no id: South Africa
/// tags each of its releases so, and they are told apart by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Release,
    CompiledRelease,
}

/// A text that can be stored, what was read in it, and what was done to it.
pub(super) struct Read {
    text: Bytes,
    key: Key,
    reading: Reading,
    repairs: Vec<&'static str>,
}

/// Reads a release: after its repairs, if it could not be stored without, and as
/// the newer version of the standard has it, if it is of the older one.
pub(super) fn release(item: &Item, kind: Kind, options: &Options) -> Result<Read, Refusal> {
    let read = as_served_or_repaired(item, kind, options)?;
    if item.version == Some(Version::V1_0)
        && !read.reading.has_parties
        && let Some(upgraded) = upgraded(&read, item, kind, options)
    {
        return Ok(upgraded);
    }
    Ok(read)
}

impl Read {
    /// Whether it has members that a package or a record has.
    pub(super) fn holds_others(&self) -> bool {
        self.reading.holds_others
    }

    /// Whether its tender has an amount that could not be read.
    pub(super) fn has_unread_amount(&self) -> bool {
        self.reading.has_unread_amount
    }

    /// The release that an item is.
    pub(super) fn into_release(self, item: Item) -> Release {
        let white_space = self.reading.white_space;
        let content_hash = hash::of_content(&self.text, white_space, &self.repairs);
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

/// Reads an item as it was served, or else as its repairs leave it.
fn as_served_or_repaired(item: &Item, kind: Kind, options: &Options) -> Result<Read, Refusal> {
    let refusal = match read(&item.served, item.depth, kind, options) {
        Ok((key, reading)) => {
            return Ok(Read {
                text: item.served.clone(),
                key,
                reading,
                repairs: Vec::new(),
            });
        }
        Err(refusal) => refusal,
    };
    let Some(repaired) = repair::repair(&item.served, &options.repair) else {
        return Err(refusal);
    };
    let text = Bytes::from(repaired.text);
    let depth = Scanner::new(&text, 0, Loose).value().unwrap_or(item.depth);
    let repairs = repaired.repairs.into_iter().map(Repair::as_str).collect();
    match read(&text, depth, kind, options) {
        Ok((key, reading)) => Ok(Read {
            text,
            key,
            reading,
            repairs,
        }),
        Err(refusal) => Err(refusal.after(&repairs)),
    }
}

/// What was read as version 1.1 has it, if that is otherwise and can be stored: what is
/// of a party nests deeper there than where it acts.
fn upgraded(found: &Read, item: &Item, kind: Kind, options: &Options) -> Option<Read> {
    let text = std::str::from_utf8(&found.text).ok()?;
    let text = Bytes::from(upgrade::upgrade(text)?);
    let depth = Scanner::new(&text, 0, Loose).value().unwrap_or(item.depth);
    let (key, reading) = read(&text, depth, kind, options).ok()?;
    let mut repairs = found.repairs.clone();
    repairs.push(UPGRADE);
    Some(Read {
        text,
        key,
        reading,
        repairs,
    })
}

/// Why a text of any kind is not JSON, if it is not.
pub(super) fn not_json(bytes: &[u8]) -> Option<Refusal> {
    match std::str::from_utf8(bytes) {
        Err(error) => Some(Refusal::invalid_utf8(error)),
        Ok(text) => column::validate(text).err().map(Refusal::invalid_json),
    }
}

fn read(
    bytes: &[u8],
    depth: usize,
    kind: Kind,
    options: &Options,
) -> Result<(Key, Reading), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(Refusal::invalid_utf8)?;
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
    // a value and what parts it from the next are two bytes, so few texts are counted
    if bytes.len().div_ceil(2) > options.max_values {
        let values = count_values(bytes);
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
    let key = key(&mut reading, kind).map_err(|refusal| {
        if is_link(bytes) {
            let message = "the release is not there: the item only links to it".to_owned();
            return Refusal::new(Reason::LinkedRelease, message);
        }
        refusal
    })?;
    Ok((key, reading))
}

fn key(reading: &mut Reading, kind: Kind) -> Result<Key, Refusal> {
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

/// Whether an item says only where a release is, as the standard's linked release
/// does: it has a `url`, and nothing else but a `date` and a `tag`.
fn is_link(item: &[u8]) -> bool {
    let (mut has_url, mut has_more) = (false, false);
    let mut scanner = Scanner::new(item, 0, Loose);
    let walked = scanner.members(|scanner, key| {
        let is_named = |name: &&str| key_is(&item[key.clone()], name);
        has_url |= is_named(&"url");
        has_more |= !["url", "date", "tag"].iter().any(is_named);
        scanner.value().map(drop)
    });
    walked.is_ok() && has_url && !has_more
}

/// Why an item is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    reason: Reason,
    message: String,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }

    /// The refusal of what was repaired in vain.
    fn after(self, repairs: &[&str]) -> Self {
        let message = format!("once repaired ({}), {}", repairs.join(", "), self.message);
        Self { message, ..self }
    }

    /// Whether the item is a link to a release.
    pub(super) fn is_link(&self) -> bool {
        self.reason == Reason::LinkedRelease
    }

    fn invalid_utf8(error: std::str::Utf8Error) -> Self {
        let at = error.valid_up_to();
        let message = format!("the item is not UTF-8 at its byte {at}");
        Self::new(Reason::InvalidUtf8, message)
    }

    fn invalid_json(stop: Stop) -> Self {
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
            Unstorable::LargeNumber => {
                let message = format!(
                    "the release has a number at its byte {at} of more than {MOST_DIGITS} digits once its exponent is written out"
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
