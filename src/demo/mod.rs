//! The demonstration: a small publisher of invented releases on loopback.
//!
//! It serves what a real one would, its habits included. Nothing of it is read
//! by the rest of the program, which meets it over HTTP like any other source.

mod feed;
mod publisher;
mod releases;

pub use self::feed::Feed;
pub use self::publisher::Publisher;
