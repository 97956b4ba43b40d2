//! Cuts a file into pieces. Each piece becomes one page of the run.
//!
//! Small documents are kept whole, and a piece has several of them. A large document is cut
//! within its list of items, so that only a part of it is in memory.
//!
//! Only the content of the file decides where a piece ends. To resume, a run cuts the file again
//! up to the last stored end, a gigabyte in seconds, and compares a digest. So no state of the
//! parser has to be stored, and another file with the same name is noticed.

use std::io::Read as _;

use bytes::Bytes;

use crate::config;
use crate::decode;
use crate::decode::documents::Lines;
use crate::decode::file::arriving_file::FileReader;
use crate::decode::file::large_text::{LargeText, Step};
use crate::decode::file::lookahead::Lookahead;
use crate::decode::file::piece::{Piece, WHOLE_BYTES};
use crate::decode::file::texts::{NextText, ReadError, Text, TextPosition, Texts};
use crate::decode::side_file::{MAX_SIDE_FILE_BYTES, MESSAGE};
use crate::page::{BrokenDocument, MAX_KEPT_BYTES, Mark, copy_beginning};
use crate::source::{Container, Source};

const DIGEST_LENGTH: usize = 32;

pub(crate) enum NextPiece {
    /// A piece, and the mark where it ends.
    Piece(Piece, Mark),
    /// A part of the file cannot be read: its first bytes, a clause that says what is wrong, and
    /// the mark where the readable rest begins.
    Unreadable(Bytes, String, Mark),
    End,
}

/// Cuts a file into pieces. Each piece has some of the file's documents, or some of the items of a
/// large document.
pub(crate) struct Cutter {
    source: Source,
    limits: config::Fetch,
    file: FileReader,
    texts: Texts,
    large: Option<LargeText>,
    /// The side files that were read since the last piece. They become part of the next piece. If
    /// nothing else follows them, they are the last piece. If the file has only side files, there
    /// is no piece, because the file is unreadable as a whole.
    side_files: Vec<BrokenDocument>,
    /// The number of bytes that are kept of these side files.
    side_file_bytes: usize,
    /// True if a part of the file was data, readable or not.
    has_data: bool,
    /// A part of the file that cannot be read. It is returned after the piece before it.
    rest: Option<(Bytes, String)>,
    is_over: bool,
}

impl Cutter {
    pub(crate) fn new(file: FileReader, source: &Source, limits: &config::Fetch) -> Self {
        Self {
            source: source.clone(),
            limits: limits.clone(),
            texts: Texts::new(file.clone(), source, limits),
            file,
            large: None,
            side_files: Vec::new(),
            side_file_bytes: 0,
            has_data: false,
            rest: None,
            is_over: false,
        }
    }

    pub(crate) fn restart(self) -> Self {
        Self::new(self.file, &self.source, &self.limits)
    }

    /// Cuts the next piece. Blocks until the bytes of the piece have arrived. An error means that
    /// the file is not available, which is not the fault of its content; the text is a clause.
    pub(crate) fn next(&mut self) -> Result<NextPiece, String> {
        let mut piece = Piece::default();
        let mark = self.fill(&mut piece)?;
        self.has_data |= !piece.is_empty() || self.rest.is_some();
        if !self.has_data {
            return Ok(self.end_without_data());
        }
        if self.rest.is_none() || !piece.is_empty() {
            piece.broken.append(&mut self.side_files);
            self.side_file_bytes = 0;
        }
        if !piece.is_empty() {
            return Ok(NextPiece::Piece(piece, mark));
        }
        Ok(match self.rest.take() {
            Some((body, message)) => NextPiece::Unreadable(body, message, self.current_mark()),
            None => NextPiece::End,
        })
    }

    /// Returns the unreadable part that is the whole file, because nothing of it is data.
    fn end_without_data(&mut self) -> NextPiece {
        self.has_data = true;
        let files = std::mem::take(&mut self.side_files);
        let message = decode::describe_no_data(&files, &self.source);
        NextPiece::Unreadable(self.read_beginning(), message, self.current_mark())
    }

    /// Skips all pieces up to a mark. Returns false if no piece ends at the mark.
    pub(crate) fn skip_to(&mut self, mark: &Mark) -> Result<bool, String> {
        // the first piece of every file has data
        self.has_data = true;
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
        let mut here = self.current_mark();
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

    /// Returns the mark where the pieces that were cut so far end.
    fn current_mark(&self) -> Mark {
        match &self.large {
            Some(large) if large.lookahead.offset > 0 => {
                let (position, lookahead) = (large.position, &large.lookahead);
                mark(position, lookahead.offset, lookahead.digest_before())
            }
            Some(large) => large.before.clone(),
            None => {
                let position = self.texts.position();
                mark(position, 0, position.seen)
            }
        }
    }

    fn read_beginning(&self) -> Bytes {
        let mut bytes = Vec::new();
        let most = MAX_KEPT_BYTES as u64;
        // the file cannot be read, so whatever bytes are available are kept
        let _ = self
            .file
            .without_counting()
            .take(most)
            .read_to_end(&mut bytes);
        bytes.into()
    }

    /// Fills a piece, and returns the mark where it ends.
    fn fill(&mut self, piece: &mut Piece) -> Result<Mark, String> {
        while !piece.is_full() && !self.is_over && self.rest.is_none() {
            let before = self.current_mark();
            let filled = match &self.large {
                Some(_) => self.cut_large(piece),
                None => self.add_next_text(piece, &before),
            };
            match filled {
                Ok(()) => {}
                Err(ReadError::Unavailable(message)) => return Err(message),
                Err(ReadError::Damaged(message)) => {
                    self.is_over = true;
                    self.rest = Some((self.read_beginning(), message));
                }
            }
            match &self.large {
                _ if piece.is_empty() => {}
                // the unreadable part is returned after this piece
                _ if self.rest.is_some() => return Ok(before),
                // the pieces of a large text contain no other text
                Some(_) => break,
                None => {}
            }
        }
        Ok(self.current_mark())
    }

    fn add_next_text(&mut self, piece: &mut Piece, before: &Mark) -> Result<(), ReadError> {
        match self.texts.next()? {
            NextText::End => {
                self.is_over = true;
                Ok(())
            }
            NextText::Text(text) => self.add_text(text, piece, before),
            NextText::SideFile { pointer, kept } => {
                let side_file = BrokenDocument::side_file(pointer, &kept, MESSAGE.into());
                self.add_side_file(side_file);
                Ok(())
            }
            NextText::Broken {
                pointer,
                message,
                packed: (packed, is_whole),
            } => {
                if is_whole {
                    piece.add_broken(pointer, packed, message);
                } else {
                    self.rest = Some((packed, locate(&pointer, &message)));
                }
                Ok(())
            }
        }
    }

    /// Adds a small text to the piece. A large text is kept and cut later.
    fn add_text(&mut self, text: Text, piece: &mut Piece, before: &Mark) -> Result<(), ReadError> {
        let Text {
            reader,
            pointer,
            level,
            is_alone,
            position,
        } = text;
        let mut lookahead = Lookahead::new(reader, position.seen);
        lookahead.fill(WHOLE_BYTES)?;
        let content_type = self.file.content_type().filter(|_| is_alone);
        // a damaged text is treated as a large one, so that the items before the damage are
        // stored
        if !lookahead.is_all || lookahead.damage.is_some() {
            self.large = Some(LargeText {
                lookahead: lookahead.into_utf8(self.source.decode.charset, content_type.as_deref()),
                pointer,
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
        // an exact copy without spare memory, because it may be kept as long as its items
        let text = Bytes::copy_from_slice(&lookahead.bytes);
        let (source, limits) = (&self.source, &self.limits);
        let decoded = match is_alone {
            true => decode::decode_text(text.clone(), content_type.as_deref(), source, limits),
            false => decode::decode_member(text.clone(), pointer.clone(), level, source, limits),
        };
        match decoded {
            Ok(mut decoded) => {
                let is_side_file = |broken: &mut BrokenDocument| broken.is_side_file();
                for side_file in decoded.broken.extract_if(.., is_side_file) {
                    self.add_side_file(side_file);
                }
                piece.add(decoded);
            }
            Err(why) if is_alone => {
                self.is_over = true;
                self.rest = Some((text, why.into_message()));
            }
            Err(why) => piece.add_broken(pointer, text, why.into_message()),
        }
        Ok(())
    }

    /// Adds a side file. Its bytes are dropped if those of the others take too much memory.
    fn add_side_file(&mut self, side_file: BrokenDocument) {
        let bytes = self.side_file_bytes + side_file.body.len();
        if bytes <= MAX_SIDE_FILE_BYTES {
            self.side_file_bytes = bytes;
            self.side_files.push(side_file);
        } else {
            let (pointer, message) = (side_file.pointer, side_file.message);
            let counted = BrokenDocument::side_file(pointer, b"", message);
            self.side_files.push(counted);
        }
    }

    fn cut_large(&mut self, piece: &mut Piece) -> Result<(), ReadError> {
        let Some(mut large) = self.large.take() else {
            return Ok(());
        };
        let (source, limits) = (&self.source, &self.limits);
        let step = match (large.broken.take(), &large.list) {
            (Some(message), _) => Ok(Step::Broken(message)),
            (None, Some(_)) => large.cut_items(piece, limits),
            (None, None) => large.cut_documents(piece, source, limits),
        };
        let message = match (step?, large.lookahead.damage.take()) {
            (Step::Continues, damage) => {
                large.lookahead.damage = damage;
                self.large = Some(large);
                return Ok(());
            }
            (Step::Ended, None) => return Ok(()),
            (Step::Broken(message), None) | (_, Some(message)) => message,
        };
        let body = copy_beginning(&large.lookahead.bytes);
        // only the beginning is kept, so the file does not count as whole
        self.rest = Some((body, locate(&large.pointer, &message)));
        self.is_over = large.is_alone;
        Ok(())
    }
}

fn locate(pointer: &str, message: &str) -> String {
    match pointer {
        "" => message.to_owned(),
        pointer => format!("{message}, at {pointer}"),
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
