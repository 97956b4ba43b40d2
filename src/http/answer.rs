//! The result of a request after all its attempts.

use bytes::Bytes;
use jiff::Timestamp;

use crate::page::Validators;

pub(crate) enum Answer<T> {
    /// The body was received, and the caller's function or receiver has read it.
    Read(T),
    /// The server answered 304: the target has not changed since the server sent the validators
    /// of the request. The variant holds the validators that belong to it now.
    Unchanged(Validators),
    /// No attempt brought a body that could be read.
    Unreadable {
        body: Bytes,
        message: String,
        fetched_at: Timestamp,
    },
    Status(u16),
}
