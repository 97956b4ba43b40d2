//! Headers that several parts of a request's life need.

use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

/// A header of a response, if it has one that is text.
pub(crate) fn text_header<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

/// The length of an empty body. RFC 9110 wants it in a POST, and some servers answer 411
/// without it; reqwest leaves it out over HTTP/1.1.
pub(super) fn empty_length() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))])
}

/// A declared header, whose value is never shown; `None` if HTTP has no such header.
pub(super) fn secret_header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}
