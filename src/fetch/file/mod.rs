//! Fetches files whose pieces are the pages of a chain. A file is on this machine, in a pipe, or
//! is downloaded.
//!
//! The bytes from a pipe or the network are written to a temporary file without a name, and
//! read from there while they arrive. So a publisher's connection does not wait for the database,
//! a broken download continues where it broke, and a zip file can be read from its end.

mod download;
mod input;
mod walk;

pub use self::input::Input;
pub(super) use self::walk::FileWalk;
