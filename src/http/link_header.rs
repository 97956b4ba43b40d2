//! Reads the `Link` header (RFC 8288), which names the next page of some feeds.

use reqwest::header::{HeaderMap, LINK};

use crate::http::header::url_text;

/// Returns the target of the first link with the relation `next`, as served. Leaves out links
/// whose context is another resource (`anchor`).
pub(super) fn find_next(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(LINK).into_iter().map(url_text);
    values.find_map(|value| find_next_in(&value))
}

/// Returns the target of the first link with the relation `next` in the value of one header.
fn find_next_in(value: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, end) = split_parameters(after);
        if is_next(&parameters) {
            return Some(target.trim().to_owned());
        }
        rest = &after[end..];
    }
    None
}

/// Splits the parameters that follow a target, up to the comma before the next link. Returns them
/// and the length of their text. Semicolons and commas in quotes are part of a value.
fn split_parameters(text: &str) -> (Vec<&str>, usize) {
    let mut parameters = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                parameters.push(&text[start..at]);
                start = at + 1;
            }
            ',' if !is_quoted => {
                parameters.push(&text[start..at]);
                return (parameters, at);
            }
            _ => {}
        }
    }
    parameters.push(&text[start..]);
    (parameters, text.len())
}

fn is_next(parameters: &[&str]) -> bool {
    let parameters = parameters.iter().filter_map(|it| it.split_once('='));
    let mut relations = None;
    for (name, value) in parameters {
        match name.trim().to_ascii_lowercase().as_str() {
            "anchor" => return false,
            // only the first `rel` of a link counts
            "rel" if relations.is_none() => relations = Some(value.trim().trim_matches('"')),
            _ => {}
        }
    }
    let mut names = relations.unwrap_or_default().split_ascii_whitespace();
    names.any(|name| name.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (values, expected) in [
            (
                &[r#"<https://a.example/2>; rel="next""#][..],
                Some("https://a.example/2"),
            ),
            (&["</p?x=1,2;y>;rel=next"], Some("/p?x=1,2;y")),
            (&["<1>; rel=prev, <3>; rel=next, <9>; rel=last"], Some("3")),
            (&["<1>; rel=prev", "<3>; REL=\"last Next\""], Some("3")),
            (
                &[r#"<2>; title="a, <b>; rel=next", <3>; rel="next""#],
                Some("3"),
            ),
            (&[r#"<2>; title="a \" b"; rel=next"#], Some("2")),
            (&["<2>; rel=prev; rel=next"], None),
            (&["<2>; rel=next; anchor=\"/other\""], None),
            (&["<2>; rel=nextish", "<2>", "<2; rel=next", "", "é"], None),
            (&[], None),
        ] {
            let headers = values.iter().map(|value| {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                (LINK, value)
            });
            let found = find_next(&headers.collect());
            assert_eq!(found.as_deref(), expected, "{values:?}");
        }
    }
}
