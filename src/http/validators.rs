//! Reads the `ETag` and `Last-Modified` of a response, and makes the headers that ask later
//! whether the target has changed.

use std::time::{Duration, SystemTime};

use reqwest::header::{
    DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};

use crate::page::Validators;

/// The longest validator that is remembered, in bytes. A usual `ETag` has fewer than 100.
const LONGEST: usize = 1024;

/// A `Last-Modified` identifies a page only if the page was at least this old when it was served.
/// HTTP dates count seconds, so a page may change again in the second in which it was served.
const SETTLED: Duration = Duration::from_secs(2);

/// The ends that Apache adds to the `ETag` of a response that it compresses.
const COMPRESSION_SUFFIXES: [&str; 2] = ["-gzip\"", "-br\""];

/// Reads the validators of a response. Leaves out those that cannot be sent back in a header or
/// do not identify the page.
pub(super) fn read_headers(headers: &HeaderMap, now: SystemTime) -> Validators {
    let date = read_text(headers, &DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let served_at = date.unwrap_or(now);
    let is_settled = |changed_at: &&str| {
        let changed_at = httpdate::parse_http_date(changed_at);
        changed_at.is_ok_and(|changed_at| changed_at + SETTLED <= served_at)
    };
    Validators {
        etag: read_text(headers, &ETAG).map(str::to_owned),
        last_modified: read_text(headers, &LAST_MODIFIED)
            .filter(is_settled)
            .map(str::to_owned),
    }
}

/// Returns the headers that ask for a page only if it has changed.
pub(super) fn conditional_headers(validators: &Validators) -> HeaderMap {
    let Validators {
        etag,
        last_modified,
    } = validators;
    let header = |name: HeaderName, text: &Option<String>| {
        let value = HeaderValue::from_str(text.as_ref()?).ok()?;
        Some((name, value))
    };
    let tags = etag.as_deref().map(list_equal_tags);
    let both = [
        header(IF_NONE_MATCH, &tags),
        header(IF_MODIFIED_SINCE, last_modified),
    ];
    both.into_iter().flatten().collect()
}

/// Returns the tag, and after a comma the same tag without the suffix of a compression. Apache
/// compares only the latter with the file, so it would never answer 304 to the former. Its 304
/// brings the latter, which is then remembered and works as well.
fn list_equal_tags(tag: &str) -> String {
    let is_quoted = tag.starts_with('"') || tag.starts_with("W/\"");
    let mut stems = COMPRESSION_SUFFIXES
        .iter()
        .filter_map(|it| tag.strip_suffix(it));
    match stems.next() {
        Some(stem) if is_quoted => format!("{tag}, {stem}\""),
        _ => tag.to_owned(),
    }
}

/// Returns a header if it is printable ASCII and short enough.
fn read_text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let bytes = headers.get(name)?.as_bytes();
    let is_printable = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    let is_fit = !bytes.is_empty() && bytes.len() <= LONGEST && is_printable;
    is_fit.then(|| std::str::from_utf8(bytes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_by(headers: &[(HeaderName, &[u8])]) -> (Option<String>, Option<String>) {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (name.clone(), value)
        });
        let now = httpdate::parse_http_date("Fri, 13 Nov 2026 08:00:00 GMT").unwrap();
        let Validators {
            etag,
            last_modified,
        } = read_headers(&headers.collect(), now);
        (etag, last_modified)
    }

    #[test]
    fn a_tag_is_remembered_as_it_is_unless_it_is_too_long_or_no_text() {
        let longest = [b'x'; LONGEST];
        for (tag, is_kept) in [
            (&b"\"abc\""[..], true),
            (b"W/\"abc\"", true),
            (b"no quotes", true),
            (b"", false),
            ("\"é\"".as_bytes(), false),
            (b"\"a\tb\"", false),
            (&longest, true),
            (&[b'x'; LONGEST + 1], false),
        ] {
            let (etag, _) = said_by(&[(ETAG, tag)]);
            let kept = is_kept.then(|| String::from_utf8(tag.to_vec()).unwrap());
            assert_eq!(etag, kept);
        }
    }

    #[test]
    fn a_page_changed_in_the_second_it_was_served_is_not_told_by_its_time() {
        for (changed, served, is_kept) in [
            ("Fri, 13 Nov 2026 07:59:58 GMT", None, true),
            ("Fri, 13 Nov 2026 07:59:59 GMT", None, false),
            ("Fri, 13 Nov 2026 08:00:00 GMT", None, false),
            ("Sat, 14 Nov 2026 08:00:00 GMT", None, false),
            ("yesterday", None, false),
            // the server's clock is ahead of ours
            (
                "Fri, 13 Nov 2026 09:00:00 GMT",
                Some("Fri, 13 Nov 2026 09:30:00 GMT"),
                true,
            ),
            (
                "Fri, 13 Nov 2026 07:30:00 GMT",
                Some("Fri, 13 Nov 2026 07:30:00 GMT"),
                false,
            ),
        ] {
            let mut headers = vec![(LAST_MODIFIED, changed.as_bytes())];
            headers.extend(served.map(|served| (DATE, served.as_bytes())));
            let (_, last_modified) = said_by(&headers);
            assert_eq!(last_modified.is_some(), is_kept, "{changed} {served:?}");
        }
    }

    #[test]
    fn what_was_said_is_asked_back() {
        let validators = Validators {
            etag: Some("W/\"1\"".into()),
            last_modified: Some("Fri, 13 Nov 2026 07:00:00 GMT".into()),
        };
        let headers = conditional_headers(&validators);
        assert_eq!(headers[IF_NONE_MATCH], "W/\"1\"");
        assert_eq!(headers[IF_MODIFIED_SINCE], "Fri, 13 Nov 2026 07:00:00 GMT");
        assert!(conditional_headers(&Validators::default()).is_empty());
    }

    #[test]
    fn the_tag_of_a_compressed_answer_is_sent_in_both_forms() {
        for (tag, sent) in [
            ("\"abc-gzip\"", "\"abc-gzip\", \"abc\""),
            ("\"abc-br\"", "\"abc-br\", \"abc\""),
            ("W/\"abc-gzip\"", "W/\"abc-gzip\", W/\"abc\""),
            ("\"abc\"", "\"abc\""),
            ("\"abc-gzip-1\"", "\"abc-gzip-1\""),
            ("abc-gzip", "abc-gzip"),
            ("abc-gzip\"", "abc-gzip\""),
        ] {
            let validators = Validators {
                etag: Some(tag.into()),
                last_modified: None,
            };
            assert_eq!(conditional_headers(&validators)[IF_NONE_MATCH], sent);
        }
    }
}
