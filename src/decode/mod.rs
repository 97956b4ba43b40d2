//! From the bytes of a body to its documents, each cut into its items.
//!
//! ```text
//! bytes ──archive──▶ members ──charset──▶ text ──split──▶ documents ──json──▶ items
//! ```
//!
//! Most bodies are one document in UTF-8, and pass through without a copy. Where a
//! body holds several, one that cannot be read costs itself and not its
//! neighbours: it is [`Broken`] and kept. A body of which nothing can be read is
//! unreadable as a whole.
//!
//! Releases by themselves, as on lines, are one [`Part`], whose items point into the
//! text they share: a million of them are no million parts. Pointers are as if the
//! documents of a text were an array of it, and the members of an archive those of
//! an object: `/2026.json/17/releases/0`.
//!
//! Everything is done at once and in memory, on the thread that polls the stream:
//! a page is bounded by `fetch.max_decoded_bytes`, which take about a second, and the
//! runtime has other threads. Files of any size are cut into pieces, by [`file`].

mod archive;
mod budget;
mod charset;
mod envelope;
pub(crate) mod file;
pub(crate) mod refusal;
mod split;

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use self::archive::{Archive, HEADER_BYTES, label, past_header};
use self::archive::{Member, Torn, Zip};
use self::budget::{Budget, Spent};
pub(crate) use self::envelope::telling;
use crate::config;
use crate::json::{self, Cut, Item};
use crate::page::{Broken, Part, Undecodable};
use crate::source::{Container, Source};

/// What a body was decoded into.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// The first document that could be read without its items; `[]` if it was a
    /// release by itself among others.
    pub envelope: Value,
    /// The texts whose documents could be read.
    pub parts: Vec<Part>,
    /// The documents that could not.
    pub broken: Vec<Broken>,
}

impl From<Spent> for Undecodable {
    fn from(Spent(what): Spent) -> Self {
        Undecodable::TooLarge(what)
    }
}

/// Decodes a body as its source says; `content_type` is the value of its header,
/// where it has one.
///
/// # Errors
/// Nothing of it can be read, it is cut short, larger than allowed, or an error by
/// the source's measure.
pub fn decode(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    if let Some(message) = refusal::by_type(&source.http, content_type) {
        return Err(Undecodable::Unreadable(message));
    }
    judged(
        read(body.clone(), content_type, source, limits),
        &body,
        source,
    )
}

/// The documents of a text that is all there is of a file.
///
/// # Errors
/// As [`decode`].
pub(crate) fn alone(
    text: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let budget = Budget::new(limits, text.len());
    let mut reading = Reading::new(source, content_type, budget);
    let read = reading.text(text.clone(), String::new(), Level::Outermost);
    judged(read.and_then(|()| reading.decoded()), &text, source)
}

/// What was read of a body, unless it is an error by its source's measure.
fn judged(
    read: Result<Decoded, Undecodable>,
    body: &[u8],
    source: &Source,
) -> Result<Decoded, Undecodable> {
    let refused = |message: String| Err(Undecodable::Unreadable(message));
    match read {
        Ok(decoded) => match refusal::by_envelope(&source.http, &decoded.envelope) {
            Some(message) => refused(message),
            None => Ok(decoded),
        },
        Err(Undecodable::Unreadable(message)) => {
            refused(refusal::by_body(&source.http, body).unwrap_or(message))
        }
        Err(too_large) => Err(too_large),
    }
}

/// The documents of a member of an archive.
///
/// # Errors
/// It is over a limit.
pub(crate) fn member(
    text: Bytes,
    place: String,
    level: Level,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let mut reading = Reading::new(source, None, Budget::new(limits, text.len()));
    reading.text(text, place, level)?;
    Ok(reading.found())
}

/// The documents of a stretch of a text, the first of which is the `first` of the
/// text, counted from 0.
///
/// # Errors
/// They are over a limit.
pub(crate) fn documents(
    text: Bytes,
    place: &str,
    (first, documents): (usize, Vec<Range<usize>>),
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let mut reading = Reading::new(source, None, Budget::new(limits, text.len()));
    reading.several(text, place, (first, documents))?;
    Ok(reading.found())
}

/// The text of an index, which is one document of any kind, as its source says.
///
/// # Errors
/// As [`decode`].
pub(crate) fn text(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Bytes, Undecodable> {
    if let Some(message) = refusal::by_type(&source.http, content_type) {
        return Err(Undecodable::Unreadable(message));
    }
    let mut budget = Budget::new(limits, body.len());
    let charset = source.decode.charset;
    Ok(charset::to_utf8(body, charset, content_type, &mut budget)?)
}

/// What says that a document is an error by its source's measure.
///
/// # Errors
/// It is one.
pub(crate) fn check_envelope(source: &Source, envelope: &Value) -> Result<(), Undecodable> {
    match refusal::by_envelope(&source.http, envelope) {
        Some(message) => Err(Undecodable::Unreadable(message)),
        None => Ok(()),
    }
}

fn read(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    Archive::of_body(&body, source.decode.container)
        .map_err(|what| Undecodable::Unreadable(what.into()))?;
    let mut reading = Reading::new(source, content_type, Budget::new(limits, body.len()));
    reading.body(body, String::new(), Level::Outermost)?;
    reading.decoded()
}

/// How many archives a body is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Outermost,
    /// A member of an archive.
    Inner,
    /// A member of an archive in an archive; if it is one too, it is not opened.
    Innermost,
}

impl Level {
    pub(crate) fn within(self) -> Self {
        match self {
            Level::Outermost => Level::Inner,
            Level::Inner | Level::Innermost => Level::Innermost,
        }
    }
}

/// What has been read of a body so far.
struct Reading<'a> {
    source: &'a Source,
    content_type: Option<&'a str>,
    budget: Budget,
    /// How many documents could be read.
    documents: usize,
    envelope: Option<Value>,
    parts: Vec<Part>,
    broken: Vec<Broken>,
}

impl<'a> Reading<'a> {
    fn new(source: &'a Source, content_type: Option<&'a str>, budget: Budget) -> Self {
        Self {
            source,
            content_type,
            budget,
            documents: 0,
            envelope: None,
            parts: Vec::new(),
            broken: Vec::new(),
        }
    }

    fn decoded(mut self) -> Result<Decoded, Undecodable> {
        if self.documents == 0 {
            let count = self.broken.len();
            let Some(first) = self.broken.first_mut() else {
                return Err(Undecodable::Unreadable("without documents".into()));
            };
            let message = std::mem::take(&mut first.message);
            return Err(Undecodable::Unreadable(match count {
                1 => message,
                _ => format!("{count} documents that cannot be read, the first of them {message}"),
            }));
        }
        Ok(self.found())
    }

    /// What was found, be it nothing.
    fn found(self) -> Decoded {
        let mut envelope = self.envelope.unwrap_or_default();
        if envelope.is_null() && self.documents > 1 {
            envelope = Value::Array(Vec::new());
        }
        Decoded {
            envelope,
            parts: self.parts,
            broken: self.broken,
        }
    }

    fn body(&mut self, body: Bytes, place: String, level: Level) -> Result<(), Undecodable> {
        let archive = Archive::within(&body, self.source.decode.container);
        let Some(archive) = archive else {
            return self.text(body, place, level);
        };
        if level == Level::Innermost {
            let message = "an archive within an archive within an archive".into();
            return Ok(self.broken(place, body, message)?);
        }
        let opened = match archive {
            Archive::Zip => self.unzip(&body, &place, level),
            Archive::Gzip => archive::gunzip(&body, &mut self.budget)
                .map_err(Stop::from)
                .and_then(|content| Ok(self.body(content, place.clone(), level.within())?)),
        };
        match opened {
            Ok(()) => Ok(()),
            Err(Stop::Torn(message)) => Ok(self.broken(place, body, message)?),
            Err(Stop::Undecodable(why)) => Err(why),
        }
    }

    fn unzip(&mut self, body: &Bytes, place: &str, level: Level) -> Result<(), Stop> {
        let mut names: HashMap<String, usize> = HashMap::new();
        let mut archive = Zip::open(body, &mut self.budget)?;
        for member in archive.members()? {
            let Member { name, content } = member?;
            let place = format!("{place}/{}", json::token(&unique(name, &mut names)));
            match content.read(body, &mut self.budget)? {
                Ok(content) => self.body(content, place, level.within())?,
                Err((bytes, message)) => self.broken(place, bytes, message)?,
            }
        }
        Ok(())
    }

    fn text(&mut self, body: Bytes, place: String, level: Level) -> Result<(), Undecodable> {
        let is_outermost = level == Level::Outermost;
        let content_type = self.content_type.filter(|_| is_outermost);
        let charset = self.source.decode.charset;
        let text = charset::to_utf8(body, charset, content_type, &mut self.budget)?;
        if text.trim_ascii().is_empty() {
            return Ok(self.broken(place, text, "empty".into())?);
        }
        let (documents, unreadable) = match self.source.decode.container {
            Container::Lines => (Some(split::lines(&text)), None),
            Container::Concatenated => (split::values(&text), None),
            Container::Json => return Ok(self.one(text, place)?),
            Container::Auto | Container::Zip | Container::Gzip => {
                match json::cut(&text, &self.source.items.shapes) {
                    Ok(cut) => return Ok(self.cut(text, place, cut)?),
                    Err(json::Unreadable(message)) => (split::several(&text), Some(message)),
                }
            }
        };
        let Some(documents) = documents else {
            let message = unreadable.unwrap_or_else(|| "not several JSON documents".into());
            return Ok(self.broken(place, text, message)?);
        };
        let last = documents.last();
        if is_outermost && last.is_some_and(|last| split::is_cut_short(&text, last)) {
            let message = "JSON that ends in the middle of its last document".into();
            return Err(Undecodable::Unreadable(message));
        }
        Ok(self.several(text, &place, (0, documents))?)
    }

    /// A text that is one document.
    fn one(&mut self, text: Bytes, place: String) -> Result<(), Spent> {
        match json::cut(&text, &self.source.items.shapes) {
            Ok(cut) => self.cut(text, place, cut),
            Err(json::Unreadable(message)) => self.broken(place, text, message),
        }
    }

    /// A text that is one document and was cut.
    fn cut(&mut self, text: Bytes, place: String, mut cut: Cut) -> Result<(), Spent> {
        let envelope = std::mem::take(&mut cut.envelope);
        // of a document that is the page by itself, the page has it
        if !place.is_empty() {
            cut.envelope = telling(&envelope, cut.list_of_items());
            self.budget.spend_around(envelope::bytes(&cut.envelope))?;
            if self.envelope.is_none() {
                self.budget.spend_around(envelope::bytes(&envelope))?;
            }
        }
        self.read(envelope, cut.items.len())?;
        self.parts.push(Part {
            url: None,
            place,
            body: text,
            cut,
        });
        Ok(())
    }

    /// A text that is several documents, or some of them: packages are parts of their
    /// own, which say what their releases are, and all others are items of one.
    fn several(
        &mut self,
        text: Bytes,
        place: &str,
        (first, documents): (usize, Vec<Range<usize>>),
    ) -> Result<(), Spent> {
        let mut alone = Vec::new();
        for (index, range) in (first..).zip(documents) {
            let body = text.slice(range.clone());
            let cut = match json::cut(&body, &self.source.items.shapes) {
                Ok(cut) => cut,
                Err(json::Unreadable(message)) => {
                    self.broken(format!("{place}/{index}"), body, message)?;
                    continue;
                }
            };
            if !cut.envelope.is_null() {
                self.items(&text, place, std::mem::take(&mut alone));
                self.cut(body, format!("{place}/{index}"), cut)?;
                continue;
            }
            self.read(cut.envelope, cut.items.len())?;
            alone.extend(cut.items.into_iter().map(|item| Item {
                index,
                range: range.start + item.range.start..range.start + item.range.end,
                depth: item.depth,
            }));
        }
        self.items(&text, place, alone);
        Ok(())
    }

    /// Items of a text that stand there by themselves.
    fn items(&mut self, text: &Bytes, place: &str, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let envelope = Value::Null;
        self.parts.push(Part {
            url: None,
            place: place.to_owned(),
            body: text.clone(),
            cut: Cut {
                envelope,
                list: Some(String::new()),
                items,
            },
        });
    }

    /// Counts a document that could be read.
    fn read(&mut self, envelope: Value, items: usize) -> Result<(), Spent> {
        self.documents += 1;
        self.envelope.get_or_insert(envelope);
        // one without items costs memory too
        self.budget.spend_items(items.max(1))
    }

    fn broken(&mut self, place: String, body: Bytes, message: String) -> Result<(), Spent> {
        self.budget.spend_items(1)?;
        self.broken.push(Broken::unreadable(place, body, message));
        Ok(())
    }
}

/// Why an archive was not opened.
enum Stop {
    /// It is damaged: a clause.
    Torn(String),
    Undecodable(Undecodable),
}

impl From<Torn> for Stop {
    fn from(torn: Torn) -> Self {
        match torn {
            Torn::Unreadable(message) => Stop::Torn(message),
            Torn::Spent(spent) => Stop::Undecodable(spent.into()),
        }
    }
}

impl From<Undecodable> for Stop {
    fn from(why: Undecodable) -> Self {
        Stop::Undecodable(why)
    }
}

impl From<Spent> for Stop {
    fn from(spent: Spent) -> Self {
        Stop::Undecodable(spent.into())
    }
}

/// The name of a member, numbered if others before it have the same one.
pub(crate) fn unique(name: String, names: &mut HashMap<String, usize>) -> String {
    let count = names.entry(name.clone()).or_default();
    *count += 1;
    match *count {
        1 => name,
        nth => format!("{name} ({nth})"),
    }
}

#[cfg(test)]
mod tests;
