//! Fetches the values of the axes of a source. The values of an axis are declared, or an index of
//! the publisher names them.

use std::collections::{BTreeMap, HashSet};

use tracing::warn;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::{can_end_by_empty_page, is_end_status};
use crate::fetch::index_page::pick_items;
use crate::fetch::page::{find_more_pages, read_redacted_following, unless_no_data};
use crate::fetch::pagination::{self, Following, PageParts};
use crate::fetch::scope::Axes;
use crate::http::host::clear_user;
use crate::http::{Answer, Received, RequestSpec};
use crate::metrics::{self, Decision};
use crate::page::{MorePages, Position, Undecodable};
use crate::source::{Axis, Index, Variable, remove_user_from_value};

/// An index may have at most this many pages, because an index that leads to itself has no end.
const MAX_PAGES: u64 = 10_000;

/// The values of all axes may have at most this many combinations, because each combination is a
/// chain.
const MAX_COMBINATIONS: usize = 100_000;

/// Returns every combination of the values of the source's axes. A source without axes has one
/// combination, which is empty.
///
/// The index of an axis may depend on the values of other axes, whose own indexes depend on none.
///
/// # Errors
///
/// Fails like any request, and also with:
///
/// - [`Kind::Truncated`]: an index cannot be read, or names nothing or far too much.
/// - [`Kind::Config`]: the source declares far too many values.
pub async fn fetch_axes(fetcher: &Fetcher) -> Result<Vec<Axes>> {
    let (dependent, independent): (Vec<_>, Vec<_>) =
        fetcher.source().axis.iter().partition(|(_, axis)| {
            axis.index()
                .is_some_and(|it| it.variables().next().is_some())
        });
    let mut combinations = vec![Axes::new()];
    for (name, axis) in independent.into_iter().chain(dependent) {
        let mut values = AxisValues::new(fetcher, name, axis);
        let mut longer = Vec::new();
        for axes in &combinations {
            let values = values.find(axes).await?;
            check_count(fetcher, longer.len() + values.len())?;
            longer.extend(values.iter().map(|value| {
                let mut axes = axes.clone();
                axes.insert(name.clone(), value.clone());
                axes
            }));
        }
        combinations = longer;
    }
    Ok(combinations)
}

/// Fails if the axes have too many combinations of values.
fn check_count(fetcher: &Fetcher, count: usize) -> Result<()> {
    if count <= MAX_COMBINATIONS {
        return Ok(());
    }
    let source = fetcher.source();
    let kind = match source.axis.values().all(|axis| axis.index().is_none()) {
        true => Kind::Config,
        false => Kind::Truncated,
    };
    let message = format!(
        "the axes of {} have {count} combinations of values, and may have {MAX_COMBINATIONS}",
        source.name
    );
    Err(Error::new(kind, message))
}

/// The values of an axis, for the values of the axes on which its index depends.
struct AxisValues<'f> {
    fetcher: &'f Fetcher,
    name: &'f str,
    axis: &'f Axis,
    found: BTreeMap<Axes, Vec<String>>,
}

impl<'f> AxisValues<'f> {
    fn new(fetcher: &'f Fetcher, name: &'f str, axis: &'f Axis) -> Self {
        Self {
            fetcher,
            name,
            axis,
            found: BTreeMap::new(),
        }
    }

    /// Returns the values. An index is fetched once for all combinations that it does not tell
    /// apart.
    async fn find(&mut self, axes: &Axes) -> Result<&[String]> {
        let is_named = |name: &&String| {
            let index = self.axis.index();
            let variable = Variable::Axis((*name).clone());
            index.is_some_and(|index| index.variables().any(|it| *it == variable))
        };
        let named = axes.iter().filter(|(name, _)| is_named(name));
        let named: Axes = named.map(|(k, v)| (k.clone(), v.clone())).collect();
        if !self.found.contains_key(&named) {
            let values = self.fetch(&named).await?;
            self.found.insert(named.clone(), values);
        }
        Ok(&self.found[&named])
    }

    async fn fetch(&self, axes: &Axes) -> Result<Vec<String>> {
        let index = match self.axis {
            // values name chains and must not show a user, who is declared by the source's URL
            Axis::Values(values) => {
                return Ok(values.iter().map(|it| remove_user_from_value(it)).collect());
            }
            Axis::Index(index) => index,
        };
        let source = &self.fetcher.source().name;
        let fetched = fetch_values(self.fetcher, index, axes).await;
        fetched.map_err(|e| e.context(format!("fetch the index of axis {} of {source}", self.name)))
    }
}

/// Collects what all pages of an index name. Each value is returned once.
async fn fetch_values(fetcher: &Fetcher, index: &Index, axes: &Axes) -> Result<Vec<String>> {
    let mut values = Vec::new();
    let mut seen = HashSet::new();
    let mut next = Some(pagination::first_position(&index.page));
    let mut pages = 0;
    let mut more_pages = None;
    while let Some(position) = next {
        pages += 1;
        if pages > MAX_PAGES {
            let message = format!("it has more than {MAX_PAGES} pages");
            return Err(truncated_error(message));
        }
        let page = fetch_index_page(fetcher, (index, axes), &position).await?;
        let IndexPage {
            named,
            following,
            more_pages: sign,
            ..
        } = page;
        more_pages = match pages {
            1 => sign,
            _ => more_pages.filter(|_| named.is_empty()),
        };
        let known = values.len();
        let has_names = !named.is_empty();
        values.extend(named.into_iter().filter(|value| seen.insert(value.clone())));
        if has_names && values.len() == known {
            return Err(truncated_error("a page of it names nothing that is new"));
        }
        if values.len() > MAX_COMBINATIONS {
            let message = format!("it names more than {MAX_COMBINATIONS}");
            return Err(truncated_error(message));
        }
        next = following.next;
    }
    let has_sign = |it: &MorePages| pages == 1 || it.remains_after_empty_page();
    if let Some(more_pages) = more_pages.filter(has_sign) {
        check_more_pages(fetcher, &more_pages)?;
    }
    if values.is_empty() {
        return Err(truncated_error("it names nothing"));
    }
    Ok(values)
}

async fn fetch_index_page(
    fetcher: &Fetcher,
    (index, axes): (&Index, &Axes),
    position: &Position,
) -> Result<IndexPage> {
    let target = fetcher.addresses().index_target(index, axes, position)?;
    let http = &fetcher.source().http;
    let has_begun = *position != pagination::first_position(&index.page);
    let stop = index.page.stop_status();
    let handled: Vec<u16> = http.empty_status.iter().copied().chain(stop).collect();
    let spec = RequestSpec {
        handled_statuses: &handled,
        ..RequestSpec::new(&target, position.number, &fetcher.client.pace)
    };
    let answer = fetcher.client.ask(spec, |received| {
        unless_no_data(read_index_page(
            fetcher,
            index,
            position,
            &target.url,
            &received,
        ))
    });
    let is_end = |status| is_end_status(&index.page, http, status, has_begun);
    let page = match answer.await? {
        Answer::Read(Some(page)) => page,
        Answer::Read(None) if !has_begun || can_end_by_empty_page(&index.page, 200) => {
            return Ok(IndexPage::default());
        }
        Answer::Read(None) => {
            return Err(truncated_error(
                "it says by `http.empty_if` that there is no data, but more pages are expected",
            ));
        }
        Answer::Unreadable { message, .. } => {
            return Err(truncated_error(format!("it cannot be read: {message}")));
        }
        // the request did not ask whether the index has changed
        Answer::Unchanged(_) => return Err(truncated_error("status 304")),
        // there is no such page after the last one, or the first page names nothing
        Answer::Status(status) if is_end(status) => return Ok(IndexPage::default()),
        Answer::Status(status) => return Err(truncated_error(format!("status {status}"))),
    };
    let pages = page.following.total_pages;
    if pagination::is_size_too_large(&index.page, position, pages, page.entries) {
        return Err(Error::config(format!(
            "it has {} entries and is not the last page, which is not what its \
             `page.size` says",
            page.entries
        )));
    }
    if let Some(name) = page
        .named
        .iter()
        .position(|name| fetcher.target_policy().has_secret(name))
    {
        return Err(truncated_error(format!("its entry {name} holds a secret")));
    }
    Ok(page)
}

/// Warns that an index ends although its first page has a sign that more pages follow. Fails if
/// the sign is a proof. A total is none, because it may count entries that are not picked.
fn check_more_pages(fetcher: &Fetcher, more_pages: &MorePages) -> Result<()> {
    let why = more_pages.explain("its first page");
    if more_pages.is_proof(false) {
        return Err(Error::new(Kind::Misdeclared, why));
    }
    let source = &fetcher.source().name;
    metrics::count_decision(source, Decision::MorePages);
    warn!(source.name = %source, "an index of an axis of {source}: {why}");
    Ok(())
}

/// A page of an index. It is empty if the server says that there is no such page.
#[derive(Default)]
struct IndexPage {
    /// The values of the axis that the page names.
    named: Vec<String>,
    /// The number of entries on the page, including those that are not picked.
    entries: usize,
    following: Following,
    more_pages: Option<MorePages>,
}

fn read_index_page(
    fetcher: &Fetcher,
    index: &Index,
    position: &Position,
    request_url: &Url,
    received: &Received<'_>,
) -> std::result::Result<IndexPage, Undecodable> {
    let (picked, envelope) = pick_items(fetcher, &index.pick, received)?;
    let read = PageParts {
        position,
        request_url,
        url: received.url,
        next_link: received.next_link,
        envelope: &envelope,
        items: picked.entries,
    };
    let following = read_redacted_following(fetcher, &index.page, read)?;
    // a path becomes a complete URL, so that it can be used without the index
    let texts = picked.texts.into_iter();
    Ok(IndexPage {
        named: texts
            .map(|value| complete_url(received.url, value))
            .collect(),
        entries: picked.entries,
        following,
        more_pages: find_more_pages(fetcher, &index.page, read),
    })
}

/// Completes a path to a URL, and removes the user from a URL, because values name chains. Other
/// values stay the same.
fn complete_url(url: &Url, value: String) -> String {
    if !value.starts_with('/') {
        return remove_user_from_value(&value);
    }
    url.join(&value).map_or(value, |mut url| {
        // the source's user is added again where the URL is requested
        clear_user(&mut url);
        url.into()
    })
}

fn truncated_error(message: impl Into<String>) -> Error {
    Error::new(Kind::Truncated, message)
}
