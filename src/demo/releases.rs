//! Invented releases: the same number gives the same text, for ever.
//!
//! Two releases in a row speak of one contracting process, first of its tender
//! and then of its award and contract. A release has about 4.8 KB and
//! compresses about as well as real ones do, so it serves the demonstration and
//! the benchmarks alike; nothing here is random but by its number.

use std::fmt::{Arguments, Display, Write};
use std::ops::Range;

use jiff::civil::{DateTime, date};

use crate::demo::vocabulary::{LANGUAGES, Language, Subject};

/// The release of a number, as compact JSON.
#[must_use]
pub fn release(number: u64) -> String {
    let mut text = String::with_capacity(8 << 10);
    write_release(number, &mut text);
    text
}

/// Appends the release of a number to a text, as compact JSON.
///
/// `ocid` and `id` come first, then `date`, as most publishers have it.
pub fn write_release(number: u64, text: &mut String) {
    let process = Process::new(number / 2);
    let stage = if number.is_multiple_of(2) {
        Stage::Tender
    } else {
        Stage::Award
    };
    process.write(stage, &mut Json { text });
}

/// A release package of the releases of a range of numbers, as a page of a feed
/// whose `/links/next` is `next`; the last page has no links.
#[must_use]
pub fn package(numbers: Range<u64>, next: Option<&str>) -> String {
    package_of(numbers, next, write_release)
}

/// A release package of items that `write` appends.
pub(super) fn package_of(
    numbers: Range<u64>,
    next: Option<&str>,
    mut write: impl FnMut(u64, &mut String),
) -> String {
    let count = usize::try_from(numbers.end.saturating_sub(numbers.start)).unwrap_or(0);
    let mut text = String::with_capacity(count.saturating_mul(5 << 10) + (2 << 10));
    let first = numbers.start;
    let json = &mut Json { text: &mut text };
    json.object(|json| {
        json.made(
            "uri",
            format_args!("https://tenders.example/releases/{first}"),
        );
        json.text("version", "1.1");
        json.text("publishedDate", "2026-06-30T22:15:00Z");
        json.array("extensions", |json| {
            json.entry_text("https://tenders.example/extensions/lots/v1.1.5/extension.json");
        });
        json.member("publisher", |json| {
            json.text("name", "Office of Invented Tenders");
            json.text("scheme", "XX-DEMO");
            json.text("uid", "0000-0001");
            json.text("uri", "https://tenders.example");
        });
        json.text(
            "license",
            "https://creativecommons.org/publicdomain/zero/1.0/",
        );
        json.text("publicationPolicy", "https://tenders.example/policy");
        json.array("releases", |json| {
            for number in numbers {
                json.comma();
                write(number, json.text);
            }
        });
        if let Some(next) = next {
            json.member("links", |json| json.text("next", next));
        }
    });
    text
}

/// How far a contracting process has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Tender,
    Award,
}

/// A contracting process, as both of its releases tell of it.
struct Process {
    number: u64,
    language: &'static Language,
    subject: &'static Subject,
    buyer: usize,
    place: &'static str,
    opened: DateTime,
    items: Vec<Item>,
    bidders: Vec<Firm>,
    /// The estimated value, in cents.
    value: u64,
    /// What the rest is drawn from.
    dice: Dice,
}

/// One line of what is bought.
struct Item {
    which: usize,
    quantity: u64,
    /// The price of one unit, in cents.
    price: u64,
}

/// An invented firm: what its name is made of, and its tax number.
struct Firm {
    family: &'static str,
    trade: &'static str,
    form: &'static str,
    contact: &'static str,
    tax_number: u64,
}

impl Process {
    fn new(number: u64) -> Self {
        let mut dice = Dice(number);
        let language = dice.pick(&LANGUAGES);
        let subject = dice.pick(&language.subjects);
        let items: Vec<Item> = (0..2 + dice.below(3))
            .map(|_| Item {
                which: dice.index(subject.items.len()),
                quantity: 1 + dice.below(if subject.price > 50_000 { 24 } else { 4_000 }),
                price: subject.price / 2 + dice.below(subject.price) + 1,
            })
            .collect();
        // A week of notices is a few hundred of them; the years repeat after five.
        let minute = i64::try_from(number * 133 % (5 * 525_600)).unwrap_or(0);
        let opened = date(2021, 7, 1)
            .at(6, 0, 0, 0)
            .saturating_add(jiff::Span::new().minutes(minute).seconds(dice.small(60)));
        Self {
            number,
            language,
            subject,
            buyer: dice.index(language.buyers.len()),
            place: dice.word(&language.places),
            opened,
            value: items.iter().map(|item| item.quantity * item.price).sum(),
            items,
            bidders: (0..1 + dice.below(3))
                .map(|_| Firm::new(language, &mut dice))
                .collect(),
            dice,
        }
    }

    fn write(&self, stage: Stage, json: &mut Json<'_>) {
        let mut dice = self.dice.clone();
        let dice = &mut dice;
        let number = self.number;
        let (tag, days) = match stage {
            Stage::Tender => ("tender", 0),
            Stage::Award => ("award", 45 + dice.small(30)),
        };
        json.object(|json| {
            json.made("ocid", format_args!("ocds-demo00-{number:08}"));
            json.made(
                "id",
                format_args!("{number:08}-{tag}-{:08x}", dice.next() >> 32),
            );
            json.made("date", format_args!("{}Z", self.after(days)));
            json.array("tag", |json| {
                json.entry_text(tag);
                if stage == Stage::Award {
                    json.entry_text("contract");
                }
            });
            json.text("initiationType", "tender");
            json.text("language", self.language.code);
            self.parties(stage, json, dice);
            json.member("buyer", |json| self.buyer(json));
            self.planning(json, dice);
            self.tender(stage, json, dice);
            if stage == Stage::Award {
                let cents = self.value / 100 * (80 + dice.below(20));
                self.award(cents, json, dice);
                self.contract(cents, json, dice);
            }
        });
    }

    fn parties(&self, stage: Stage, json: &mut Json<'_>, dice: &mut Dice) {
        json.array("parties", |json| {
            json.entry(|json| {
                self.buyer(json);
                json.array("roles", |json| {
                    json.entry_text("buyer");
                    json.entry_text("procuringEntity");
                });
                json.member("identifier", |json| {
                    json.text("scheme", "XX-DEMO");
                    json.made("id", format_args!("{}", self.buyer_number()));
                });
                self.address(json, dice);
                let [given, family] = self.person(dice);
                json.member("contactPoint", |json| {
                    json.made("name", format_args!("{given} {family}"));
                    json.made(
                        "email",
                        format_args!("tenders-{}@buyer.example", self.buyer),
                    );
                    json.made(
                        "telephone",
                        format_args!("+00 {:09}", dice.below(1_000_000_000)),
                    );
                });
            });
            if stage == Stage::Award {
                for firm in &self.bidders {
                    json.entry(|json| self.supplier(firm, json, dice));
                }
            }
        });
    }

    fn supplier(&self, firm: &Firm, json: &mut Json<'_>, dice: &mut Dice) {
        firm.reference(json);
        json.array("roles", |json| {
            json.entry_text("tenderer");
            json.entry_text("supplier");
        });
        json.member("identifier", |json| {
            json.text("scheme", "XX-TAX");
            json.made("id", format_args!("{}", firm.tax_number));
            json.made("legalName", format_args!("{firm}"));
        });
        self.address(json, dice);
        json.member("contactPoint", |json| {
            json.made("name", format_args!("{} {}", firm.contact, firm.family));
            json.made("email", format_args!("office@{}.example", firm.tax_number));
        });
        json.member("details", |json| {
            json.text("scale", dice.word(&["micro", "sme", "sme", "large"]));
        });
    }

    fn address(&self, json: &mut Json<'_>, dice: &mut Dice) {
        let (street, place) = (
            dice.word(&self.language.streets),
            dice.word(&self.language.places),
        );
        json.member("address", |json| {
            json.made(
                "streetAddress",
                format_args!("{street} {}", 1 + dice.below(180)),
            );
            json.text("locality", place);
            json.made("postalCode", format_args!("{:05}", dice.below(100_000)));
        });
    }

    fn planning(&self, json: &mut Json<'_>, dice: &mut Dice) {
        json.member("planning", |json| {
            self.prose("rationale", 1, json, dice);
            json.member("budget", |json| {
                json.made(
                    "id",
                    format_args!("{}/{}", 100 + dice.below(900), dice.below(99_999)),
                );
                json.made(
                    "description",
                    format_args!("{}, {}", self.subject.title, self.place),
                );
                json.money("amount", self.value / 1_000 * (1_000 + dice.below(150)));
            });
        });
    }

    fn tender(&self, stage: Stage, json: &mut Json<'_>, dice: &mut Dice) {
        json.member("tender", |json| {
            json.made("id", format_args!("T-{:08}", self.number));
            json.made(
                "title",
                format_args!("{} ({})", self.subject.title, self.place),
            );
            self.prose("description", 6, json, dice);
            json.text(
                "status",
                match stage {
                    Stage::Tender => "active",
                    Stage::Award => "complete",
                },
            );
            json.text(
                "procurementMethod",
                dice.word(&["open", "open", "open", "selective"]),
            );
            json.text("mainProcurementCategory", self.subject.category);
            json.text("awardCriteria", "bestProposal");
            json.array("submissionMethod", |json| {
                json.entry_text("electronicSubmission");
            });
            self.prose("submissionMethodDetails", 1, json, dice);
            json.money("value", self.value);
            json.member("procuringEntity", |json| self.buyer(json));
            self.period("tenderPeriod", 0, 30 + dice.small(15), json);
            self.period("enquiryPeriod", 0, 20 + dice.small(5), json);
            self.period("contractPeriod", 90, 300 + dice.small(900), json);
            self.items(json);
            self.documents(0..2, json, dice);
            if stage == Stage::Award {
                json.number("numberOfTenderers", format_args!("{}", self.bidders.len()));
                json.array("tenderers", |json| {
                    for firm in &self.bidders {
                        json.entry(|json| firm.reference(json));
                    }
                });
            }
        });
    }

    fn award(&self, cents: u64, json: &mut Json<'_>, dice: &mut Dice) {
        json.array("awards", |json| {
            json.entry(|json| {
                json.made("id", format_args!("A-{:08}", self.number));
                json.made(
                    "title",
                    format_args!("{} ({})", self.subject.title, self.place),
                );
                self.prose("description", 1, json, dice);
                json.text("status", "active");
                json.made("date", format_args!("{}Z", self.after(45)));
                json.money("value", cents);
                json.array("suppliers", |json| {
                    json.entry(|json| self.bidders[0].reference(json));
                });
                self.documents(2..3, json, dice);
            });
        });
    }

    fn contract(&self, cents: u64, json: &mut Json<'_>, dice: &mut Dice) {
        json.array("contracts", |json| {
            json.entry(|json| {
                json.made("id", format_args!("C-{:08}", self.number));
                json.made("awardID", format_args!("A-{:08}", self.number));
                self.prose("description", 1, json, dice);
                json.text("status", "active");
                json.money("value", cents);
                json.made("dateSigned", format_args!("{}+02:00", self.after(60)));
                self.period("period", 90, 300 + dice.small(900), json);
                self.documents(3..4, json, dice);
            });
        });
    }

    fn items(&self, json: &mut Json<'_>) {
        json.array("items", |json| {
            for (place, item) in self.items.iter().enumerate() {
                let (code, description, unit) = self.subject.items[item.which];
                json.entry(|json| {
                    json.made("id", format_args!("{}", place + 1));
                    json.text("description", description);
                    json.member("classification", |json| {
                        json.text("scheme", "CPV");
                        json.text("id", code);
                    });
                    json.number("quantity", format_args!("{}", item.quantity));
                    json.member("unit", |json| {
                        json.text("name", unit);
                        json.money("value", item.price);
                    });
                });
            }
        });
    }

    /// Documents are named by a hash, which is what a release compresses worst.
    fn documents(&self, which: Range<usize>, json: &mut Json<'_>, dice: &mut Dice) {
        const TYPES: [&str; 4] = [
            "tenderNotice",
            "biddingDocuments",
            "evaluationReports",
            "contractSigned",
        ];
        json.array("documents", |json| {
            for which in which {
                let id = (u128::from(dice.next()) << 64) | u128::from(dice.next());
                json.entry(|json| {
                    json.made("id", format_args!("{id:032x}"));
                    json.text("documentType", TYPES[which]);
                    json.text("title", self.language.documents[which]);
                    json.made(
                        "url",
                        format_args!("https://tenders.example/files/{id:032x}.pdf"),
                    );
                    json.made(
                        "datePublished",
                        format_args!("{}Z", self.after(dice.small(40))),
                    );
                    json.text("format", "application/pdf");
                    json.text("language", self.language.code);
                });
            }
        });
    }

    fn buyer(&self, json: &mut Json<'_>) {
        json.made("id", format_args!("XX-DEMO-{}", self.buyer_number()));
        json.text("name", self.language.buyers[self.buyer]);
    }

    /// A number of eight digits that no two buyers share.
    fn buyer_number(&self) -> u64 {
        let language = self
            .language
            .code
            .bytes()
            .fold(0, |n, byte| n * 31 + u64::from(byte));
        10_000_000 + language * 8 + self.buyer as u64
    }

    fn person(&self, dice: &mut Dice) -> [&'static str; 2] {
        [
            dice.word(&self.language.given_names),
            dice.word(&self.language.family_names),
        ]
    }

    fn period(&self, name: &str, start_days: i64, end_days: i64, json: &mut Json<'_>) {
        json.member(name, |json| {
            json.made("startDate", format_args!("{}Z", self.after(start_days)));
            json.made("endDate", format_args!("{}Z", self.after(end_days)));
        });
    }

    /// So many days after the process was opened.
    fn after(&self, days: i64) -> DateTime {
        self.opened.saturating_add(jiff::Span::new().days(days))
    }

    /// So many sentences with their places, numbers and dates filled in.
    fn prose(&self, name: &str, sentences: usize, json: &mut Json<'_>, dice: &mut Dice) {
        let pool = &self.language.sentences;
        let first = dice.index(pool.len());
        json.name(name);
        json.text.push('"');
        for sentence in 0..sentences {
            if sentence > 0 {
                json.text.push(' ');
            }
            // 3 and 14 have no common divisor, so no sentence comes twice.
            self.sentence(pool[(first + sentence * 3) % pool.len()], json, dice);
        }
        json.text.push('"');
    }

    fn sentence(&self, mut pattern: &str, json: &mut Json<'_>, dice: &mut Dice) {
        while let Some((before, after)) = pattern.split_once('{') {
            json.text.push_str(before);
            let Some((blank, rest)) = after.split_once('}') else {
                break;
            };
            match blank {
                "p" => json.text.push_str(dice.word(&self.language.places)),
                "d" => json.put(format_args!("{}", self.after(dice.small(400)).date())),
                _ => json.put(format_args!("{}", 2 + dice.below(58))),
            }
            pattern = rest;
        }
        json.text.push_str(pattern);
    }
}

impl Firm {
    fn new(language: &'static Language, dice: &mut Dice) -> Self {
        Self {
            family: dice.word(&language.family_names),
            trade: dice.word(&language.trades),
            form: dice.word(&language.forms),
            contact: dice.word(&language.given_names),
            tax_number: 100_000_000 + dice.below(900_000_000),
        }
    }

    fn reference(&self, json: &mut Json<'_>) {
        json.made("id", format_args!("XX-TAX-{}", self.tax_number));
        json.made("name", format_args!("{self}"));
    }
}

/// A firm's name.
impl Display for Firm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.trade, self.form)
    }
}

/// Appends compact JSON to a text. Texts are written as they stand, so they
/// must not need escaping; the vocabulary sees to that.
struct Json<'t> {
    text: &'t mut String,
}

impl Json<'_> {
    fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.text.push('{');
        members(self);
        self.text.push('}');
    }

    fn member(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.object(members);
    }

    fn array(&mut self, name: &str, entries: impl FnOnce(&mut Self)) {
        self.name(name);
        self.text.push('[');
        entries(self);
        self.text.push(']');
    }

    fn entry(&mut self, members: impl FnOnce(&mut Self)) {
        self.comma();
        self.object(members);
    }

    fn entry_text(&mut self, value: &str) {
        self.comma();
        self.quoted(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quoted(value);
    }

    /// A text that is put together as it is written.
    fn made(&mut self, name: &str, value: Arguments<'_>) {
        self.name(name);
        self.text.push('"');
        self.put(value);
        self.text.push('"');
    }

    fn number(&mut self, name: &str, value: Arguments<'_>) {
        self.name(name);
        self.put(value);
    }

    fn money(&mut self, name: &str, cents: u64) {
        self.member(name, |json| {
            json.number("amount", format_args!("{}.{:02}", cents / 100, cents % 100));
            json.text("currency", "EUR");
        });
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.quoted(name);
        self.text.push(':');
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        self.text.push_str(value);
        self.text.push('"');
    }

    fn put(&mut self, value: Arguments<'_>) {
        self.text
            .write_fmt(value)
            .expect("a String takes whatever is written to it");
    }

    /// A comma, unless what is to come is the first of its object or array.
    fn comma(&mut self) {
        if !matches!(self.text.as_bytes().last(), Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }
}

/// A stream of numbers that depends on its seed alone: a counter, mixed as
/// SplitMix64 mixes it.
#[derive(Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below the limit, which is not 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// As [`Dice::below`], for spans of time.
    fn small(&mut self, limit: u32) -> i64 {
        let below = self.below(u64::from(limit));
        i64::try_from(below).expect("below a 32-bit limit")
    }

    fn index(&mut self, length: usize) -> usize {
        let below = self.below(length as u64);
        usize::try_from(below).expect("below a length")
    }

    fn word(&mut self, choices: &'static [&'static str]) -> &'static str {
        choices[self.index(choices.len())]
    }

    fn pick<T>(&mut self, choices: &'static [T]) -> &'static T {
        &choices[self.index(choices.len())]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn parsed(number: u64) -> Value {
        serde_json::from_str(&release(number)).unwrap_or_else(|e| panic!("release {number}: {e}"))
    }

    #[test]
    fn every_release_is_json_with_the_fields_that_are_indexed() {
        for number in 0..2_000 {
            let value = parsed(number);
            for pointer in [
                "/ocid",
                "/id",
                "/date",
                "/tag/0",
                "/buyer/id",
                "/buyer/name",
                "/tender/id",
                "/tender/title",
                "/tender/value/currency",
                "/tender/tenderPeriod/endDate",
                "/tender/items/1/classification/id",
                "/tender/documents/1/url",
            ] {
                assert!(
                    value.pointer(pointer).is_some_and(Value::is_string),
                    "release {number} has no text at {pointer}"
                );
            }
            let awarded = number % 2 == 1;
            assert_eq!(
                value.pointer("/awards/0/suppliers/0/name").is_some(),
                awarded
            );
            assert_eq!(value.pointer("/contracts/0/awardID").is_some(), awarded);
        }
    }

    #[test]
    fn two_releases_speak_of_one_process_and_no_key_comes_twice() {
        let mut keys = BTreeSet::new();
        for number in (0..2_000).step_by(2) {
            let (tender, award) = (parsed(number), parsed(number + 1));
            for pointer in ["/ocid", "/buyer", "/tender/title", "/tender/items"] {
                assert_eq!(tender.pointer(pointer), award.pointer(pointer), "{number}");
            }
            for value in [tender, award] {
                let key = (value["ocid"].to_string(), value["id"].to_string());
                assert!(keys.insert(key), "release {number} repeats a key");
            }
        }
    }

    #[test]
    fn no_object_names_a_member_twice() {
        // `Value` keeps one of two, so writing it back would be shorter.
        for number in 0..200 {
            let text = release(number);
            let names = |text: &str| text.matches("\":").count();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(names(&text), names(&value.to_string()), "release {number}");
        }
    }

    #[test]
    fn releases_are_as_long_as_real_ones() {
        let mut lengths: Vec<usize> = (0..2_000).map(|number| release(number).len()).collect();
        lengths.sort_unstable();
        let mean = lengths.iter().sum::<usize>() / lengths.len();
        assert!((4_500..5_100).contains(&mean), "mean {mean}");
        let (shortest, longest) = (lengths[0], lengths[lengths.len() - 1]);
        assert!(
            shortest > 2_800 && longest < 7_800,
            "{shortest} to {longest}"
        );
    }

    #[test]
    fn a_release_is_the_same_wherever_it_is_written() {
        let package = package(10..13, Some("/releases?page=2"));
        let value: Value = serde_json::from_str(&package).unwrap();
        assert_eq!(value["links"]["next"], "/releases?page=2");
        assert_eq!(value["releases"].as_array().unwrap().len(), 3);
        for number in 10..13 {
            assert!(package.contains(&release(number)), "release {number}");
        }
    }

    #[test]
    fn the_last_package_leads_nowhere() {
        let value: Value = serde_json::from_str(&package(0..1, None)).unwrap();
        assert_eq!(value.get("links"), None);
    }
}
