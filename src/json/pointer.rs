//! JSON Pointers (RFC 6901), and paths to the items of a page.

use std::fmt;

use serde::Deserialize;

/// A JSON Pointer, such as `/links/next`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

impl Pointer {
    /// Parses a pointer. The text must be empty or start with `/`.
    ///
    /// # Errors
    ///
    /// The error says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is not a JSON Pointer: it starts with /"))
        }
    }

    /// Returns the value to which the pointer points.
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

/// Says where the items are in a page. The text form is `/releases/*` for the entries of the
/// array `releases`, and `/*` for a page that is itself an array. An empty text, which is the
/// default, means that the whole page is one item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ItemsAt {
    /// The names of the members that lead to the array.
    path: Vec<String>,
    /// True if the items are the entries of an array. False if the whole document is the item.
    is_list: bool,
}

impl ItemsAt {
    /// Parses `/releases/*`, `/*` or an empty text.
    ///
    /// # Errors
    ///
    /// The error says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Pointer(text) = Pointer::parse(text)?;
        let mut path: Vec<String> = text
            .split('/')
            .skip(1)
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect();
        let is_list = path.last().is_some_and(|last| last == "*");
        if is_list {
            path.pop();
        }
        if path.iter().any(|name| name == "*") {
            return Err(format!("`{text}` has a * before its end"));
        }
        if !is_list && !path.is_empty() {
            return Err(format!("`{text}` does not end in /*"));
        }
        Ok(Self { path, is_list })
    }

    /// Returns the names of the members that lead to the items.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Returns true if the items are the entries of an array, and false if the whole document is
    /// the item.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.is_list
    }
}

/// Escapes the name of a member, so that it can be part of a JSON Pointer.
pub(crate) fn escape_token(name: &str) -> String {
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
            write!(f, "/{}", escape_token(name))?;
        }
        if self.is_list {
            f.write_str("/*")
        } else {
            Ok(())
        }
    }
}
