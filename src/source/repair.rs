//! Repairs of a publisher's JSON. A repair is made only if the source enables it.

use serde::Deserialize;

/// A repair of a release that the database could not store otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repair {
    /// Removes NUL characters, raw or written as `\u0000`.
    Nul,
    /// Replaces an unpaired surrogate by U+FFFD.
    LoneSurrogate,
    /// Escapes raw control characters within strings, such as tabs.
    ControlCharacters,
    /// Converts a number to text if it has a thousand digits or more when written without an
    /// exponent.
    Exponent,
    /// Converts an invalid number such as `nan` to text, and a missing value to `null`.
    BadNumber,
    /// Reads bytes that are not UTF-8 as Windows-1252. A text that is otherwise UTF-8 has such
    /// bytes where somebody has pasted a text of an older charset, which most often is this one,
    /// and each of its 256 bytes is another character. So the byte can still be told.
    InvalidUtf8,
}

impl Repair {
    /// All repairs, in the order of their declaration.
    pub const ALL: [Repair; 6] = [
        Repair::Nul,
        Repair::LoneSurrogate,
        Repair::ControlCharacters,
        Repair::Exponent,
        Repair::BadNumber,
        Repair::InvalidUtf8,
    ];

    /// Returns the name of the repair in the configuration. The same name is stored with repaired
    /// rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Repair::Nul => "nul",
            Repair::LoneSurrogate => "lone-surrogate",
            Repair::ControlCharacters => "control-characters",
            Repair::Exponent => "exponent",
            Repair::BadNumber => "bad-number",
            Repair::InvalidUtf8 => "invalid-utf8",
        }
    }
}
