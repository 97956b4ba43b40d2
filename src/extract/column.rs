//! Reads a release's key and columns from its text, in one pass.
//!
//! The same pass checks that the text is JSON. If a value has another type than in the standard,
//! only its own column becomes null. If two members have the same name, the last one counts, as
//! in jsonb.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::{amount, date};
use crate::json::{Loose, ScanError, Scanner, Strict, Unstorable, is_key};
use crate::release::{Buyer, Columns, Tender};

/// The maximum length in bytes of a text in an indexed column. The limit exists because an entry
/// of a btree index of PostgreSQL has at most about 2,700 bytes.
const LONGEST_INDEXED_BYTES: usize = 1_000;

/// The maximum number of tags of a release. The standard has only seventeen. The number is
/// limited because each tag takes 50 bytes of memory even if it is short.
const MAX_TAGS: usize = 100;

/// The maximum number of supplier names that are kept of a release. The number is limited because
/// each name takes 50 bytes of memory even if it is short.
const MAX_NAMES: usize = 100_000;

/// The result of one pass over a release's text.
#[derive(Default)]
pub(super) struct Reading {
    /// The release's `ocid`. If it is a number, its digits are used. If it is only white space,
    /// it counts as missing.
    pub(super) ocid: Option<String>,
    /// The release's `id`. If it is a number, its digits are used. If it is only white space, it
    /// counts as missing.
    pub(super) id: Option<String>,
    pub(super) columns: Columns,
    /// The first value that PostgreSQL cannot store, and the value's position.
    pub(super) unstorable: Option<(Unstorable, usize)>,
    /// True if there is white space between the tokens.
    pub(super) has_white_space: bool,
    /// True if it has members of a package or a record.
    pub(super) has_other_items: bool,
    /// True if it has a `url`, and no content that is an object or a list. It is then a link to a
    /// release. Tags are no content, and neither are `details`, with which Peru describes links.
    pub(super) is_link: bool,
    /// True if its only tag is `compiled`, and its `id` is made of its ocid and its date.
    pub(super) is_made_by_merge: bool,
    /// The place of the release's `date` in its text, without the quotes.
    pub(super) date_place: Range<usize>,
    /// True if the release has `parties`, which does not exist in version 1.0 of the standard.
    pub(super) has_parties: bool,
    /// True if `tender/value/amount` is a text or a number that the column cannot hold.
    pub(super) has_unread_amount: bool,
}

/// Reads a release.
///
/// # Errors
///
/// The text is not a JSON object.
pub(super) fn read(text: &str, zone: &TimeZone) -> Result<Reading, ScanError> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
    let mut reading = Reading::default();
    Reader { text, zone }.read_release(&mut scanner, &mut reading)?;
    scanner.expect_end()?;
    reading.unstorable = scanner.rules().unstorable;
    reading.has_white_space = scanner.has_passed_white_space();
    Ok(reading)
}

/// Checks that a text is JSON. It may be a value of any type.
///
/// # Errors
///
/// The text is not JSON.
pub(super) fn validate(text: &str) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Strict::default());
    scanner.skip_value()?;
    scanner.expect_end()
}

/// Reads the `ocid` and the `id` of an item that cannot be stored. A part of the key that cannot
/// be read is `None`.
pub(super) fn read_key(item: &[u8]) -> (Option<String>, Option<String>) {
    let mut scanner = Scanner::new(item, 0, Loose);
    let (mut ocid, mut id) = (None, None);
    // An error is ignored, because the values that were read before it are correct.
    let _ = scanner.walk_members(|scanner, key| {
        let value = match scanner.peek()? {
            b'{' | b'[' => {
                scanner.skip_value()?;
                None
            }
            _ => decode_identifier(&item[scanner.read_scalar()?]),
        };
        if is_key(&item[key.clone()], "ocid") {
            ocid = value;
        } else if is_key(&item[key], "id") {
            id = value;
        }
        Ok(())
    });
    (ocid, id)
}

/// Returns the place of the string in a range of a text, without its quotes. The place is empty if
/// the value there is no string.
fn find_string(text: &str, value: Range<usize>) -> Range<usize> {
    let quoted = text[value.clone()].trim_ascii();
    let start = value.end - quoted.len();
    match quoted.len() > 2 && quoted.starts_with('"') {
        true => start + 1..value.end - 1,
        false => start..start,
    }
}

/// Reads a scalar as an identifier. Returns `None` for a text that PostgreSQL cannot store.
pub(super) fn decode_identifier(scalar: &[u8]) -> Option<String> {
    let text = match scalar.first()? {
        b'"' => serde_json::from_slice(scalar).ok()?,
        b'-' | b'0'..=b'9' => String::from_utf8(scalar.to_vec()).ok()?,
        _ => return None,
    };
    (!text.trim().is_empty() && !text.contains('\0')).then_some(text)
}

/// An object `value`, as the standard defines it, with an amount and a currency.
#[derive(Default)]
struct Money {
    amount: Option<Decimal>,
    currency: Option<String>,
    has_unread_amount: bool,
}

/// Reads the values of one text. Each method moves the scanner past exactly one value, which may
/// be of any type.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t str,
    zone: &'t TimeZone,
}

type Text<'t> = Scanner<'t, Strict>;

impl<'t> Reader<'t> {
    fn read_release(self, scanner: &mut Text<'t>, reading: &mut Reading) -> Result<(), ScanError> {
        let columns = &mut reading.columns;
        let (mut has_url, mut has_content) = (false, false);
        scanner.walk_members(|scanner, key| {
            let name = self.decode(key);
            let is_container = matches!(scanner.peek()?, b'{' | b'[');
            has_content |= is_container && !matches!(&*name, "tag" | "details");
            match &*name {
                "ocid" => reading.ocid = self.read_identifier(scanner)?,
                "id" => reading.id = self.read_identifier(scanner)?,
                "url" => {
                    has_url = scanner.peek()? == b'"';
                    scanner.skip_value()?;
                }
                "date" => {
                    let start = scanner.position();
                    columns.date = self.read_date(scanner)?;
                    reading.date_place = find_string(self.text, start..scanner.position());
                }
                "tag" => columns.tag = self.read_tag(scanner)?,
                "initiationType" => columns.initiation_type = self.read_text(scanner)?,
                "language" => columns.language = self.read_text(scanner)?,
                "buyer" => columns.buyer = self.read_buyer(scanner)?,
                "tender" => {
                    reading.has_unread_amount = self.read_tender(scanner, &mut columns.tender)?;
                }
                "awards" => {
                    (columns.award_count, columns.supplier_names) = self.read_awards(scanner)?;
                }
                "contracts" => {
                    columns.contract_count =
                        self.for_each_entry(scanner, |scanner| scanner.skip_value().map(drop))?;
                }
                "parties" => {
                    reading.has_parties = scanner.peek()? != b'n';
                    scanner.skip_value()?;
                }
                "releases" | "records" | "compiledRelease" | "versionedRelease" => {
                    reading.has_other_items = true;
                    scanner.skip_value()?;
                }
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        reading.is_link = has_url && !has_content;
        Ok(())
    }

    fn read_buyer(self, scanner: &mut Text<'t>) -> Result<Buyer, ScanError> {
        let mut buyer = Buyer::default();
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "id" => buyer.id = self.read_identifier(scanner)?,
                "name" => buyer.name = self.read_text(scanner)?,
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        buyer.id = buyer.id.filter(|id| id.len() <= LONGEST_INDEXED_BYTES);
        Ok(buyer)
    }

    /// Reads the columns of the tender. Returns true if the amount could not be read.
    fn read_tender(self, scanner: &mut Text<'t>, tender: &mut Tender) -> Result<bool, ScanError> {
        let mut has_unread_amount = false;
        // If there is a second `tender`, it replaces the first one completely, even where only
        // the first one has a value.
        *tender = Tender::default();

        self.for_each_member(scanner, |scanner, key| {
            match key {
                "id" => tender.id = self.read_identifier(scanner)?,
                "title" => tender.title = self.read_text(scanner)?,
                "status" => tender.status = self.read_text(scanner)?,
                "procurementMethod" => tender.procurement_method = self.read_text(scanner)?,
                "mainProcurementCategory" => {
                    tender.main_procurement_category = self.read_text(scanner)?;
                }
                "value" => {
                    let value = self.read_value(scanner)?;
                    (tender.value, tender.currency) = (value.amount, value.currency);
                    has_unread_amount = value.has_unread_amount;
                }
                "tenderPeriod" => {
                    (tender.start, tender.end) = self.read_period(scanner)?;
                }
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        Ok(has_unread_amount)
    }

    fn read_value(self, scanner: &mut Text<'t>) -> Result<Money, ScanError> {
        let mut money = Money::default();
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "amount" => {
                    let number = self.read_text_or_number(scanner)?;
                    let number = number.filter(|number| !number.trim_ascii().is_empty());
                    money.amount = number.as_deref().and_then(amount::parse);
                    money.has_unread_amount = number.is_some() && money.amount.is_none();
                }
                "currency" => money.currency = self.read_text(scanner)?,
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        Ok(money)
    }

    fn read_period(
        self,
        scanner: &mut Text<'t>,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), ScanError> {
        let (mut start, mut end) = (None, None);
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "startDate" => start = self.read_date(scanner)?,
                "endDate" => end = self.read_date(scanner)?,
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        Ok((start, end))
    }

    /// Returns the number of awards, and the names of their suppliers without duplicates. If
    /// there are very many names, only the first ones are returned.
    fn read_awards(self, scanner: &mut Text<'t>) -> Result<(i32, Vec<String>), ScanError> {
        let mut seen = HashSet::new();
        let mut names = Vec::new();
        let count = self.for_each_entry(scanner, |scanner| {
            let mut award_names = Vec::new();
            self.for_each_member(scanner, |scanner, key| {
                match key {
                    "suppliers" => award_names = self.read_suppliers(scanner)?,
                    _ => drop(scanner.skip_value()?),
                }
                Ok(())
            })?;
            for name in award_names {
                if names.len() < MAX_NAMES && seen.insert(name.clone()) {
                    names.push(name.into_owned());
                }
            }
            Ok(())
        })?;
        Ok((count, names))
    }

    fn read_suppliers(self, scanner: &mut Text<'t>) -> Result<Vec<Cow<'t, str>>, ScanError> {
        let mut names = Vec::new();
        self.for_each_entry(scanner, |scanner| {
            let mut supplier_name = None;
            self.for_each_member(scanner, |scanner, key| {
                match key {
                    "name" => supplier_name = self.read_borrowed_text(scanner)?,
                    _ => drop(scanner.skip_value()?),
                }
                Ok(())
            })?;
            if names.len() < MAX_NAMES {
                names.extend(supplier_name);
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// Reads `tag`, which is a list of texts or a single text. If the list has too many entries,
    /// the column is null.
    fn read_tag(self, scanner: &mut Text<'t>) -> Result<Option<Vec<String>>, ScanError> {
        if scanner.peek()? != b'[' {
            return Ok(self.read_text(scanner)?.map(|tag| vec![tag]));
        }
        let mut tags = Vec::new();
        scanner.walk_entries(|scanner| {
            let tag = self.read_text(scanner)?;
            if tags.len() <= MAX_TAGS {
                tags.extend(tag);
            }
            Ok(())
        })?;
        Ok(Some(tags).filter(|tags| tags.len() <= MAX_TAGS))
    }

    /// Calls `each` for each member of an object. A value of another type has no members.
    fn for_each_member(
        self,
        scanner: &mut Text<'t>,
        mut each: impl FnMut(&mut Text<'t>, &str) -> Result<(), ScanError>,
    ) -> Result<(), ScanError> {
        if scanner.peek()? != b'{' {
            return scanner.skip_value().map(drop);
        }
        scanner.walk_members(|scanner, key| each(scanner, &self.decode(key)))
    }

    /// Calls `each` for each entry of an array, and returns the number of entries. An object is
    /// read as an array with one entry. A value of any other type has no entries.
    fn for_each_entry(
        self,
        scanner: &mut Text<'t>,
        mut each: impl FnMut(&mut Text<'t>) -> Result<(), ScanError>,
    ) -> Result<i32, ScanError> {
        let mut count: i32 = 0;
        match scanner.peek()? {
            b'[' => scanner.walk_entries(|scanner| {
                count = count.saturating_add(1);
                each(scanner)
            })?,
            b'{' => {
                count = 1;
                each(scanner)?;
            }
            _ => drop(scanner.skip_value()?),
        }
        Ok(count)
    }

    fn read_date(self, scanner: &mut Text<'t>) -> Result<Option<Timestamp>, ScanError> {
        let text = self.read_borrowed_text(scanner)?;
        Ok(text.and_then(|text| date::parse(&text, self.zone)))
    }

    fn read_text(self, scanner: &mut Text<'t>) -> Result<Option<String>, ScanError> {
        Ok(self.read_borrowed_text(scanner)?.map(Cow::into_owned))
    }

    /// Reads a text, or a number as it is written. Returns `None` if the text is only white
    /// space.
    fn read_identifier(self, scanner: &mut Text<'t>) -> Result<Option<String>, ScanError> {
        let text = self.read_text_or_number(scanner)?;
        Ok(text
            .filter(|text| !text.trim().is_empty())
            .map(Cow::into_owned))
    }

    fn read_text_or_number(
        self,
        scanner: &mut Text<'t>,
    ) -> Result<Option<Cow<'t, str>>, ScanError> {
        if matches!(scanner.peek()?, b'-' | b'0'..=b'9') {
            let number = scanner.read_scalar()?;
            return Ok(Some(Cow::Borrowed(&self.text[number])));
        }
        self.read_borrowed_text(scanner)
    }

    fn read_borrowed_text(self, scanner: &mut Text<'t>) -> Result<Option<Cow<'t, str>>, ScanError> {
        if scanner.peek()? != b'"' {
            scanner.skip_value()?;
            return Ok(None);
        }
        let raw = scanner.read_string()?;
        Ok(Some(self.decode(raw)))
    }

    /// Decodes a string. If the string has half of a surrogate pair, the result is empty. That
    /// does no harm, because such a release is refused as a whole.
    fn decode(self, raw: Range<usize>) -> Cow<'t, str> {
        let text = &self.text[raw.clone()];
        if !text.as_bytes().contains(&b'\\') {
            return Cow::Borrowed(text);
        }
        let quoted = &self.text[raw.start - 1..raw.end + 1];
        Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
    }
}
