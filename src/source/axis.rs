//! What a feed is walked along beside time: `axis.NAME = …`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::pick::{Path, Pick, PickKeys};
use super::{Body, Method, Pagination, Template};
use crate::json::Pointer;

/// An axis: each of its values is asked for by chains of its own.
#[derive(Clone, Debug)]
pub enum Axis {
    /// The values themselves.
    Values(Vec<String>),
    /// An index that names them.
    Index(Box<Index>),
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

/// A document, or several pages of one, that names the values of an axis.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "IndexTable")]
pub struct Index {
    /// Where it is.
    pub url: Template,
    /// How it is asked for.
    pub method: Method,
    /// What is sent with the request.
    pub body: Option<Body>,
    /// How one of its pages leads to the next.
    pub page: Pagination,
    /// What is picked out of it.
    pub pick: Pick,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexTable {
    url: Template,
    #[serde(default)]
    method: Option<Method>,
    #[serde(default)]
    body: Option<Body>,
    #[serde(default)]
    page: Pagination,
    each: Option<Path>,
    value: Option<Pointer>,
    #[serde(default)]
    only: BTreeMap<Pointer, String>,
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
            pattern: table.pattern,
            matching: table.matching,
            except: table.except,
        };
        Ok(Self {
            url: table.url,
            method: Method::or_by_body(table.method, table.body.as_ref()),
            body: table.body,
            page: table.page,
            pick: pick.try_into()?,
        })
    }
}
