//! What is asked for by itself because a page only names it: `detail = { … }`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Deserialize;

use super::pick::{Path, Pick, PickKeys};
use super::{Body, Method, Rate, Template};
use crate::json::Pointer;

/// A feed whose pages are an index: what they name is asked for, item by item,
/// and holds the releases.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "DetailTable")]
pub struct Detail {
    /// What is picked out of a page of the index.
    pub pick: Pick,
    /// Where what it names is; `{item}` is what was picked.
    pub url: Template,
    /// How it is asked for.
    pub method: Method,
    /// What is sent with the request.
    pub body: Option<Body>,
    /// How many of them are one page of the run: so many are committed at once,
    /// and asked for again after a crash. Fewer are if they are larger together than
    /// `fetch.max_decoded_bytes`.
    pub together: NonZeroUsize,
    /// At most so many requests in so long, if not as many as the source's.
    pub rate: Option<Rate>,
    /// How many requests may be under way at once, if fewer than the source's; with a
    /// rate of its own, any number.
    pub concurrency: Option<NonZeroUsize>,
}

/// A hundred releases are what one statement stores.
const USUALLY_TOGETHER: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailTable {
    each: Option<Path>,
    value: Option<Pointer>,
    #[serde(default)]
    only: BTreeMap<Pointer, String>,
    pattern: Option<String>,
    matching: Option<String>,
    except: Option<String>,
    url: Option<Template>,
    method: Option<Method>,
    body: Option<Body>,
    together: Option<NonZeroUsize>,
    rate: Option<Rate>,
    concurrency: Option<NonZeroUsize>,
}

impl TryFrom<DetailTable> for Detail {
    type Error = String;

    fn try_from(table: DetailTable) -> Result<Self, String> {
        let pick = PickKeys {
            each: table.each,
            value: table.value,
            only: table.only,
            pattern: table.pattern,
            matching: table.matching,
            except: table.except,
        };
        let whole = || Template::parse("{item|raw}").expect("a template");
        Ok(Self {
            pick: pick.try_into()?,
            url: table.url.unwrap_or_else(whole),
            method: Method::or_by_body(table.method, table.body.as_ref()),
            body: table.body,
            together: table.together.unwrap_or(USUALLY_TOGETHER),
            rate: table.rate,
            concurrency: table.concurrency,
        })
    }
}
