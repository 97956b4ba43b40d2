//! Fetches files whose pieces are the pages of a chain. A file is on this machine, in a pipe, or
//! is downloaded.
//!
//! What comes through a pipe or the network is written to a temporary file without a name, and
//! read from there while it arrives. So a publisher's connection does not wait for the database,
//! a broken download continues where it broke, and a zip file can be read from its end.

mod download;
mod input;
mod walk;

pub use self::input::Input;
pub(super) use self::walk::FileWalk;
