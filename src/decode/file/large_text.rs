//! A text that is not held whole: its documents a few at a time, and of one that is
//! large the items.

use std::ops::Range;

use serde_json::{Map, Value};
use tracing::warn;

use crate::config;
use crate::decode::file::lookahead::Lookahead;
use crate::decode::file::piece::{PIECE, Piece, WHOLE_BYTES};
use crate::decode::file::texts::{ReadError, TextPosition};
use crate::decode::split::{self, Lines, Next as Split};
use crate::decode::{self, Decoded, check_envelope, telling};
use crate::json::{self, Cut, ItemsAt, LongList, Opening, Then};
use crate::page::{Mark, Part, Undecodable};
use crate::source::Source;

/// How much of a text is looked at to cut a piece off it.
const WINDOW_BYTES: usize = PIECE.bytes + (256 << 10);

/// How many documents on a line each make a text one of lines.
const ENOUGH_LINES: usize = 3;

/// A text that is not held whole.
pub(super) struct LargeText {
    pub(super) window: Lookahead,
    pub(super) place: String,
    pub(super) is_alone: bool,
    pub(super) position: TextPosition,
    /// Where what comes before it ends.
    pub(super) before: Mark,
    /// How many documents of it have ended.
    pub(super) documents: usize,
    /// Whether each of them is a line.
    pub(super) lines: Lines,
    /// The list of the document that is being cut.
    pub(super) list: Option<List>,
    /// What it is instead, behind the items that were cut off.
    pub(super) broken: Option<String>,
}

/// A list that is being cut.
pub(super) struct List {
    list: LongList,
    /// How many of its items have been.
    items: usize,
    /// What is around them, as each of its parts has it.
    envelope: Value,
}

pub(super) enum Step {
    GoesOn,
    Ended,
    /// What comes next is not what it should be: a clause that says what it is.
    Broken(String),
}

impl LargeText {
    /// Takes documents, or enters one that is large.
    pub(super) fn documents(
        &mut self,
        piece: &mut Piece,
        source: &Source,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let room = self.window.bytes.len().max(WINDOW_BYTES);
        self.window.fill(room)?;
        let (documents, end, then) = self.split();
        if self.documents == 0 && self.lines == Lines::Unknown {
            let are_lines = are_lines(&self.window.bytes, &documents);
            self.lines = if are_lines { Lines::Seen } else { self.lines };
        }
        if !documents.is_empty() {
            let count = documents.len();
            let text = self.window.take(end);
            let documents = (self.documents, documents);
            self.documents += count;
            return Ok(
                match decode::documents(text, &self.place, documents, source, limits) {
                    Ok(decoded) => {
                        piece.add(decoded);
                        Step::GoesOn
                    }
                    Err(Undecodable::TooLarge(message) | Undecodable::Unreadable(message)) => {
                        Step::Broken(message)
                    }
                },
            );
        }
        match then {
            Split::Nothing if self.window.is_all => Ok(Step::Ended),
            Split::Rest => Ok(Step::Broken("not several JSON documents".into())),
            _ => self.document(then, piece, source, limits),
        }
    }

    /// The documents that the window begins with, where they end, and what follows.
    fn split(&self) -> (Vec<Range<usize>>, usize, Split) {
        let (text, is_all) = (&self.window.bytes, self.window.is_all);
        let mut documents = Vec::new();
        let mut end = 0;
        loop {
            let is_first = self.documents + documents.len() == 0;
            let next = split::next(text, (end, is_first), is_all, self.lines);
            let Split::Document(range, after) = next else {
                return (documents, end, next);
            };
            end = after;
            documents.push(range);
            if documents.len() >= PIECE.items || end >= PIECE.bytes {
                return (documents, end, Split::Nothing);
            }
        }
    }

    /// Enters the document that the window has only the beginning of, or sees more
    /// of it.
    fn document(
        &mut self,
        then: Split,
        piece: &mut Piece,
        source: &Source,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let seen = self.window.bytes.len();
        if seen < WHOLE_BYTES && !self.window.is_all {
            self.window.fill(WHOLE_BYTES)?;
            return Ok(Step::GoesOn);
        }
        let shapes = &source.items.shapes;
        let Some(opening) = Opening::of(&self.window.bytes, shapes) else {
            return match then {
                Split::Damaged => Ok(Step::Broken(what_it_is(&self.window.bytes, shapes))),
                _ if self.window.is_all => {
                    let message = "JSON that ends in the middle of its last document";
                    Ok(Step::Broken(message.into()))
                }
                _ => self.see_more(limits),
            };
        };
        let Opening {
            list,
            start,
            envelope,
        } = opening;
        let is_told = source.items.version.is_some();
        if let (true, Err(Undecodable::Unreadable(message))) =
            (self.is_alone, check_envelope(source, &envelope))
        {
            return Ok(Step::Broken(message));
        }
        if envelope.get("version").is_none() && envelope.is_object() && !is_told {
            warn!(
                source.name = %source.name,
                "a large package says no version before its releases, which are taken for \
                 none of 1.0: `items.version` says what they are"
            );
        }
        self.window.take(start);
        self.list = Some(List {
            envelope: told(&envelope, &list),
            list,
            items: 0,
        });
        piece.envelope.get_or_insert(envelope);
        Ok(Step::GoesOn)
    }

    /// Cuts items off the list.
    pub(super) fn items(
        &mut self,
        piece: &mut Piece,
        limits: &config::Fetch,
    ) -> Result<Step, ReadError> {
        let room = self.window.bytes.len().max(WINDOW_BYTES);
        self.window.fill(room)?;
        let Some(List {
            list,
            items,
            envelope,
        }) = &mut self.list
        else {
            return Ok(Step::GoesOn);
        };
        let portion = list.portion(&self.window.bytes, self.window.is_all, *items, PIECE);
        let place = match self.documents {
            0 => self.place.clone(),
            nth => format!("{}/{nth}", self.place),
        };
        *items += portion.items.len();
        let envelope = envelope.clone();
        let body = self.window.take(portion.end);
        let is_nothing = portion.items.is_empty();
        // the last of its items is known by what follows it
        if !is_nothing || matches!(portion.then, Then::End { .. }) {
            let cut = Cut {
                envelope,
                list: Some(list.place().to_owned()),
                items: portion.items,
            };
            let part = Part::whole(body, cut);
            piece.add(Decoded {
                parts: vec![Part { place, ..part }],
                ..Decoded::default()
            });
        }
        match portion.then {
            Then::Text if is_nothing => return self.see_more(limits),
            Then::Items | Then::Text => {}
            Then::End { is_record } => {
                self.list = None;
                self.documents += 1;
                self.broken =
                    is_record.then(|| format!("a record of more than {WHOLE_BYTES} bytes"));
            }
            // its items are a piece, which ends here
            Then::Broken(message) => self.broken = Some(message),
        }
        Ok(Step::GoesOn)
    }

    /// Sees more of what is not whole yet, within limits.
    fn see_more(&mut self, limits: &config::Fetch) -> Result<Step, ReadError> {
        let most = limits.max_body_bytes;
        let seen = self.window.bytes.len();
        if seen >= most {
            return Ok(Step::Broken(format!(
                "an item of more than {most} bytes, the limit of `fetch.max_body_bytes`"
            )));
        }
        self.window.fill(seen.saturating_mul(2).min(most))?;
        Ok(Step::GoesOn)
    }
}

/// Whether the documents that a text begins with are lines, enough of them to take
/// those that follow for lines too: one that is broken ends with its line then.
fn are_lines(text: &[u8], documents: &[Range<usize>]) -> bool {
    let is_line = |range: &Range<usize>| memchr::memchr(b'\n', &text[range.clone()]).is_none();
    let are_apart = |pair: &[Range<usize>]| text[pair[0].end..pair[1].start].contains(&b'\n');
    documents.len() >= ENOUGH_LINES
        && documents.iter().all(is_line)
        && documents.windows(2).all(are_apart)
}

/// What a text is that is no document of any kind.
fn what_it_is(text: &[u8], shapes: &[ItemsAt]) -> String {
    match json::cut(text, shapes) {
        Err(json::Unreadable(message)) => message,
        Ok(_) => "not whole".into(),
    }
}

/// What is around the items of a list whose document has not ended, as far as it
/// tells their version: one that is not said yet may be said behind them, and so
/// nothing is told.
fn told(envelope: &Value, list: &LongList) -> Value {
    let told = telling(envelope, Some(list.place()));
    let package = list.place().rsplit_once('/').map_or("", |(place, _)| place);
    let says = |told: &Value| {
        told.pointer(package)
            .and_then(|it| it.get("version"))
            .is_some()
    };
    Some(told)
        .filter(says)
        .unwrap_or_else(|| Value::Object(Map::new()))
}
