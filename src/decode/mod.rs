//! Turns the bytes of a body into documents, and each document into its items.
//!
//! ```text
//! bytes ──archive──▶ members ──charset──▶ text ──split──▶ documents ──json──▶ items
//! ```
//!
//! Most bodies are one document in UTF-8, which is not copied. If a body holds several documents
//! and one of them cannot be read, that one is kept as a [`BrokenDocument`] and the others are
//! read. A member of an archive that is no data is a side file, which is passed over. If nothing
//! of a body can be read, or nothing of it is data, the whole body is unreadable.
//!
//! Releases without a package, for example one on each line, share one [`Document`], whose items
//! point into the text. So a million releases do not become a million documents. In pointers, the
//! documents of a text are an array and the members of an archive are an object:
//! `/2026.json/17/releases/0`.
//!
//! A body is decoded as a whole in memory, on the thread that polls the stream.
//! `fetch.max_decoded_bytes` limits its size. Decoding takes at most about a second, and the
//! runtime has other threads. Files of any size are cut into pieces, by `file`. Nothing here
//! knows requests or pages.

mod archive;
mod budget;
mod charset;
mod documents;
mod envelope;
pub(crate) mod error_response;
pub(crate) mod file;
mod gzip;
mod side_file;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use self::archive::{Archive, HEADER_BYTES, read_content_offset, read_name, read_start};
use self::archive::{ArchiveError, Content, Zip};
use self::budget::{Budget, LimitExceeded};
pub(crate) use self::envelope::reduce_to_version;
use self::side_file::{MAX_SIDE_FILE_BYTES, MESSAGE, is_other_json};
use crate::config;
use crate::json::{self, Cut, Item};
use crate::package;
use crate::page::{BrokenDocument, Document, Undecodable};
use crate::source::{Container, Source};

/// The documents of a body.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// The envelope of the first document that could be read. It is `[]` if that document has no
    /// envelope and the body has several documents.
    pub envelope: Value,
    /// The texts whose documents could be read.
    pub documents: Vec<Document>,
    /// The documents that could not be read, and the side files.
    pub broken: Vec<BrokenDocument>,
}

impl From<LimitExceeded> for Undecodable {
    fn from(LimitExceeded(what): LimitExceeded) -> Self {
        Undecodable::TooLarge(what)
    }
}

/// Decodes a body as its source declares. `content_type` is the value of the response's header,
/// if there is one.
///
/// # Errors
///
/// Fails if nothing of the body can be read, if the body is cut short or exceeds a limit, or if
/// the source declares that such a body is an error or means that there is no data.
pub fn decode(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    error_response::check_content_type(&source.http, content_type)
        .map_err(Undecodable::Unreadable)?;
    let read = read(body.clone(), content_type, source, limits);
    check_response(read, &body, source)
}

/// Decodes a text that is a whole file.
pub(crate) fn decode_text(
    text: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let budget = Budget::new(limits, text.len());
    let mut decoder = Decoder::new(source, content_type, budget);
    let read = decoder.add_text(text.clone(), String::new(), Level::Outermost);
    check_response(read.and_then(|()| decoder.finish()), &text, source)
}

/// Checks whether the source declares that such a body is an error or means that there is no
/// data, whether or not the body could be decoded.
fn check_response(
    read: Result<Decoded, Undecodable>,
    body: &[u8],
    source: &Source,
) -> Result<Decoded, Undecodable> {
    match read {
        Ok(decoded) => {
            let items = decoded.documents.iter().map(Document::item_count);
            let count = items.sum::<usize>() + decoded.broken.len();
            error_response::check_envelope(&source.http, &decoded.envelope, count)?;
            Ok(decoded)
        }
        Err(Undecodable::Unreadable(message)) => {
            error_response::check_body(&source.http, body)?;
            Err(Undecodable::Unreadable(message))
        }
        Err(why) => Err(why),
    }
}

pub(crate) fn decode_member(
    text: Bytes,
    pointer: String,
    level: Level,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let mut decoder = Decoder::new(source, None, Budget::new(limits, text.len()));
    decoder.add_text(text, pointer, level)?;
    Ok(decoder.into_decoded())
}

/// Decodes some documents of a text. The first one has the number `first`, counted from 0.
pub(crate) fn decode_documents(
    text: Bytes,
    pointer: &str,
    (first, documents): (usize, Vec<Range<usize>>),
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    let mut decoder = Decoder::new(source, None, Budget::new(limits, text.len()));
    decoder.add_documents(text, pointer, (first, documents))?;
    Ok(decoder.into_decoded())
}

/// Returns the text of an index in UTF-8. An index is one document of any kind.
pub(crate) fn index_text(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Bytes, Undecodable> {
    error_response::check_content_type(&source.http, content_type)
        .map_err(Undecodable::Unreadable)?;
    let mut budget = Budget::new(limits, body.len());
    let charset = source.decode.charset;
    Ok(charset::to_utf8(body, charset, content_type, &mut budget)?)
}

fn read(
    body: Bytes,
    content_type: Option<&str>,
    source: &Source,
    limits: &config::Fetch,
) -> Result<Decoded, Undecodable> {
    Archive::detect_body(&body, source.decode.container)
        .map_err(|what| Undecodable::Unreadable(what.into()))?;
    let mut decoder = Decoder::new(source, content_type, Budget::new(limits, body.len()));
    decoder.add_body(body, String::new(), Level::Outermost)?;
    decoder.finish()
}

/// The number of archives that a text is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Outermost,
    Inner,
    /// The text is a member of an archive inside another archive. If it is an archive too, it is
    /// not opened.
    Innermost,
}

impl Level {
    pub(crate) fn enter_archive(self) -> Self {
        match self {
            Level::Outermost => Level::Inner,
            Level::Inner | Level::Innermost => Level::Innermost,
        }
    }
}

struct Decoder<'a> {
    source: &'a Source,
    content_type: Option<&'a str>,
    budget: Budget,
    document_count: usize,
    envelope: Option<Value>,
    documents: Vec<Document>,
    broken: Vec<BrokenDocument>,
    /// The number of bytes that may still be kept of side files.
    side_file_room: usize,
}

impl<'a> Decoder<'a> {
    fn new(source: &'a Source, content_type: Option<&'a str>, budget: Budget) -> Self {
        Self {
            source,
            content_type,
            budget,
            document_count: 0,
            envelope: None,
            documents: Vec::new(),
            broken: Vec::new(),
            side_file_room: MAX_SIDE_FILE_BYTES,
        }
    }

    fn finish(self) -> Result<Decoded, Undecodable> {
        if self.document_count == 0 {
            let message = describe_no_data(&self.broken, self.source);
            return Err(Undecodable::Unreadable(message));
        }
        Ok(self.into_decoded())
    }

    fn into_decoded(self) -> Decoded {
        let mut envelope = self.envelope.unwrap_or_default();
        if envelope.is_null() && self.document_count > 1 {
            envelope = Value::Array(Vec::new());
        }
        Decoded {
            envelope,
            documents: self.documents,
            broken: self.broken,
        }
    }

    fn add_body(&mut self, body: Bytes, pointer: String, level: Level) -> Result<(), Undecodable> {
        let archive = Archive::detect(&body, self.source.decode.container);
        let Some(archive) = archive else {
            return self.add_text(body, pointer, level);
        };
        if level == Level::Innermost {
            let message = "an archive within an archive within an archive".into();
            return Ok(self.add_broken(pointer, body, message)?);
        }
        let opened = match archive {
            Archive::Zip => self.add_zip(&body, &pointer, level),
            Archive::Gzip => archive::gunzip(&body, &mut self.budget).and_then(|content| {
                Ok(self.add_body(content, pointer.clone(), level.enter_archive())?)
            }),
        };
        match opened {
            Ok(()) => Ok(()),
            Err(ArchiveError::Damaged(message)) => Ok(self.add_broken(pointer, body, message)?),
            Err(ArchiveError::Undecodable(why)) => Err(why),
        }
    }

    fn add_zip(&mut self, body: &Bytes, pointer: &str, level: Level) -> Result<(), ArchiveError> {
        let mut names: HashMap<String, usize> = HashMap::new();
        let mut archive = Zip::open(body, &mut self.budget)?;
        let source = self.source;
        for member in archive.members(&source.decode.members)? {
            let member = member?;
            let name = number_duplicate(member.name.clone(), &mut names);
            let pointer = format!("{pointer}/{}", json::escape_token(&name));
            match member.read(body, &mut self.budget, self.side_file_room)? {
                Content::Text(text) => self.add_body(text, pointer, level.enter_archive())?,
                Content::SideFile(kept) => self.add_side_file(pointer, &kept, MESSAGE.into())?,
                Content::Unreadable(bytes, message) => self.add_broken(pointer, bytes, message)?,
            }
        }
        Ok(())
    }

    fn add_text(&mut self, body: Bytes, pointer: String, level: Level) -> Result<(), Undecodable> {
        let is_outermost = level == Level::Outermost;
        let content_type = self.content_type.filter(|_| is_outermost);
        let charset = self.source.decode.charset;
        let text = charset::to_utf8(body, charset, content_type, &mut self.budget)?;
        if text.trim_ascii().is_empty() {
            return Ok(self.add_broken(pointer, text, "empty".into())?);
        }
        let (documents, unreadable) = match self.source.decode.container {
            Container::Lines => (Some(documents::split_lines(&text)), None),
            Container::Concatenated => (documents::split_concatenated(&text), None),
            Container::Json => return Ok(self.add_document(text, pointer, level)?),
            Container::Auto | Container::Zip | Container::Gzip => {
                match json::cut(&text, &self.source.items.shapes) {
                    Ok(cut) => return Ok(self.add_cut(text, pointer, cut)?),
                    Err(json::Unreadable(message)) => {
                        (documents::split_several(&text), Some(message))
                    }
                }
            }
        };
        let Some(documents) = documents else {
            let message = unreadable.unwrap_or_else(|| "not several JSON documents".into());
            return Ok(self.add_unreadable_text(pointer, text, message, level)?);
        };
        let last = documents.last();
        if is_outermost && last.is_some_and(|last| documents::is_cut_short(&text, last)) {
            let message = "JSON that ends in the middle of its last document".into();
            return Err(Undecodable::Unreadable(message));
        }
        Ok(self.add_documents(text, &pointer, (0, documents))?)
    }

    fn add_document(
        &mut self,
        text: Bytes,
        pointer: String,
        level: Level,
    ) -> Result<(), LimitExceeded> {
        match json::cut(&text, &self.source.items.shapes) {
            Ok(cut) => self.add_cut(text, pointer, cut),
            Err(json::Unreadable(message)) => {
                self.add_unreadable_text(pointer, text, message, level)
            }
        }
    }

    /// Adds a whole text in which no items were found. In an archive it may be metadata.
    fn add_unreadable_text(
        &mut self,
        pointer: String,
        text: Bytes,
        message: String,
        level: Level,
    ) -> Result<(), LimitExceeded> {
        match level {
            Level::Inner | Level::Innermost if is_other_json(&text) => {
                self.add_side_file(pointer, &text, message)
            }
            _ => self.add_broken(pointer, text, message),
        }
    }

    fn add_cut(&mut self, text: Bytes, pointer: String, mut cut: Cut) -> Result<(), LimitExceeded> {
        let envelope = std::mem::take(&mut cut.envelope);
        let package = self.write_package(&envelope, cut.list_of_items())?;
        for object in std::mem::take(&mut cut.lone_objects) {
            self.budget.spend_items(1)?;
            let object = BrokenDocument::lone_object(&pointer, &text, &object);
            self.broken.push(object);
        }
        // if the document is the whole page, the page itself keeps the envelope
        if !pointer.is_empty() {
            cut.envelope = reduce_to_version(&envelope, cut.list_of_items());
            self.budget
                .spend_envelope(envelope::estimate_bytes(&cut.envelope))?;
            if self.envelope.is_none() {
                self.budget
                    .spend_envelope(envelope::estimate_bytes(&envelope))?;
            }
        }
        self.count_document(envelope, cut.item_count())?;
        let second = cut.take_second().map(|second| Cut {
            envelope: cut.envelope.clone(),
            ..second
        });
        for cut in std::iter::once(cut).chain(second) {
            self.documents.push(Document {
                url: None,
                pointer: pointer.clone(),
                body: text.clone(),
                cut,
                package: package.clone(),
            });
        }
        Ok(())
    }

    /// Adds several documents of a text. Each package becomes a document of its own, because its
    /// envelope tells the version of its releases. All other documents become items of shared
    /// documents.
    fn add_documents(
        &mut self,
        text: Bytes,
        pointer: &str,
        (first, documents): (usize, Vec<Range<usize>>),
    ) -> Result<(), LimitExceeded> {
        let mut alone = Vec::new();
        for (index, range) in (first..).zip(documents) {
            let body = text.slice(range.clone());
            let cut = match json::cut(&body, &self.source.items.shapes) {
                Ok(cut) => cut,
                Err(json::Unreadable(message)) => {
                    self.add_broken(format!("{pointer}/{index}"), body, message)?;
                    continue;
                }
            };
            if !cut.envelope.is_null() {
                self.add_bare_items(&text, pointer, std::mem::take(&mut alone));
                self.add_cut(body, format!("{pointer}/{index}"), cut)?;
                continue;
            }
            self.count_document(cut.envelope, cut.items.len())?;
            alone.extend(cut.items.into_iter().map(|item| Item {
                index,
                range: range.start + item.range.start..range.start + item.range.end,
                depth: item.depth,
            }));
        }
        self.add_bare_items(&text, pointer, alone);
        Ok(())
    }

    fn add_bare_items(&mut self, text: &Bytes, pointer: &str, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let envelope = Value::Null;
        self.documents.push(Document {
            url: None,
            pointer: pointer.to_owned(),
            body: text.clone(),
            cut: Cut {
                envelope,
                list: Some(String::new()),
                items,
                ..Cut::default()
            },
            package: None,
        });
    }

    /// Writes the package around a document's items. If the document before it has the same
    /// package, they share the text.
    fn write_package(
        &mut self,
        envelope: &Value,
        list: Option<&str>,
    ) -> Result<Option<Arc<str>>, LimitExceeded> {
        let Some(package) = package::write_text(envelope, list) else {
            return Ok(None);
        };
        let last = self.documents.last().and_then(|it| it.package.as_ref());
        if let Some(last) = last.filter(|last| **last == package) {
            return Ok(Some(Arc::clone(last)));
        }
        self.budget.spend(package.len())?;
        Ok(Some(package))
    }

    fn count_document(&mut self, envelope: Value, items: usize) -> Result<(), LimitExceeded> {
        self.document_count += 1;
        self.envelope.get_or_insert(envelope);
        // a document without items counts too, because it also needs memory
        self.budget.spend_items(items.max(1))
    }

    fn add_side_file(
        &mut self,
        pointer: String,
        content: &[u8],
        message: String,
    ) -> Result<(), LimitExceeded> {
        self.budget.spend_items(1)?;
        let content = &content[..content.len().min(self.side_file_room)];
        let side_file = BrokenDocument::side_file(pointer, content, message);
        self.side_file_room -= side_file.body.len();
        self.broken.push(side_file);
        Ok(())
    }

    fn add_broken(
        &mut self,
        pointer: String,
        body: Bytes,
        message: String,
    ) -> Result<(), LimitExceeded> {
        self.budget.spend_items(1)?;
        self.broken
            .push(BrokenDocument::unreadable(pointer, body, message));
        Ok(())
    }
}

/// Describes a body without data, by its documents that could not be read and its side files. The
/// text is a clause that says what the body is.
pub(crate) fn describe_no_data(broken: &[BrokenDocument], source: &Source) -> String {
    let is_unreadable = |document: &&BrokenDocument| !document.is_side_file();
    let mut unreadable = broken.iter().filter(is_unreadable);
    let filter = &source.decode.members;
    match (unreadable.next(), unreadable.count(), broken) {
        (Some(document), 0, _) | (None, _, [document]) => document.message.clone(),
        (Some(document), more, _) => format!(
            "{} documents that cannot be read, the first of them {}",
            more + 1,
            document.message
        ),
        (None, _, []) if filter.matching.is_some() || filter.except.is_some() => {
            "without a member that `decode.members` selects".into()
        }
        (None, _, []) => "without documents".into(),
        (None, _, files) => format!("an archive of {} files, none of which is data", files.len()),
    }
}

/// Returns the name of a member, with a number if earlier members have the same name.
pub(crate) fn number_duplicate(name: String, names: &mut HashMap<String, usize>) -> String {
    let count = names.entry(name.clone()).or_default();
    *count += 1;
    match *count {
        1 => name,
        nth => format!("{name} ({nth})"),
    }
}

#[cfg(test)]
mod tests;
