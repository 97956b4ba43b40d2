//! How a source's bodies become JSON: `decode = { … }`.

use serde::Deserialize;

use crate::source::Repair;

/// How a source's bodies become JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Decode {
    /// Repairs of releases that could not be stored otherwise.
    pub repair: Vec<Repair>,
}
