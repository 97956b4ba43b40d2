//! Files whose pieces are the pages of a chain: on this machine, through a pipe, or
//! downloaded.
//!
//! A file that has to come is put on disk, without a name, and read from there while it
//! arrives: a publisher's connection does not wait for the database, a broken one is resumed
//! where it broke, and a zip file can be read from its end.

mod download;
mod input;
mod walk;

pub use self::input::Input;
pub(super) use self::walk::FileWalk;
