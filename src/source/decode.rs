//! Decoding of response bodies: `decode = { … }`.

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::Repair;

/// The decoding of a source's response bodies to JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decode {
    /// The charset of bodies. It overrides the charset that a header or the body itself
    /// declares.
    pub charset: Option<Charset>,
    /// The format of a body.
    pub container: Container,
    /// Repairs of releases that the database could not store otherwise.
    pub repair: Vec<Repair>,
}

/// A charset of the Encoding Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Charset(pub &'static Encoding);

impl Charset {
    /// Returns the charset with this label, such as `iso-8859-1`. Case is ignored.
    ///
    /// As in browsers, `iso-8859-1` and `us-ascii` mean `windows-1252`. This charset contains
    /// the same characters and more, and publishers use it under those names.
    #[must_use]
    pub fn from_label(name: &str) -> Option<Self> {
        // Labels of the `replacement` encoding get `None`: it decodes no text.
        Encoding::for_label_no_replacement(name.as_bytes()).map(Self)
    }

    /// Returns the charset's name in the Encoding Standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl TryFrom<String> for Charset {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_label(&name)
            .ok_or_else(|| format!("`{name}` is not a charset such as iso-8859-1"))
    }
}

/// The format of a body.
///
/// An archive may contain archives, one level deep. Each other member has any of the other
/// formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// Detected from the bytes: an archive, one document, or several documents.
    #[default]
    Auto,
    /// One document. Archives are not opened.
    Json,
    /// One document on each line.
    Lines,
    /// Documents one after another, with or without white space between them.
    Concatenated,
    /// A zip file only.
    Zip,
    /// A gzip file only.
    Gzip,
}
