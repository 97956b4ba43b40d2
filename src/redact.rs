//! Finds what a source was sent in what it serves, and hides it.
//!
//! A publisher may echo the key that it was asked with: in a link, in an error page or in
//! a release. Whoever may read our tables may not know the key for that. So a
//! [`Redactor`] puts `{env.NAME}`, `{auth.env.NAME}` or `{auth.token}` where a value stands.
//!
//! All values are looked for at once, by one automaton, because a publisher may echo them
//! as often as a body has room for.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

/// The placeholder of a token, and of a user and a password as a header has them.
pub(crate) const TOKEN: &str = "{auth.token}";

/// How many tokens are known: a page may echo one that has been renewed since.
const MOST_TOKENS: usize = 8;

/// The shortest value that is looked for where it may stand by chance, in bytes: in a
/// document, and where what separates the parts of a URL may be a part of the value.
const SHORTEST_TOLD_BYTES: usize = 6;

/// How much longer a document may become by placeholders.
const MOST_GROWTH_BYTES: usize = 64 << 10;

/// What stands for a value behind that; it is shorter than any value that is looked for.
const SHORT_MARK: &str = "{***}";

/// What a source is sent and nobody else may know: the values of its placeholders, and
/// the newest of its tokens.
///
/// Clones share the tokens. `Debug` shows no value.
#[derive(Clone)]
pub struct Redactor(Arc<Shared>);

/// A value that is looked for.
pub(crate) struct Hidden {
    /// What stands for it.
    pub(crate) placeholder: String,
    pub(crate) value: SecretString,
    /// Whether it is looked for in documents, too.
    pub(crate) is_secret: bool,
}

struct Shared {
    declared: Vec<Hidden>,
    known: RwLock<Arc<Known>>,
}

/// The tokens of a source, and all values in the forms in which they are looked for.
struct Known {
    /// The newest first.
    tokens: VecDeque<SecretString>,
    /// Values as they are, and within a string of JSON.
    values: Finder,
    /// Those of them that have what separates the pairs of a query.
    separating: Finder,
    /// Values in each form in which a document may show them.
    shown: Finder,
}

impl Redactor {
    /// Looks for these values.
    pub(crate) fn new(declared: impl IntoIterator<Item = Hidden>) -> Self {
        let declared: Vec<_> = declared.into_iter().collect();
        let known = Known::new(&declared, VecDeque::new());
        Self(Arc::new(Shared {
            declared,
            known: RwLock::new(Arc::new(known)),
        }))
    }

    /// Looks for a token as well, from now on. An empty one is none, and one that is known
    /// becomes the newest, and drives none out.
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
        tokens.truncate(MOST_TOKENS);
        *known = Arc::new(Known::new(declared, tokens));
    }

    /// The token that was given last.
    pub(crate) fn newest_token(&self) -> Option<SecretString> {
        self.known().tokens.front().cloned()
    }

    /// Says that the source is sent no secret.
    pub(crate) fn is_empty(&self) -> bool {
        self.known().values.is_empty()
    }

    /// Says that a value of at least six bytes is in the name of a host, where it is
    /// written in small letters.
    pub(crate) fn is_in_host(&self, host: &str) -> bool {
        let known = self.known();
        let declared = self.0.declared.iter().filter(|hidden| hidden.is_secret);
        let declared = declared.map(|hidden| &hidden.value);
        let mut values = declared.chain(&known.tokens).map(|it| it.expose_secret());
        values.any(|value| {
            value.len() >= SHORTEST_TOLD_BYTES && host.contains(&value.to_ascii_lowercase())
        })
    }

    /// Says that a value is in a text, as it is or within a string of JSON.
    pub(crate) fn is_value_in(&self, text: &str) -> bool {
        self.known().values.is_in(text.as_bytes())
    }

    /// Puts placeholders where values are, as they are or within a string of JSON, and
    /// applies `keep` to what is between them. `None` if no value is in the text.
    pub(crate) fn hide(&self, text: &str, keep: impl Fn(&str) -> String) -> Option<String> {
        self.known().values.replace(text, keep)
    }

    /// The same for the values that have what separates the pairs of a query, if they are
    /// long enough not to stand there by chance.
    pub(crate) fn hide_separating(&self, query: &str) -> Option<String> {
        self.known().separating.replace(query, str::to_owned)
    }

    /// Puts placeholders where a document shows values, in whatever form. A value of less
    /// than six bytes is not looked for. `None` if none is there.
    ///
    /// What comes of it is at most 64 KiB longer, however often a short value is there:
    /// behind that `{***}` stands for it.
    #[must_use]
    pub fn redact(&self, document: &[u8]) -> Option<Vec<u8>> {
        let known = self.known();
        let mut redacted = Vec::new();
        let mut rest = 0;
        for (start, end, placeholder) in known.shown.find_all(document) {
            if redacted.capacity() == 0 {
                redacted.reserve_exact(document.len() + MOST_GROWTH_BYTES);
            }
            redacted.extend_from_slice(&document[rest..start]);
            let is_roomy = redacted.len() + placeholder.len() <= end + MOST_GROWTH_BYTES;
            let mark = if is_roomy { placeholder } else { SHORT_MARK };
            redacted.extend_from_slice(mark.as_bytes());
            rest = end;
        }
        (rest > 0).then(|| {
            redacted.extend_from_slice(&document[rest..]);
            redacted
        })
    }

    /// The same for a text.
    #[must_use]
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.known().shown.replace(text, str::to_owned) {
            Some(redacted) => Cow::Owned(redacted),
            None => Cow::Borrowed(text),
        }
    }

    /// The placeholder of the first value that a document shows.
    #[must_use]
    pub fn find(&self, document: &[u8]) -> Option<Arc<str>> {
        let known = self.known();
        let (_, _, placeholder) = known.shown.find_all(document).next()?;
        Some(Arc::clone(placeholder))
    }

    fn known(&self) -> Arc<Known> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

impl Default for Redactor {
    /// Finds nothing.
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let declared = self.0.declared.iter();
        f.debug_set()
            .entries(declared.map(|hidden| &hidden.placeholder))
            .finish()
    }
}

impl Known {
    fn new(declared: &[Hidden], tokens: VecDeque<SecretString>) -> Self {
        let declared = declared.iter();
        let declared = declared.map(|it| (Arc::from(&*it.placeholder), &it.value, it.is_secret));
        let token = Arc::from(TOKEN);
        let tokens_too = tokens.iter().map(|value| (Arc::clone(&token), value, true));
        let all: Vec<(Arc<str>, &str, bool)> = declared
            .chain(tokens_too)
            .map(|(name, value, is_secret)| (name, value.expose_secret(), is_secret))
            .collect();
        let long = all.iter();
        let long =
            long.filter(|(_, value, is_secret)| *is_secret && value.len() >= SHORTEST_TOLD_BYTES);
        let long: Vec<(&Arc<str>, &str)> = long.map(|(name, value, _)| (name, *value)).collect();
        let all = all.iter().map(|(name, value, _)| (name, *value));
        let separating = long.iter().copied();
        let separating = separating.filter(|(_, value)| value.contains(['+', '&', '=']));
        let finder = Self {
            values: Finder::new(all, sent_forms),
            separating: Finder::new(separating, sent_forms),
            shown: Finder::new(long.iter().copied(), shown_forms),
            tokens: VecDeque::new(),
        };
        Self { tokens, ..finder }
    }
}

/// Finds texts of several forms in one pass.
struct Finder {
    automaton: AhoCorasick,
    /// The placeholder of each pattern.
    placeholders: Vec<Arc<str>>,
}

impl Finder {
    fn new<'v>(
        values: impl Iterator<Item = (&'v Arc<str>, &'v str)>,
        forms: fn(&str) -> Vec<String>,
    ) -> Self {
        let mut patterns = Vec::new();
        let mut placeholders = Vec::new();
        for (placeholder, value) in values {
            for form in forms(value) {
                patterns.push(form);
                placeholders.push(Arc::clone(placeholder));
            }
        }
        // Of two that begin at one place, the longer one is there whole. The automaton that
        // would be chosen by itself takes a kilobyte for each byte of a few long tokens.
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

    fn is_in(&self, text: &[u8]) -> bool {
        !self.is_empty() && self.automaton.is_match(text)
    }

    /// Where each value begins and ends, and what stands for it. A source without secrets
    /// is spared the pass: an automaton that looks for nothing still reads all of a text.
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

/// A value as it is, and as it is in a body of JSON that was sent.
fn sent_forms(value: &str) -> Vec<String> {
    vec![value.to_owned(), quote(value)]
}

/// A value as a document may show it: within JSON, within JSON that is text in JSON, within
/// HTML, and as a part of a URL.
fn shown_forms(value: &str) -> Vec<String> {
    let quoted = quote(value);
    let encoded = encode(value);
    // as a script in a browser encodes it
    let lax = ["!", "'", "(", ")", "*"]
        .iter()
        .fold(encoded.clone(), |text, kept| {
            text.replace(&encode(kept), kept)
        });
    let form: String = byte_serialize(value.as_bytes()).collect();
    let mut forms = vec![
        value.to_owned(),
        quote(&quoted),
        quoted.replace('/', "\\/"),
        quoted,
        lower_escapes(&encoded),
        lower_escapes(&form),
        encoded,
        lax,
        form,
    ];
    forms.extend(escaped_forms(value));
    forms.extend(html_forms(value));
    forms.sort();
    forms.dedup();
    forms
}

/// A value within JSON as libraries write it that escape more than they must.
fn escaped_forms(value: &str) -> Vec<String> {
    let is_ascii = |c: char| c.is_ascii();
    // Python and PHP
    let ascii = escape_json(value, is_ascii, false);
    let slashes = ascii.replace('/', "\\/");
    // Go and Rails, and Gson
    let go = escape_json(value, |c| !"&<>".contains(c), false);
    let gson = escape_json(value, |c| !"&<>='".contains(c), false);
    // .NET
    let is_plain = |c: char| c.is_ascii() && !"\"&'+<>`".contains(c);
    let net = escape_json(value, is_plain, true);
    vec![ascii, slashes, go, gson, net]
}

/// A text within a string of JSON, of which only some characters are written as they are.
fn escape_json(text: &str, is_plain: impl Fn(char) -> bool, is_upper: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            escaped.push_str(&quote(c.encode_utf8(&mut [0; 4])));
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&match is_upper {
                true => format!("\\u{unit:04X}"),
                false => format!("\\u{unit:04x}"),
            });
        }
    }
    escaped
}

/// A value within HTML or XML, by the ways in which quotes are written there.
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

/// A text as it is within a string of JSON.
pub(crate) fn quote(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Percent-encodes all that has a meaning anywhere in a URL, which is right in
/// a path and in a query alike.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Percent-encoded text whose hexadecimal digits are small letters.
fn lower_escapes(encoded: &str) -> String {
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
        let hidden = |(placeholder, value): &(&str, &str)| Hidden {
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
        assert!(redacted.len() <= document.len() + MOST_GROWTH_BYTES);
        let text = String::from_utf8(redacted).unwrap();
        assert!(text.starts_with("{env.A_NAME_OF_THIRTY_LETTERS}{env."));
        assert!(text.ends_with("{***}{***}") && !text.contains("abcdef"));
    }

    #[test]
    fn a_name_that_is_no_secret_is_hidden_in_urls_and_not_in_documents() {
        let redactor = Redactor::new([Hidden {
            placeholder: "{auth.env.USER}".into(),
            value: "tender".into(),
            is_secret: false,
        }]);
        assert_eq!(redactor.redact(br#"{"tender":1}"#), None);
        assert!(redactor.is_value_in("tender") && !redactor.is_in_host("tender.example"));
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
        assert!(redactor.is_value_in("12345"));
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
        for number in 0..=MOST_TOKENS {
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
