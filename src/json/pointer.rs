//! JSON Pointers (RFC 6901), and where on a page its items are.

use std::fmt;

use serde::Deserialize;

/// A JSON Pointer, such as `/links/next`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

impl Pointer {
    /// Reads a pointer: empty, or starting with `/`.
    ///
    /// # Errors
    /// What is wrong with the text, as a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a JSON Pointer: it starts with /"))
        }
    }

    /// The value it points at.
    #[must_use]
    pub fn get<'v>(&self, value: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
        value.pointer(&self.0)
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where on a page its items are: a path of member names, then `*` for the
/// entries of an array (`/releases/*`, `/*`), or empty for the whole document,
/// which is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ItemsAt {
    /// The member names that lead to the array, unescaped.
    path: Vec<String>,
    /// Whether the items are an array's entries and not the value itself.
    each: bool,
}

impl ItemsAt {
    /// Reads `/releases/*`, `/*` or the empty text.
    ///
    /// # Errors
    /// What is wrong with the text, as a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Pointer(text) = Pointer::parse(text)?;
        let mut path: Vec<String> = text
            .split('/')
            .skip(1)
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect();
        let each = path.last().is_some_and(|last| last == "*");
        if each {
            path.pop();
        }
        if path.iter().any(|name| name == "*") {
            return Err(format!("`{text}` has a * before its end"));
        }
        if !each && !path.is_empty() {
            return Err(format!("`{text}` does not end in /*"));
        }
        Ok(Self { path, each })
    }

    /// The member names that lead to the items, unescaped.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Whether the items are an array's entries and not the whole document.
    #[must_use]
    pub fn is_each(&self) -> bool {
        self.each
    }
}

/// A name as a token of a JSON Pointer.
pub(crate) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl TryFrom<String> for ItemsAt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl fmt::Display for ItemsAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.path {
            write!(f, "/{}", token(name))?;
        }
        if self.each { f.write_str("/*") } else { Ok(()) }
    }
}
