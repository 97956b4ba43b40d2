//! Dimensions of a feed besides time: the keys `axis.NAME = …` of a source.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pick::{Pick, PickKeys, WildcardPointer};
use super::{Body, Method, Pagination, Template, Variable};
use crate::json::Pointer;

/// A dimension of a feed. Each of its values is fetched in chains of pages of its own.
#[derive(Clone, Debug)]
pub enum Axis {
    /// The source declares the values.
    Values(Vec<String>),
    /// An index lists the values.
    Index(Box<Index>),
}

impl Axis {
    /// Returns the index that lists the values, unless the source declares them.
    #[must_use]
    pub fn index(&self) -> Option<&Index> {
        match self {
            Axis::Values(_) => None,
            Axis::Index(index) => Some(index),
        }
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrTable;
        impl<'de> Visitor<'de> for ListOrTable {
            type Value = Axis;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts, or a table with `url`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, texts: A) -> Result<Axis, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(texts)).map(Axis::Values)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Axis, A::Error> {
                let index = Index::deserialize(MapAccessDeserializer::new(table))?;
                Ok(Axis::Index(Box::new(index)))
            }
        }
        deserializer.deserialize_any(ListOrTable)
    }
}

/// A document, or several pages, that lists the values of an axis.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "IndexTable")]
pub struct Index {
    /// The URL of the index.
    pub url: Template,
    /// The HTTP method.
    pub method: Method,
    /// The body of the request.
    pub body: Option<Body>,
    /// The way from one page of the index to the next.
    pub page: Pagination,
    /// The rule that selects the values from the index.
    pub pick: Pick,
}

impl Index {
    /// Returns the variables in the request for the index. They are axes, whose values are known
    /// before.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        let body = self.body.iter().flat_map(Body::templates);
        body.chain([&self.url]).flat_map(Template::variables)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    url: Template,
    method: Option<Method>,
    body: Option<Body>,
    #[serde(default)]
    page: Pagination,
    each: Option<WildcardPointer>,
    value: Option<Pointer>,
    #[serde(default)]
    only: BTreeMap<Pointer, String>,
    #[serde(default)]
    containing: BTreeMap<Pointer, String>,
    pattern: Option<String>,
    matching: Option<String>,
    except: Option<String>,
}

impl TryFrom<IndexTable> for Index {
    type Error = String;

    fn try_from(table: IndexTable) -> Result<Self, String> {
        let pick = PickKeys {
            each: table.each,
            value: table.value,
            only: table.only,
            containing: table.containing,
            pattern: table.pattern,
            matching: table.matching,
            except: table.except,
        };
        Ok(Self {
            url: table.url,
            method: Method::choose(table.method, table.body.is_some()),
            body: table.body,
            page: table.page,
            pick: pick.try_into()?,
        })
    }
}
