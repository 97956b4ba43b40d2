//! Pages of an index, whose items are asked for one by one.
//!
//! So many items at a time are one page of the run, so that a long index is made
//! durable piece by piece; fewer if their documents are as large together as one may
//! be. An item that is gone, or whose answer cannot be read,
//! costs itself alone; a publisher that answers nothing is not taken for many
//! such items.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::config;
use crate::decode::{self, Decoded, Undecodable, decode};
use crate::error::{Error, Kind, Result};
use crate::fetch::event::Fetched;
use crate::fetch::page::{Turned, telling, total_items};
use crate::fetch::pagination::{self, Following, Read};
use crate::fetch::scope::Scope;
use crate::http::client::{Answered, Client, Wanted};
use crate::http::receive::Received;
use crate::json::{self, Misread};
use crate::page::{Broken, Cursor, Page, Part, Position, Validators};
use crate::source::{Detail, Pick, Picked};

/// Status codes that say that what was asked for is not there.
const GONE: [u16; 2] = [404, 410];

/// How many items in a row may be answered with a server's error before that is
/// the server's trouble and not theirs.
pub(super) const MOST_REFUSED: usize = 3;

/// A page of an index, and what it names.
#[derive(Debug)]
pub(super) struct Listing {
    /// How it was asked for.
    pub(super) cursor: Cursor,
    asked: Url,
    /// Where it came from, which what it names is relative to.
    url: Url,
    items: Vec<String>,
    /// The publisher's number of it, where it has one.
    number: u64,
    /// How many entries the page has, wanted or not.
    entries: usize,
    following: Following,
    total_items: Option<u64>,
    fetched_at: Timestamp,
}

impl Listing {
    /// The page of the run that follows one of items from `skip` on, if it is of
    /// the same listing.
    pub(super) fn next_stretch(
        &self,
        position: &Position,
        skip: u64,
        together: usize,
    ) -> Option<Position> {
        let end = usize::try_from(skip).ok()?.checked_add(together)?;
        (end < self.items.len())
            .then(|| self.after(position, end))
            .flatten()
    }

    /// The page of the run that follows one that ends before item `end`.
    fn after(&self, position: &Position, end: usize) -> Option<Position> {
        let cursor = if end < self.items.len() {
            Cursor::Detail {
                index: Box::new(self.cursor.clone()),
                skip: end as u64,
                seen: self.seen(end),
            }
        } else {
            begin(self.following.next.clone()?.cursor)
        };
        Some(Position {
            number: position.number.saturating_add(1),
            cursor,
        })
    }

    /// A digest of the items before one.
    fn seen(&self, end: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        for item in &self.items[..end.min(self.items.len())] {
            hasher.update(item.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// Where to begin in it: behind the items that came before, unless these are
    /// others now.
    fn start(&self, skip: u64, seen: &str) -> usize {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let is_same = skip <= self.items.len() && self.seen(skip) == seen;
        if is_same { skip } else { 0 }
    }

    /// What tells it from others: its entries.
    pub(super) fn items(&self) -> &[String] {
        &self.items
    }
}

/// The beginning of a page of an index.
pub(super) fn begin(index: Cursor) -> Cursor {
    Cursor::Detail {
        index: Box::new(index),
        skip: 0,
        seen: NOTHING_SEEN.to_owned(),
    }
}

/// The digest of no items.
const NOTHING_SEEN: &str = "-";

/// What came of a page of the run, and the listing it is of, for the next one.
pub(super) struct Detailed {
    pub(super) turned: Turned,
    pub(super) listing: Option<Arc<Listing>>,
    pub(super) refused: Refused,
}

/// How many items of a stretch the server refused by an error of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    /// At its end.
    pub(super) trailing: usize,
    /// Whether it was all.
    pub(super) is_all: bool,
    /// What the last of them means, if there are several in a row.
    pub(super) kind: Option<Kind>,
}

impl From<Turned> for Detailed {
    fn from(turned: Turned) -> Self {
        Self {
            turned,
            listing: None,
            refused: Refused::default(),
        }
    }
}

impl Client {
    /// Fetches some of what an index names: `listing`, if that is the page of the
    /// index that it is on.
    ///
    /// # Errors
    /// Those of [`Client::ask`], and a publisher that refuses several items in a
    /// row.
    pub(super) async fn details(
        &self,
        detail: &Detail,
        scope: &Scope,
        position: &Position,
        listing: Option<Arc<Listing>>,
        fullest: &AtomicUsize,
    ) -> Result<Detailed> {
        let context = |e: Error| e.context(self.fetch_of(scope, position));
        let (index, skip, seen) = match &position.cursor {
            Cursor::Detail { index, skip, seen } => ((**index).clone(), *skip, seen.as_str()),
            cursor => (cursor.clone(), 0, NOTHING_SEEN),
        };
        let listing = match listing.filter(|listing| listing.cursor == index) {
            Some(listing) => listing,
            None => {
                let listing = self.believed(detail, scope, position, index, fullest).await;
                match listing.map_err(context)? {
                    Ok(listing) => Arc::new(listing),
                    Err(turned) => return Ok(turned.into()),
                }
            }
        };
        let start = listing.start(skip, seen);
        let end = (start + detail.together.get()).min(listing.items.len());
        let (page, refused) = self
            .items_of(detail, scope, position, &listing, start..end)
            .await
            .map_err(context)?;
        Ok(Detailed {
            turned: Turned::Fetched(Box::new(Fetched::Page(page))),
            listing: Some(listing),
            refused,
        })
    }

    /// Fetches a page of the index, and once more if it says that it is the last
    /// although it does not look it.
    async fn believed(
        &self,
        detail: &Detail,
        scope: &Scope,
        position: &Position,
        index: Cursor,
        fullest: &AtomicUsize,
    ) -> Result<Result<Listing, Turned>> {
        let listing = match self.listing(detail, scope, position, index.clone()).await? {
            Ok(listing) => listing,
            Err(turned) => return Ok(Err(turned)),
        };
        let full = fullest.fetch_max(listing.entries, Relaxed);
        let pagination = &self.source().page;
        let is_last = listing.following.next.is_none();
        if is_last && pagination::is_full(pagination, listing.entries, full) {
            return self.listing(detail, scope, position, index).await;
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

    /// Fetches a page of the index.
    async fn listing(
        &self,
        detail: &Detail,
        scope: &Scope,
        position: &Position,
        cursor: Cursor,
    ) -> Result<Result<Listing, Turned>> {
        let at = Position {
            number: pagination::number_of(&self.source().page, &cursor),
            cursor,
        };
        let ask = self.ask_with_token(scope, &at).await?;
        let telling = telling(self.source());
        let wanted = Wanted {
            ask: &ask,
            page: position.number,
            telling: &telling,
            refusing: &[],
            known: None,
            pace: self.pace(),
        };
        let answered = self.ask(wanted, |received| {
            let url = received.url;
            let (picked, envelope) = self.picked(&detail.pick, &received)?;
            let read = Read {
                position: &at,
                asked: &ask.url,
                url,
                envelope: &envelope,
                items: picked.entries,
            };
            let following = self.follow(read)?;
            Ok(Listing {
                cursor: at.cursor.clone(),
                asked: ask.url.clone(),
                url: url.clone(),
                total_items: total_items(self.source(), &following, &envelope)?,
                following,
                number: at.number,
                entries: picked.entries,
                items: picked.texts,
                fetched_at: Timestamp::now(),
            })
        });
        let answered = answered.await?;
        Ok(self.turned(scope, position, &ask, answered))
    }

    /// Fetches a stretch of what a listing names as one page, or as much of it as a
    /// page may hold.
    async fn items_of(
        &self,
        detail: &Detail,
        scope: &Scope,
        position: &Position,
        listing: &Listing,
        stretch: std::ops::Range<usize>,
    ) -> Result<(Page, Refused)> {
        let begin = stretch.start;
        let at_once = detail
            .concurrency
            .map_or(self.source().http.concurrency, std::num::NonZeroUsize::get);
        let items = listing.items[stretch]
            .iter()
            .map(|item| self.item(detail, scope, position, listing, item));
        let items = stream::iter(items.collect::<Vec<_>>()).buffered(at_once);
        let found = fitting(items, self.limits()).await?;
        if let Some((kind, answer)) = refused_in_a_row(&found) {
            let message = format!("{answer} for {MOST_REFUSED} items in a row");
            return Err(Error::new(kind, message));
        }
        let mut page = Page {
            chain: scope.chain(),
            position: position.clone(),
            next: listing.after(position, begin + found.len()),
            total_pages: None,
            total_items: listing.total_items,
            url: self.address().redact(&listing.asked),
            fetched_at: listing.fetched_at,
            envelope: Value::Null,
            parts: Vec::new(),
            broken: Vec::new(),
            entries: Some(found.len()),
            // those of the index say nothing of what it names
            validators: Validators::default(),
        };
        let refused = Refused::of(&found);
        for found in found {
            match found {
                Found::Documents((parts, broken)) => {
                    page.parts.extend(parts);
                    page.broken.extend(broken);
                }
                Found::Broken(broken) | Found::Refused(_, _, broken) => page.broken.push(broken),
            }
        }
        Ok((page, refused))
    }

    /// Fetches one item.
    async fn item(
        &self,
        detail: &Detail,
        scope: &Scope,
        position: &Position,
        listing: &Listing,
        item: &str,
    ) -> Result<Found> {
        let broken = |url: Option<&Url>, is_missing, body: Option<Bytes>, message: String| Broken {
            is_missing,
            url: url.map(|url| self.address().redact(url).into()),
            place: self.place_of(item),
            body: body.unwrap_or_else(|| Bytes::copy_from_slice(item.as_bytes())),
            message,
        };
        let ask = match self.address().of_item(detail, scope, &listing.url, item) {
            Ok(ask) => ask,
            // what an index names is data, and may be anything
            Err(error) if error.kind() == Kind::Refused => {
                return Ok(Found::Broken(broken(None, true, None, error.chain())));
            }
            Err(error) => return Err(error),
        };
        let empty = &self.source().http.empty_status;
        let telling = [&TELLING, &**empty].concat();
        let wanted = Wanted {
            ask: &ask,
            page: position.number,
            telling: &telling,
            refusing: &REFUSING,
            known: None,
            pace: self.detail_pace(),
        };
        let answered = self.ask(wanted, |received| {
            let Received {
                body, content_type, ..
            } = received;
            decode(body, content_type, self.source(), self.limits())
        });
        let url = Some(&ask.url);
        let answered = match answered.await {
            Err(error) if error.kind() == Kind::Misled => {
                let why = error.chain();
                let found = broken(url, true, None, why.clone());
                return Ok(Found::Refused(Kind::Misled, why, found));
            }
            answered => answered?,
        };
        Ok(match answered {
            Answered::Read(decoded) => Found::Documents(self.documents_of(decoded, &ask.url, item)),
            Answered::Unreadable { body, message, .. } => {
                Found::Broken(broken(url, false, Some(body), message))
            }
            // which nobody asked for
            Answered::Unchanged(_) => Found::Broken(broken(url, true, None, "status 304".into())),
            // what an index names and is missing is kept as such, whatever the status means
            // of a page
            Answered::Status(status) if empty.contains(&status) && !TELLING.contains(&status) => {
                Found::Documents((Vec::new(), Vec::new()))
            }
            Answered::Status(status) => {
                let answer = format!("status {status}");
                let found = broken(url, true, None, answer.clone());
                if GONE.contains(&status) {
                    Found::Broken(found)
                } else {
                    Found::Refused(Kind::Environment, answer, found)
                }
            }
        })
    }
}

impl Client {
    /// What an item was decoded into, with where it came from.
    fn documents_of(&self, decoded: Decoded, url: &Url, item: &str) -> (Vec<Part>, Vec<Broken>) {
        let url: Arc<str> = self.address().redact(url).into();
        let Decoded {
            envelope,
            mut parts,
            mut broken,
        } = decoded;
        if let [part] = &mut parts[..]
            && part.place.is_empty()
        {
            // the page is of the index, and not the item's
            part.cut.envelope = decode::telling(&envelope, part.cut.list_of_items());
        }
        for part in &mut parts {
            part.url = Some(Arc::clone(&url));
        }
        for document in &mut broken {
            document.url = Some(Arc::clone(&url));
            document.place.insert_str(0, &self.place_of(item));
        }
        (parts, broken)
    }

    /// What an item is called among what is kept of it, without secrets.
    fn place_of(&self, item: &str) -> String {
        let item = self.address().redact_link(item);
        item.chars().take(LONGEST_PLACE).collect()
    }

    /// What an index names, and the index itself as far as it is JSON.
    pub(super) fn picked(
        &self,
        pick: &Pick,
        received: &Received<'_>,
    ) -> Result<(Picked, Value), Undecodable> {
        let text = decode::text(received, self.source(), self.limits())?;
        if !pick.is_json() {
            // a URL has none, and PostgreSQL stores none
            let text = String::from_utf8_lossy(&text).replace('\0', "\u{FFFD}");
            let picked = pick.from_text(&text).map_err(Undecodable::Unreadable)?;
            return Ok((picked, Value::Object(serde_json::Map::new())));
        }
        let most = self.limits().max_decoded_bytes.saturating_mul(MOST_VALUE);
        let index = json::value(&text, most).map_err(|why| match why {
            Misread::Unreadable(message) => Undecodable::Unreadable(message),
            Misread::TooLarge(bytes) => Undecodable::TooLarge(format!(
                "JSON that takes {bytes} bytes of memory, more than {MOST_VALUE} times the limit \
                 of `fetch.max_decoded_bytes`"
            )),
        })?;
        decode::check_envelope(self.source(), &index)?;
        let picked = pick.from_json(&index).map_err(Undecodable::Unreadable)?;
        Ok((picked, index))
    }
}

/// How many times as large as its text the JSON of an index may be in memory.
const MOST_VALUE: usize = 4;

/// Status codes that are an item's own: not there, or not to be had.
const TELLING: [u16; 5] = [400, 404, 406, 410, 422];

/// Status codes that are, if they are the answer to all attempts: not to be made.
const REFUSING: [u16; 2] = [500, 502];

/// The most characters of what an index calls an item that are kept as its place,
/// which is in a key.
const LONGEST_PLACE: usize = 300;

/// What came of an item.
enum Found {
    Documents((Vec<Part>, Vec<Broken>)),
    Broken(Broken),
    /// An answer that several items in a row do not have for reasons of their own, and
    /// what it means then.
    Refused(Kind, String, Broken),
}

impl Found {
    /// The answer that it was refused with, and what that means.
    fn refusal(&self) -> Option<(Kind, &str)> {
        match self {
            Found::Refused(kind, answer, _) => Some((*kind, answer)),
            Found::Documents(_) | Found::Broken(_) => None,
        }
    }

    /// How many bytes of memory it takes, about.
    fn bytes(&self) -> usize {
        match self {
            Found::Documents((parts, others)) => {
                let parts = parts.iter().map(Part::bytes);
                parts.chain(others.iter().map(Broken::bytes)).sum()
            }
            Found::Broken(it) | Found::Refused(_, _, it) => it.bytes(),
        }
    }

    /// How many items it has, of a page that may have so many.
    fn items(&self) -> usize {
        match self {
            Found::Documents((parts, others)) => {
                let items = parts.iter().map(|part| part.cut.items.len());
                items.sum::<usize>() + others.len()
            }
            Found::Broken(_) | Found::Refused(..) => 1,
        }
    }
}

/// The first items of a stretch that one page may hold together, or one that is larger:
/// what follows is asked for again by the next page.
async fn fitting(
    items: impl Stream<Item = Result<Found>> + Send,
    limits: &config::Fetch,
) -> Result<Vec<Found>> {
    let mut items = std::pin::pin!(items);
    let mut fitting: Vec<Found> = Vec::new();
    let (mut bytes, mut count) = (0_usize, 0_usize);
    while let Some(found) = items.next().await {
        let found = found?;
        bytes = bytes.saturating_add(found.bytes());
        count = count.saturating_add(found.items());
        let is_full = bytes > limits.max_decoded_bytes || count > limits.max_items;
        if is_full && !fitting.is_empty() {
            break;
        }
        fitting.push(found);
    }
    Ok(fitting)
}

impl Refused {
    fn of(found: &[Found]) -> Self {
        let is_refused = |found: &&Found| matches!(found, Found::Refused(..));
        let trailing = found.iter().rev().take_while(is_refused).count();
        Self {
            trailing,
            is_all: trailing == found.len(),
            kind: found.last().and_then(Found::refusal).map(|(kind, _)| kind),
        }
    }
}

/// The answer that the last of so many items in a row got.
fn refused_in_a_row(found: &[Found]) -> Option<(Kind, &str)> {
    found.windows(MOST_REFUSED).find_map(|some| {
        let answers = some.iter().map(Found::refusal);
        answers.collect::<Option<Vec<_>>>()?.pop()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Found {
        let broken = Broken {
            is_missing: true,
            url: None,
            place: String::new(),
            body: Bytes::new(),
            message: String::new(),
        };
        match status {
            404 => Found::Broken(broken),
            status => Found::Refused(Kind::Environment, format!("status {status}"), broken),
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
            let found: Vec<Found> = statuses.iter().map(|status| refused(*status)).collect();
            assert_eq!(refused_in_a_row(&found), expected, "{statuses:?}");
        }
    }
}
