//! Reads releases as lists of tokens. There is one token for each value, in the order of the
//! text, so a release is read once and without recursion, and no value is copied.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::{Container, ScanError, Scanner, Strict, unescape};

/// A JSON value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    /// The name of the member whose value this is. It is empty for an entry of an array.
    pub(crate) name: RawString<'t>,
    /// The text of the value. A string includes its quotes.
    pub(crate) text: &'t str,
    /// The index of the token after this value and everything in it.
    pub(crate) next: usize,
}

/// The kind of a value, as far as merging distinguishes kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    /// A string, a number or a boolean.
    Scalar,
    Object,
    /// An array that has no entry, or only objects.
    Objects,
    /// An array with an entry that is not an object.
    Mixed,
    /// The value of a member whose name occurs again in the same object. The last one counts.
    Repeated,
}

impl<'t> Token<'t> {
    /// Returns true for `{}` and `[]`.
    pub(crate) fn is_empty(&self, at: usize) -> bool {
        self.next == at + 1
    }

    /// Describes the value in a few words for a message.
    pub(crate) fn describe(&self) -> &'static str {
        match (self.kind, self.text.as_bytes().first()) {
            (Kind::Object, _) => "an object",
            (Kind::Objects, _) if !self.text.contains('{') => "an empty array",
            (Kind::Objects, _) => "an array of objects",
            (Kind::Mixed, _) => "an array of other values",
            (_, Some(b'"')) => "a string",
            (_, Some(b't' | b'f')) => "a boolean",
            (_, Some(b'n')) => "null",
            _ => "a number",
        }
    }

    /// Returns true if this is the value of the member with this name.
    pub(crate) fn is_named(&self, name: &'static str) -> bool {
        self.name == RawString::without_escapes(name)
    }

    /// Returns the text of a scalar without the quotes of a string.
    pub(crate) fn content(&self) -> RawString<'t> {
        let inner = self.text.strip_prefix('"');
        let inner = inner.and_then(|inner| inner.strip_suffix('"'));
        RawString::new(inner.unwrap_or(self.text))
    }
}

/// The content of a string, as it stands between the quotes. Two texts are equal if they mean the
/// same, however their characters are escaped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawString<'t> {
    raw: &'t str,
    is_escaped: bool,
}

impl<'t> RawString<'t> {
    pub(crate) fn new(raw: &'t str) -> Self {
        Self {
            raw,
            is_escaped: memchr::memchr(b'\\', raw.as_bytes()).is_some(),
        }
    }

    fn without_escapes(raw: &'t str) -> Self {
        Self {
            raw,
            is_escaped: false,
        }
    }

    /// Returns the text with its escapes.
    pub(crate) fn raw(self) -> &'t str {
        self.raw
    }

    /// Returns the text without escapes. A text that has half of a surrogate pair means nothing,
    /// and is returned as it is.
    pub(crate) fn unescape(self) -> Cow<'t, str> {
        match self.is_escaped {
            true => unescape(self.raw),
            false => Cow::Borrowed(self.raw),
        }
    }
}

impl PartialEq for RawString<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
            || ((self.is_escaped || other.is_escaped) && self.unescape() == other.unescape())
    }
}

impl Eq for RawString<'_> {}

impl Hash for RawString<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unescape().hash(state);
    }
}

/// The tokens of several releases, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Tokens<'t> {
    list: Vec<Token<'t>>,
    /// The objects and arrays that have begun and not ended.
    open: Vec<Open>,
    /// True if some values are marked as repeated.
    has_repeated: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    token: usize,
    start: usize,
    container: Container,
}

impl<'t> Tokens<'t> {
    /// Creates an empty list with room for the tokens of a text of this length. Tokens of real
    /// releases have 16 bytes or more.
    pub(crate) fn for_length(bytes: usize) -> Self {
        Self {
            list: Vec::with_capacity(bytes / 16),
            open: Vec::new(),
            has_repeated: false,
        }
    }

    /// Reads a value. Returns the index of its token, and whether the text has white space between
    /// its tokens.
    pub(crate) fn read(&mut self, text: &'t str) -> Result<(usize, bool), ScanError> {
        let first = self.list.len();
        let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
        let mut name = RawString::default();
        self.open.clear();
        loop {
            let byte = scanner.peek()?;
            let start = scanner.position();
            let container = match byte {
                b'{' => Some(Container::Object),
                b'[' => Some(Container::Array),
                _ => None,
            };
            if let Some(container) = container {
                scanner.advance();
                self.begin(start, container, name);
                if !matches!(scanner.peek()?, b'}' | b']') {
                    name = read_name(&mut scanner, text, container)?;
                    continue;
                }
                // an empty container ends like any other one
                scanner.pass_separator(container)?;
                self.end(text, scanner.position());
            } else {
                let range = scanner.read_scalar()?;
                self.add_scalar(name, &text[range]);
            }
            loop {
                let Some(Open { container, .. }) = self.open.last().copied() else {
                    scanner.expect_end()?;
                    return Ok((first, scanner.has_passed_white_space()));
                };
                if scanner.pass_separator(container)? {
                    name = read_name(&mut scanner, text, container)?;
                    break;
                }
                self.end(text, scanner.position());
            }
        }
    }

    fn begin(&mut self, start: usize, container: Container, name: RawString<'t>) {
        let kind = match container {
            Container::Object => Kind::Object,
            Container::Array => {
                self.mark_mixed();
                Kind::Objects
            }
        };
        self.open.push(Open {
            token: self.list.len(),
            start,
            container,
        });
        self.list.push(Token {
            kind,
            name,
            text: "",
            next: 0,
        });
    }

    fn end(&mut self, text: &'t str, end: usize) {
        let next = self.list.len();
        if let Some(Open { token, start, .. }) = self.open.pop() {
            let token = &mut self.list[token];
            token.text = &text[start..end];
            token.next = next;
        }
    }

    fn add_scalar(&mut self, name: RawString<'t>, text: &'t str) {
        self.mark_mixed();
        let kind = match text {
            "null" => Kind::Null,
            _ => Kind::Scalar,
        };
        let next = self.list.len() + 1;
        self.list.push(Token {
            kind,
            name,
            text,
            next,
        });
    }

    /// Notes that the next value, which is not an object, is an entry of the innermost array, if
    /// that is what is open.
    #[inline]
    fn mark_mixed(&mut self) {
        if let Some(open) = self.open.last()
            && open.container == Container::Array
        {
            self.list[open.token].kind = Kind::Mixed;
        }
    }

    /// Returns the members of an object, or the entries of an array, with their indexes.
    pub(crate) fn children(&self, of: usize) -> impl Iterator<Item = (usize, &Token<'t>)> {
        let end = self.list[of].next;
        let mut at = of + 1;
        std::iter::from_fn(move || {
            let token = (at < end).then(|| &self.list[at])?;
            Some((std::mem::replace(&mut at, token.next), token))
        })
    }

    /// Returns the last member of an object that has this name.
    pub(crate) fn member(&self, of: usize, name: &'static str) -> Option<(usize, &Token<'t>)> {
        let members = self.children(of);
        members.filter(|(_, token)| token.is_named(name)).last()
    }

    /// Returns true if some values are marked as repeated, so that not everything counts that
    /// stands in a text.
    pub(crate) fn has_repeated(&self) -> bool {
        self.has_repeated
    }

    /// Returns the index of the first scalar other than `null`, or array that has anything but
    /// objects, in a value.
    pub(crate) fn find_content(&self, of: usize) -> Option<usize> {
        let end = self.list[of].next;
        let mut at = of;
        while at < end {
            match self.list[at].kind {
                Kind::Scalar | Kind::Mixed => return Some(at),
                Kind::Repeated => at = self.list[at].next,
                Kind::Null | Kind::Object | Kind::Objects => at += 1,
            }
        }
        None
    }

    /// Marks the values of members whose names occur again in their object. Returns true if there
    /// are any that were not marked before.
    pub(crate) fn mark_repeated(&mut self) -> bool {
        if self.has_repeated {
            return false;
        }
        let mut repeated = Vec::new();
        for (at, token) in self.list.iter().enumerate() {
            if token.kind == Kind::Object {
                let mut last = HashMap::new();
                let members = self.children(at);
                repeated
                    .extend(members.filter_map(|(member, token)| last.insert(token.name, member)));
            }
        }
        for at in &repeated {
            self.list[*at].kind = Kind::Repeated;
        }
        self.has_repeated = !repeated.is_empty();
        self.has_repeated
    }
}

impl<'t> std::ops::Index<usize> for Tokens<'t> {
    type Output = Token<'t>;

    #[inline]
    fn index(&self, at: usize) -> &Token<'t> {
        &self.list[at]
    }
}

/// Passes the name of the next member, if the container is an object.
#[inline]
fn read_name<'t>(
    scanner: &mut Scanner<'_, Strict>,
    text: &'t str,
    container: Container,
) -> Result<RawString<'t>, ScanError> {
    Ok(match container {
        Container::Object => {
            let escapes = scanner.rules().escapes;
            let raw = &text[scanner.read_key()?];
            let is_escaped = scanner.rules().escapes > escapes;
            RawString { raw, is_escaped }
        }
        Container::Array => RawString::default(),
    })
}
