//! Requests the items of an index one by one.
//!
//! A page of the run has `detail.together` items that follow one another in the index, so that a
//! long index is stored in small steps. The page has fewer items if their documents would exceed
//! the size of one body. An item that does not exist or cannot be read is rejected alone. If
//! several items in a row are refused, the server has a fault, so they are not treated as
//! missing.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::config;
use crate::decode::{self, Decoded, decode};
use crate::error::{Error, Kind, Result};
use crate::fetch::event::Fetched;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::guard::{MAX_REFUSED, RefusedItems};
use crate::fetch::index_page::pick_items;
use crate::fetch::page::{
    PageAnswer, describe_fetch, find_more_pages, handled_statuses, page_target, read_or_substitute,
    read_redacted_following, total_items, unless_no_data,
};
use crate::fetch::pagination::{self, Following, PageParts};
use crate::fetch::scope::Scope;
use crate::http::{Answer, Received, RequestSpec};
use crate::page::{
    BrokenDocument, Cursor, Document, MorePages, Page, Position, Undecodable, Validators,
};
use crate::release::Reason::{MissingDocument, UnfetchedDocument, UnreadableDocument};
use crate::source::Detail;

/// An item with one of these statuses does not exist.
const GONE: [u16; 2] = [404, 410];

#[derive(Debug)]
pub(super) struct Listing {
    pub(super) cursor: Cursor,
    request_url: Url,
    /// The URL of the response. Relative URLs of items start from it.
    url: Url,
    pub(super) items: Vec<String>,
    /// The publisher's number of the page, or 1 if it has none.
    number: u64,
    /// The number of entries on the page, including those that are not picked.
    entries: usize,
    following: Following,
    total_items: Option<u64>,
    /// A sign that more pages follow, if the index page is the last one as it is declared.
    more_pages: Option<MorePages>,
    fetched_at: Timestamp,
}

impl Listing {
    /// Returns the next page of the run from the same index page, after the one that begins at
    /// `skip`. Returns `None` if no items are left.
    pub(super) fn next_stretch(
        &self,
        position: &Position,
        skip: u64,
        together: usize,
    ) -> Option<Position> {
        let end = usize::try_from(skip).ok()?.checked_add(together)?;
        (end < self.items.len())
            .then(|| self.next_page_position(position, end))
            .flatten()
    }

    /// Returns the position of the page of the run that begins with the item at `end`.
    fn next_page_position(&self, position: &Position, end: usize) -> Option<Position> {
        let cursor = if end < self.items.len() {
            Cursor::Detail {
                index: Box::new(self.cursor.clone()),
                skip: end as u64,
                seen: self.hash_items_before(end),
            }
        } else {
            first_stretch_cursor(self.following.next.clone()?.cursor)
        };
        Some(Position {
            number: position.number.saturating_add(1),
            cursor,
        })
    }

    fn hash_items_before(&self, end: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        for item in &self.items[..end.min(self.items.len())] {
            hasher.update(item.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Returns the index of the first item to fetch. It is `skip`, or 0 if the first `skip` items
    /// are no longer the same.
    fn find_start(&self, skip: u64, seen: &str) -> usize {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let is_same = skip <= self.items.len() && self.hash_items_before(skip) == seen;
        if is_same { skip } else { 0 }
    }
}

pub(super) fn first_stretch_cursor(index: Cursor) -> Cursor {
    Cursor::Detail {
        index: Box::new(index),
        skip: 0,
        seen: NOTHING_SEEN.to_owned(),
    }
}

const NOTHING_SEEN: &str = "-";

pub(super) struct Delivery {
    pub(super) answer: PageAnswer,
    /// The index page that names the items. The next page of the run may need it too.
    pub(super) listing: Option<Arc<Listing>>,
    pub(super) refused: RefusedItems,
    /// The position behind a stretch that is skipped. The answer stands for the stretch.
    pub(super) after_stretch: Option<Position>,
}

impl From<PageAnswer> for Delivery {
    fn from(answer: PageAnswer) -> Self {
        Self {
            answer,
            listing: None,
            refused: RefusedItems::default(),
            after_stretch: None,
        }
    }
}

/// Fetches a page of items that an index names. Uses `listing` instead of a new request if it is
/// the index page of the position.
pub(super) async fn fetch_items(
    fetcher: &Fetcher,
    detail: &Detail,
    scope: &Scope,
    position: &Position,
    listing: Option<Arc<Listing>>,
    fullest: &AtomicUsize,
) -> Result<Delivery> {
    let request = StretchRequest {
        fetcher,
        detail,
        scope,
        position,
    };
    let delivery = request.fetch(listing, fullest).await;
    delivery.map_err(|e| e.context(describe_fetch(fetcher, scope, position)))
}

/// Returns true if the publisher answers with a page of the index at a position.
pub(super) async fn has_listing(
    fetcher: &Fetcher,
    detail: &Detail,
    scope: &Scope,
    position: &Position,
) -> bool {
    let request = StretchRequest {
        fetcher,
        detail,
        scope,
        position,
    };
    let answer = request.fetch_listing(position.cursor.clone()).await;
    answer.is_ok_and(|listing| listing.is_ok())
}

#[derive(Clone, Copy)]
struct StretchRequest<'a> {
    fetcher: &'a Fetcher,
    detail: &'a Detail,
    scope: &'a Scope,
    position: &'a Position,
}

impl StretchRequest<'_> {
    async fn fetch(self, listing: Option<Arc<Listing>>, fullest: &AtomicUsize) -> Result<Delivery> {
        let (index, skip, seen) = match &self.position.cursor {
            Cursor::Detail { index, skip, seen } => ((**index).clone(), *skip, seen.as_str()),
            cursor => (cursor.clone(), 0, NOTHING_SEEN),
        };
        let listing = match listing.filter(|listing| listing.cursor == index) {
            Some(listing) => listing,
            None => match self.fetch_believable_listing(index, fullest).await? {
                Ok(listing) => Arc::new(listing),
                Err(substitute) => return Ok(substitute.into()),
            },
        };
        let start = listing.find_start(skip, seen);
        let end = (start + self.detail.together.get()).min(listing.items.len());
        let (page, refused) = self.fetch_stretch(&listing, start..end).await?;
        Ok(Delivery {
            answer: Ok(Box::new(Fetched::Page(page))),
            listing: Some(listing),
            refused,
            after_stretch: None,
        })
    }

    /// Fetches a page of the index. Fetches it once more if it says that it is the last page but
    /// does not look like it.
    async fn fetch_believable_listing(
        self,
        index: Cursor,
        fullest: &AtomicUsize,
    ) -> Result<std::result::Result<Listing, PageAnswer>> {
        let listing = match self.fetch_listing(index.clone()).await? {
            Ok(listing) => listing,
            Err(substitute) => return Ok(Err(substitute)),
        };
        let full = fullest.fetch_max(listing.entries, Relaxed);
        let pagination = &self.fetcher.source().page;
        let is_last = listing.following.next.is_none();
        if is_last && pagination::is_full(pagination, listing.entries, full) {
            return self.fetch_listing(index).await;
        }
        let pages = listing.following.total_pages;
        let at = Position {
            number: listing.number,
            cursor: index,
        };
        if pagination::is_size_too_large(pagination, &at, pages, listing.entries) {
            let message = format!(
                "the index has {} entries and is not the last, which is not what its \
                 `page.size` says",
                listing.entries
            );
            return Err(Error::config(message));
        }
        Ok(Ok(listing))
    }

    async fn fetch_listing(
        self,
        cursor: Cursor,
    ) -> Result<std::result::Result<Listing, PageAnswer>> {
        let Self {
            fetcher,
            scope,
            position,
            ..
        } = self;
        let source = fetcher.source();
        let at = Position {
            number: pagination::page_number_at(&source.page, &cursor),
            cursor,
        };
        let target = page_target(fetcher, scope, &at).await?;
        let spec = RequestSpec {
            handled_statuses: &handled_statuses(source),
            ..RequestSpec::new(&target, position.number, &fetcher.client.pace)
        };
        let answer = fetcher.client.ask(spec, |received| {
            unless_no_data(self.read_listing(&at, &target.url, &received))
        });
        let answer = answer.await?;
        Ok(read_or_substitute(
            fetcher, scope, position, &target, answer,
        ))
    }

    fn read_listing(
        self,
        at: &Position,
        request_url: &Url,
        received: &Received<'_>,
    ) -> std::result::Result<Listing, Undecodable> {
        let fetcher = self.fetcher;
        let source = fetcher.source();
        let (picked, envelope) = pick_items(fetcher, &self.detail.pick, received)?;
        let read = PageParts {
            position: at,
            request_url,
            url: received.url,
            next_link: received.next_link,
            envelope: &envelope,
            items: picked.entries,
        };
        let following = read_redacted_following(fetcher, &source.page, read)?;
        Ok(Listing {
            cursor: at.cursor.clone(),
            request_url: request_url.clone(),
            url: received.url.clone(),
            total_items: total_items(source, &following, &envelope)?,
            more_pages: find_more_pages(fetcher, &source.page, read)
                .filter(|_| following.next.is_none()),
            following,
            number: at.number,
            entries: picked.entries,
            items: picked.texts,
            fetched_at: Timestamp::now(),
        })
    }

    /// Fetches items of an index page as one page of the run. Fetches fewer items if the page
    /// cannot hold all of them.
    async fn fetch_stretch(
        self,
        listing: &Listing,
        stretch: Range<usize>,
    ) -> Result<(Page, RefusedItems)> {
        let fetcher = self.fetcher;
        let begin = stretch.start;
        let concurrency = self.detail.concurrency.map_or(
            fetcher.source().http.concurrency,
            std::num::NonZeroUsize::get,
        );
        let items = listing.items[stretch]
            .iter()
            .map(|item| self.fetch_item(listing, item));
        let items = stream::iter(items.collect::<Vec<_>>()).buffered(concurrency);
        let items = take_fitting(items, fetcher.limits()).await?;
        if let Some((kind, answer)) = find_repeated_refusal(&items) {
            let message = format!("{answer} for {MAX_REFUSED} items in a row");
            return Err(Error::new(*kind, message));
        }
        let mut page = Page {
            chain: self.scope.chain(),
            position: self.position.clone(),
            next: listing.next_page_position(self.position, begin + items.len()),
            total_pages: None,
            total_items: listing.total_items,
            more_pages: listing.more_pages.clone(),
            url: fetcher.target_policy().redact_url(&listing.request_url),
            fetched_at: listing.fetched_at,
            envelope: Value::Null,
            documents: Vec::new(),
            broken: Vec::new(),
            entries: Some(items.len()),
            // the validators of the index page say nothing about its items
            validators: Validators::default(),
        };
        let refused = count_refused(&items);
        for item in items {
            page.documents.extend(item.documents);
            page.broken.extend(item.broken);
        }
        Ok((page, refused))
    }

    async fn fetch_item(self, listing: &Listing, item: &str) -> Result<FetchedItem> {
        let Self {
            fetcher, detail, ..
        } = self;
        let broken =
            |url: Option<&Url>, reason, body: Option<Bytes>, message: String| BrokenDocument {
                reason,
                url: url.map(|url| fetcher.target_policy().redact_url(url).into()),
                pointer: pointer_to_item(fetcher, item),
                body: body.unwrap_or_else(|| Bytes::copy_from_slice(item.as_bytes())),
                message,
            };
        let addresses = fetcher.addresses();
        let target = match addresses.item_target(detail, self.scope, &listing.url, item) {
            Ok(target) => target,
            // the index page is data, so it may name any URL
            Err(error) if error.kind() == Kind::LinkRefused => {
                return Ok(broken(None, UnfetchedDocument, None, error.chain()).into());
            }
            Err(error) => return Err(error),
        };
        let empty = &fetcher.source().http.empty_status;
        let client = &fetcher.client;
        // a status that is retried, for example to wait for the server, is not about the item
        let is_retried = |status: &u16| fetcher.source().http.retry_status.contains(status);
        let final_statuses: Vec<u16> = FINAL_STATUSES
            .into_iter()
            .filter(|status| !is_retried(status))
            .collect();
        let spec = RequestSpec {
            handled_statuses: &[&OWN_STATUSES, &**empty].concat(),
            final_statuses: &final_statuses,
            ..RequestSpec::new(&target, self.position.number, client.detail_pace())
        };
        let answer = client.ask(spec, |received| {
            let Received {
                body, content_type, ..
            } = received;
            let decoded = decode(body, content_type, fetcher.source(), fetcher.limits());
            unless_no_data(decoded)
        });
        let url = Some(&target.url);
        let answer = match answer.await {
            // it concerns only the item unless it happens to several in a row
            Err(error) if matches!(error.kind(), Kind::HostRefused | Kind::Interrupted) => {
                let why = error.chain();
                let broken = broken(url, UnfetchedDocument, None, why.clone());
                return Ok(FetchedItem {
                    refusal: Some((error.kind(), why)),
                    ..broken.into()
                });
            }
            answer => answer?,
        };
        Ok(match answer {
            Answer::Read(Some(decoded)) => build_documents(fetcher, decoded, &target.url, item),
            Answer::Read(None) => FetchedItem::default(),
            Answer::Unreadable { body, message, .. } => {
                broken(url, UnreadableDocument, Some(body), message).into()
            }
            // the request did not ask whether the item has changed
            Answer::Unchanged(_) => {
                broken(url, UnfetchedDocument, None, "status 304".into()).into()
            }
            // an item that is named but missing is said to be missing, whatever its status means
            // in place of a page
            Answer::Status(status)
                if empty.contains(&status) && !OWN_STATUSES.contains(&status) =>
            {
                FetchedItem::default()
            }
            Answer::Status(status) => {
                let answer = format!("status {status}");
                let is_gone = GONE.contains(&status);
                let reason = if is_gone {
                    MissingDocument
                } else {
                    UnfetchedDocument
                };
                let broken = broken(url, reason, None, answer.clone());
                FetchedItem {
                    refusal: (!is_gone).then_some((Kind::Environment, answer)),
                    ..broken.into()
                }
            }
        })
    }
}

/// Returns the documents of an item, marked with the URL that they came from.
fn build_documents(fetcher: &Fetcher, decoded: Decoded, url: &Url, item: &str) -> FetchedItem {
    let url: Arc<str> = fetcher.target_policy().redact_url(url).into();
    let Decoded {
        envelope,
        mut documents,
        mut broken,
    } = decoded;
    for document in &mut documents {
        if document.pointer.is_empty() {
            // This document is a whole body. Usually the page keeps the envelope of such a
            // document, and the version of its releases is read from there. But this page has
            // the bodies of several items and keeps no envelope. So the document keeps the
            // members of its own envelope that tell the version.
            let list = document.cut.list_of_items();
            document.cut.envelope = decode::reduce_to_version(&envelope, list);
        }
        document.url = Some(Arc::clone(&url));
    }
    for document in &mut broken {
        document.url = Some(Arc::clone(&url));
        document
            .pointer
            .insert_str(0, &pointer_to_item(fetcher, item));
    }
    FetchedItem {
        documents,
        broken,
        refusal: None,
    }
}

/// Returns the pointer that is stored for an item. It is the item's name without secrets.
fn pointer_to_item(fetcher: &Fetcher, item: &str) -> String {
    let item = fetcher.target_policy().redact_link(item);
    item.chars().take(MAX_POINTER_CHARACTERS).collect()
}

/// The statuses that concern only the item: it does not exist or cannot be served.
const OWN_STATUSES: [u16; 5] = [400, 404, 406, 410, 422];

/// The statuses that concern only the item if every attempt ends in one of them. Some publishers
/// do not serve a document that they list, and answer 403.
const FINAL_STATUSES: [u16; 3] = [403, 500, 502];

/// The stored pointer to an item has at most this many characters, because it is part of a key.
const MAX_POINTER_CHARACTERS: usize = 300;

/// The documents of an item. An item that could not be fetched is one broken document.
#[derive(Default)]
struct FetchedItem {
    documents: Vec<Document>,
    broken: Vec<BrokenDocument>,
    /// The server's answer if it refused the item. If it refuses several items in a row, the run
    /// fails with this kind of error.
    refusal: Option<(Kind, String)>,
}

impl From<BrokenDocument> for FetchedItem {
    fn from(broken: BrokenDocument) -> Self {
        Self {
            broken: vec![broken],
            ..Self::default()
        }
    }
}

impl FetchedItem {
    fn estimate_memory(&self) -> usize {
        let documents = self.documents.iter().map(Document::estimate_memory);
        let broken = self.broken.iter().map(BrokenDocument::estimate_memory);
        documents.chain(broken).sum()
    }

    /// Returns how many items the fetched item adds to a page.
    fn count_items(&self) -> usize {
        let items = self.documents.iter().map(Document::item_count);
        items.sum::<usize>() + self.broken.len()
    }
}

/// Returns the first items that fit on one page together. The first item is always taken, even if
/// it is too large alone. The next page requests the remaining items again.
async fn take_fitting(
    items: impl Stream<Item = Result<FetchedItem>> + Send,
    limits: &config::Fetch,
) -> Result<Vec<FetchedItem>> {
    let mut items = std::pin::pin!(items);
    let mut fitting: Vec<FetchedItem> = Vec::new();
    let (mut bytes, mut count) = (0_usize, 0_usize);
    while let Some(found) = items.next().await {
        let found = found?;
        bytes = bytes.saturating_add(found.estimate_memory());
        count = count.saturating_add(found.count_items());
        let is_full = bytes > limits.max_decoded_bytes || count > limits.max_items;
        if is_full && !fitting.is_empty() {
            break;
        }
        fitting.push(found);
    }
    Ok(fitting)
}

fn count_refused(items: &[FetchedItem]) -> RefusedItems {
    let is_refused = |item: &&FetchedItem| item.refusal.is_some();
    let trailing = items.iter().rev().take_while(is_refused).count();
    RefusedItems {
        trailing,
        is_all: trailing == items.len(),
        kind: items.last().and_then(|item| Some(item.refusal.as_ref()?.0)),
    }
}

/// Returns the last answer of several items in a row that were refused, if there are so many.
fn find_repeated_refusal(found: &[FetchedItem]) -> Option<&(Kind, String)> {
    found.windows(MAX_REFUSED).find_map(|some| {
        let answers = some.iter().map(|item| item.refusal.as_ref());
        answers.collect::<Option<Vec<_>>>()?.pop()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> FetchedItem {
        let broken = BrokenDocument {
            reason: MissingDocument,
            url: None,
            pointer: String::new(),
            body: Bytes::new(),
            message: String::new(),
        };
        FetchedItem {
            refusal: (status != 404).then(|| (Kind::Environment, format!("status {status}"))),
            ..broken.into()
        }
    }

    #[test]
    fn what_several_items_in_a_row_are_refused_with_is_the_servers_trouble() {
        for (statuses, expected) in [
            (&[500, 500][..], None),
            (&[500, 500, 404, 500], None),
            (
                &[404, 500, 502, 500, 404],
                Some((Kind::Environment, "status 500")),
            ),
        ] {
            let found: Vec<FetchedItem> = statuses.iter().map(|status| refused(*status)).collect();
            let refusal = find_repeated_refusal(&found).map(|(kind, answer)| (*kind, &**answer));
            assert_eq!(refusal, expected, "{statuses:?}");
        }
    }
}
