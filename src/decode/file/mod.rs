//! Files, however large: read as they arrive, and cut into pieces.
//!
//! ```text
//! arriving_file ──bytes──▶ texts ──▶ lookahead ──▶ cutter, large_text ──▶ piece
//! on disk, if it comes     archives  in UTF-8      documents and items
//! over the network         opened
//! ```
//!
//! Whoever reads a file blocks until its bytes have arrived, and so has to do it on a thread
//! that may. Memory holds a piece and what is looked at of the next one. Nothing here knows
//! where a file comes from.
//!
//! # What cannot be read
//!
//! One text or document of several is a reject if it cannot be read and is kept whole. Otherwise
//! a part of it is lost, so the file has an unreadable page there: a run that has lost anything
//! must not exit 0.

mod arriving_file;
mod cutter;
mod large_text;
mod lookahead;
mod piece;
mod texts;

pub(crate) use self::arriving_file::{
    FileBytes, FileReader, FileWriter, WriteError, temporary_file_error,
};
pub(crate) use self::cutter::{Cutter, NextPiece};
pub(crate) use self::piece::Piece;
