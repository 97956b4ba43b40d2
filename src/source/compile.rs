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
    By(MergeRule),
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

impl Default for Compile {
    fn default() -> Self {
        Self::By(MergeRule::default())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    rule: MergeRule,
}

impl<'de> Deserialize<'de> for Compile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolOrTable;

        impl<'de> Visitor<'de> for BoolOrTable {
            type Value = Compile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, or a table with `rule`")
            }

            fn visit_bool<E>(self, is_compiled: bool) -> Result<Compile, E> {
                Ok(match is_compiled {
                    true => Compile::default(),
                    false => Compile::Off,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Compile, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Compile::By(table.rule))
            }
        }

        deserializer.deserialize_any(BoolOrTable)
    }
}
