//! Cuts a text that is too large for memory: a few documents at a time, or a few items of a large
//! document.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tracing::warn;

use crate::config;
use crate::decode::documents::{self, Lines, NextDocument};
use crate::decode::error_response::check_envelope;
use crate::decode::file::lookahead::Lookahead;
use crate::decode::file::piece::{PIECE, Piece, WHOLE_BYTES};
use crate::decode::file::texts::{ReadError, TextPosition};
use crate::decode::{self, Decoded, reduce_to_version};
use crate::json::{self, Continuation, Cut, DocumentStart, ItemsAt, LoneObject, LongList};
use crate::package;
use crate::page::{BrokenDocument, Document, Mark};
use crate::source::Source;

/// This many bytes are read ahead to cut a piece. They are a whole piece and a part of the next
/// one.
const LOOKAHEAD_BYTES: usize = PIECE.bytes + (256 << 10);

/// If a text begins with this many documents, each on its own line, it is JSON Lines.
const ENOUGH_LINES: usize = 3;

pub(super) struct LargeText {
    pub(super) lookahead: Lookahead,
    pub(super) pointer: String,
    pub(super) is_alone: bool,
    pub(super) position: TextPosition,
    /// The mark where the piece before this text ends.
    pub(super) before: Mark,
    /// The number of documents that have been cut off completely.
    pub(super) documents: usize,
    pub(super) lines: Lines,
    pub(super) list: Option<List>,
    /// A clause that says what is wrong with the text after the items that were cut off.
    pub(super) broken: Option<String>,
}

pub(super) struct List {
    list: LongList,
    /// The number of items that were cut off the list, and off earlier lists of the same name.
    items: usize,
    /// The same number for the lists of the other name.
    other_items: usize,
    /// The envelope that each part of the document's lists gets.
    envelope: Value,
    /// The package around the lists, as far as it stands before the first one.
    package: Option<Arc<str>>,
    /// True if the text between the lists shows that the document is a record.
    is_record: bool,
    /// The places with a comma too many in lists without items. They are counted with the next
    /// items.
    extra_commas: usize,
}

impl List {
    /// Goes on with the next list of the same package.
    fn enter_next(&mut self, list: LongList, is_record: bool) {
        if list.pointer() != self.list.pointer() {
            std::mem::swap(&mut self.items, &mut self.other_items);
        }
        self.list = list;
        self.is_record |= is_record;
    }
}

pub(super) enum Step {
    Continues,
    Ended,
    /// The next part cannot be read. The text is a clause that says what it is.
    Broken(String),
}

impl LargeText {
    /// Cuts off whole documents, or begins to cut a large one.
    pub(super) fn cut_documents(
        &mut self,
        piece: &mut Piece,
        source: &Source,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let room = self.lookahead.bytes.len().max(LOOKAHEAD_BYTES);
        self.lookahead.fill(room)?;
        let (documents, end, then) = self.split();
        if self.documents == 0 && self.lines == Lines::Unknown {
            let are_lines = is_json_lines(&self.lookahead.bytes, &documents);
            self.lines = if are_lines { Lines::Seen } else { self.lines };
        }
        if !documents.is_empty() {
            let count = documents.len();
            let text = self.lookahead.split_to(end);
            let documents = (self.documents, documents);
            self.documents += count;
            return Ok(
                match decode::decode_documents(text, &self.pointer, documents, source, limits) {
                    Ok(decoded) => {
                        piece.add(decoded);
                        Step::Continues
                    }
                    Err(why) => Step::Broken(why.into_message()),
                },
            );
        }
        match then {
            NextDocument::Nothing if self.lookahead.is_all => Ok(Step::Ended),
            NextDocument::Rest => Ok(Step::Broken("not several JSON documents".into())),
            _ => self.enter_document(then, piece, source, limits),
        }
    }

    /// Finds the documents at the start of the lookahead. Returns their ranges, the end of the
    /// last one, and what follows.
    fn split(&self) -> (Vec<Range<usize>>, usize, NextDocument) {
        let (text, is_all) = (&self.lookahead.bytes, self.lookahead.is_all);
        let mut documents = Vec::new();
        let mut end = 0;
        loop {
            let is_first = self.documents + documents.len() == 0;
            let next = documents::next_document(text, (end, is_first), is_all, self.lines);
            let NextDocument::Document(range, after) = next else {
                return (documents, end, next);
            };
            end = after;
            documents.push(range);
            if documents.len() >= PIECE.items || end >= PIECE.bytes {
                return (documents, end, NextDocument::Nothing);
            }
        }
    }

    /// Begins to cut the items of a document whose end is not in memory. Reads more of the
    /// document if its list of items does not begin yet.
    fn enter_document(
        &mut self,
        then: NextDocument,
        piece: &mut Piece,
        source: &Source,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let seen = self.lookahead.bytes.len();
        if seen < WHOLE_BYTES && !self.lookahead.is_all {
            self.lookahead.fill(WHOLE_BYTES)?;
            return Ok(Step::Continues);
        }
        let shapes = &source.items.shapes;
        let Some(opening) = DocumentStart::find(&self.lookahead.bytes, shapes) else {
            return match then {
                NextDocument::Damaged => {
                    Ok(Step::Broken(describe_damage(&self.lookahead.bytes, shapes)))
                }
                _ if self.lookahead.is_all => {
                    let message = "JSON that ends in the middle of its last document";
                    Ok(Step::Broken(message.into()))
                }
                _ => self.read_more(limits),
            };
        };
        let DocumentStart {
            list,
            start,
            envelope,
            lone_objects,
        } = opening;
        let is_told = source.items.version.is_some();
        // items follow, or the document would be small
        if let (true, Err(why)) = (self.is_alone, check_envelope(&source.http, &envelope, 1)) {
            return Ok(Step::Broken(why.into_message()));
        }
        if envelope.get("version").is_none() && envelope.is_object() && !is_told {
            warn!(
                source.name = %source.name,
                "a large package says no version before its releases, which are taken for \
                 none of 1.0: `items.version` says what they are"
            );
        }
        let before = self.lookahead.split_to(start);
        let version = find_version(&envelope, &list);
        let package = package::write_text(&envelope, Some(list.pointer()));
        piece.envelope.get_or_insert(envelope);
        self.add_lone_objects(piece, &before, &lone_objects);
        self.list = Some(List {
            package,
            envelope: version,
            list,
            items: 0,
            other_items: 0,
            is_record: false,
            extra_commas: 0,
        });
        Ok(Step::Continues)
    }

    /// Adds the objects in the place of a list, which become rejects.
    fn add_lone_objects(&self, piece: &mut Piece, text: &Bytes, objects: &[LoneObject]) {
        let pointer = self.document_pointer();
        let broken = objects
            .iter()
            .map(|object| BrokenDocument::lone_object(&pointer, text, object));
        piece.add(Decoded {
            broken: broken.collect(),
            ..Decoded::default()
        });
    }

    /// Returns the beginning of the pointers to what is in the document that is being cut.
    fn document_pointer(&self) -> String {
        match self.documents {
            0 => self.pointer.clone(),
            nth => format!("{}/{nth}", self.pointer),
        }
    }

    pub(super) fn cut_items(
        &mut self,
        piece: &mut Piece,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let room = self.lookahead.bytes.len().max(LOOKAHEAD_BYTES);
        self.lookahead.fill(room)?;
        let pointer = self.document_pointer();
        let Some(List {
            list,
            items,
            envelope,
            package,
            extra_commas,
            ..
        }) = &mut self.list
        else {
            return Ok(Step::Continues);
        };
        let portion = list.cut_portion(&self.lookahead.bytes, self.lookahead.is_all, *items, PIECE);
        *items += portion.items.len();
        *extra_commas += portion.extra_commas;
        let (envelope, package) = (envelope.clone(), package.clone());
        let list = list.pointer().to_owned();
        let body = self.lookahead.split_to(portion.end);
        let is_nothing = portion.items.is_empty();
        // a part without items is added only for an empty list, whose end shows that it is
        // complete
        let is_part = !is_nothing || matches!(portion.continuation, Continuation::End { .. });
        let extra_commas = match is_part {
            true => std::mem::take(extra_commas),
            false => 0,
        };
        self.add_lone_objects(piece, &body, &portion.lone_objects);
        if is_part {
            let cut = Cut {
                envelope,
                list: Some(list),
                items: portion.items,
                extra_commas,
                ..Cut::default()
            };
            let document = Document::single_document(body, cut);
            piece.add(Decoded {
                documents: vec![Document {
                    pointer,
                    package,
                    ..document
                }],
                ..Decoded::default()
            });
        }
        match portion.continuation {
            Continuation::MoreText if is_nothing => return self.read_more(limits),
            Continuation::MoreItems | Continuation::MoreText => {}
            Continuation::NextList { list, is_record } => {
                if let Some(current) = &mut self.list {
                    current.enter_next(list, is_record);
                }
            }
            Continuation::End { is_record } => {
                let list = self.list.take();
                let is_record = is_record || list.is_some_and(|list| list.is_record);
                self.documents += 1;
                self.broken =
                    is_record.then(|| format!("a record of more than {WHOLE_BYTES} bytes"));
            }
            // the items before the damage are a piece, which ends here
            Continuation::Broken(message) => self.broken = Some(message),
        }
        Ok(Step::Continues)
    }

    /// Doubles the number of bytes in memory, because they hold no whole item or document.
    /// Returns [`Step::Broken`] at the limit.
    fn read_more(&mut self, limits: &config::Fetch) -> Result<Step, ReadError> {
        let most = limits.max_body_bytes;
        let seen = self.lookahead.bytes.len();
        if seen >= most {
            return Ok(Step::Broken(format!(
                "an item of more than {most} bytes, the limit of `fetch.max_body_bytes`"
            )));
        }
        self.lookahead.fill(seen.saturating_mul(2).min(most))?;
        Ok(Step::Continues)
    }
}

/// Returns true if the first documents are lines, and enough of them to treat the whole text as
/// JSON Lines. Then a broken document ends at the end of its line.
fn is_json_lines(text: &[u8], documents: &[Range<usize>]) -> bool {
    let is_line = |range: &Range<usize>| memchr::memchr(b'\n', &text[range.clone()]).is_none();
    let are_apart = |pair: &[Range<usize>]| text[pair[0].end..pair[1].start].contains(&b'\n');
    documents.len() >= ENOUGH_LINES
        && documents.iter().all(is_line)
        && documents.windows(2).all(are_apart)
}

fn describe_damage(text: &[u8], shapes: &[ItemsAt]) -> String {
    match json::cut(text, shapes) {
        Err(json::Unreadable(message)) => message,
        Ok(_) => "not whole".into(),
    }
}

/// Returns what the part of an envelope that has been read tells about the version of its
/// package. Returns an empty object if no version stands before the items, because one may follow
/// them.
fn find_version(envelope: &Value, list: &LongList) -> Value {
    let version = reduce_to_version(envelope, Some(list.pointer()));
    let (package, _name) = list.pointer().rsplit_once('/').unwrap_or_default();
    let package = version.pointer(package);
    match package.is_some_and(|package| package.get("version").is_some()) {
        true => version,
        false => Value::Object(Map::new()),
    }
}
