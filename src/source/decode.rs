//! Decoding of response bodies: the key `decode = { … }` of a source.

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};

use super::{Filter, Repair};

/// The decoding of a source's response bodies to JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decode {
    /// The charset of bodies. It overrides the charset that a header or the body itself
    /// declares.
    pub charset: Option<Charset>,
    /// The format of a body.
    pub container: Container,
    /// The members of archives that are read, by their names.
    pub members: Filter,
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
        // Labels of the `replacement` encoding return `None`, because it decodes no text.
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
/// An archive may contain archives, one level deep. Each member that is not an archive may be one
/// document, lines or concatenated documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// The format is detected from the bytes: an archive, one document, or several documents.
    #[default]
    Auto,
    /// The body is one document. Archives are not opened.
    Json,
    /// Each line of the body is a document.
    Lines,
    /// The body has documents one after another, with or without white space between them.
    Concatenated,
    /// The body must be a zip file.
    Zip,
    /// The body must be a gzip file.
    Gzip,
}
