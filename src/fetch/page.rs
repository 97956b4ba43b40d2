//! Fetches one page, cuts it into its items, and reads what follows it.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::decode::{Decoded, decode};
use crate::error::Result;
use crate::fetch::event::Fetched;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::pagination::{self, Following, PageParts};
use crate::fetch::scope::Scope;
use crate::http::{Answer, Received, RequestSpec, Target};
use crate::json;
use crate::page::{
    Cursor, Document, MorePages, Page, Position, RememberedPage, UnchangedPage, Undecodable,
    UnreadablePage,
};
use crate::source::{Method, Pagination, Source};

const NOT_MODIFIED: u16 = 304;

/// An answer without a page, whose meaning the source declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPage {
    Status(u16),
    /// The body says that there is no data, by `http.empty_if`.
    NoData,
}

pub(super) type PageAnswer = std::result::Result<Box<Fetched>, NoPage>;

/// Fetches one page of a feed without an index. If a previous run stored the page, it is fetched
/// only if it has changed.
pub(super) async fn fetch_page(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    known: Option<Arc<RememberedPage>>,
) -> Result<PageAnswer> {
    let handled = handled_statuses(fetcher.source());
    let request = request_page(fetcher, scope, position, known.as_deref(), &handled);
    let (target, answer) = request
        .await
        .map_err(|e| e.context(describe_fetch(fetcher, scope, position)))?;
    if let (Answer::Unchanged(validators), Some(remembered)) = (&answer, known) {
        return Ok(Ok(Box::new(Fetched::Unchanged(UnchangedPage {
            chain: scope.chain(),
            position: position.clone(),
            url: fetcher.target_policy().redact_url(&target.url),
            fetched_at: Timestamp::now(),
            validators: validators.clone().or(&remembered.validators),
            remembered,
        }))));
    }
    Ok(
        match read_or_substitute(fetcher, scope, position, &target, answer) {
            Ok(page) => Ok(Box::new(Fetched::Page(page))),
            Err(substitute) => substitute,
        },
    )
}

/// Fetches one page like [`fetch_page`], but takes an error of the server for an answer, after one
/// retry.
pub(super) async fn fetch_page_once(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
) -> Result<PageAnswer> {
    let mut handled = handled_statuses(fetcher.source());
    handled.extend(500..600);
    let (target, answer) = request_page(fetcher, scope, position, None, &handled).await?;
    let read = read_or_substitute(fetcher, scope, position, &target, answer);
    Ok(match read {
        Ok(page) => Ok(Box::new(Fetched::Page(page))),
        Err(substitute) => substitute,
    })
}

/// Returns a page that the quarantine keeps, because the run steps over it. No body arrived.
pub(super) fn refused_page(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    message: String,
) -> Result<UnreadablePage> {
    let target = fetcher.addresses().page_target(scope, position)?;
    Ok(UnreadablePage {
        chain: scope.chain(),
        position: position.clone(),
        url: fetcher.target_policy().redact_url(&target.url),
        fetched_at: Timestamp::now(),
        body: Bytes::new(),
        message,
        is_refused: true,
    })
}

async fn request_page(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    known: Option<&RememberedPage>,
    handled_statuses: &[u16],
) -> Result<(Target, Answer<Option<Page>>)> {
    let target = page_target(fetcher, scope, position).await?;
    let spec = RequestSpec {
        handled_statuses,
        validators: known.map(|known| &known.validators),
        ..RequestSpec::new(&target, position.number, &fetcher.client.pace)
    };
    let answer = fetcher.client.ask(spec, |received| {
        unless_no_data(parse_page(fetcher, scope, position, &target.url, received))
    });
    let answer = answer.await?;
    Ok((target, answer))
}

/// Returns the target of a page. If the page's link was stored with the placeholder of a token, a
/// resumed run first requests a new token.
pub(super) async fn page_target(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
) -> Result<Target> {
    let (addresses, client) = (fetcher.addresses(), &fetcher.client);
    let target = addresses.page_target(scope, position)?;
    if !addresses.is_token_missing(position) {
        return Ok(target);
    }
    let spec = RequestSpec::new(&target, position.number, &client.pace);
    client.renew_token(spec).await?;
    addresses.page_target(scope, position)
}

/// Returns `None` for a body that says that there is no data.
pub(super) fn unless_no_data<T>(
    read: std::result::Result<T, Undecodable>,
) -> std::result::Result<Option<T>, Undecodable> {
    match read {
        Err(Undecodable::NoData) => Ok(None),
        read => read.map(Some),
    }
}

/// Returns what was read. If nothing could be read, returns the status or the unreadable body as
/// the answer for the page.
pub(super) fn read_or_substitute<T>(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    target: &Target,
    answer: Answer<Option<T>>,
) -> std::result::Result<T, PageAnswer> {
    match answer {
        Answer::Read(Some(read)) => Ok(read),
        Answer::Read(None) => Err(Err(NoPage::NoData)),
        Answer::Status(status) => Err(Err(NoPage::Status(status))),
        // the request did not ask whether the page has changed
        Answer::Unchanged(_) => Err(Err(NoPage::Status(NOT_MODIFIED))),
        Answer::Unreadable {
            body,
            message,
            fetched_at,
        } => Err(Ok(Box::new(Fetched::Unreadable(UnreadablePage {
            chain: scope.chain(),
            position: position.clone(),
            url: fetcher.target_policy().redact_url(&target.url),
            fetched_at,
            body,
            message,
            is_refused: false,
        })))),
    }
}

pub(super) fn describe_fetch(fetcher: &Fetcher, scope: &Scope, position: &Position) -> String {
    format!("fetch {}", fetcher.describe_page(scope, position.number))
}

/// Decodes a body, and reads what follows it. Relative links start from the URL of the response.
/// The URL of the request is stored, because a redirect may lead to a URL that is signed or no
/// longer exists tomorrow.
fn parse_page(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    request_url: &Url,
    received: Received<'_>,
) -> std::result::Result<Page, Undecodable> {
    let fetched_at = Timestamp::now();
    let Received {
        url,
        body,
        content_type,
        next_link,
        validators,
    } = received;
    let source = fetcher.source();
    let Decoded {
        mut envelope,
        documents,
        broken,
    } = decode(body, content_type, source, fetcher.limits())?;
    let read = PageParts {
        position,
        request_url,
        url,
        next_link,
        envelope: &envelope,
        items: documents.iter().map(Document::item_count).sum(),
    };
    let following = read_redacted_following(fetcher, &source.page, read)?;
    let more_pages = find_more_pages(fetcher, &source.page, read);
    let total_items = total_items(source, &following, &envelope)?;
    fetcher.target_policy().redact_json(&mut envelope);
    Ok(Page {
        chain: scope.chain(),
        position: position.clone(),
        next: following.next,
        total_pages: following.total_pages,
        total_items,
        more_pages,
        url: fetcher.target_policy().redact_url(request_url),
        fetched_at,
        envelope,
        documents,
        broken,
        entries: None,
        validators: Some(validators)
            .filter(|_| is_conditional(source))
            .unwrap_or_default(),
    })
}

/// Reads from a page the position of the next page, and the totals. A link is returned without its
/// secrets.
pub(crate) fn read_redacted_following(
    fetcher: &Fetcher,
    pagination: &Pagination,
    read: PageParts<'_>,
) -> std::result::Result<Following, json::Unreadable> {
    let mut following = pagination::read_following(pagination, read)?;
    if let Some(Position {
        cursor: Cursor::Link(link),
        ..
    }) = &mut following.next
    {
        *link = fetcher.target_policy().redact_link(link);
    }
    let leads_to_itself = |next: &Position| next.cursor == read.position.cursor;
    if pagination.is_change_feed() && following.next.as_ref().is_some_and(leads_to_itself) {
        following.next = None;
    }
    Ok(following)
}

/// Finds a sign on the first page of a feed or an index that more pages follow. Returns `None` for
/// a later page, and if the source declares that there is only one page.
pub(super) fn find_more_pages(
    fetcher: &Fetcher,
    pagination: &Pagination,
    read: PageParts<'_>,
) -> Option<MorePages> {
    let is_first = *read.position == pagination::first_position(pagination);
    let is_single = matches!(pagination, Pagination::Single { is_declared: true });
    if !is_first || is_single || pagination.is_change_feed() {
        return None;
    }
    let policy = fetcher.target_policy();
    let own = [read.request_url, read.url].map(pagination::remove_fragment);
    let is_other_page = |link: &str| match pagination::resolve_link(read.url, link) {
        Cursor::Link(link) => {
            !own.contains(&link) && policy.permit_link(&policy.redact_link(&link)).is_ok()
        }
        _ => false,
    };
    MorePages::find(read.envelope, read.next_link, read.items, is_other_page)
}

/// Returns true if pages are remembered and requested only if they have changed. Returns false if
/// the source gives status 304 another meaning, because then no request may cause one.
pub(super) fn is_conditional(source: &Source) -> bool {
    let is_page = source.detail.is_none() && source.method() == Method::Get;
    let has_meaning = handled_statuses(source).contains(&NOT_MODIFIED)
        || source.http.retry_status.contains(&NOT_MODIFIED);
    source.http.conditional && is_page && !has_meaning
}

/// Returns how many items the chain has in total, if the page says so.
pub(super) fn total_items(
    source: &Source,
    following: &Following,
    envelope: &Value,
) -> std::result::Result<Option<u64>, json::Unreadable> {
    let split_when = source.window.as_ref().map(|window| &window.split_when);
    match split_when.and_then(|split_when| split_when.total.as_ref()) {
        Some(pointer) => pagination::read_total(pointer, envelope).map(Some),
        None => Ok(following.total_items),
    }
}

pub(super) fn handled_statuses(source: &Source) -> Vec<u16> {
    let mut statuses: Vec<u16> = source.page.stop_status().into_iter().collect();
    statuses.extend(&source.http.empty_status);
    if !source.axis.is_empty() {
        // a chain for one file that does not exist must not end the run for the others
        statuses.extend([404, 410]);
    }
    if let Some(window) = &source.window {
        statuses.extend(&window.split_when.status);
    }
    statuses
}
