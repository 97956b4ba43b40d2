//! Defects of a publisher's JSON that are repaired where the source asks for it.

use serde::Deserialize;

/// A repair of a release that could not be stored otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repair {
    /// Drops the character NUL, raw or as `\u0000`.
    Nul,
    /// Puts U+FFFD in place of half a surrogate pair.
    LoneSurrogate,
    /// Escapes raw control characters, such as tabs, within strings.
    ControlCharacters,
    /// Makes text of a number that has a thousand digits and more once it is
    /// written out.
    Exponent,
    /// Makes text of what stands for a number and is none, such as `nan`, and
    /// `null` of nothing.
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

    /// The word it is asked for by, and that marks the rows it touched.
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
