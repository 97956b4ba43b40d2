//! Documents that a page only names: the key `detail = { … }` of a source.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Deserialize;

use super::pick::{Pick, PickKeys, WildcardPointer};
use super::{Body, Method, Rate, Template};
use crate::json::Pointer;

/// Declares that the pages of a feed are an index. Each page lists items, and each item is
/// fetched with a request of its own. The releases are in these items.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "DetailTable")]
pub struct Detail {
    /// The rule that selects the items from a page of the index.
    pub pick: Pick,
    /// The URL of an item. `{item}` is the selected text.
    pub url: Template,
    /// The HTTP method.
    pub method: Method,
    /// The body of the request.
    pub body: Option<Body>,
    /// The number of items in one page of the run. The items of a page are committed together,
    /// and fetched again together after a crash. A page has fewer items if they are larger than
    /// `fetch.max_decoded_bytes` together.
    pub together: NonZeroUsize,
    /// The highest rate of requests for items, if it differs from the source's rate.
    pub rate: Option<Rate>,
    /// The largest number of concurrent requests for items. Without a `rate` in `detail`, it is
    /// at most `http.concurrency`.
    pub concurrency: Option<NonZeroUsize>,
}

/// The default of `together`. One statement stores a hundred releases.
const DEFAULT_TOGETHER: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailTable {
    each: Option<WildcardPointer>,
    value: Option<Pointer>,
    #[serde(default)]
    only: BTreeMap<Pointer, String>,
    #[serde(default)]
    containing: BTreeMap<Pointer, String>,
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
            containing: table.containing,
            pattern: table.pattern,
            matching: table.matching,
            except: table.except,
        };
        let item_itself = || Template::parse("{item|raw}").expect("a template");
        Ok(Self {
            pick: pick.try_into()?,
            url: table.url.unwrap_or_else(item_itself),
            method: Method::choose(table.method, table.body.is_some()),
            body: table.body,
            together: table.together.unwrap_or(DEFAULT_TOGETHER),
            rate: table.rate,
            concurrency: table.concurrency,
        })
    }
}
