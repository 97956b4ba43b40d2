//! The demonstration: a small publisher of invented releases on loopback.
//!
//! It serves what a real publisher would serve, including typical defects. The rest of the
//! program does not know the demonstration, and fetches from it over HTTP as from any other
//! source.

mod feed;
mod publisher;
mod releases;

pub use self::feed::Feed;
pub use self::publisher::Publisher;
