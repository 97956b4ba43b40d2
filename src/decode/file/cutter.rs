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

use crate::config;
use crate::decode;
use crate::decode::file::arriving_file::FileReader;
use crate::decode::file::large_text::{LargeText, Step};
use crate::decode::file::lookahead::Lookahead;
use crate::decode::file::piece::{Piece, WHOLE_BYTES};
use crate::decode::file::texts::{NextText, ReadError, Text, TextPosition, Texts};
use crate::decode::split::Lines;
use crate::page::{KEPT_OF_TOO_LARGE, Mark, Undecodable, beginning};
use crate::source::{Container, Source};

/// How many digits are kept of a digest.
const DIGEST_LENGTH: usize = 32;

/// What comes next of a file.
pub(crate) enum NextPiece {
    /// A piece, and where it ends.
    Piece(Piece, Mark),
    /// What cannot be read: how it begins, what it is instead, and where what can be
    /// read goes on.
    Unreadable(Bytes, String, Mark),
    End,
}

/// Cuts a file.
pub(crate) struct Cutter {
    source: Source,
    limits: config::Fetch,
    file: FileReader,
    texts: Texts,
    /// The large text that is being cut.
    large: Option<LargeText>,
    /// What cannot be read, behind the piece that can.
    rest: Option<(Bytes, String)>,
    is_over: bool,
}

impl Cutter {
    pub(crate) fn new(file: FileReader, source: &Source, limits: &config::Fetch) -> Self {
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
    pub(crate) fn restart(self) -> Self {
        Self::new(self.file, &self.source, &self.limits)
    }

    /// The piece that comes next. It reads, and may wait.
    ///
    /// # Errors
    /// The file cannot be read, which is not the file's fault: a clause.
    pub(crate) fn next(&mut self) -> Result<NextPiece, String> {
        let mut piece = Piece::default();
        let mark = self.fill(&mut piece)?;
        if !piece.is_empty() {
            return Ok(NextPiece::Piece(piece, mark));
        }
        Ok(match self.rest.take() {
            Some((body, message)) => NextPiece::Unreadable(body, message, self.mark()),
            None => NextPiece::End,
        })
    }

    /// Passes over the pieces up to a mark; `false` if there is none like it.
    ///
    /// # Errors
    /// As [`Cutter::next`].
    pub(crate) fn skip_to(&mut self, mark: &Mark) -> Result<bool, String> {
        let position = TextPosition {
            member: mark.member,
            inner: mark.inner,
            ..TextPosition::default()
        };
        match self.texts.skip_to(position) {
            Ok(()) => {}
            Err(ReadError::Unavailable(message)) => return Err(message),
            Err(ReadError::Damaged(_)) => return Ok(false),
        }
        let mut here = self.mark();
        while here != *mark {
            let is_past = (here.member, here.offset) > (mark.member, mark.offset);
            if mark.offset == 0 || is_past {
                return Ok(false);
            }
            here = match self.next()? {
                NextPiece::Piece(_, end) => end,
                NextPiece::Unreadable(..) | NextPiece::End => return Ok(false),
            };
        }
        Ok(true)
    }

    /// Where the pieces until now end.
    fn mark(&self) -> Mark {
        match &self.large {
            Some(large) if large.window.offset > 0 => {
                let (position, window) = (large.position, &large.window);
                mark(position, window.offset, window.seen())
            }
            Some(large) => large.before.clone(),
            None => {
                let position = self.texts.position();
                mark(position, 0, position.seen)
            }
        }
    }

    /// The first bytes of the file as it is.
    fn beginning(&self) -> Bytes {
        let mut bytes = Vec::new();
        let most = KEPT_OF_TOO_LARGE as u64;
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
                None => self.add_next_text(piece, &before),
            };
            match filled {
                Ok(()) => {}
                Err(ReadError::Unavailable(message)) => return Err(message),
                Err(ReadError::Damaged(message)) => {
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
    fn add_next_text(&mut self, piece: &mut Piece, before: &Mark) -> Result<(), ReadError> {
        match self.texts.next()? {
            NextText::End => {
                self.is_over = true;
                Ok(())
            }
            NextText::Text(text) => self.text(text, piece, before),
            NextText::Broken {
                place,
                message,
                packed: (packed, is_whole),
            } => {
                if is_whole {
                    piece.add_broken(place, packed, message);
                } else {
                    self.rest = Some((packed, within(&place, &message)));
                }
                Ok(())
            }
        }
    }

    /// Takes a text that is small, and keeps one that is large to be cut.
    fn text(&mut self, text: Text, piece: &mut Piece, before: &Mark) -> Result<(), ReadError> {
        let Text {
            reader,
            place,
            level,
            is_alone,
            position,
        } = text;
        let mut window = Lookahead::new(reader, position.seen);
        window.fill(WHOLE_BYTES)?;
        let content_type = self.file.content_type().filter(|_| is_alone);
        // of one that is damaged the items before that are stored
        if !window.is_all || window.damage.is_some() {
            self.large = Some(LargeText {
                window: window.decoded(self.source.decode.charset, content_type.as_deref()),
                place,
                is_alone,
                position,
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
            Ok(decoded) => piece.add(decoded),
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
            piece.add_broken(place, body, message);
        }
    }

    /// Cuts a piece off the large text.
    fn cut_large(&mut self, piece: &mut Piece) -> Result<(), ReadError> {
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
        let body = beginning(&large.window.bytes);
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

fn mark(position: TextPosition, offset: u64, seen: [u8; 32]) -> Mark {
    Mark {
        member: position.member,
        inner: position.inner,
        offset,
        seen: blake3::Hash::from(seen).to_hex()[..DIGEST_LENGTH].to_owned(),
    }
}
