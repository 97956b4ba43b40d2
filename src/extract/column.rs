//! Reads a release's key and columns out of its text, in one pass.
//!
//! The same pass finds whether the text is JSON at all. A value of another type
//! than the standard's costs its own column; of two members with one name the
//! last counts, whatever its type, as in jsonb.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::hash::WhiteSpace;
use super::{amount, date};
use crate::json::{Loose, Scanner, Stop, Strict, Unstorable, key_is};
use crate::release::{Buyer, Columns, Tender};

/// The longest text of an indexed column, in bytes: an entry of a btree index
/// of PostgreSQL has at most about 2,700.
const LONGEST_INDEXED_BYTES: usize = 1_000;

/// The most tags of a release: each takes fifty bytes of memory however short it is, and
/// the standard knows seventeen.
const MOST_TAGS: usize = 100;

/// The most names of suppliers that are kept of a release, for the same reason.
const MOST_NAMES: usize = 100_000;

/// What one pass over a release's text reads.
#[derive(Default)]
pub(super) struct Reading {
    /// `ocid`, a number being taken as its text; nothing if there is only white
    /// space in it.
    pub(super) ocid: Option<String>,
    /// `id`, likewise.
    pub(super) id: Option<String>,
    pub(super) columns: Columns,
    /// The first character that PostgreSQL cannot store, and where it is.
    pub(super) unstorable: Option<(Unstorable, usize)>,
    pub(super) white_space: WhiteSpace,
    /// Whether it has members that a package or a record has.
    pub(super) holds_others: bool,
    /// Whether it has `parties`, which version 1.0 of the standard had not.
    pub(super) has_parties: bool,
    /// Whether `tender/value/amount` is text or a number, and is no amount that its column
    /// holds.
    pub(super) has_unread_amount: bool,
}

/// Reads a release.
///
/// # Errors
/// The text is not JSON, or JSON of another kind than an object.
pub(super) fn read(text: &str, zone: &TimeZone) -> Result<Reading, Stop> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
    let mut reading = Reading::default();
    Reader { text, zone }.release(&mut scanner, &mut reading)?;
    end(&mut scanner)?;
    reading.unstorable = scanner.rules().unstorable;
    if scanner.passed_white_space() {
        reading.white_space = WhiteSpace::Present;
    }
    Ok(reading)
}

/// Finds out whether a text is JSON of any kind.
///
/// # Errors
/// It is not.
pub(super) fn validate(text: &str) -> Result<(), Stop> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
    scanner.value()?;
    end(&mut scanner)
}

fn end(scanner: &mut Scanner<'_, Strict>) -> Result<(), Stop> {
    match scanner.next_byte() {
        None => Ok(()),
        Some(_) => Err(Stop::broken(scanner.at(), "more follows the end")),
    }
}

/// The `ocid` and the `id` of what cannot be stored, as far as they can be read.
pub(super) fn read_key(item: &[u8]) -> (Option<String>, Option<String>) {
    let mut scanner = Scanner::new(item, 0, Loose);
    let (mut ocid, mut id) = (None, None);
    // Where the scanner stops, what it has read before is still true.
    let _ = scanner.members(|scanner, key| {
        let value = match scanner.peek()? {
            b'{' | b'[' => {
                scanner.value()?;
                None
            }
            _ => identifier_of(&item[scanner.scalar()?]),
        };
        if key_is(&item[key.clone()], "ocid") {
            ocid = value;
        } else if key_is(&item[key], "id") {
            id = value;
        }
        Ok(())
    });
    (ocid, id)
}

/// What a scalar's bytes identify; nothing that PostgreSQL could not store.
fn identifier_of(scalar: &[u8]) -> Option<String> {
    let text = match scalar.first()? {
        b'"' => serde_json::from_slice(scalar).ok()?,
        b'-' | b'0'..=b'9' => String::from_utf8(scalar.to_vec()).ok()?,
        _ => return None,
    };
    (!text.trim().is_empty() && !text.contains('\0')).then_some(text)
}

/// What a `value` of the standard says.
#[derive(Default)]
struct Money {
    amount: Option<Decimal>,
    currency: Option<String>,
    has_unread_amount: bool,
}

/// Reads values of one text: each method passes exactly one, of any kind.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t str,
    zone: &'t TimeZone,
}

type Text<'t> = Scanner<'t, Strict>;

impl<'t> Reader<'t> {
    fn release(self, scanner: &mut Text<'t>, reading: &mut Reading) -> Result<(), Stop> {
        let Reading {
            ocid,
            id,
            columns,
            holds_others,
            has_parties,
            has_unread_amount,
            ..
        } = reading;
        scanner.members(|scanner, key| {
            match &*self.decode(key) {
                "ocid" => *ocid = self.identifier(scanner)?,
                "id" => *id = self.identifier(scanner)?,
                "date" => columns.date = self.date(scanner)?,
                "tag" => columns.tag = self.tag(scanner)?,
                "initiationType" => columns.initiation_type = self.text(scanner)?,
                "language" => columns.language = self.text(scanner)?,
                "buyer" => columns.buyer = self.buyer(scanner)?,
                "tender" => *has_unread_amount = self.tender(scanner, &mut columns.tender)?,
                "awards" => {
                    (columns.award_count, columns.supplier_names) = self.awards(scanner)?;
                }
                "contracts" => {
                    columns.contract_count =
                        self.each(scanner, |scanner| scanner.value().map(drop))?;
                }
                "parties" => {
                    *has_parties = scanner.peek()? != b'n';
                    scanner.value()?;
                }
                "releases" | "records" | "compiledRelease" | "versionedRelease" => {
                    *holds_others = true;
                    scanner.value()?;
                }
                _ => drop(scanner.value()?),
            }
            Ok(())
        })
    }

    fn buyer(self, scanner: &mut Text<'t>) -> Result<Buyer, Stop> {
        let mut buyer = Buyer::default();
        self.object(scanner, |scanner, key| {
            match key {
                "id" => buyer.id = self.identifier(scanner)?,
                "name" => buyer.name = self.text(scanner)?,
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        buyer.id = buyer.id.filter(|id| id.len() <= LONGEST_INDEXED_BYTES);
        Ok(buyer)
    }

    /// Reads the tender's columns; gives whether it has an amount that could not be read.
    fn tender(self, scanner: &mut Text<'t>, tender: &mut Tender) -> Result<bool, Stop> {
        let mut has_unread_amount = false;
        // a second `tender` replaces the first, also where only the first has a value
        *tender = Tender::default();

        self.object(scanner, |scanner, key| {
            match key {
                "id" => tender.id = self.identifier(scanner)?,
                "title" => tender.title = self.text(scanner)?,
                "status" => tender.status = self.text(scanner)?,
                "procurementMethod" => tender.procurement_method = self.text(scanner)?,
                "mainProcurementCategory" => {
                    tender.main_procurement_category = self.text(scanner)?;
                }
                "value" => {
                    let value = self.value(scanner)?;
                    (tender.value, tender.currency) = (value.amount, value.currency);
                    has_unread_amount = value.has_unread_amount;
                }
                "tenderPeriod" => {
                    (tender.start, tender.end) = self.period(scanner)?;
                }
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        Ok(has_unread_amount)
    }

    fn value(self, scanner: &mut Text<'t>) -> Result<Money, Stop> {
        let mut money = Money::default();
        self.object(scanner, |scanner, key| {
            match key {
                "amount" => {
                    let number = self.text_or_number(scanner)?;
                    let number = number.filter(|number| !number.trim_ascii().is_empty());
                    money.amount = number.as_deref().and_then(amount::parse);
                    money.has_unread_amount = number.is_some() && money.amount.is_none();
                }
                "currency" => money.currency = self.text(scanner)?,
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        Ok(money)
    }

    fn period(
        self,
        scanner: &mut Text<'t>,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Stop> {
        let (mut start, mut end) = (None, None);
        self.object(scanner, |scanner, key| {
            match key {
                "startDate" => start = self.date(scanner)?,
                "endDate" => end = self.date(scanner)?,
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        Ok((start, end))
    }

    /// The number of awards, and the first distinct names of their suppliers.
    fn awards(self, scanner: &mut Text<'t>) -> Result<(i32, Vec<String>), Stop> {
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        let count = self.each(scanner, |scanner| {
            let mut of_award = Vec::new();
            self.object(scanner, |scanner, key| {
                match key {
                    "suppliers" => of_award = self.suppliers(scanner)?,
                    _ => drop(scanner.value()?),
                }
                Ok(())
            })?;
            for name in of_award {
                if names.len() < MOST_NAMES && seen.insert(name.clone()) {
                    names.push(name.into_owned());
                }
            }
            Ok(())
        })?;
        Ok((count, names))
    }

    fn suppliers(self, scanner: &mut Text<'t>) -> Result<Vec<Cow<'t, str>>, Stop> {
        let mut names = Vec::new();
        self.each(scanner, |scanner| {
            let mut of_supplier = None;
            self.object(scanner, |scanner, key| {
                match key {
                    "name" => of_supplier = self.borrowed(scanner)?,
                    _ => drop(scanner.value()?),
                }
                Ok(())
            })?;
            if names.len() < MOST_NAMES {
                names.extend(of_supplier);
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// `tag`: a list of text, or a lone one. A list of too many costs the column.
    fn tag(self, scanner: &mut Text<'t>) -> Result<Option<Vec<String>>, Stop> {
        if scanner.peek()? != b'[' {
            return Ok(self.text(scanner)?.map(|tag| vec![tag]));
        }
        let mut tags = Vec::new();
        scanner.entries(|scanner| {
            let tag = self.text(scanner)?;
            if tags.len() <= MOST_TAGS {
                tags.extend(tag);
            }
            Ok(())
        })?;
        Ok(Some(tags).filter(|tags| tags.len() <= MOST_TAGS))
    }

    /// Walks an object; a value of another kind has no members.
    fn object(
        self,
        scanner: &mut Text<'t>,
        mut each: impl FnMut(&mut Text<'t>, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if scanner.peek()? != b'{' {
            return scanner.value().map(drop);
        }
        scanner.members(|scanner, key| each(scanner, &self.decode(key)))
    }

    /// Walks the entries of an array, or an object in place of an array of one;
    /// gives how many there are. Another value has none.
    fn each(
        self,
        scanner: &mut Text<'t>,
        mut each: impl FnMut(&mut Text<'t>) -> Result<(), Stop>,
    ) -> Result<i32, Stop> {
        let mut count: i32 = 0;
        match scanner.peek()? {
            b'[' => scanner.entries(|scanner| {
                count = count.saturating_add(1);
                each(scanner)
            })?,
            b'{' => {
                count = 1;
                each(scanner)?;
            }
            _ => drop(scanner.value()?),
        }
        Ok(count)
    }

    fn date(self, scanner: &mut Text<'t>) -> Result<Option<Timestamp>, Stop> {
        let text = self.borrowed(scanner)?;
        Ok(text.and_then(|text| date::parse(&text, self.zone)))
    }

    fn text(self, scanner: &mut Text<'t>) -> Result<Option<String>, Stop> {
        Ok(self.borrowed(scanner)?.map(Cow::into_owned))
    }

    /// A text that is not only white space, or a number as it is written.
    fn identifier(self, scanner: &mut Text<'t>) -> Result<Option<String>, Stop> {
        let text = self.text_or_number(scanner)?;
        Ok(text
            .filter(|text| !text.trim().is_empty())
            .map(Cow::into_owned))
    }

    fn text_or_number(self, scanner: &mut Text<'t>) -> Result<Option<Cow<'t, str>>, Stop> {
        if matches!(scanner.peek()?, b'-' | b'0'..=b'9') {
            let number = scanner.scalar()?;
            return Ok(Some(Cow::Borrowed(&self.text[number])));
        }
        self.borrowed(scanner)
    }

    fn borrowed(self, scanner: &mut Text<'t>) -> Result<Option<Cow<'t, str>>, Stop> {
        if scanner.peek()? != b'"' {
            scanner.value()?;
            return Ok(None);
        }
        let raw = scanner.string()?;
        Ok(Some(self.decode(raw)))
    }

    /// The text of a string that was passed. Half a surrogate pair makes it
    /// empty; such a release is refused as a whole.
    fn decode(self, raw: Range<usize>) -> Cow<'t, str> {
        let text = &self.text[raw.clone()];
        if !text.as_bytes().contains(&b'\\') {
            return Cow::Borrowed(text);
        }
        let quoted = &self.text[raw.start - 1..raw.end + 1];
        Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
    }
}
