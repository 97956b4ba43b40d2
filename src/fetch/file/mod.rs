//! Files, however large: read as they come, and stored in pieces.
//!
//! ```text
//! a file here, a pipe, a URL ──arrival──▶ bytes ──text──▶ texts ──piece──▶ pages
//!                             on disk, if it is not       archives opened
//! ```
//!
//! What reads a file blocks, and does so on threads that may. Memory holds a piece,
//! and the one after it: that a page is the last is said with it.

mod arrival;
mod download;
mod input;
mod large;
mod piece;
mod text;
mod walk;
mod window;

pub(super) use self::arrival::FileBytes;
pub use self::input::Input;
pub(super) use self::walk::FileWalk;
