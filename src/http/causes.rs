//! The causes of an error of reqwest, and their texts.

use std::error::Error as StdError;
use std::io;

/// Returns the error and its causes. `std::io::Error` skips the error that it wraps, so its cause
/// is looked up in another way.
pub(super) fn list_causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| next_cause(*error))
}

fn next_cause<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    let wrapped = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Returns the texts of all causes, without that of reqwest itself, which shows the URL.
pub(super) fn describe_causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = list_causes(error).skip(1).map(describe).collect();
    // an error that only wraps another one has the same text
    texts.dedup();
    texts.join(": ")
}

/// Returns the text of one error. A server may add any text to an error of HTTP/2, which is left
/// out because it may have the URL of the request with its secrets.
pub(super) fn describe(cause: &(dyn StdError + 'static)) -> String {
    let http2 = cause.downcast_ref::<h2::Error>();
    match http2.and_then(h2::Error::reason) {
        Some(reason) => format!("{}: {reason:?}", reason.description()),
        None => cause.to_string(),
    }
}
