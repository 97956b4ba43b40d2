//! The user and the password of a URL, which nobody may read in a log, an error or a
//! table.
//!
//! A password with an `@`, a `/`, a `?` or a `#` that is not percent-encoded ends up in
//! the host, the path, the query or the fragment when its URL is read. So whatever shows
//! a text that was meant to be a URL does not rely on how it was read.

/// What to do about a URL whose user or password cannot be told from the rest of it.
pub(crate) const ENCODE: &str = "each of `@ : / ? # [ ] %` in a user's name or a password, \
                                 and a space, must be percent-encoded, `@` as `%40`";

/// Removes the user and the password of a URL, however malformed it is: all that stands
/// between its scheme and its last `@`. What has no `@` has neither.
///
/// It is for one URL and not for a sentence that has one. Of a URL whose path has an `@`
/// of its own nothing is left but what follows that.
pub(crate) fn hide_userinfo(text: &str) -> String {
    let Some(at) = text.rfind('@') else {
        return text.to_owned();
    };
    let (before, after) = (&text[..at], &text[at + 1..]);
    match scheme_of(before) {
        Some(scheme) => format!("{scheme}{after}"),
        // a file's name, say, has no password: nothing is in front of one
        None if !before.contains(':') && !before.starts_with(['/', '\\']) => text.to_owned(),
        None => after.to_owned(),
    }
}

/// Whether a text that is a URL may have a part of its user or password where something
/// else should be. It has an `@` behind the end of its host, and what stands in front of
/// that end has an `@` too or is not like a host. The variables of a template count for
/// nothing.
pub(crate) fn has_unclear_userinfo(url: &str) -> bool {
    let url = &without_variables(url);
    let Some(scheme) = scheme_of(url) else {
        return false;
    };
    let rest = &url[scheme.len()..];
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    behind.contains('@') && (authority.contains('@') || !is_like_host(authority))
}

/// The scheme that a URL begins with and the slashes behind it, three at most: more
/// are of no URL, and may be of a password.
fn scheme_of(url: &str) -> Option<&str> {
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

/// A template with empty braces where its variables are: these have filters, and so
/// slashes and more, of their own.
fn without_variables(url: &str) -> String {
    let mut pieces = url.split('{');
    let mut outline = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        outline.push('{');
        outline.push_str(piece.find('}').map_or(piece, |end| &piece[end..]));
    }
    outline
}

/// Whether a text is a host, and not a user and the beginning of a password: it has no
/// port, or a port of digits behind a name that users do not have.
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
            behind in "[k-n.]{1,9}(:[0-9]{1,3})?(/[k-n]{0,3})?",
        ) {
            // what is shown of the rest of the URL is not looked at
            let secret = secret.replace(|c: char| ('k'..='n').contains(&c), "ü");
            let shown = hide_userinfo(&format!("{scheme}me:{secret}@{behind}"));
            let characters: Vec<char> = secret.chars().collect();
            for run in characters.windows(4) {
                let run: String = run.iter().collect();
                let is_of_rest = format!("{scheme}{behind}").contains(&run);
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
