//! The secrets of a source: the values of `{env.NAME}` in its declaration, and the tokens that a
//! server issues to it.
//!
//! The value of a secret is only here and in requests. The declaration, and everything that is
//! stored or shown, has the placeholder instead. `Debug` shows only names. If a publisher sends
//! back a token, or a user and a password in the form of a header, `{auth.token}` replaces it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Position as Part, Url};

use crate::error::{Error, Result};
use crate::http::host::clear_user;
use crate::percent::{percent_decode, percent_encode};
use crate::redact::{HiddenValue, Redactor, TOKEN_PLACEHOLDER, escape_json};
use crate::userinfo::{has_unclear_userinfo, hide_userinfo};

const OPEN: &str = "{env.";
const CLOSE: char = '}';

/// In stored text, the placeholder of a value that only the token server gets begins like this.
/// Older versions never wrote this beginning. So where a link has it, the publisher itself sent
/// the value, and may get it back.
const OPEN_AUTH: &str = "{auth.env.";

/// The values of all placeholders in one source's declaration, and the source's tokens.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    declared: BTreeMap<String, DeclaredValue>,
    pub(super) redactor: Redactor,
}

#[derive(Debug)]
struct DeclaredValue {
    value: SecretString,
    audience: Audience,
    is_secret: bool,
}

pub(super) struct Declaration<'t> {
    pub(super) key: String,
    pub(super) text: &'t str,
    pub(super) audience: Audience,
    /// True if the values are secrets. A user name and a client's id are not, and may be common
    /// words.
    pub(super) is_secret: bool,
}

/// The servers that may get a declared value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    /// Only the token server gets the value.
    TokenServer,
    /// The source's own host gets the value, and so does the token server.
    Home,
}

impl Secrets {
    /// Looks up the values of the placeholders in all declarations. `{env.NAME}` is the variable
    /// `NAME` or, if that is not set, the content of the file that the variable `NAME_FILE`
    /// names.
    pub(super) fn look_up<'t>(
        declarations: impl IntoIterator<Item = Declaration<'t>>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut declared: BTreeMap<String, DeclaredValue> = BTreeMap::new();
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        for declaration in declarations {
            let Declaration {
                key,
                text,
                audience,
                is_secret,
            } = declaration;
            let wrong = |what: String| Error::config(format!("key `{key}`: {what}"));
            for name in find_placeholders(text).map_err(|what| wrong(what.into()))? {
                let value = match (set(name), set(&format!("{name}_FILE"))) {
                    (None, Some(file)) => std::fs::read_to_string(file).map_err(|e| {
                        wrong(format!("read the file that {name}_FILE names")).with_source(e)
                    })?,
                    (Some(value), _) => value,
                    (None, None) => {
                        let unset = format!("the environment variable {name} is not set");
                        return Err(wrong(format!("{unset}, nor is {name}_FILE")));
                    }
                };
                // a file ends with a line break, and so may a secret that was made from one
                let value = value.trim_end_matches(['\r', '\n']);
                if value.is_empty() {
                    return Err(wrong(format!("the value of {name} is an empty line")));
                }
                let known = declared.get(name);
                let secret = DeclaredValue {
                    value: SecretString::from(value),
                    // if both audiences are declared, the larger one counts, which includes the
                    // token server
                    audience: known.map_or(audience, |known| known.audience.max(audience)),
                    is_secret: is_secret || known.is_some_and(|known| known.is_secret),
                };
                declared.insert(name.to_owned(), secret);
            }
        }
        let values = declared.iter();
        let values = values.map(|(name, secret)| HiddenValue {
            placeholder: secret.placeholder(name),
            value: secret.value.clone(),
            is_secret: secret.is_secret,
        });
        Ok(Self {
            redactor: Redactor::new(values),
            declared,
        })
    }

    /// Returns the value of a variable, or an empty text if the source does not declare it.
    pub(super) fn value(&self, name: &str) -> &str {
        self.declared
            .get(name)
            .map_or("", |secret| secret.value.expose_secret())
    }

    /// Fills in the values of a declared text, without any encoding.
    pub(super) fn reveal(&self, text: &str) -> String {
        self.replace(text, Audience::TokenServer, str::to_owned)
    }

    /// Fills in the values of a declared form, encoded as form values.
    pub(super) fn reveal_form(&self, text: &str) -> String {
        self.replace(text, Audience::TokenServer, percent_encode)
    }

    /// Fills in the values of a stored link to the source's own host, percent-encoded.
    pub(super) fn reveal_link(&self, link: &str) -> String {
        self.replace(link, Audience::Home, percent_encode)
    }

    /// Fills in the values of a declared URL, percent-encoded. A value at the very beginning of
    /// the URL is not encoded.
    pub(super) fn reveal_endpoint(&self, text: &str) -> String {
        let beginning = text.starts_with(OPEN).then(|| text.find(CLOSE)).flatten();
        let (beginning, rest) = text.split_at(beginning.map_or(0, |at| at + CLOSE.len_utf8()));
        self.reveal(beginning) + &self.reveal_form(rest)
    }

    /// Fills in the values of a declared JSON text, with the escapes that a JSON string needs.
    pub(super) fn reveal_json(&self, text: &str) -> String {
        self.replace(text, Audience::TokenServer, escape_json)
    }

    /// Returns true if the text holds one of the values, in any encoding.
    pub(super) fn is_value_in(&self, text: &str) -> bool {
        let spaced = text.replace('+', "%20");
        [text, &percent_decode(text), &percent_decode(&spaced)]
            .iter()
            .any(|text| self.redactor.has_value_in(text))
    }

    /// Returns true if the text holds the placeholder of one of the values.
    pub(super) fn is_in_template(&self, text: &str) -> bool {
        let mut declared = self.declared.iter();
        declared.any(|(name, secret)| {
            text.contains(&placeholder(name)) || text.contains(&secret.placeholder(name))
        }) || (text.contains(TOKEN_PLACEHOLDER) && self.redactor.newest_token().is_some())
    }

    /// Finds the placeholder `{env.NAME}` of a value that only the token server gets. If a stored
    /// link has one, the publisher may have written it, because an older version took it for our
    /// own.
    pub(super) fn find_token_server_placeholder(&self, text: &str) -> Option<String> {
        let declared = self.declared.iter();
        declared
            .filter(|(_, secret)| secret.audience == Audience::TokenServer)
            .map(|(name, _)| placeholder(name))
            .find(|placeholder| text.contains(placeholder))
    }

    /// Returns the URL as it is stored and shown. Placeholders replace the secret values in its
    /// path and query, in any encoding, and the user and the password are removed. The host
    /// stays, because it is compared later.
    ///
    /// Every brace in the result belongs to a placeholder of ours. The publisher's own braces are
    /// percent-encoded, so they are never taken for a placeholder.
    pub(super) fn redact_url(&self, url: &Url) -> String {
        let mut url = url.clone();
        clear_user(&mut url);
        let mut text = url[..Part::BeforePath].to_owned();
        // the first slash belongs to the URL, even if a secret is a slash
        let path = match url.path().strip_prefix('/') {
            Some(path) => {
                text.push('/');
                path
            }
            // a URL of http or https always has one
            None => url.path(),
        };
        text.push_str(&self.redact_part(path, "/"));
        if let Some(query) = url.query() {
            // braces in the path are encoded already
            let query = query.replace('{', "%7B").replace('}', "%7D");
            let hidden = self.redactor.hide_values_with_separators(&query);
            let pairs: Vec<String> = hidden
                .unwrap_or(query)
                .split('&')
                .map(|pair| self.redact_pair(pair))
                .collect();
            text.push('?');
            text.push_str(&pairs.join("&"));
        }
        text
    }

    /// Returns a text as it is stored and shown. The text may be a URL or a part of one.
    pub(super) fn redact_text(&self, text: &str) -> String {
        let hidden = match Url::parse(text) {
            Ok(url) if url.password().is_some() || !url.username().is_empty() => {
                if !has_unclear_userinfo(url.as_str()) {
                    return self.redact_url(&url);
                }
                hide_userinfo(text)
            }
            // this is no sentence, because a sentence with a URL and a mail address has no
            // userinfo
            Err(_) if text.contains("://") && !text.contains(char::is_whitespace) => {
                hide_userinfo(text)
            }
            _ => text.to_owned(),
        };
        let text = &*hidden;
        let covered = self.redactor.hide(text, str::to_owned);
        let covered = covered.unwrap_or_else(|| text.to_owned());
        let spaced = covered.replace('+', "%20");
        match self.redactor.has_value_in(&percent_decode(&spaced)) {
            true => self.redact_part(&spaced, "/:?#&="),
            false => covered,
        }
    }

    /// Hides the values in the members of a page that surround its items. Publishers repeat the
    /// URL of the request there.
    pub(super) fn redact_json(&self, value: &mut Value) {
        if self.redactor.is_empty() {
            return;
        }
        match value {
            Value::String(text) => *text = self.redact_text(text),
            Value::Array(entries) => entries.iter_mut().for_each(|it| self.redact_json(it)),
            Value::Object(members) => {
                members.values_mut().for_each(|it| self.redact_json(it));
                let names = members.keys();
                if names
                    .map(String::as_bytes)
                    .any(|it| self.redactor.find(it).is_some())
                {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(name, value)| (self.redactor.redact_text(&name).into(), value))
                        .collect();
                }
            }
            Value::Number(number) => {
                if let Cow::Owned(text) = self.redactor.redact_text(&number.to_string()) {
                    *value = Value::String(text);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Hides the values in a `name=value` of a query, where a plus may mean a space.
    fn redact_pair(&self, pair: &str) -> String {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = self.redact_part(&name.replace('+', "%20"), "");
        let value = self.redact_part(&value.replace('+', "%20"), "");
        let redacted = if pair.contains('=') {
            format!("{name}={value}")
        } else {
            name
        };
        // a pair without a secret stays byte for byte as it was served
        if self.is_in_template(&redacted) {
            redacted
        } else {
            pair.to_owned()
        }
    }

    /// Hides the values in a percent-encoded part of a URL. The characters in `kept` separate its
    /// pieces and are not encoded.
    fn redact_part(&self, part: &str, kept: &str) -> String {
        let piece = |text: &str| -> String {
            text.split_inclusive(|c| kept.contains(c))
                .map(|piece| match piece.chars().last() {
                    Some(last) if kept.contains(last) => {
                        percent_encode(&piece[..piece.len() - last.len_utf8()])
                            + last.encode_utf8(&mut [0; 4])
                    }
                    _ => percent_encode(piece),
                })
                .collect()
        };
        let hidden = self.redactor.hide(&percent_decode(part), piece);
        hidden.unwrap_or_else(|| part.to_owned())
    }

    /// Replaces the placeholders whose audience is at least `least`. The text is read once, so a
    /// placeholder inside a value is not replaced.
    fn replace(&self, text: &str, least: Audience, encode: impl Fn(&str) -> String) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            replaced.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = rest
                .find(CLOSE)
                .map_or(rest.len(), |at| at + CLOSE.len_utf8());
            match self.find_value(&rest[..end], least) {
                Some(value) => {
                    replaced.push_str(&encode(value.expose_secret()));
                    rest = &rest[end..];
                }
                None => {
                    replaced.push('{');
                    rest = &rest[1..];
                }
            }
        }
        replaced + rest
    }

    fn find_value(&self, placeholder: &str, least: Audience) -> Option<SecretString> {
        if placeholder == TOKEN_PLACEHOLDER {
            return self.redactor.newest_token();
        }
        let inner = placeholder.strip_suffix(CLOSE)?;
        if let Some(name) = inner.strip_prefix(OPEN_AUTH) {
            let secret = self.declared.get(name)?;
            return Some(secret.value.clone());
        }
        let secret = self.declared.get(inner.strip_prefix(OPEN)?)?;
        (secret.audience >= least).then(|| secret.value.clone())
    }
}

impl DeclaredValue {
    /// Returns the placeholder that is stored instead of the value.
    fn placeholder(&self, name: &str) -> String {
        match self.audience {
            Audience::Home => placeholder(name),
            Audience::TokenServer => format!("{OPEN_AUTH}{name}{CLOSE}"),
        }
    }
}

fn placeholder(name: &str) -> String {
    format!("{OPEN}{name}{CLOSE}")
}

fn find_placeholders(text: &str) -> Result<Vec<&str>, &'static str> {
    text.split(OPEN)
        .skip(1)
        .map(|rest| match rest.split_once(CLOSE) {
            Some((name, _)) if !name.is_empty() => Ok(name),
            _ => Err("`{env.` is not followed by a name and a `}`"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn declaration<'t>(key: &str, text: &'t str) -> Declaration<'t> {
        Declaration {
            key: key.into(),
            text,
            audience: Audience::Home,
            is_secret: true,
        }
    }

    fn secrets(values: &[(&str, &str)]) -> Secrets {
        let declared = values
            .iter()
            .map(|(name, _)| placeholder(name))
            .collect::<String>();
        Secrets::look_up([declaration("url", &declared)], |name| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        })
        .unwrap()
    }

    #[test]
    fn a_variable_that_is_not_set_is_named_with_its_key() {
        for value in [None, Some(String::new())] {
            let declared = [declaration("sources.x.query.key", "a {env.TOKEN} b")];
            let error = Secrets::look_up(declared, |_| value.clone()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "key `sources.x.query.key`: the environment variable TOKEN is not set, \
                 nor is TOKEN_FILE"
            );
        }
    }

    #[test]
    fn a_value_that_was_made_of_a_file_is_its_line() {
        let declared = [declaration("url", "{env.KEY}")];
        let secrets = Secrets::look_up(declared, |_| Some("s3cr t\r\n".into())).unwrap();
        assert_eq!(secrets.reveal("{env.KEY}"), "s3cr t");
    }

    #[test]
    fn a_value_may_be_in_a_file_that_another_variable_names() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "s3cr t\n").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let look_up = |key: Option<&str>, file: &str| {
            let declared = [declaration("url", "{env.KEY}")];
            Secrets::look_up(declared, |name| match name {
                "KEY" => key.map(str::to_owned),
                "KEY_FILE" => Some(file.to_owned()),
                _ => None,
            })
        };
        for key in [None, Some("")] {
            assert_eq!(look_up(key, &path).unwrap().reveal("{env.KEY}"), "s3cr t");
        }
        let nearer = look_up(Some("nearer"), &path).unwrap();
        assert_eq!(nearer.reveal("{env.KEY}"), "nearer");
        let error = look_up(None, "/nowhere/key").unwrap_err();
        let expected = "key `url`: read the file that KEY_FILE names";
        assert_eq!(error.to_string(), expected);
        std::fs::write(&file, "\n").unwrap();
        let empty = look_up(None, &path).unwrap_err();
        let expected = "key `url`: the value of KEY is an empty line";
        assert_eq!(empty.to_string(), expected);
        assert_eq!(error.kind(), crate::error::Kind::Config);
    }

    #[test]
    fn a_value_is_found_however_it_is_encoded() {
        let secrets = secrets(&[("KEY", "s3cr t/é")]);
        secrets.redactor.add_token("t+1".into());
        for text in ["a s3cr t/é b", "s3cr+t%2F%C3%A9", "t%2B1", "{env.X} t+1"] {
            assert!(secrets.is_value_in(text), "{text}");
        }
        assert!(!secrets.is_value_in("{env.KEY} and {auth.token}"));
    }

    #[test]
    fn a_placeholder_that_is_not_closed_is_refused() {
        for text in ["{env.TOKEN", "{env.}"] {
            let declared = [declaration("url", text)];
            assert!(
                Secrets::look_up(declared, |_| Some("x".into())).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn values_are_hidden_however_a_url_encodes_them() {
        let secrets = secrets(&[("KEY", "s3cr t/+&é")]);
        for url in [
            "https://h.example/a?key=s3cr%20t%2F%2B%26%C3%A9&page=2",
            "https://h.example/a?key=s3cr+t/%2B%26%c3%a9&page=2",
            "https://user:password@h.example/a?key=%733cr+t/%2b%26é&page=2",
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(
                secrets.redact_url(&url),
                "https://h.example/a?key={env.KEY}&page=2"
            );
        }
        let url = Url::parse("https://h.example/x/s3cr%20t%2F+%26%C3%A9/y%20z").unwrap();
        assert_eq!(
            secrets.redact_url(&url),
            "https://h.example/x/{env.KEY}/y%20z"
        );
    }

    #[test]
    fn values_are_hidden_in_what_a_page_says_around_its_items() {
        let secrets = secrets(&[("KEY", "s3cr t/é")]);
        let mut value = serde_json::json!({
            "asked": "s3cr t/é",
            "links": [{"next": "/a?key=s3cr+t%2F%C3%A9&page=2"}, 7, null],
            "other": "100% of a+b"
        });
        secrets.redact_json(&mut value);
        let expected = serde_json::json!({
            "asked": "{env.KEY}",
            "links": [{"next": "/a?key={env.KEY}&page=2"}, 7, null],
            "other": "100% of a+b"
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn values_are_hidden_in_what_a_page_shows_of_the_json_that_it_was_asked_by() {
        let secrets = secrets(&[("KEY", "a\"b\\c")]);
        let sent = r#"{"token":"a\"b\\c"}"#;
        assert_eq!(secrets.redact_text(sent), r#"{"token":"{env.KEY}"}"#);
    }

    #[test]
    fn a_user_and_a_password_are_hidden_in_a_url_that_a_page_shows() {
        let shown = "http://me:hunter2@h.example/a?b=c";
        let hidden = secrets(&[]).redact_text(shown);
        assert_eq!(hidden, "http://h.example/a?b=c");
        let hidden = secrets(&[]).redact_text("https://key@h.example/a");
        assert_eq!(hidden, "https://h.example/a");
        // a URL with any scheme, with a path or without
        let hidden = secrets(&[]).redact_text("redis://:pw@h.example");
        assert_eq!(hidden, "redis://h.example");
        // a URL that is malformed in any way
        for shown in [
            "https://me:p@ss/word@h.example/a",
            "https://me:p/ss@h.example/a",
            "https://me:p%zz@h.example:x/@h.example/a",
        ] {
            assert_eq!(secrets(&[]).redact_text(shown), "https://h.example/a");
        }
        let sentence = "see https://h.example/, or mail me@h.example";
        assert_eq!(secrets(&[]).redact_text(sentence), sentence);
    }

    #[test]
    fn a_token_is_hidden_once_it_is_known_and_revealed_as_the_newest() {
        let secrets = secrets(&[("KEY", "abc")]);
        let url = |token: &str| format!("https://h.example/a?key=abc&token={token}");
        let redact = |token: &str| secrets.redact_url(&Url::parse(&url(token)).unwrap());
        assert_eq!(
            redact("t%2B1"),
            "https://h.example/a?key={env.KEY}&token=t%2B1"
        );
        for token in ["t+1", "t+2"] {
            secrets.redactor.add_token(token.into());
        }
        let hidden = "https://h.example/a?key={env.KEY}&token={auth.token}";
        assert_eq!(
            (redact("t%2B1"), redact("t%2B2")),
            (hidden.into(), hidden.into())
        );
        assert_eq!(secrets.reveal_link(hidden), url("t%2B2"));
        assert!(secrets.is_in_template("{auth.token}"));
    }

    #[test]
    fn a_value_within_a_declared_url_changes_nothing_around_it() {
        let secrets = secrets(&[("BASE", "https://h.example/a"), ("KEY", "a&b#c")]);
        assert_eq!(
            secrets.reveal_endpoint("{env.BASE}/token?key={env.KEY}&x=1"),
            "https://h.example/a/token?key=a%26b%23c&x=1"
        );
        assert_eq!(
            secrets.reveal_endpoint("https://h.example/{env.KEY}"),
            "https://h.example/a%26b%23c"
        );
    }

    #[test]
    fn a_value_within_json_is_escaped() {
        let secrets = secrets(&[("KEY", "a\"b\\c")]);
        let body = r#"{"token":"{env.KEY}"}"#;
        assert_eq!(secrets.reveal_json(body), r#"{"token":"a\"b\\c"}"#);
    }

    #[test]
    fn a_url_without_secrets_stays_as_it_was_served() {
        let secrets = secrets(&[("KEY", "abc")]);
        let url = "https://h.example/a%2fb/?q=a+b%20c&&x&y=&f[0]=1,2&%zz";
        assert_eq!(secrets.redact_url(&Url::parse(url).unwrap()), url);
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", secrets(&[("KEY", "hunter2")]));
        assert!(
            shown.contains("KEY") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn what_is_hidden_is_revealed_again(
            secret in "\\PC{1,12}",
            pairs in proptest::collection::vec(("[a-z]{1,4}", "\\PC{0,8}"), 0..4),
            at in 0_usize..5,
        ) {
            let secrets = secrets(&[("KEY", &secret)]);
            let mut url = Url::parse("https://h.example/api").unwrap();
            let mut pairs = pairs;
            pairs.insert(at.min(pairs.len()), ("key".into(), format!("x{secret}y")));
            url.query_pairs_mut().extend_pairs(&pairs);
            let hidden = secrets.redact_url(&url);
            let revealed = Url::parse(&secrets.reveal_link(&hidden)).unwrap();
            let read: Vec<(String, String)> = revealed.query_pairs().into_owned().collect();
            prop_assert_eq!(read, pairs);
            prop_assert!(hidden.contains(&placeholder("KEY")));
        }
    }
}
