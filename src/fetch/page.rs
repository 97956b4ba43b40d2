//! One page: asked for, cut into its items, and what follows it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::decode::{Decoded, Undecodable, decode};
use crate::error::Result;
use crate::fetch::address::Ask;
use crate::fetch::event::Fetched;
use crate::fetch::pagination::{self, Following, Read};
use crate::fetch::scope::Scope;
use crate::http::client::{Answered, Client, Wanted};
use crate::http::receive::Received;
use crate::json;
use crate::page::{Cursor, Page, Position, Remembered, UnchangedPage, UnreadablePage};
use crate::source::{Method, Source};

/// The status that says that a page has not changed.
pub(super) const NOT_MODIFIED: u16 = 304;

/// What came of asking for a page of a chain.
pub(super) enum Turned {
    /// A page, or what was served in its place.
    Fetched(Box<Fetched>),
    /// A status that says something of the chain.
    Status(u16),
}

impl Client {
    /// Fetches one page of a feed that has no index, with as many attempts as it
    /// takes and is allowed.
    ///
    /// # Errors
    /// Those of [`Client::ask`]; a link that may not be followed.
    pub(super) async fn page(&self, scope: &Scope, position: &Position) -> Result<Turned> {
        let ask = self.ask_of(scope, position).await?;
        let telling = telling(self.source());
        let wanted = self.wanted(position, &ask, &telling);
        let answered = self.asked(scope, position, wanted).await?;
        Ok(self.taken(scope, position, &ask, answered))
    }

    /// The same if the page is not as it is remembered.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub(super) async fn page_if_changed(
        &self,
        scope: &Scope,
        position: &Position,
        remembered: Arc<Remembered>,
    ) -> Result<Turned> {
        let ask = self.ask_of(scope, position).await?;
        let telling = telling(self.source());
        let known = &remembered.validators;
        let wanted = Wanted {
            known: Some(known),
            ..self.wanted(position, &ask, &telling)
        };
        let answered = self.asked(scope, position, wanted).await?;
        Ok(match answered {
            Answered::Unchanged(validators) => {
                let page = UnchangedPage {
                    chain: scope.chain(),
                    position: position.clone(),
                    url: self.address().redact(&ask.url),
                    fetched_at: Timestamp::now(),
                    validators: validators.or(known),
                    remembered,
                };
                Turned::Fetched(Box::new(Fetched::Unchanged(page)))
            }
            answered => self.taken(scope, position, &ask, answered),
        })
    }

    /// Whether pages are remembered and asked for only if they have changed. Where a
    /// status 304 means something else, nobody may ask for it.
    pub(super) fn is_conditional(&self) -> bool {
        let source = self.source();
        let is_page = source.detail.is_none() && source.method() == Method::Get;
        let has_meaning = telling(source).contains(&NOT_MODIFIED)
            || source.http.retry_status.contains(&NOT_MODIFIED);
        source.http.conditional && is_page && !has_meaning
    }

    async fn ask_of(&self, scope: &Scope, position: &Position) -> Result<Ask> {
        let ask = self.ask_with_token(scope, position).await;
        ask.map_err(|e| e.context(self.fetch_of(scope, position)))
    }

    /// How a page is asked for. A link that was stored without the token in it gets one of
    /// today, for which a run that is resumed has to ask first.
    pub(super) async fn ask_with_token(&self, scope: &Scope, position: &Position) -> Result<Ask> {
        let ask = self.address().of(scope, position)?;
        if !self.address().lacks_token(position) {
            return Ok(ask);
        }
        self.renew_token(self.wanted(position, &ask, &[])).await?;
        self.address().of(scope, position)
    }

    fn wanted<'a>(&'a self, position: &Position, ask: &'a Ask, telling: &'a [u16]) -> Wanted<'a> {
        Wanted {
            ask,
            page: position.number,
            telling,
            refusing: &[],
            known: None,
            pace: self.pace(),
        }
    }

    async fn asked(
        &self,
        scope: &Scope,
        position: &Position,
        wanted: Wanted<'_>,
    ) -> Result<Answered<Page>> {
        let asked = &wanted.ask.url;
        let answered = self.ask(wanted, |received| {
            self.parse(scope, position, asked, received)
        });
        let answered = answered.await;
        answered.map_err(|e| e.context(self.fetch_of(scope, position)))
    }

    fn taken(
        &self,
        scope: &Scope,
        position: &Position,
        ask: &Ask,
        answered: Answered<Page>,
    ) -> Turned {
        match self.turned(scope, position, ask, answered) {
            Ok(page) => Turned::Fetched(Box::new(Fetched::Page(page))),
            Err(turned) => turned,
        }
    }

    /// What was read, or what came in the place of the page that it is for.
    pub(super) fn turned<T>(
        &self,
        scope: &Scope,
        position: &Position,
        ask: &Ask,
        answered: Answered<T>,
    ) -> Result<T, Turned> {
        match answered {
            Answered::Read(read) => Ok(read),
            Answered::Status(status) => Err(Turned::Status(status)),
            // which nobody asked for
            Answered::Unchanged(_) => Err(Turned::Status(NOT_MODIFIED)),
            Answered::Unreadable {
                body,
                message,
                fetched_at,
            } => {
                let page = UnreadablePage {
                    chain: scope.chain(),
                    position: position.clone(),
                    url: self.address().redact(&ask.url),
                    fetched_at,
                    body,
                    message,
                };
                Err(Turned::Fetched(Box::new(Fetched::Unreadable(page))))
            }
        }
    }

    /// What an error was in the way of.
    pub(super) fn fetch_of(&self, scope: &Scope, position: &Position) -> String {
        format!("fetch {}", self.name_of(scope, position.number))
    }

    /// A page, for people.
    pub(super) fn name_of(&self, scope: &Scope, number: u64) -> String {
        format!("page {number} of {}", self.chain_of(scope))
    }

    /// A chain, for people.
    pub(super) fn chain_of(&self, scope: &Scope) -> String {
        let source = &self.source().name;
        match scope.is_part() {
            true => format!("{source} in {scope}"),
            false => source.clone(),
        }
    }

    /// Decodes a body and reads what follows it. Links are relative to where the
    /// body came from; what is stored is where it was asked for, since a
    /// redirect may lead to an address that is signed or gone tomorrow.
    fn parse(
        &self,
        scope: &Scope,
        position: &Position,
        asked: &Url,
        received: Received<'_>,
    ) -> Result<Page, Undecodable> {
        let fetched_at = Timestamp::now();
        let Received {
            url,
            body,
            content_type,
            validators,
        } = received;
        let Decoded {
            mut envelope,
            parts,
            broken,
        } = decode(body, content_type, self.source(), self.limits())?;
        let read = Read {
            position,
            asked,
            url,
            envelope: &envelope,
            items: parts.iter().map(|part| part.cut.items.len()).sum(),
        };
        let following = self.follow(read)?;
        let total_items = total_items(self.source(), &following, &envelope)?;
        self.address().redact_value(&mut envelope);
        Ok(Page {
            chain: scope.chain(),
            position: position.clone(),
            next: following.next,
            total_pages: following.total_pages,
            total_items,
            url: self.address().redact(asked),
            fetched_at,
            envelope,
            parts,
            broken,
            entries: None,
            validators: Some(validators)
                .filter(|_| self.is_conditional())
                .unwrap_or_default(),
        })
    }

    /// What follows a page, a link without its secrets.
    pub(super) fn follow(&self, read: Read<'_>) -> Result<Following, json::Unreadable> {
        let mut following = pagination::follow(&self.source().page, read)?;
        if let Some(Position {
            cursor: Cursor::Link(link),
            ..
        }) = &mut following.next
        {
            *link = self.address().redact_link(link);
        }
        let leads_to_itself = |next: &Position| next.cursor == read.position.cursor;
        if self.source().page.is_change_feed()
            && following.next.as_ref().is_some_and(leads_to_itself)
        {
            following.next = None;
        }
        Ok(following)
    }
}

/// How many items a page says its chain has.
///
/// # Errors
/// It does not say it where the source says that it does.
pub(super) fn total_items(
    source: &Source,
    following: &Following,
    envelope: &Value,
) -> Result<Option<u64>, json::Unreadable> {
    let split_when = source.window.as_ref().map(|window| &window.split_when);
    match split_when.and_then(|split_when| split_when.total.as_ref()) {
        Some(pointer) => pagination::total(pointer, envelope).map(Some),
        None => Ok(following.total_items),
    }
}

/// The status codes that say something of a chain.
pub(super) fn telling(source: &Source) -> Vec<u16> {
    let mut telling: Vec<u16> = source.page.stop_status().into_iter().collect();
    telling.extend(&source.http.empty_status);
    if !source.axis.is_empty() {
        // a file of several that is not there is no reason to do without the others
        telling.extend([404, 410]);
    }
    if let Some(window) = &source.window {
        telling.extend(&window.split_when.status);
    }
    telling
}
