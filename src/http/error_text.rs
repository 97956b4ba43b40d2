//! Reads what a server says about a status that brings no page, so that the log shows it beside
//! the number of the status.
//!
//! Only the beginning of the body is read, and only for a short time. The text is left out if it
//! does not arrive by then.

use std::time::Duration;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::config;
use crate::http::body::{self, BodyError};
use crate::http::header::text_header;
use crate::json::{find_element, find_title, is_html, shorten};
use crate::redact::Redactor;

/// The most bytes that are read of such a body. An error page with its styles may have some tens
/// of kilobytes, and its title is near the beginning.
const MAX_BYTES: usize = 16 << 10;

/// The longest time for which such a body is read. It arrives with the head of the response
/// almost always.
const READ_FOR: Duration = Duration::from_secs(2);

/// The members in which publishers explain an error, in the order in which they are looked for.
const EXPLAINING: [&str; 6] = [
    "message",
    "error_description",
    "detail",
    "error",
    "errors",
    "title",
];

/// The elements in which an XML document explains an error.
const EXPLAINING_ELEMENTS: [&str; 3] = ["message", "faultstring", "error"];

/// The parts of a body that may be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Any text that explains the status.
    Text,
    /// Only members of JSON that explain an error. The server issues secrets, and any other text
    /// of its may be one that is not known yet.
    Members,
}

/// Reads the explanation in the body of a response, without secrets. Takes at most half of the
/// time `left`, so that the status is not lost to the time limit of the page.
pub(super) async fn read(
    response: Response,
    shown: Shown,
    limits: &config::Fetch,
    left: Duration,
    redactor: &Redactor,
    count_bytes: impl Fn(u64) + Send + Sync,
) -> Option<String> {
    let content_type = text_header(&response, &CONTENT_TYPE).map(str::to_owned);
    let limits = config::Fetch {
        max_body_bytes: MAX_BYTES,
        max_decoded_bytes: MAX_BYTES,
        ..limits.clone()
    };
    let reading = Box::pin(body::read(response, &limits, count_bytes));
    let body = match tokio::time::timeout(READ_FOR.min(left / 2), reading).await {
        Err(_) => return None,
        Ok(Ok(body)) => body,
        Ok(Err(BodyError::TooLarge { body, .. })) => body,
        // a text that stops anywhere may have a part of a secret, which nothing recognises
        Ok(Err(
            BodyError::Interrupted { .. } | BodyError::Corrupt { .. } | BodyError::Encoding { .. },
        )) => return None,
    };
    explain(&body, shown, content_type.as_deref(), redactor)
}

/// Returns the explanation in a body: a member of JSON, the title of an HTML page, an element of
/// XML, or else the first line of the text.
fn explain(
    body: &Bytes,
    shown: Shown,
    content_type: Option<&str>,
    redactor: &Redactor,
) -> Option<String> {
    let (text, _) = find_charset(content_type).decode_with_bom_removal(body);
    let text = text.trim();
    // the text is not shortened yet, because a part of a secret could not be found
    let text = redactor.redact_text(text);
    let explanation = match text.chars().next()? {
        '{' if shown == Shown::Members => explain_json(&text),
        _ if shown == Shown::Members => None,
        // other members may be a person's data, which no log gets
        '{' | '[' => explain_json(&text),
        '<' if is_html(text.as_bytes()) => find_title(text.as_bytes()),
        '<' => EXPLAINING_ELEMENTS
            .iter()
            .find_map(|name| find_element(text.as_bytes(), name)),
        _ => first_line(&text),
    };
    // escapes of JSON and HTML may have hidden a secret
    explanation.map(|text| redactor.redact_text(&text).into_owned())
}

fn explain_json(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    find_explanation(&value).map(shorten)
}

/// Finds the text of the first explaining member. It may be inside an object or an array.
fn find_explanation(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        Value::Array(values) => values.iter().find_map(find_explanation),
        Value::Object(members) => EXPLAINING
            .iter()
            .find_map(|name| members.get(*name).and_then(find_explanation)),
        _ => None,
    }
}

/// Returns the first line of a text. Returns `None` if the line is no text, because it has control
/// characters that no text has.
fn first_line(text: &str) -> Option<String> {
    let line = text.lines().next()?;
    let is_binary = |character: char| {
        let is_usual = matches!(character, '\t' | '\r' | '\u{1b}');
        (character.is_control() && !is_usual) || character == char::REPLACEMENT_CHARACTER
    };
    (!line.contains(is_binary)).then(|| shorten(line))
}

/// Returns the charset that a `Content-Type` names, or UTF-8.
fn find_charset(content_type: Option<&str>) -> &'static Encoding {
    let mut parameters = content_type.unwrap_or_default().split(';').skip(1);
    let charset = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    });
    charset
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .unwrap_or(UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &[u8], expected: Option<&str>) {
        let body = Bytes::copy_from_slice(body);
        let explained = explain(&body, Shown::Text, Some(content_type), &Redactor::default());
        assert_eq!(explained.as_deref(), expected);
    }

    #[test]
    fn the_explanation_of_a_status_is_found_in_bodies_of_each_kind() {
        let text = "text/plain";
        check(text, b"", None);
        check(
            text,
            b"\r\n no such  process\r\nat line 3",
            Some("no such process"),
        );
        check(text, b"a\0b", None);
        check(text, b"\xFF\xFE\x01", None);
        check(
            "text/plain; charset=\"iso-8859-1\"",
            b"p\xE1gina",
            Some("p\u{e1}gina"),
        );
        let long = "abcd ".repeat(50);
        let cut = format!("{}…", &long[..199]);
        check(text, long.as_bytes(), Some(&cut));
        let html = b"<!doctype html><html><title>404 Not Found</title><p>nginx";
        check("text/html", html, Some("404 Not Found"));
        check("text/html", b"<html><p>no title", None);
        let xml = b"<?xml version='1.0'?><Error><Code>A</Code><Message>Denied</Message></Error>";
        check("application/xml", xml, Some("Denied"));
    }

    #[test]
    fn of_a_server_that_issues_secrets_only_explanations_are_shown() {
        for (body, expected) in [
            (r#"{"error":"invalid_client"}"#, Some("invalid_client")),
            (r#"{"access_token":"t0ken"}"#, None),
            ("t0ken", None),
            (r#"["t0ken"]"#, None),
            ("<html><title>t0ken</title>", None),
        ] {
            let body = Bytes::from(body);
            let explained = explain(&body, Shown::Members, None, &Redactor::default());
            assert_eq!(explained.as_deref(), expected);
        }
    }

    #[test]
    fn the_explanation_of_a_status_is_found_in_members_of_json() {
        for (body, expected) in [
            (r#"{"status":404,"message":"no such page"}"#, "no such page"),
            (r#"{"error":{"code":7,"message":"too deep"}}"#, "too deep"),
            (
                r#"{"errors":[{"detail":"from is in the future"}]}"#,
                "from is in the future",
            ),
            (
                r#"{"error":"invalid_client","error_description":"unknown client"}"#,
                "unknown client",
            ),
            (r#"{"message":"","error":"Forbidden"}"#, "Forbidden"),
            (r#"["a","b"]"#, "a"),
        ] {
            check("application/json", body.as_bytes(), Some(expected));
        }
        for body in [r#"{"buyer":{"name":"Ana"}}"#, "{\"message\":\"cut"] {
            check("application/json", body.as_bytes(), None);
        }
    }
}
