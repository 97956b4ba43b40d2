//! Finds the secrets of a source in the documents that it serves, and hides them.
//!
//! A publisher may send back the key that it was sent: in a link, in an error page or in a
//! release. Not everybody who may read our tables may know the key. So a [`Redactor`] replaces
//! each secret by `{env.NAME}`, `{auth.env.NAME}` or `{auth.token}`.
//!
//! One automaton searches for all secrets at once, because a publisher may repeat them as often
//! as a body has room for.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

use crate::percent::percent_encode;

/// The placeholder of a token. It is also the placeholder of a user and a password in the form of
/// a header.
pub(crate) const TOKEN_PLACEHOLDER: &str = "{auth.token}";

/// The number of tokens that are remembered. Older tokens are remembered too, because a page may
/// show a token that was renewed in the meantime.
const MAX_TOKENS: usize = 8;

/// The shortest value, in bytes, that is searched for in documents and across the separators of a
/// URL. A shorter one is likely to occur there by chance.
const SHORTEST_SEARCHED_BYTES: usize = 6;

/// The most bytes that placeholders may add to a document.
const MAX_GROWTH_BYTES: usize = 64 << 10;

/// The placeholder that is used once placeholders have added [`MAX_GROWTH_BYTES`] to a document.
/// It is shorter than any value that is searched for.
const SHORT_PLACEHOLDER: &str = "{***}";

/// The secrets that are sent to a source: the values of its placeholders, and its newest
/// tokens.
///
/// Clones share the tokens. `Debug` shows no value.
#[derive(Clone)]
pub struct Redactor(Arc<Shared>);

pub(crate) struct HiddenValue {
    pub(crate) placeholder: String,
    pub(crate) value: SecretString,
    /// True if the value is also searched for in documents.
    pub(crate) is_secret: bool,
}

struct Shared {
    declared: Vec<HiddenValue>,
    known: RwLock<Arc<KnownValues>>,
}

/// The tokens of a source, and all values of the source in the forms to search for.
struct KnownValues {
    /// The tokens. The newest one is the first.
    tokens: VecDeque<SecretString>,
    /// The values as they are, and escaped for a JSON string.
    values: Finder,
    /// The secrets of six bytes or more that contain a separator of a query (`+`, `&` or `=`). They
    /// are hidden before a query is split at its separators.
    with_separators: Finder,
    /// The values in each form in which a document may show them.
    in_documents: Finder,
}

impl Redactor {
    pub(crate) fn new(declared: impl IntoIterator<Item = HiddenValue>) -> Self {
        let declared: Vec<_> = declared.into_iter().collect();
        let known = KnownValues::new(&declared, VecDeque::new());
        Self(Arc::new(Shared {
            declared,
            known: RwLock::new(Arc::new(known)),
        }))
    }

    /// Adds a token to the values. An empty token is ignored. A token that is known already
    /// becomes the newest one, and no other token is forgotten.
    pub(crate) fn add_token(&self, token: SecretString) {
        if token.expose_secret().is_empty() {
            return;
        }
        let Shared { declared, known } = &*self.0;
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        let mut tokens = known.tokens.clone();
        let is_token = |known: &SecretString| known.expose_secret() == token.expose_secret();
        if tokens.front().is_some_and(is_token) {
            return;
        }
        tokens.retain(|known| !is_token(known));
        tokens.push_front(token);
        tokens.truncate(MAX_TOKENS);
        *known = Arc::new(KnownValues::new(declared, tokens));
    }

    pub(crate) fn newest_token(&self) -> Option<SecretString> {
        self.known_values().tokens.front().cloned()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known_values().values.is_empty()
    }

    /// Returns true if the name of a host contains a secret of at least six bytes. Names of hosts
    /// are in lower case, so the secret is searched for in lower case.
    pub(crate) fn has_value_in_host(&self, host: &str) -> bool {
        let known = self.known_values();
        let declared = self.0.declared.iter().filter(|hidden| hidden.is_secret);
        let values = declared.map(|hidden| &hidden.value).chain(&known.tokens);
        let mut values = values.map(|value| value.expose_secret().to_ascii_lowercase());
        values.any(|value| value.len() >= SHORTEST_SEARCHED_BYTES && host.contains(&value))
    }

    /// Returns true if a text contains a value, as it is or escaped for a JSON string.
    pub(crate) fn has_value_in(&self, text: &str) -> bool {
        self.known_values().values.is_match(text.as_bytes())
    }

    /// Replaces the values in a text, as they are or escaped for a JSON string, and applies
    /// `keep` to the text between them. Returns `None` if the text contains no value.
    pub(crate) fn hide(&self, text: &str, keep: impl Fn(&str) -> String) -> Option<String> {
        self.known_values().values.replace(text, keep)
    }

    /// Replaces the secrets that contain a separator of a query. Secrets of less than six bytes
    /// are not replaced, because they may occur there by chance.
    pub(crate) fn hide_values_with_separators(&self, query: &str) -> Option<String> {
        self.known_values()
            .with_separators
            .replace(query, str::to_owned)
    }

    /// Replaces the secrets in a document, in whatever form it shows them. Secrets of less than
    /// six bytes are not searched for. Returns `None` if the document shows no secret.
    ///
    /// The result is at most 64 KiB longer than the document, even if the document shows a short
    /// secret very often. Once that limit is reached, `{***}` is the placeholder.
    #[must_use]
    pub fn redact(&self, document: &[u8]) -> Option<Vec<u8>> {
        let known = self.known_values();
        let mut redacted = Vec::new();
        let mut rest = 0;
        for (start, end, placeholder) in known.in_documents.find_all(document) {
            if redacted.capacity() == 0 {
                redacted.reserve_exact(document.len() + MAX_GROWTH_BYTES);
            }
            redacted.extend_from_slice(&document[rest..start]);
            let is_roomy = redacted.len() + placeholder.len() <= end + MAX_GROWTH_BYTES;
            let mark = if is_roomy {
                placeholder
            } else {
                SHORT_PLACEHOLDER
            };
            redacted.extend_from_slice(mark.as_bytes());
            rest = end;
        }
        (rest > 0).then(|| {
            redacted.extend_from_slice(&document[rest..]);
            redacted
        })
    }

    /// Replaces the secrets in a text, like [`redact`](Self::redact).
    #[must_use]
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let redacted = self
            .known_values()
            .in_documents
            .replace(text, str::to_owned);
        redacted.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Returns the placeholder of the first secret that a document shows.
    #[must_use]
    pub fn find(&self, document: &[u8]) -> Option<Arc<str>> {
        let known = self.known_values();
        let (_, _, placeholder) = known.in_documents.find_all(document).next()?;
        Some(Arc::clone(placeholder))
    }

    fn known_values(&self) -> Arc<KnownValues> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let placeholders = self.0.declared.iter().map(|hidden| &hidden.placeholder);
        f.debug_set().entries(placeholders).finish()
    }
}

impl KnownValues {
    fn new(declared: &[HiddenValue], tokens: VecDeque<SecretString>) -> Self {
        let (mut all, mut long, mut with_separators) = (Vec::new(), Vec::new(), Vec::new());
        let declared = declared.iter();
        let declared = declared.map(|it| (&*it.placeholder, &it.value, it.is_secret));
        let tokens_too = tokens.iter().map(|token| (TOKEN_PLACEHOLDER, token, true));
        for (placeholder, value, is_secret) in declared.chain(tokens_too) {
            let value = value.expose_secret();
            all.push((placeholder, value));
            if is_secret && value.len() >= SHORTEST_SEARCHED_BYTES {
                long.push((placeholder, value));
                if value.contains(['+', '&', '=']) {
                    with_separators.push((placeholder, value));
                }
            }
        }
        Self {
            values: Finder::new(&all, list_forms_in_requests),
            with_separators: Finder::new(&with_separators, list_forms_in_requests),
            in_documents: Finder::new(&long, list_forms_in_documents),
            tokens,
        }
    }
}

/// Finds values in several forms in one pass.
struct Finder {
    automaton: AhoCorasick,
    /// The placeholder of each pattern.
    placeholders: Vec<Arc<str>>,
}

impl Finder {
    /// Makes a finder of values with their placeholders.
    fn new(values: &[(&str, &str)], forms: fn(&str) -> Vec<String>) -> Self {
        let mut patterns = Vec::new();
        let mut placeholders = Vec::new();
        for (placeholder, value) in values {
            let placeholder: Arc<str> = Arc::from(*placeholder);
            for form in forms(value) {
                patterns.push(form);
                placeholders.push(Arc::clone(&placeholder));
            }
        }
        // If two values start at the same place, the longer one is replaced whole. The kind of
        // automaton is fixed, because the default one takes a kilobyte for each byte of a few
        // long tokens.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns)
            .expect("a few short patterns make an automaton");
        Self {
            automaton,
            placeholders,
        }
    }

    fn is_empty(&self) -> bool {
        self.placeholders.is_empty()
    }

    fn is_match(&self, text: &[u8]) -> bool {
        !self.is_empty() && self.automaton.is_match(text)
    }

    /// Returns the start, the end and the placeholder of each match. If there are no values, the
    /// text is not read, because an automaton without patterns would still read it.
    fn find_all<'f>(
        &'f self,
        text: &'f [u8],
    ) -> impl Iterator<Item = (usize, usize, &'f Arc<str>)> {
        let text = if self.is_empty() { &[] } else { text };
        self.automaton.find_iter(text).map(|found| {
            let placeholder = &self.placeholders[found.pattern().as_usize()];
            (found.start(), found.end(), placeholder)
        })
    }

    fn replace(&self, text: &str, keep: impl Fn(&str) -> String) -> Option<String> {
        let mut replaced = String::new();
        let mut rest = 0;
        for (start, end, placeholder) in self.find_all(text.as_bytes()) {
            replaced.push_str(&keep(&text[rest..start]));
            replaced.push_str(placeholder);
            rest = end;
        }
        (rest > 0).then(|| replaced + &keep(&text[rest..]))
    }
}

/// Returns a value as it is, and in the form that a JSON body has.
fn list_forms_in_requests(value: &str) -> Vec<String> {
    vec![value.to_owned(), escape_json(value)]
}

/// Returns the forms in which a document may show a value: in JSON, in JSON within a JSON
/// string, in HTML, and in a URL.
fn list_forms_in_documents(value: &str) -> Vec<String> {
    let quoted = escape_json(value);
    let encoded = percent_encode(value);
    // the form that `encodeURIComponent` of JavaScript writes
    let component = ["!", "'", "(", ")", "*"]
        .iter()
        .fold(encoded.clone(), |text, kept| {
            text.replace(&percent_encode(kept), kept)
        });
    let form: String = byte_serialize(value.as_bytes()).collect();
    let mut forms = vec![
        value.to_owned(),
        escape_json(&quoted),
        quoted.replace('/', "\\/"),
        quoted,
        lowercase_escapes(&encoded),
        lowercase_escapes(&form),
        encoded,
        component,
        form,
    ];
    forms.extend(escaped_forms(value));
    forms.extend(html_forms(value));
    forms.sort();
    forms.dedup();
    forms
}

/// Returns the forms of a value that are written by JSON libraries which escape more characters
/// than JSON requires.
fn escaped_forms(value: &str) -> Vec<String> {
    let is_ascii = |c: char| c.is_ascii();
    // Python and PHP
    let ascii = escape_json_except(value, is_ascii, false);
    let slashes = ascii.replace('/', "\\/");
    // Go and Rails, then Gson
    let go = escape_json_except(value, |c| !"&<>".contains(c), false);
    let gson = escape_json_except(value, |c| !"&<>='".contains(c), false);
    // .NET
    let is_plain = |c: char| c.is_ascii() && !"\"&'+<>`".contains(c);
    let net = escape_json_except(value, is_plain, true);
    vec![ascii, slashes, go, gson, net]
}

/// Escapes a text for a JSON string. Characters that are not plain become `\u` escapes.
fn escape_json_except(text: &str, is_plain: impl Fn(char) -> bool, is_uppercase: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            escaped.push_str(&escape_json(c.encode_utf8(&mut [0; 4])));
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&match is_uppercase {
                true => format!("\\u{unit:04X}"),
                false => format!("\\u{unit:04x}"),
            });
        }
    }
    escaped
}

/// Returns a value escaped for HTML or XML, with each common way to escape quotes.
fn html_forms(value: &str) -> impl Iterator<Item = String> {
    let text = value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    [
        ("\"", "'"),
        ("&quot;", "'"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#039;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#39;"),
    ]
    .into_iter()
    .map(move |(double, single)| text.replace('"', double).replace('\'', single))
}

/// Escapes a text for a JSON string, without the quotes around it.
pub(crate) fn escape_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Writes the hexadecimal digits of percent-encoded text in lower case.
fn lowercase_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(2);
        text + "%" + &digits.to_ascii_lowercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(values: &[(&str, &str)]) -> Redactor {
        let hidden = |(placeholder, value): &(&str, &str)| HiddenValue {
            placeholder: (*placeholder).to_owned(),
            value: (*value).into(),
            is_secret: true,
        };
        Redactor::new(values.iter().map(hidden))
    }

    #[test]
    fn a_short_value_that_is_there_very_often_makes_no_document_much_longer() {
        let redactor = redactor(&[("{env.A_NAME_OF_THIRTY_LETTERS}", "abcdef")]);
        let document = "abcdef".repeat(1 << 20);
        let redacted = redactor.redact(document.as_bytes()).unwrap();
        assert!(redacted.len() <= document.len() + MAX_GROWTH_BYTES);
        let text = String::from_utf8(redacted).unwrap();
        assert!(text.starts_with("{env.A_NAME_OF_THIRTY_LETTERS}{env."));
        assert!(text.ends_with("{***}{***}") && !text.contains("abcdef"));
    }

    #[test]
    fn a_name_that_is_no_secret_is_hidden_in_urls_and_not_in_documents() {
        let redactor = Redactor::new([HiddenValue {
            placeholder: "{auth.env.USER}".into(),
            value: "tender".into(),
            is_secret: false,
        }]);
        assert_eq!(redactor.redact(br#"{"tender":1}"#), None);
        assert!(redactor.has_value_in("tender") && !redactor.has_value_in_host("tender.example"));
    }

    #[test]
    fn values_are_hidden_in_whatever_form_a_document_shows_them() {
        let redactor = redactor(&[("{env.KEY}", "s3cr t/\"é(1)")]);
        redactor.add_token("token+7==".into());
        for shown in [
            "s3cr t/\"é(1)",
            r#"s3cr t/\"é(1)"#,
            r#"s3cr t\/\"é(1)"#,
            r#"s3cr t/\\\"é(1)"#,
            "s3cr%20t%2F%22%C3%A9%281%29",
            "s3cr%20t%2f%22%c3%a9%281%29",
            "s3cr%20t%2F%22%C3%A9(1)",
            "s3cr+t%2F%22%C3%A9%281%29",
            "s3cr+t%2f%22%c3%a9%281%29",
        ] {
            let document = format!("<{shown}>\u{fffd}<token%2b7%3d%3d>{shown}");
            let redacted = redactor.redact(document.as_bytes()).unwrap();
            let expected = "<{env.KEY}>\u{fffd}<{auth.token}>{env.KEY}";
            assert_eq!(String::from_utf8(redacted).unwrap(), expected, "{shown}");
            assert_eq!(redactor.redact_text(&document), expected);
            assert_eq!(
                redactor.find(document.as_bytes()).as_deref(),
                Some("{env.KEY}")
            );
        }
        assert_eq!(redactor.redact(b"s3cr t"), None);
        assert_eq!(redactor.redact(&[0xff, 0, 0x80]), None);
    }

    #[test]
    fn values_are_hidden_as_servers_escape_them_that_escape_more_than_they_must() {
        let redactor = redactor(&[("{env.KEY}", "k3y+A&b<é>/\"7'z=")]);
        for shown in [
            // json.dumps of Python, json_encode of PHP
            r#"k3y+A&b<\u00e9>/\"7'z="#,
            r#"k3y+A&b<\u00e9>\/\"7'z="#,
            // encoding/json of Go, Gson, System.Text.Json
            r#"k3y+A\u0026b\u003cé\u003e/\"7'z="#,
            r#"k3y+A\u0026b\u003cé\u003e/\"7\u0027z\u003d"#,
            r"k3y\u002BA\u0026b\u003C\u00E9\u003E/\u00227\u0027z=",
            // templates of HTML in Go, PHP, Python and Java
            "k3y+A&amp;b&lt;é&gt;/&#34;7&#39;z=",
            "k3y+A&amp;b&lt;é&gt;/&quot;7&#039;z=",
            "k3y+A&amp;b&lt;é&gt;/&quot;7&#x27;z=",
            "k3y+A&amp;b&lt;é&gt;/&quot;7&apos;z=",
        ] {
            let document = format!("<{shown}>");
            assert_eq!(redactor.redact_text(&document), "<{env.KEY}>", "{shown}");
        }
    }

    #[test]
    fn a_value_that_may_stand_anywhere_by_chance_is_not_looked_for_in_documents() {
        let redactor = redactor(&[("{env.KEY}", "12345")]);
        assert_eq!(redactor.redact(b"12345"), None);
        assert_eq!(redactor.redact_text("12345"), "12345");
        assert!(redactor.has_value_in("12345"));
    }

    #[test]
    fn of_values_that_begin_at_one_place_the_longest_is_hidden() {
        let redactor = redactor(&[("{env.A}", "secret"), ("{env.B}", "secret-longer")]);
        assert_eq!(
            redactor.redact_text("secret-longer secret-long"),
            "{env.B} {env.A}-long"
        );
    }

    #[test]
    fn a_token_is_forgotten_when_eight_newer_ones_are_known() {
        let redactor = Redactor::default();
        assert!(redactor.is_empty() && redactor.newest_token().is_none());
        redactor.add_token(SecretString::default());
        assert!(redactor.is_empty());
        for number in 0..=MAX_TOKENS {
            redactor.clone().add_token(format!("token-{number}").into());
        }
        assert_eq!(
            redactor.redact_text("token-0 token-1"),
            "token-0 {auth.token}"
        );
        assert_eq!(redactor.newest_token().unwrap().expose_secret(), "token-8");
    }

    #[test]
    fn a_token_that_is_given_again_drives_none_out() {
        let redactor = Redactor::default();
        redactor.add_token("credentials".into());
        for number in 0..100 {
            redactor.add_token(format!("token-{}", number % 2).into());
        }
        let text = "credentials token-0 token-1";
        let hidden = "{auth.token} {auth.token} {auth.token}";
        assert_eq!(redactor.redact_text(text), hidden);
        assert_eq!(redactor.newest_token().unwrap().expose_secret(), "token-1");
    }

    #[test]
    fn debug_shows_no_value() {
        let redactor = redactor(&[("{env.KEY}", "hunter2")]);
        redactor.add_token("hunter3".into());
        assert_eq!(format!("{redactor:?}"), r#"{"{env.KEY}"}"#);
    }
}
