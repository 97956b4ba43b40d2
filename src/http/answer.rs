//! What came of a request, after all its attempts.

use bytes::Bytes;
use jiff::Timestamp;

use crate::page::Validators;

pub(crate) enum Answer<T> {
    /// The body, read by whoever wanted it.
    Read(T),
    /// The target has not changed since it had the validators of the request; these are
    /// its validators now.
    Unchanged(Validators),
    /// A body that no attempt could read.
    Unreadable {
        body: Bytes,
        message: String,
        fetched_at: Timestamp,
    },
    Status(u16),
}
