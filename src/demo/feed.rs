//! A paginated feed of invented releases, clean or with the habits of real
//! publishers. It is a pure function of the page's number.

use std::ops::Range;

use crate::demo::releases::{Dice, package, release, write_release};

/// A feed: how many releases, on what pages, and what is wrong with some.
#[derive(Clone, Debug)]
pub struct Feed {
    releases: u64,
    page_size: u64,
    defects: &'static [(u64, Defect)],
    faults: &'static [(u64, Fault)],
}

/// What is wrong with one item, as seen at real publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// The title ends in `\u0000` (Chile): rejected.
    NulCharacter,
    /// There is no `ocid` (Italy): rejected.
    NoOcid,
    /// It is `null` (Nigeria): rejected.
    Null,
    /// The tender's value is text (Moldova): stored, value and all.
    ValueAsText,
    /// The date has no offset (the Dominican Republic): stored, its date being
    /// read in the source's zone.
    DateWithoutZone,
    /// The quotation marks of a word are not escaped (Costa Rica): rejected.
    UnescapedQuote,
    /// It has the key of the item before it and another title (the Dominican
    /// Republic): stored in its stead, and the one before is superseded.
    SameKey,
    /// Its `ocid` has 9 KB that do not compress, too many for the key's index:
    /// only the server can find that, and refuses it with SQLSTATE 54000.
    LongOcid,
}

/// What is wrong with the first answer to a request for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Status 503, to be asked again in a second.
    Busy,
    /// The connection is closed in the middle of the body.
    Cut,
}

impl Feed {
    /// The demonstration: 600 items on 12 pages, the last of them shorter.
    ///
    /// Of the 600, 594 can be stored and six go to quarantine: one each as
    /// `nul-character`, `missing-ocid`, `not-an-object`, `invalid-json`,
    /// `superseded` and `refused`. Two pages need a second request.
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

    /// So many releases without a defect, and no page that needs asking twice.
    ///
    /// # Panics
    /// If a page is to have no releases.
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

    /// How many pages there are; an empty feed has an empty one.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.releases.div_ceil(self.page_size).max(1)
    }

    /// A page's body, counted from 1; `None` if there is no such page. Its next
    /// link is relative, `/releases?page=2`.
    #[must_use]
    pub fn page(&self, number: u64) -> Option<String> {
        let items = self.items(number)?;
        let next = (number < self.pages()).then(|| format!("/releases?page={}", number + 1));
        Some(package(items, next.as_deref(), |item, text| {
            self.write_item(item, text);
        }))
    }

    /// What is wrong with the first answer to a request for a page.
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
    /// The item of that number with this defect.
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
                noise(9_000, number)
            }),
        }
    }
}

/// Rewrites what stands between the last of some marks, each sought behind the
/// one before, and the next end.
fn rewrite(text: &str, marks: &[&str], end: &str, edit: impl FnOnce(&str) -> String) -> String {
    let behind = |from: usize, mark: &&str| {
        let at = text[from..].find(mark).expect("a mark every release has");
        from + at + mark.len()
    };
    let (before, rest) = text.split_at(marks.iter().fold(0, behind));
    let (old, after) = rest.split_at(rest.find(end).expect("an end every release has"));
    [before, &edit(old), after].concat()
}

/// Letters and digits that no compressor makes much shorter.
fn noise(length: usize, seed: u64) -> String {
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
        // What follows a damaged release is read as it was meant.
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
