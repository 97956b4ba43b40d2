//! Decides how the processes of a source are compiled: the key `compile` of a source.

use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// Decides whether and how the releases of each process become its current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compile {
    /// The releases are stored, and their processes have no rows.
    Off,
    /// The processes have rows.
    By(CompileRules),
}

/// The rules by which the processes of a source are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompileRules {
    /// Decides how several releases become one.
    pub rule: MergeRule,
    /// Decides what becomes of releases that the publisher no longer serves.
    pub absent: AbsentReleases,
}

/// Decides how several releases of a process become its current state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeRule {
    /// Each release adds to those before it, as the standard says.
    #[default]
    Merge,
    /// Each release is the whole state of its process, so the newest one counts. Some publishers
    /// serve such releases, and do not say that a value is gone.
    Latest,
}

impl MergeRule {
    /// Returns the word in the configuration and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Latest => "latest",
        }
    }
}

/// Decides what becomes of the releases that two complete walks in a row have not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AbsentReleases {
    /// They count as the others. `ocds.process.absent_since` says which processes have no others.
    #[default]
    Keep,
    /// They do not count, and a process without others has no rows.
    Drop,
}

impl AbsentReleases {
    /// Returns the word in the configuration and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
        }
    }
}

impl Default for Compile {
    fn default() -> Self {
        Self::By(CompileRules::default())
    }
}

impl<'de> Deserialize<'de> for Compile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolOrTable;

        impl<'de> Visitor<'de> for BoolOrTable {
            type Value = Compile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table with `rule` and `absent`")
            }

            fn visit_bool<E>(self, is_compiled: bool) -> Result<Compile, E> {
                Ok(match is_compiled {
                    true => Compile::default(),
                    false => Compile::Off,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Compile, A::Error> {
                let rules = CompileRules::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Compile::By(rules))
            }
        }

        deserializer.deserialize_any(BoolOrTable)
    }
}
