//! Reads files of any size while they arrive, and cuts them into pieces.
//!
//! ```text
//! arriving_file ──bytes──▶ texts ──▶ lookahead ──▶ cutter, large_text ──▶ piece
//! on disk, if it comes     archives  in UTF-8      documents and items
//! over the network         opened
//! ```
//!
//! A reader blocks until the bytes that it needs have arrived, so only threads that may block
//! read files. Memory holds one piece and the bytes that are read ahead for the next one. Nothing
//! here knows where a file comes from.
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

#[cfg(feature = "cli")]
pub(crate) use self::arriving_file::CopyError;
pub(crate) use self::arriving_file::{
    FileBytes, FileReader, FileWriter, WriteError, temporary_file_error,
};
pub(crate) use self::cutter::{Cutter, NextPiece};
pub(crate) use self::piece::Piece;

#[cfg(test)]
mod tests;
