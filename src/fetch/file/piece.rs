//! A file cut into pieces, each a page of the run.
//!
//! Documents that are small are held whole, several of them to a piece. Of a
//! document that is large the items are cut off its list one stretch after the
//! other, and so no more than a stretch is held.
//!
//! Where a piece ends depends on the file alone: a piece that was stored once is
//! found again, and known by a digest of what comes before its end.

use std::io::Read as _;

use bytes::Bytes;
use serde_json::Value;

use crate::config;
use crate::decode::split::Lines;
use crate::decode::{self, Decoded};
use crate::fetch::file::arrival::FileReader;
use crate::fetch::file::large::{Large, Step};
use crate::fetch::file::text::{Next, Stop, Text, Texts, Turn};
use crate::fetch::file::window::Window;
use crate::http::body;
use crate::json::Most;
use crate::page::Undecodable;
use crate::page::{Broken, Mark, Part};
use crate::source::{Container, Source};

/// The largest document that is held whole although it is of any kind.
pub(super) const WHOLE_BYTES: usize = 4 << 20;

/// How much makes a piece.
pub(super) const PIECE: Most = Most {
    items: 1_000,
    bytes: 1 << 20,
};

/// How many digits are kept of a digest.
const DIGEST_LENGTH: usize = 32;

/// Documents and items of a file, in their order.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) parts: Vec<Part>,
    pub(super) broken: Vec<Broken>,
    /// What is around the items of the first document that begins in it.
    pub(super) envelope: Option<Value>,
    items: usize,
    bytes: usize,
}

/// What comes next of a file.
pub(super) enum Cutting {
    /// A piece, and where it ends.
    Piece(Piece, Mark),
    /// What cannot be read: how it begins, what it is instead, and where what can be
    /// read goes on.
    Unreadable(Bytes, String, Mark),
    End,
}

/// Cuts a file.
pub(super) struct Cutter {
    source: Source,
    limits: config::Fetch,
    file: FileReader,
    texts: Texts,
    /// The large text that is being cut.
    large: Option<Large>,
    /// What cannot be read, behind the piece that can.
    rest: Option<(Bytes, String)>,
    is_over: bool,
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.broken.is_empty()
    }

    fn is_full(&self) -> bool {
        self.items >= PIECE.items || self.bytes >= PIECE.bytes
    }

    pub(super) fn take(&mut self, decoded: Decoded) {
        let items = decoded.parts.iter().map(|part| part.cut.items.len());
        self.items += items.sum::<usize>() + decoded.broken.len();
        let bodies = decoded.parts.iter().map(|part| part.body.len());
        let broken = decoded.broken.iter().map(|broken| broken.body.len());
        self.bytes += bodies.chain(broken).sum::<usize>();
        if self.envelope.is_none() && !decoded.parts.is_empty() {
            self.envelope = Some(decoded.envelope);
        }
        self.parts.extend(decoded.parts);
        self.broken.extend(decoded.broken);
    }

    fn take_broken(&mut self, place: String, body: Bytes, message: String) {
        self.items += 1;
        self.bytes += body.len();
        self.broken.push(Broken::unreadable(place, body, message));
    }
}

impl Cutter {
    pub(super) fn new(file: FileReader, source: &Source, limits: &config::Fetch) -> Self {
        Self {
            source: source.clone(),
            limits: limits.clone(),
            texts: Texts::new(file.clone(), source.decode.container, limits),
            file,
            large: None,
            rest: None,
            is_over: false,
        }
    }

    /// One that begins at the beginning of the same file.
    pub(super) fn again(self) -> Self {
        Self::new(self.file, &self.source, &self.limits)
    }

    /// The piece that comes next. It reads, and may wait.
    ///
    /// # Errors
    /// The file cannot be read, which is not the file's fault: a clause.
    pub(super) fn next(&mut self) -> Result<Cutting, String> {
        let mut piece = Piece::default();
        let mark = self.fill(&mut piece)?;
        if !piece.is_empty() {
            return Ok(Cutting::Piece(piece, mark));
        }
        Ok(match self.rest.take() {
            Some((body, message)) => Cutting::Unreadable(body, message, self.mark()),
            None => Cutting::End,
        })
    }

    /// Passes over the pieces up to a mark; `false` if there is none like it.
    ///
    /// # Errors
    /// As [`Cutter::next`].
    pub(super) fn skip_to(&mut self, mark: &Mark) -> Result<bool, String> {
        let turn = Turn {
            member: mark.member,
            inner: mark.inner,
            ..Turn::default()
        };
        match self.texts.skip_to(turn) {
            Ok(()) => {}
            Err(Stop::Lost(message)) => return Err(message),
            Err(Stop::Torn(_)) => return Ok(false),
        }
        let mut here = self.mark();
        while here != *mark {
            let is_past = (here.member, here.offset) > (mark.member, mark.offset);
            if mark.offset == 0 || is_past {
                return Ok(false);
            }
            here = match self.next()? {
                Cutting::Piece(_, end) => end,
                Cutting::Unreadable(..) | Cutting::End => return Ok(false),
            };
        }
        Ok(true)
    }

    /// Where the pieces until now end.
    fn mark(&self) -> Mark {
        match &self.large {
            Some(large) if large.window.offset > 0 => {
                let (turn, window) = (large.turn, &large.window);
                mark(turn, window.offset, window.seen())
            }
            Some(large) => large.before.clone(),
            None => {
                let turn = self.texts.turn();
                mark(turn, 0, turn.seen)
            }
        }
    }

    /// The first bytes of the file as it is.
    fn beginning(&self) -> Bytes {
        let mut bytes = Vec::new();
        let most = body::KEPT_OF_TOO_LARGE as u64;
        // what there is of a file that cannot be read is all that can be kept
        let _ = self.file.to_look_at().take(most).read_to_end(&mut bytes);
        bytes.into()
    }

    /// Fills a piece, and says where it ends.
    fn fill(&mut self, piece: &mut Piece) -> Result<Mark, String> {
        while !piece.is_full() && !self.is_over && self.rest.is_none() {
            let before = self.mark();
            let filled = match &self.large {
                Some(_) => self.cut_large(piece),
                None => self.add(piece, &before),
            };
            match filled {
                Ok(()) => {}
                Err(Stop::Lost(message)) => return Err(message),
                Err(Stop::Torn(message)) => {
                    self.is_over = true;
                    self.rest = Some((self.beginning(), message));
                }
            }
            match &self.large {
                _ if piece.is_empty() => {}
                // what cannot be read is behind the piece
                _ if self.rest.is_some() => return Ok(before),
                // pieces of a large text are its own
                Some(_) => break,
                None => {}
            }
        }
        Ok(self.mark())
    }

    /// Adds what comes next of the file's texts to a piece.
    fn add(&mut self, piece: &mut Piece, before: &Mark) -> Result<(), Stop> {
        match self.texts.next()? {
            Next::End => {
                self.is_over = true;
                Ok(())
            }
            Next::Text(text) => self.text(text, piece, before),
            Next::Broken {
                place,
                message,
                packed: (packed, is_whole),
            } => {
                if is_whole {
                    piece.take_broken(place, packed, message);
                } else {
                    self.rest = Some((packed, within(&place, &message)));
                }
                Ok(())
            }
        }
    }

    /// Takes a text that is small, and keeps one that is large to be cut.
    fn text(&mut self, text: Text, piece: &mut Piece, before: &Mark) -> Result<(), Stop> {
        let Text {
            reader,
            place,
            level,
            is_alone,
            turn,
        } = text;
        let mut window = Window::new(reader, turn.seen);
        window.fill(WHOLE_BYTES)?;
        let content_type = self.file.content_type().filter(|_| is_alone);
        // of one that is damaged the items before that are stored
        if !window.is_all || window.damage.is_some() {
            self.large = Some(Large {
                window: window.decoded(self.source.decode.charset, content_type.as_deref()),
                place,
                is_alone,
                turn,
                before: before.clone(),
                documents: 0,
                lines: match self.source.decode.container {
                    Container::Lines => Lines::Declared,
                    _ => Lines::Unknown,
                },
                list: None,
                broken: None,
            });
            return Ok(());
        }
        // no larger than it is: it may be kept for as long as its items are
        let text = Bytes::copy_from_slice(&window.bytes);
        let (source, limits) = (&self.source, &self.limits);
        let decoded = match is_alone {
            true => decode::alone(text.clone(), content_type.as_deref(), source, limits),
            false => decode::member(text.clone(), place.clone(), level, source, limits),
        };
        match decoded {
            Ok(decoded) => piece.take(decoded),
            Err(Undecodable::Unreadable(message) | Undecodable::TooLarge(message)) => {
                self.give_up(is_alone, place, text, message, piece);
            }
        }
        Ok(())
    }

    /// Takes a text that cannot be read, as far as it could be. One of several is kept
    /// with the others; a file by itself is not read any further.
    fn give_up(
        &mut self,
        is_alone: bool,
        place: String,
        body: Bytes,
        message: String,
        piece: &mut Piece,
    ) {
        if is_alone {
            self.is_over = true;
            self.rest = Some((body, message));
        } else {
            piece.take_broken(place, body, message);
        }
    }

    /// Cuts a piece off the large text.
    fn cut_large(&mut self, piece: &mut Piece) -> Result<(), Stop> {
        let Some(mut large) = self.large.take() else {
            return Ok(());
        };
        let (source, limits) = (&self.source, &self.limits);
        let step = match (large.broken.take(), &large.list) {
            (Some(message), _) => Ok(Step::Broken(message)),
            (None, Some(_)) => large.items(piece, limits),
            (None, None) => large.documents(piece, source, limits),
        };
        let message = match (step?, large.window.damage.take()) {
            (Step::GoesOn, damage) => {
                large.window.damage = damage;
                self.large = Some(large);
                return Ok(());
            }
            (Step::Ended, None) => return Ok(()),
            (Step::Broken(message), None) | (_, Some(message)) => message,
        };
        let body = body::beginning(&large.window.bytes);
        // all of it cannot be kept, so the file is not whole without it
        self.rest = Some((body, within(&large.place, &message)));
        self.is_over = large.is_alone;
        Ok(())
    }
}

/// What is wrong with a text of several.
fn within(place: &str, message: &str) -> String {
    match place {
        "" => message.to_owned(),
        place => format!("{message}, at {place}"),
    }
}

fn mark(turn: Turn, offset: u64, seen: [u8; 32]) -> Mark {
    Mark {
        member: turn.member,
        inner: turn.inner,
        offset,
        seen: blake3::Hash::from(seen).to_hex()[..DIGEST_LENGTH].to_owned(),
    }
}
