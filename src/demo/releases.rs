//! Makes invented releases. The same number always gives the same text.
//!
//! Two consecutive releases belong to one contracting process. The first release has the
//! process's tender. The second release also has the award and the contract. A release has about
//! 4.7 KB and can be compressed about as well as a real one, because the demonstration and the
//! benchmarks both use it. The text is in `template.toml`. This module chooses the words and
//! computes the numbers and dates.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem;
use std::ops::Range;
use std::sync::LazyLock;

use jiff::Span;
use jiff::civil::{DateTime, date};

use self::Value::{Any, Choice, Day, Digits, Each, Hex, Money, Nothing, Seeded, Time};

static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    Template::parse(include_str!("template.toml")).expect("a test parses the template")
});

/// The usual price of a unit in cents. There is a row for each office and a column for each
/// subject.
const PRICES: [[u64; 6]; 5] = [
    [1_200, 8_500_000, 45_000, 320_000, 14_000, 6_400],
    [650, 6_200_000, 1_850, 18_500, 9_800, 21_000],
    [480, 42_000, 260_000, 950_000, 31_000, 7_700],
    [62, 98_000_000, 89_000, 740_000, 11_500, 27_000],
    [900, 190_000_000, 5_500, 310_000, 16_000, 12_400],
];

pub(super) fn release(number: u64) -> String {
    let mut text = String::with_capacity(8 << 10);
    write_release(number, &mut text);
    text
}

/// Appends the release with this number to a text, as compact JSON.
///
/// The members `ocid`, `id` and `date` come first, as in the releases of most publishers.
pub(super) fn write_release(number: u64, text: &mut String) {
    Release::new(number, text).write_any(TEMPLATE.names["release"]);
}

/// Returns a release package. `write` appends each of its items. `next` is the value of
/// `/links/next`. The last page of a feed has no links.
pub(super) fn package(
    numbers: Range<u64>,
    next: Option<&str>,
    mut write: impl FnMut(u64, &mut String),
) -> String {
    let count = usize::try_from(numbers.end.saturating_sub(numbers.start)).unwrap_or(0);
    let mut text = String::with_capacity(count.saturating_mul(5 << 10) + (2 << 10));
    Release::new(numbers.start, &mut text).write_any(TEMPLATE.names["package"]);
    for number in numbers {
        push_separator(&mut text);
        write(number, &mut text);
    }
    text.push(']');
    if let Some(next) = next {
        text.extend([r#","links":{"next":""#, next, r#""}"#]);
    }
    text.push('}');
    text
}

/// Appends a comma, unless the text ends with the beginning of an array.
fn push_separator(text: &mut String) {
    if !text.ends_with('[') {
        text.push(',');
    }
}

/// The template of a release. Its lists contain the choices for each placeholder, in the order of
/// the placeholders' names.
struct Template {
    names: BTreeMap<String, usize>,
    lists: Vec<Vec<Vec<Piece>>>,
}

/// A piece of the template. It ends with a placeholder, or with the end of the text.
struct Piece {
    plain: String,
    value: MakeValue,
    /// The index of the list that has the same name as the placeholder.
    list: Option<usize>,
}

type MakeValue = fn(&mut Release<'_>) -> Value;

const ANY: MakeValue = |_| Any;
const NOTHING: MakeValue = |_| Nothing;

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let words: BTreeMap<String, Vec<String>> =
            toml::from_str(text).map_err(|e| e.to_string())?;
        let names = words.keys().cloned().zip(0..).collect();
        let split_all = |texts: &Vec<String>| texts.iter().map(|it| split(it, &names)).collect();
        let lists = words.values().map(split_all).collect::<Result<_, _>>()?;
        Ok(Self { names, lists })
    }
}

/// Splits a text after each placeholder. All other braces belong to the JSON.
fn split(text: &str, names: &BTreeMap<String, usize>) -> Result<Vec<Piece>, String> {
    let text: String = text.lines().collect();
    let is_name = |name: &str| name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    let mut parts = text.split('{');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    let mut pieces = Vec::new();
    for part in parts {
        let Some((name, rest)) = part.split_once('}').filter(|(name, _)| is_name(name)) else {
            plain.extend(["{", part]);
            continue;
        };
        let list = names.get(name).copied();
        let value = match VALUES.iter().find(|(it, _)| *it == name) {
            Some((_, value)) => *value,
            None if list.is_some() => ANY,
            None => return Err(format!("the placeholder {{{name}}} is unknown")),
        };
        let plain = mem::replace(&mut plain, rest.to_owned());
        pieces.push(Piece { plain, value, list });
    }
    pieces.push(Piece {
        plain,
        value: NOTHING,
        list: None,
    });
    Ok(pieces)
}

/// The value that replaces a placeholder of the template. `Any`, `Choice`, `Each` and `Seeded` take
/// texts from the template's list that has the name of the placeholder.
enum Value {
    /// A random entry of the list.
    Any,
    /// The entry of the list with this index.
    Choice(usize),
    /// A random entry of the list for each of these entries of an array.
    Each(Range<usize>),
    /// An entry of the list that depends only on this seed.
    Seeded(u64),
    /// A number, which is written with at least this number of digits.
    Digits(u64, usize),
    /// A number in hexadecimal, with at least this number of digits.
    Hex(u128, usize),
    /// An amount in cents.
    Money(u64),
    /// A time that is this number of days after the beginning of the process.
    Time(u64),
    /// A date that is this number of days after the beginning of the process.
    Day(u64),
    Nothing,
}

/// The functions that compute the values of placeholders. A placeholder that is not listed stands
/// for a random entry of its list.
const VALUES: &[(&str, MakeValue)] = &[
    ("first", |it| Digits(it.number, 1)),
    ("number", |it| Digits(it.number / 2, 8)),
    ("mark", |it| Hex(u128::from(it.dice.next() >> 32), 8)),
    ("stage", |it| Choice(it.stage)),
    ("tag", |it| Choice(it.stage)),
    ("status", |it| Choice(it.stage)),
    ("buyer", |it| Choice(it.buyer)),
    ("office", |it| Choice(it.office)),
    ("buyer_number", |it| {
        Digits(10_000_000 + it.buyer_number(), 8)
    }),
    ("telephone", |it| Digits(it.dice.below(1_000_000_000), 9)),
    ("postcode", |it| Digits(it.dice.below(100_000), 5)),
    ("count", |it| Digits(2 + it.dice.below(58), 1)),
    ("site", |it| Seeded(it.number / 2)),
    ("subject", |it| Choice(it.subject)),
    ("category", |it| Choice(it.subject)),
    ("budget", |it| {
        Money(it.value / 1_000 * (1_000 + it.dice.below(150)))
    }),
    ("value", |it| Money(it.value)),
    ("award_value", |it| Money(it.award_value)),
    ("released", |it| {
        Time(it.stage as u64 * (45 + it.dice.below(30)))
    }),
    ("opened", |_| Time(0)),
    ("tender_end", |it| Time(30 + it.dice.below(15))),
    ("enquiry_end", |it| Time(20 + it.dice.below(5))),
    ("contract_start", |_| Time(90)),
    ("contract_end", |it| Time(300 + it.dice.below(900))),
    ("awarded", |_| Time(45)),
    ("signed", |_| Time(60)),
    ("published", |it| Time(it.dice.below(40))),
    ("day", |it| Day(it.dice.below(400))),
    ("item", |it| Each(0..it.items.len())),
    ("entry", |it| Digits(it.entry as u64 + 1, 1)),
    ("product", |it| Choice(it.product_number())),
    ("code", |it| Choice(it.product_number())),
    ("unit", |it| Choice(it.product_number())),
    ("quantity", |it| Digits(it.items[it.entry].quantity, 1)),
    ("price", |it| Money(it.items[it.entry].price)),
    ("award", |it| Each(0..it.stage)),
    ("supplier", |it| Each(0..it.stage * it.bidders.len())),
    ("tenderers", |it| Each(0..it.stage)),
    ("tenderer", |it| Each(0..it.bidders.len())),
    ("tenderer_count", |it| Digits(it.bidders.len() as u64, 1)),
    ("tax_number", |it| Digits(it.bidders[it.entry], 9)),
    ("firm", |it| Seeded(it.bidders[it.entry])),
    ("tender_document", |_| Each(0..2)),
    ("award_document", |_| Each(2..3)),
    ("contract_document", |_| Each(3..4)),
    ("document_type", |it| Choice(it.entry)),
    ("document_title", |it| Choice(it.entry)),
    // The hashes are the part of a release that can be compressed least.
    ("hash", |it| Hex(it.hash, 32)),
];

/// A release that is being written. Both releases of a process have the same values in the fields
/// from `office` to `award_value`.
struct Release<'t> {
    number: u64,
    /// The stage of the process. It is 0 for the release with the tender, and 1 for the one with
    /// the award.
    stage: usize,
    office: usize,
    subject: usize,
    buyer: usize,
    opened: DateTime,
    items: Vec<Item>,
    /// The tax numbers of the firms that have made an offer. The first firm wins.
    bidders: Vec<u64>,
    /// The total price of all items, in cents.
    value: u64,
    award_value: u64,
    /// The source of all other random numbers.
    dice: Dice,
    /// The index of the current entry in the innermost array.
    entry: usize,
    /// A random number, which is different for each entry.
    hash: u128,
    text: &'t mut String,
}

struct Item {
    product: usize,
    quantity: u64,
    /// The price of one unit, in cents.
    price: u64,
}

impl<'t> Release<'t> {
    fn new(number: u64, text: &'t mut String) -> Self {
        let process = number / 2;
        let mut dice = Dice(process);
        let (office, subject) = (dice.index(5), dice.index(6));
        let price = PRICES[office][subject];
        let items: Vec<Item> = (0..2 + dice.below(3))
            .map(|_| Item {
                product: dice.index(4),
                quantity: 1 + dice.below(if price > 50_000 { 24 } else { 4_000 }),
                price: price / 2 + dice.below(price) + 1,
            })
            .collect();
        let value = items.iter().map(|item| item.quantity * item.price).sum();
        // A process begins every 133 minutes. The dates repeat after five years.
        let seconds = process * 133 % (5 * 525_600) * 60 + dice.below(60);
        let opened = date(2021, 7, 1).at(6, 0, 0, 0) + Span::new().seconds(seconds.cast_signed());
        let buyer = dice.index(8);
        let count = 1 + dice.below(3);
        let bidders = (0..count).map(|_| 100_000_000 + dice.below(900_000_000));
        let bidders = bidders.collect();
        Self {
            number,
            stage: usize::from(number % 2 == 1),
            office,
            subject,
            buyer,
            opened,
            items,
            bidders,
            value,
            award_value: value / 100 * (80 + dice.below(20)),
            dice: Dice(!number),
            entry: 0,
            hash: 0,
            text,
        }
    }

    fn write_any(&mut self, list: usize) {
        let choice = self.dice.index(TEMPLATE.lists[list].len());
        self.write_choice(list, choice);
    }

    fn write_choice(&mut self, list: usize, choice: usize) {
        for piece in &TEMPLATE.lists[list][choice] {
            self.text.push_str(&piece.plain);
            let value = (piece.value)(self);
            self.write_value(value, piece.list);
        }
    }

    fn write_value(&mut self, value: Value, list: Option<usize>) {
        let list = || list.expect("a list with the name of the placeholder");
        let written = match value {
            Any => return self.write_any(list()),
            Choice(choice) => return self.write_choice(list(), choice),
            Each(entries) => return self.write_each(list(), entries),
            Seeded(seed) => {
                let dice = mem::replace(&mut self.dice, Dice(seed));
                self.write_any(list());
                self.dice = dice;
                return;
            }
            Digits(number, width) => write!(self.text, "{number:0width$}"),
            Hex(number, width) => write!(self.text, "{number:0width$x}"),
            Money(cents) => write!(self.text, "{}.{:02}", cents / 100, cents % 100),
            Time(days) => write!(self.text, "{}", self.date_after(days)),
            Day(days) => write!(self.text, "{}", self.date_after(days).date()),
            Nothing => return,
        };
        written.expect("a String accepts all text");
    }

    fn write_each(&mut self, list: usize, entries: Range<usize>) {
        let outer = (self.entry, self.hash);
        for entry in entries {
            push_separator(self.text);
            self.entry = entry;
            self.hash = (u128::from(self.dice.next()) << 64) | u128::from(self.dice.next());
            self.write_any(list);
        }
        (self.entry, self.hash) = outer;
    }

    fn date_after(&self, days: u64) -> DateTime {
        self.opened + Span::new().days(days.cast_signed())
    }

    fn product_number(&self) -> usize {
        self.subject * 4 + self.items[self.entry].product
    }

    fn buyer_number(&self) -> u64 {
        (self.office * 8 + self.buyer) as u64
    }
}

/// A sequence of numbers that depends only on its seed (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random number that is less than `limit`. The limit must not be 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a length")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn parse_release(number: u64) -> Value {
        serde_json::from_str(&release(number)).unwrap_or_else(|e| panic!("release {number}: {e}"))
    }

    #[test]
    fn every_release_is_json_with_the_fields_that_are_indexed() {
        for number in 0..2_000 {
            let value = parse_release(number);
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
            let (tender, award) = (parse_release(number), parse_release(number + 1));
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
        // A `Value` keeps only one of two members with the same name. So if a name occurred
        // twice, the text would become shorter when the value is written.
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
        let package = package(10..13, Some("/releases?page=2"), write_release);
        let value: Value = serde_json::from_str(&package).unwrap();
        assert_eq!(value["links"]["next"], "/releases?page=2");
        assert_eq!(value["releases"].as_array().unwrap().len(), 3);
        for number in 10..13 {
            assert!(package.contains(&release(number)), "release {number}");
        }
    }

    #[test]
    fn the_last_package_leads_nowhere() {
        let value: Value = serde_json::from_str(&package(0..1, None, write_release)).unwrap();
        assert_eq!(value.get("links"), None);
    }

    #[test]
    fn each_placeholder_is_known_and_each_name_is_used() {
        let text = include_str!("template.toml");
        let template = Template::parse(text).unwrap();
        let values = VALUES.iter().map(|(name, _)| *name);
        for name in values.chain(template.names.keys().map(String::as_str)) {
            let is_used = text.contains(&format!("{{{name}}}"));
            assert!(is_used || ["release", "package"].contains(&name), "{name}");
        }
        let unknown = Template::parse("release = ['{\"id\":\"{colour}\"}']");
        assert_eq!(
            unknown.err().as_deref(),
            Some("the placeholder {colour} is unknown")
        );
    }

    #[test]
    fn releases_have_accents_other_alphabets_and_escaped_quotes() {
        let has = |is_wanted: fn(&str) -> bool| {
            let with = (0..1_000).filter(|number| is_wanted(&release(*number)));
            with.count()
        };
        assert!(has(|text| text.contains(|it| ('à'..='ž').contains(&it))) > 800);
        assert!(has(|text| text.contains(|it| ('α'..='я').contains(&it))) > 800);
        assert!((400..700).contains(&has(|text| text.contains("\\\""))));
    }
}
