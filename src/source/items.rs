//! The place and the kind of a page's items: the key `items = …` of a source.

use std::fmt;

use regex::Regex;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::pick::{compile_pattern, find_group};
use crate::json::ItemsAt;

/// The place and the kind of a page's items.
///
/// The configuration declares them as a pointer, a list of pointers, or a table with `pointer`,
/// `kind`, `version`, `compiled` and `ocid_from_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Items {
    /// The possible places of the items. The first one that fits a page is used.
    pub shapes: Vec<ItemsAt>,
    /// The kind of the items. If it is `None`, the kind of each item is detected.
    pub kind: Option<Kind>,
    /// The version of OCDS. If it is `None`, the package around the item decides the version.
    pub version: Option<Version>,
    /// True if each release whose only tag is `compiled` is a compiled release, whatever its `id`
    /// is.
    pub compiled: bool,
    /// The pattern that finds the ocid in the `id` of a release without an ocid.
    pub ocid_from_id: Option<OcidPattern>,
}

/// A pattern that finds an ocid in the `id` of a release. The ocid is the first group that took
/// part in the match, or the whole match.
#[derive(Clone, Debug)]
pub struct OcidPattern(Regex);

impl OcidPattern {
    /// Returns the ocid in an `id`, if the `id` has one.
    #[must_use]
    pub fn find<'i>(&self, id: &'i str) -> Option<&'i str> {
        let found = find_group(&self.0, id)?;
        Some(found).filter(|ocid| !ocid.trim().is_empty())
    }

    /// Returns the pattern as it is declared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for OcidPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for OcidPattern {}

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The item is a release.
    Release,
    /// The item is a record: a process with its releases, its compiled release, or both.
    Record,
    /// The item is a release package.
    ReleasePackage,
    /// The item is a record package.
    RecordPackage,
}

/// A version of OCDS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Version {
    /// Version 1.0. Releases of this version are upgraded to 1.1.
    #[serde(rename = "1.0")]
    V1_0,
    /// Version 1.1. Releases of this version are stored as they are, even if their package
    /// declares another version.
    #[serde(rename = "1.1")]
    V1_1,
}

impl Items {
    /// Declares items at these places. Their kind and version are detected.
    #[must_use]
    pub fn at(shapes: Vec<ItemsAt>) -> Self {
        Self {
            shapes,
            kind: None,
            version: None,
            compiled: false,
            ocid_from_id: None,
        }
    }

    /// Changes the places if each item is a whole document and a package: they then point to the
    /// releases or records in the package. The members around them then belong to the page, as
    /// for any other package.
    fn expand_packages(mut self) -> Self {
        let (name, kind) = match self.kind {
            Some(Kind::ReleasePackage) => ("/releases/*", Kind::Release),
            Some(Kind::RecordPackage) => ("/records/*", Kind::Record),
            Some(Kind::Release | Kind::Record) | None => return self,
        };
        if self.shapes.iter().all(|shape| !shape.is_list()) {
            self.shapes = vec![parse_pointer(name)];
            self.kind = Some(kind);
        }
        self
    }
}

impl Default for Items {
    /// Declares items in release packages, record packages, arrays and single documents.
    fn default() -> Self {
        let shapes = ["/releases/*", "/records/*", "/*", ""].map(parse_pointer);
        Self::at(shapes.to_vec())
    }
}

fn parse_pointer(pointer: &str) -> ItemsAt {
    ItemsAt::parse(pointer).expect("a valid pointer")
}

impl Version {
    /// Parses a version that was stored as text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::V1_0, Self::V1_1].into_iter();
        all.find(|version| version.as_str() == word)
    }

    /// Returns the version as the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_1 => "1.1",
        }
    }
}

struct Pointers(Vec<ItemsAt>);

impl<'de> Deserialize<'de> for Pointers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Pointers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pointer such as /releases/*, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pointers, E> {
                let at = ItemsAt::parse(text).map_err(E::custom)?;
                Ok(Pointers(vec![at]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, pointers: A) -> Result<Pointers, A::Error> {
                let pointers = Vec::deserialize(SeqAccessDeserializer::new(pointers))?;
                if pointers.is_empty() {
                    return Err(A::Error::custom("the list of pointers must not be empty"));
                }
                Ok(Pointers(pointers))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemsTable {
    pointer: Option<Pointers>,
    kind: Option<Kind>,
    version: Option<Version>,
    #[serde(default)]
    compiled: bool,
    ocid_from_id: Option<String>,
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PointersOrTable;
        impl<'de> Visitor<'de> for PointersOrTable {
            type Value = Items;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pointer such as /releases/*, a list of them, or a table")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Items, E> {
                Ok(Items::at(vec![ItemsAt::parse(text).map_err(E::custom)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, pointers: A) -> Result<Items, A::Error> {
                let Pointers(shapes) = Pointers::deserialize(SeqAccessDeserializer::new(pointers))?;
                Ok(Items::at(shapes))
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Items, A::Error> {
                let table = ItemsTable::deserialize(MapAccessDeserializer::new(table))?;
                let shapes = match (table.pointer, table.kind) {
                    (Some(Pointers(shapes)), _) => shapes,
                    (None, Some(Kind::ReleasePackage | Kind::RecordPackage)) => {
                        vec![parse_pointer("")]
                    }
                    (None, Some(Kind::Release | Kind::Record) | None) => Items::default().shapes,
                };
                let pattern = table.ocid_from_id.map(|text| compile_pattern(&text));
                let pattern = pattern.map(|pattern| pattern.map(OcidPattern));
                let items = Items {
                    shapes,
                    kind: table.kind,
                    version: table.version,
                    compiled: table.compiled,
                    ocid_from_id: pattern.transpose().map_err(A::Error::custom)?,
                };
                Ok(items.expand_packages())
            }
        }
        deserializer.deserialize_any(PointersOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Source {
        items: Items,
    }

    fn items(toml: &str) -> Result<Items, String> {
        let source = toml::from_str::<Source>(&format!("items = {toml}"));
        source
            .map(|source| source.items)
            .map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(toml: &str, shapes: &[&str], kind: Option<Kind>) {
        let items = items(toml).unwrap();
        let read: Vec<String> = items.shapes.iter().map(ItemsAt::to_string).collect();
        assert_eq!(read, shapes, "{toml}");
        assert_eq!(items.kind, kind, "{toml}");
    }

    #[test]
    fn items_are_a_pointer_a_list_or_a_table() {
        let default = ["/releases/*", "/records/*", "/*", ""];
        check(r#""/data/*""#, &["/data/*"], None);
        check(r#"["/a/*", ""]"#, &["/a/*", ""], None);
        check(
            r#"{ pointer = "/data/*", kind = "release" }"#,
            &["/data/*"],
            Some(Kind::Release),
        );
        check(
            r#"{ pointer = ["/a/*", "/b/*"], kind = "record_package" }"#,
            &["/a/*", "/b/*"],
            Some(Kind::RecordPackage),
        );
        check(r#"{ version = "1.0" }"#, &default, None);
    }

    #[test]
    fn a_document_that_is_a_package_is_cut_into_its_entries() {
        let release = Some(Kind::Release);
        check(
            r#"{ pointer = "", kind = "release_package" }"#,
            &["/releases/*"],
            release,
        );
        check(
            r#"{ pointer = "", kind = "record_package" }"#,
            &["/records/*"],
            Some(Kind::Record),
        );
        check(r#"{ pointer = "", kind = "release" }"#, &[""], release);
    }

    #[test]
    fn errors_name_what_is_expected() {
        for (toml, word) in [
            ("[]", "empty"),
            ("7", "a table"),
            (r#""releases""#, "JSON Pointer"),
            (r#"{ pointer = 7 }"#, "a list of them"),
            (r#"{ pointers = "/a/*" }"#, "pointers"),
            (r#"{ kind = "tender" }"#, "record_package"),
            (r#"{ version = "2.0" }"#, "1.1"),
            (r#"{ ocid_from_id = "(" }"#, "not a regular expression"),
        ] {
            let error = items(toml).unwrap_err();
            assert!(error.contains(word), "{toml}: {error}");
        }
    }
}
