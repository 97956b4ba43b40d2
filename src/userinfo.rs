//! Hides the user and the password of a URL, because no log, error or table may show them.
//!
//! A password may contain an `@`, `/`, `?` or `#` that is not percent-encoded. A URL parser then
//! reads a part of the password as the host, the path, the query or the fragment. So these
//! functions work on the text and do not rely on a parser.

/// The advice for a URL in which the end of the user or the password is unclear.
pub(crate) const ENCODING_ADVICE: &str = "each of `@ : / ? # [ ] %` and each space in a user name or a password must be \
     percent-encoded, for example `@` as `%40`";

/// Removes the user and the password of a URL, even of a malformed one: everything between its
/// scheme and its last `@`. A text without an `@` stays the same.
///
/// The text must be one URL, not a sentence that contains one. If the path has an `@`, everything
/// before that `@` is removed too.
pub(crate) fn hide_userinfo(text: &str) -> String {
    let Some(at) = text.rfind('@') else {
        return text.to_owned();
    };
    let (before, after) = (&text[..at], &text[at + 1..]);
    match scheme_prefix(before) {
        Some(scheme) => format!("{scheme}{after}"),
        // this is a file name, for example; no colon shows a password
        None if !before.contains(':') && !before.starts_with(['/', '\\']) => text.to_owned(),
        None => after.to_owned(),
    }
}

/// Returns true if a part of the user or password may be in the wrong place of a URL. It may be
/// if both conditions hold: an `@` follows the first slash, `?` or `#` after the scheme, and the
/// text before that character contains an `@` too or does not look like a host. The variables of
/// a template are ignored.
pub(crate) fn has_unclear_userinfo(url: &str) -> bool {
    let url = &empty_variables(url);
    let Some(scheme) = scheme_prefix(url) else {
        return false;
    };
    let rest = &url[scheme.len()..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    after.contains('@') && (authority.contains('@') || !is_like_host(authority))
}

/// Returns the scheme of a URL and at most three slashes after it. A URL has no more than three
/// there, so further slashes may belong to a password.
fn scheme_prefix(url: &str) -> Option<&str> {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let slash = url.find(is_slash)?;
    let name = url[..slash].strip_suffix(':')?;
    let is_scheme = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let slashes = url[slash..].chars().take_while(|c| is_slash(*c)).count();
    is_scheme.then(|| &url[..slash + slashes.min(3)])
}

/// Replaces each variable of a template by empty braces, because the filters of a variable
/// contain slashes and other characters.
fn empty_variables(url: &str) -> String {
    let mut pieces = url.split('{');
    let mut outline = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        outline.push('{');
        outline.push_str(piece.find('}').map_or(piece, |end| &piece[end..]));
    }
    outline
}

/// Returns true if a text looks like a host, and false if it looks like a user and the beginning
/// of a password. A host has either no port, or a port of digits after a name that is unlikely to
/// be a user.
fn is_like_host(authority: &str) -> bool {
    if authority.starts_with('[') {
        return authority.contains(']');
    }
    let Some((host, port)) = authority.split_once(':') else {
        return true;
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && (host.contains(['.', '{']) || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_in_front_of_the_last_at_sign_is_left() {
        for (url, shown) in [
            ("https://h.example/a?b", "https://h.example/a?b"),
            ("https://me:pw@h.example/a?b", "https://h.example/a?b"),
            ("https://token@h.example:8443", "https://h.example:8443"),
            ("https://me:p@ss@h.example/", "https://h.example/"),
            ("https://user:p@ss/word@host/path", "https://host/path"),
            ("https://user:p/ss?w#rd@host/path", "https://host/path"),
            ("https://user:p%zz@host", "https://host"),
            (
                "postgresql://ing:p@ss/w#rd@[::1]:5/d",
                "postgresql://[::1]:5/d",
            ),
            ("postgres:/u:p@h/d", "postgres:/h/d"),
            ("postgresql:///u:p@h/d", "postgresql:///h/d"),
            (r"https:\\u:p@h\d", r"https:\\h\d"),
            ("u:p@h/d", "h/d"),
            ("u:p//x@h", "h"),
            ("//u@h/d", "h/d"),
            ("ht tp://u:p@h/d", "h/d"),
            ("releases@2024.json", "releases@2024.json"),
            ("https://u:p@", "https://"),
            ("", ""),
        ] {
            assert_eq!(hide_userinfo(url), shown, "{url}");
        }
    }

    #[test]
    fn a_password_that_is_not_encoded_makes_a_url_unclear() {
        for url in [
            "https://user:p@ss/word@host/path",
            "https://user:p/ss@host/path",
            "https://user:12/ss@host/path",
            "https://user:p?ss@host/path",
            "https://user:p#ss@host/path",
            "https://user:p@ss#x@host/path",
            "https:/user:p/ss@host/path",
        ] {
            assert!(has_unclear_userinfo(url), "{url}");
        }
        for url in [
            "https://h.example/a@b",
            "https://h.example:8443/?mail=a@b",
            "https://localhost:80/a@b",
            "https://[::1]:80/a@b",
            "https://{env.HOST}:80/a@b",
            "https://intranet/a@b",
            "https://user:pw@host/path",
            "https://user:p@ss@host/path",
            "https://me:pw@host/{item|strip a@}",
            "https://me:pw@{axis.host|replace / _}/x",
            "{env.BASE}/a@b",
            "/a@b",
        ] {
            assert!(!has_unclear_userinfo(url), "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_part_of_any_secret_is_left(
            secret in "\\PC{4,40}",
            scheme in "https://|http://|postgresql://|postgres:/|mysql:///|https:\\\\\\\\|",
            after in "[k-n.]{1,9}(:[0-9]{1,3})?(/[k-n]{0,3})?",
        ) {
            // the secret shares no letter with the rest of the URL, which is shown in any case
            let secret = secret.replace(|c: char| ('k'..='n').contains(&c), "ü");
            let shown = hide_userinfo(&format!("{scheme}me:{secret}@{after}"));
            let characters: Vec<char> = secret.chars().collect();
            for run in characters.windows(4) {
                let run: String = run.iter().collect();
                let is_of_rest = format!("{scheme}{after}").contains(&run);
                prop_assert!(is_of_rest || !shown.contains(&run), "{} of {}", run, shown);
            }
        }

        #[test]
        fn any_text_is_taken(text in "\\PC*") {
            let shown = hide_userinfo(&text);
            prop_assert!(text.ends_with(&*shown) || text.contains('@'));
            let _ = has_unclear_userinfo(&text);
        }
    }
}
