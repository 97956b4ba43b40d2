//! How the bytes of a body become JSON: `decode = { … }`.

use encoding_rs::Encoding;
use serde::Deserialize;

use super::Repair;

/// How the bytes of a source's bodies become JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decode {
    /// The charset of bodies, whatever they or their headers say.
    pub charset: Option<Charset>,
    /// What a body holds.
    pub container: Container,
    /// Repairs of releases that could not be stored otherwise.
    pub repair: Vec<Repair>,
}

/// A charset, by one of its names in the Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Charset(pub &'static Encoding);

impl Charset {
    /// The charset of a name such as `iso-8859-1`, in any case.
    ///
    /// As browsers do, it takes `iso-8859-1` and `us-ascii` for `windows-1252`,
    /// which has the same letters and more: publishers mean that one.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        // bytes that any charset may be, and that are text in none of them
        Encoding::for_label_no_replacement(name.as_bytes()).map(Self)
    }

    /// Its name in the Encoding Standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl TryFrom<String> for Charset {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::of(&name).ok_or_else(|| format!("`{name}` is not a charset such as iso-8859-1"))
    }
}

/// What a body holds.
///
/// An archive may hold archives, one level deep, and each of its members is any
/// of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// Whatever its bytes say: an archive, one document, or several.
    #[default]
    Auto,
    /// One document; archives are not looked into.
    Json,
    /// A document on each line.
    Lines,
    /// Documents one after the other, with or without white space between them.
    Concatenated,
    /// A zip file, and nothing else.
    Zip,
    /// A gzip file, and nothing else.
    Gzip,
}

impl Container {
    /// The word it is declared by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Lines => "lines",
            Self::Concatenated => "concatenated",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
        }
    }
}
