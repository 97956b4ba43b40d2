//! A paginated feed of invented releases. The feed is clean, or has defects like those of real
//! publishers. Each page is computed from its number alone.

use std::ops::Range;

use crate::demo::releases::{Dice, package, release, write_release};

/// The size of a feed, and the defects of its items and responses.
#[derive(Clone, Debug)]
pub struct Feed {
    releases: u64,
    page_size: u64,
    defects: &'static [(u64, Defect)],
    faults: &'static [(u64, Fault)],
}

/// A defect of one item. Real publishers have served items with these defects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// The title ends in `\u0000`, as in Chile. The item is rejected.
    NulCharacter,
    /// There is no `ocid`, as in Italy. The item is rejected.
    NoOcid,
    /// The item is `null`, as in Nigeria. The item is rejected.
    Null,
    /// The amount of the tender is text, as in Moldova. The item is stored, and so is the amount.
    ValueAsText,
    /// The date has no offset, as in the Dominican Republic. The item is stored, and its date is
    /// read in the source's time zone.
    DateWithoutZone,
    /// Quotation marks in a text are not escaped, as in Costa Rica. The item is rejected.
    UnescapedQuote,
    /// The item has the same key as the item before it, but another title, as in the Dominican
    /// Republic. The item is stored, and the item before it is rejected as superseded.
    SameKey,
    /// The `ocid` has 9 KB that cannot be compressed, which is too long for the index of the key.
    /// Only the server can find this defect. It refuses the item with SQLSTATE 54000.
    LongOcid,
}

/// A fault of the first response to a request for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The response has the status 503 and asks the client to try again after a second.
    Busy,
    /// The connection is closed in the middle of the body.
    Cut,
}

impl Feed {
    /// Returns the feed of the demonstration. It has 600 items on 12 pages, and the last page is
    /// shorter.
    ///
    /// Of the 600 items, 594 can be stored and six go to quarantine, one each as `nul-character`,
    /// `missing-ocid`, `not-an-object`, `invalid-json`, `superseded` and `refused`. Two pages
    /// need a second request.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            releases: 600,
            page_size: 52,
            defects: &[
                (70, Defect::NulCharacter),
                (131, Defect::ValueAsText),
                (164, Defect::NoOcid),
                (215, Defect::Null),
                (288, Defect::UnescapedQuote),
                (349, Defect::DateWithoutZone),
                (402, Defect::SameKey),
                (507, Defect::LongOcid),
            ],
            faults: &[(3, Fault::Busy), (8, Fault::Cut)],
        }
    }

    /// Returns a feed with this number of releases. No release has a defect, and no page needs a
    /// second request.
    ///
    /// # Panics
    ///
    /// `page_size` is 0.
    #[must_use]
    pub fn clean(releases: u64, page_size: u64) -> Self {
        assert!(page_size > 0, "a page has releases");
        Self {
            releases,
            page_size,
            defects: &[],
            faults: &[],
        }
    }

    /// Returns the number of pages. An empty feed has one page, which is empty.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.releases.div_ceil(self.page_size).max(1)
    }

    /// Returns the body of a page. Pages are counted from 1. Returns `None` if there is no such
    /// page. The link to the next page is relative, such as `/releases?page=2`.
    #[must_use]
    pub fn page(&self, number: u64) -> Option<String> {
        let items = self.items(number)?;
        let next = (number < self.pages()).then(|| format!("/releases?page={}", number + 1));
        Some(package(items, next.as_deref(), |item, text| {
            self.write_item(item, text);
        }))
    }

    /// Returns the fault of the first response to a request for a page, or `None` if it has no
    /// fault.
    pub(super) fn fault(&self, number: u64) -> Option<Fault> {
        let (_, fault) = self.faults.iter().find(|(page, _)| *page == number)?;
        Some(*fault)
    }

    fn write_item(&self, number: u64, text: &mut String) {
        match self.defects.iter().find(|(at, _)| *at == number) {
            Some((_, defect)) => text.push_str(&defect.item(number)),
            None => write_release(number, text),
        }
    }

    fn items(&self, number: u64) -> Option<Range<u64>> {
        if number == 0 || number > self.pages() {
            return None;
        }
        let first = (number - 1) * self.page_size;
        Some(first..self.releases.min(first + self.page_size))
    }
}

impl Defect {
    /// Returns the item with this number, changed so that it has this defect.
    fn item(self, number: u64) -> String {
        const TITLE: &[&str] = &["\"tender\":", "\"title\":\""];
        const DESCRIPTION: &[&str] = &["\"tender\":", "\"description\":\""];
        const VALUE: &[&str] = &["\"tender\":", "\"value\":{\"amount\":"];

        let sound = release(number);
        match self {
            Defect::Null => "null".into(),
            Defect::NulCharacter => rewrite(&sound, TITLE, "\"", |title| format!("{title}\\u0000")),
            Defect::NoOcid => rewrite(&sound, &["{"], "\"id\":", |_| String::new()),
            Defect::ValueAsText => rewrite(&sound, VALUE, ",", |amount| format!("\"{amount}\"")),
            Defect::DateWithoutZone => rewrite(&sound, &["\"date\":\""], "\"", |date| {
                date.trim_end_matches('Z').to_owned()
            }),
            Defect::UnescapedQuote => rewrite(&sound, DESCRIPTION, "\"", |description| {
                format!("The \"small\" lot. {description}")
            }),
            Defect::SameKey => rewrite(&release(number - 1), TITLE, "\"", |title| {
                format!("{title}, corrected")
            }),
            Defect::LongOcid => rewrite(&sound, &["\"ocid\":\"ocds-demo00-"], "\"", |_| {
                make_incompressible_text(9_000, number)
            }),
        }
    }
}

/// Rewrites a part of a text. The part begins after the last of `marks`, which are searched one
/// after the other. It ends before the next `end`.
fn rewrite(text: &str, marks: &[&str], end: &str, edit: impl FnOnce(&str) -> String) -> String {
    let behind = |from: usize, mark: &&str| {
        let at = text[from..].find(mark).expect("a mark every release has");
        from + at + mark.len()
    };
    let (before, rest) = text.split_at(marks.iter().fold(0, behind));
    let (old, after) = rest.split_at(rest.find(end).expect("an end every release has"));
    [before, &edit(old), after].concat()
}

/// Returns letters and digits that cannot be compressed much.
fn make_incompressible_text(length: usize, seed: u64) -> String {
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
    let mut dice = Dice(seed);
    (0..length)
        .map(|_| char::from(ALPHABET[(dice.next() >> 58) as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn item(feed: &Feed, number: u64) -> String {
        let mut text = String::new();
        feed.write_item(number, &mut text);
        text
    }

    #[test]
    fn the_demonstration_has_six_items_that_cannot_be_stored() {
        let feed = Feed::demo();
        let mut keys = BTreeSet::new();
        let mut refused = Vec::new();
        for number in 0..feed.releases {
            let word = match serde_json::from_str::<Value>(&item(&feed, number)) {
                Err(_) => "not JSON",
                Ok(Value::Null) => "null",
                Ok(release) if release["ocid"].is_null() => "no ocid",
                Ok(release) if release["tender"]["title"].as_str().unwrap().contains('\0') => "NUL",
                Ok(release) if release["ocid"].as_str().unwrap().len() > 9_000 => "long ocid",
                Ok(release) => {
                    let key = (release["ocid"].to_string(), release["id"].to_string());
                    if keys.insert(key) {
                        continue;
                    } else {
                        "same key"
                    }
                }
            };
            refused.push(word);
        }
        assert_eq!((feed.releases, keys.len()), (600, 594));
        assert_eq!(
            refused,
            [
                "NUL",
                "no ocid",
                "null",
                "not JSON",
                "same key",
                "long ocid"
            ]
        );
    }

    #[test]
    fn the_later_of_two_items_with_one_key_differs_and_is_on_the_same_page() {
        let feed = Feed::demo();
        let (at, _) = feed
            .defects
            .iter()
            .find(|(_, d)| *d == Defect::SameKey)
            .unwrap();
        let earlier: Value = serde_json::from_str(&release(at - 1)).unwrap();
        let later: Value = serde_json::from_str(&Defect::SameKey.item(*at)).unwrap();
        assert_eq!(earlier["id"], later["id"]);
        assert_ne!(earlier["tender"]["title"], later["tender"]["title"]);
        assert_eq!((at - 1) / feed.page_size, at / feed.page_size);
    }

    #[test]
    fn a_value_as_text_and_a_date_without_zone_are_what_they_say() {
        let value: Value = serde_json::from_str(&Defect::ValueAsText.item(131)).unwrap();
        assert!(
            value["tender"]["value"]["amount"]
                .as_str()
                .unwrap()
                .contains('.')
        );
        let dated: Value = serde_json::from_str(&Defect::DateWithoutZone.item(349)).unwrap();
        let date = dated["date"].as_str().unwrap();
        assert!(
            date.parse::<jiff::Timestamp>().is_err() && date.len() == 19,
            "{date}"
        );
    }

    #[test]
    fn an_unescaped_quote_leaves_the_quotes_of_its_page_in_pairs() {
        // The quotes are in pairs, so that the items after the damaged one can be read.
        let text = Defect::UnescapedQuote.item(288);
        assert_eq!(text.replace("\\\"", "").matches('"').count() % 2, 0);
    }

    #[test]
    fn each_page_leads_to_the_next_and_the_last_one_is_shorter() {
        let feed = Feed::demo();
        assert_eq!(feed.pages(), 12);
        for number in 1..=12 {
            let next = format!("\"links\":{{\"next\":\"/releases?page={}\"}}", number + 1);
            let body = feed.page(number).unwrap();
            assert_eq!(body.contains(&next), number < 12, "page {number}");
            let items = feed.items(number).unwrap();
            assert_eq!(items.end - items.start, if number < 12 { 52 } else { 28 });
            for item in items.map(|number| item(&feed, number)) {
                assert!(body.contains(&item), "page {number}");
            }
        }
        assert_eq!((feed.page(0), feed.page(13)), (None, None));
    }

    #[test]
    fn a_clean_feed_is_json_to_the_last_release() {
        for (releases, page_size, pages) in [(0, 10, 1), (1, 10, 1), (20, 10, 2), (25, 10, 3)] {
            let feed = Feed::clean(releases, page_size);
            assert_eq!(feed.pages(), pages);
            let served: usize = (1..=pages)
                .map(|number| {
                    let page: Value = serde_json::from_str(&feed.page(number).unwrap()).unwrap();
                    page["releases"].as_array().unwrap().len()
                })
                .sum();
            assert_eq!(served as u64, releases);
        }
    }
}
