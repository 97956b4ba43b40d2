//! Helper functions for HTTP headers.

use std::borrow::Cow;

use percent_encoding::{CONTROLS, percent_encode};
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

/// Returns a header of a response. Returns `None` if it is missing or no text.
pub(crate) fn text_header<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

/// Returns a URL in a header as text. A header should be ASCII, but some servers write UTF-8 and
/// browsers accept it. Bytes in another charset are percent-encoded, because they are what the
/// server expects to get back.
pub(super) fn url_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => percent_encode(value.as_bytes(), CONTROLS).into(),
    }
}

/// Returns the header `Content-Length: 0`. RFC 9110 requires it in a POST without a body, and
/// some servers answer 411 without it. reqwest leaves it out over HTTP/1.1.
pub(super) fn empty_length() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("0"))])
}

/// Makes a header whose value `Debug` does not show. Returns `None` if HTTP does not allow the
/// name or the value.
pub(super) fn secret_header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}
