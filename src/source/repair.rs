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
}

impl Repair {
    /// All repairs, in the order of their declaration.
    pub const ALL: [Repair; 5] = [
        Repair::Nul,
        Repair::LoneSurrogate,
        Repair::ControlCharacters,
        Repair::Exponent,
        Repair::BadNumber,
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
        }
    }
}
