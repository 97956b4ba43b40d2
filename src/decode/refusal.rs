//! Signs that an answer with status 200 is an error.
//!
//! An error object in place of a page would often look like a page without items, and so like
//! the end of the feed.

use serde_json::Value;

use crate::source::Http;

/// The largest body that is searched for an error if it is not a page.
const MOST_BYTES: usize = 64 << 10;

/// The media type is one that the source refuses: a clause.
pub(crate) fn refuse_type(http: &Http, content_type: Option<&str>) -> Option<String> {
    let media_type = content_type?.split(';').next()?.trim();
    let refused = http.reject_content_type.iter();
    let named = refused
        .into_iter()
        .find(|refused| refused.eq_ignore_ascii_case(media_type))?;
    Some(format!(
        "of type {named}, which `http.reject_content_type` names"
    ))
}

/// The envelope of a page is an error by the source's declaration: a clause.
pub(crate) fn refuse_envelope(http: &Http, envelope: &Value) -> Option<String> {
    let fail_if = http.fail_if.as_ref()?;
    let message = || format!("an error by `http.fail_if`, since {fail_if}");
    fail_if.is_failure(envelope).then(message)
}

/// A body that is no page is an error by the source's declaration: a clause.
pub(crate) fn refuse_body(http: &Http, body: &[u8]) -> Option<String> {
    http.fail_if.as_ref()?;
    let body = body.get(..MOST_BYTES.min(body.len()))?;
    let value = serde_json::from_slice(body).ok()?;
    refuse_envelope(http, &value)
}
