//! Skips a stretch of a feed whose positions a server answers with errors.
//!
//! In feeds of changes a position is a point in time, and some servers answer 500 for all
//! positions of some days. If the source declares how to count positions (`http.skip_errors`), a
//! run looks for the next position that can be read. The distance to it doubles until a page
//! answers, and then is halved until it is known to one step. So a stretch costs few requests,
//! however long it is. The stretch is kept in the quarantine, and later runs ask for its beginning
//! again.

use crate::error::{Error, Result};
use crate::fetch::detail::Delivery;
use crate::fetch::event::Fetched;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::page::{NoPage, fetch_page_once, refused_page};
use crate::fetch::pagination;
use crate::fetch::scope::Scope;
use crate::page::{Chain, Cursor, Position, UnreadablePage};
use crate::source::SkipErrors;

/// The answer for one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// The server answers with an error.
    Error,
    /// The position has a page with items, or one that leads on.
    Page,
    /// There is nothing at the position: the page is empty and the last one, or the server says
    /// that there is no such page. This is so behind the end of the feed.
    Nothing,
}

/// Returns an unreadable page in place of the error, and the position behind the stretch that it
/// stands for. Returns the error if the source declares no such stretches, if no position within
/// the bound can be read, or if the server has recovered meanwhile: then an outage has caused the
/// errors, and the next run continues here.
pub(super) async fn skip_errors(
    fetcher: &Fetcher,
    scope: &Scope,
    position: &Position,
    error: Error,
) -> Result<Delivery> {
    let Some(skip) = &fetcher.source().http.skip_errors else {
        return Err(error);
    };
    let is_server_error = error.http_status().is_some_and(|it| it >= 500);
    let Some(begin) = count_position(skip, &position.cursor).filter(|_| is_server_error) else {
        return Err(error);
    };
    let at = |value| position_at(fetcher, skip, position, value);
    let mut search = Search::new(begin, skip);
    while let Some(position) = search.next().and_then(at) {
        match probe(fetcher, scope, &position).await {
            Ok(answer) => search.note(answer),
            // a failure of another kind says nothing about the stretch
            Err(_) => return Err(error),
        }
    }
    let Some((end, after)) = search.end().and_then(|end| Some((end, at(end)?))) else {
        return Err(error);
    };
    let last = search.last_error().and_then(at);
    for position in [Some(position), last.as_ref()].into_iter().flatten() {
        if !matches!(probe(fetcher, scope, position).await, Ok(Probe::Error)) {
            return Err(error);
        }
    }
    let message = format!("{}; positions {begin} to {end} are skipped", error.chain());
    let chain = Chain::skipped(&fetcher.source().scope());
    let page = UnreadablePage {
        // a stretch that has grown is another one in the quarantine, and so is one of another feed
        body: format!("{chain}: {begin} to {end}").into(),
        chain,
        ..refused_page(fetcher, scope, position, message)?
    };
    Ok(Delivery {
        after_stretch: Some(after),
        ..Ok(Box::new(Fetched::Unreadable(page))).into()
    })
}

/// Returns the first of these cursors, in the order of the feed, at which the server answers with a
/// page. An error is asked for once more.
pub(super) async fn find_readable(fetcher: &Fetcher, cursors: Vec<Cursor>) -> Option<Cursor> {
    let skip = fetcher.source().http.skip_errors.as_ref()?;
    let counted = cursors.into_iter();
    let counted = counted.filter_map(|cursor| Some((count_position(skip, &cursor)?, cursor)));
    let mut counted: Vec<_> = counted.collect();
    counted.sort_by_key(|(value, _)| *value);
    counted.dedup();
    for (_, cursor) in counted {
        let position = Position { number: 1, cursor };
        let answer = probe(fetcher, &Scope::default(), &position).await;
        if matches!(answer, Ok(Probe::Page)) {
            return Some(position.cursor);
        }
    }
    None
}

async fn probe(fetcher: &Fetcher, scope: &Scope, position: &Position) -> Result<Probe> {
    Ok(match fetch_page_once(fetcher, scope, position).await? {
        Ok(fetched) => match *fetched {
            Fetched::Page(page) if page.item_count() > 0 || page.next.is_some() => Probe::Page,
            Fetched::Unreadable(_) => Probe::Error,
            Fetched::Page(_) | Fetched::Unchanged(_) => Probe::Nothing,
        },
        Err(NoPage::Status(500..=599)) => Probe::Error,
        Err(NoPage::Status(_) | NoPage::NoData) => Probe::Nothing,
    })
}

/// Looks for the first position behind an error that has a page. It makes no requests.
#[derive(Clone, Copy, Debug)]
struct Search {
    begin: u64,
    step: u64,
    /// The following distances from `begin` are in steps.
    most: u64,
    /// The longest distance at which there is an error, as far as that is known.
    low: u64,
    high: u64,
    /// The answer at `high`, or `None` while that position has not been requested.
    answer: Option<Probe>,
}

impl Search {
    fn new(begin: u64, skip: &SkipErrors) -> Self {
        let step = skip.step.get();
        let most = skip.most / step;
        Self {
            begin,
            step,
            most,
            low: 0,
            high: most.min(1),
            answer: None,
        }
    }

    /// Returns the position to request next. Returns `None` at the end of the search.
    fn next(&self) -> Option<u64> {
        let distance = match self.answer {
            None => self.high,
            Some(_) => self.middle(),
        };
        (distance > self.low)
            .then(|| self.position(distance))
            .flatten()
    }

    fn note(&mut self, probe: Probe) {
        match (self.answer, probe) {
            (None, Probe::Error) => {
                self.low = self.high;
                self.high = self.high.saturating_mul(2).min(self.most);
            }
            (None, found) => self.answer = Some(found),
            (Some(_), Probe::Error) => self.low = self.middle(),
            // the end of the feed is not before a page of it
            (Some(Probe::Page), Probe::Nothing) => self.low = self.middle(),
            (Some(_), found) => {
                self.high = self.middle();
                self.answer = Some(found);
            }
        }
    }

    /// Returns the position behind the stretch, to one step. Returns `None` if no position within
    /// the bound has a page.
    fn end(&self) -> Option<u64> {
        (self.answer == Some(Probe::Page))
            .then(|| self.position(self.high))
            .flatten()
    }

    /// Returns the farthest position behind the beginning at which there is an error.
    fn last_error(&self) -> Option<u64> {
        (self.low > 0).then(|| self.position(self.low)).flatten()
    }

    fn middle(&self) -> u64 {
        self.low + (self.high - self.low) / 2
    }

    fn position(&self, distance: u64) -> Option<u64> {
        self.begin.checked_add(distance.checked_mul(self.step)?)
    }
}

/// Returns the number that a cursor is or contains.
fn count_position(skip: &SkipErrors, cursor: &Cursor) -> Option<u64> {
    match cursor {
        Cursor::Number(number) | Cursor::Offset(number) => Some(*number),
        Cursor::Token(token) => token.parse().ok(),
        Cursor::Link(link) => Some(find_parameter(link, skip.param.as_deref()?)?.1),
        Cursor::Start | Cursor::Piece(_) | Cursor::Detail { .. } => None,
    }
}

/// Returns the position that differs from another one by its number.
fn position_at(
    fetcher: &Fetcher,
    skip: &SkipErrors,
    position: &Position,
    value: u64,
) -> Option<Position> {
    let cursor = match &position.cursor {
        Cursor::Number(_) => Cursor::Number(value),
        Cursor::Offset(_) => Cursor::Offset(value),
        Cursor::Token(_) => Cursor::Token(value.to_string()),
        Cursor::Link(link) => {
            let (range, _) = find_parameter(link, skip.param.as_deref()?)?;
            let mut link = link.clone();
            link.replace_range(range, &value.to_string());
            Cursor::Link(link)
        }
        Cursor::Start | Cursor::Piece(_) | Cursor::Detail { .. } => return None,
    };
    let number = match cursor {
        Cursor::Number(_) | Cursor::Offset(_) => {
            pagination::page_number_at(&fetcher.source().page, &cursor)
        }
        _ => position.number,
    };
    Some(Position { number, cursor })
}

/// Finds the value of a query parameter that is a number. The link is read as text, because it
/// may contain the placeholder of a secret.
fn find_parameter(link: &str, param: &str) -> Option<(std::ops::Range<usize>, u64)> {
    let mut begin = link.find('?')? + 1;
    for pair in link[begin..].split('&') {
        let value = pair.strip_prefix(param).and_then(|it| it.strip_prefix('='));
        if let Some(value) = value
            && let Ok(number) = value.parse()
        {
            let end = begin + pair.len();
            return Some((end - value.len()..end, number));
        }
        begin += pair.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(step: u64, most: u64) -> SkipErrors {
        SkipErrors {
            param: Some("offset".into()),
            step: step.try_into().unwrap(),
            most,
        }
    }

    /// Looks for the end of a stretch that ends at `readable`, in a feed that ends at `end`.
    /// Returns the end and the number of requests.
    fn search(step: u64, most: u64, readable: u64, end: u64) -> (Option<u64>, usize) {
        let mut search = Search::new(1_000, &skip(step, most));
        let mut requests = 0;
        while let Some(value) = search.next() {
            requests += 1;
            search.note(match value {
                _ if value < readable => Probe::Error,
                _ if value < end => Probe::Page,
                _ => Probe::Nothing,
            });
        }
        (search.end(), requests)
    }

    #[test]
    fn a_stretch_ends_at_most_one_step_before_the_first_readable_position() {
        for readable in 1_001..1_400 {
            let (found, requests) = search(10, 640, readable, 5_000);
            let distance = (readable - 1_000).div_ceil(10) * 10;
            assert_eq!(found, Some(1_000 + distance), "{readable}");
            assert!(requests <= 12, "{requests} requests");
        }
    }

    #[test]
    fn a_stretch_has_a_bound() {
        assert_eq!(search(10, 640, 1_640, 5_000).0, Some(1_640));
        let (found, requests) = search(10, 640, 1_641, 5_000);
        assert_eq!((found, requests), (None, 7));
        // the bound is less than one step
        assert_eq!(search(10, 9, 1_001, 5_000), (None, 0));
        assert_eq!(search(1, u64::MAX, u64::MAX, u64::MAX).0, None);
        // the bound is no power of two
        for (readable, expected) in [(1_641, Some(1_650)), (2_000, Some(2_000)), (2_001, None)] {
            assert_eq!(search(10, 1_000, readable, 5_000).0, expected, "{readable}");
        }
    }

    #[test]
    fn what_is_behind_the_end_of_the_feed_does_not_end_a_stretch() {
        // the doubled distance leads behind the end
        assert_eq!(search(10, 640, 1_330, 1_350).0, Some(1_330));
        assert_eq!(search(10, 640, 1_500, 1_400).0, None);
    }

    #[test]
    fn a_position_is_a_number_in_its_cursor() {
        let link = |link: &str| Cursor::Link(link.into());
        for (cursor, expected) in [
            (Cursor::Number(7), Some(7)),
            (Cursor::Offset(700), Some(700)),
            (
                Cursor::Token("1515679749000".into()),
                Some(1_515_679_749_000),
            ),
            (Cursor::Token("a7".into()), None),
            (
                link("https://a.example/?x=1&offset=12&key={env.KEY}"),
                Some(12),
            ),
            (link("https://a.example/offset=12"), None),
            (link("https://a.example/?myoffset=12"), None),
            (link("https://a.example/?offset="), None),
            (Cursor::Start, None),
        ] {
            assert_eq!(count_position(&skip(1, 1), &cursor), expected, "{cursor}");
        }
        let (range, _) = find_parameter("/?offset=12&a=b", "offset").unwrap();
        assert_eq!(range, 9..11);
    }
}
