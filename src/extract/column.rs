//! Reads a release's key and columns from its text, in one pass.
//!
//! The same pass checks that the text is JSON. If a value has another type than in the standard,
//! only its own column becomes null. If two members have the same name, the last one counts, as
//! in jsonb.
//!
//! Version 1.1 of the standard names an organisation in `parties`, and refers to it by its id
//! elsewhere. Most publishers repeat the name. If a buyer or a supplier has no name, `parties` is
//! read once more for it, because `parties` may stand behind the reference.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::json::{Loose, ScanError, Scanner, Strict, Unstorable, is_key};
use crate::release::{Buyer, Columns, Tender, TypedColumn, ValueCounts};
use crate::value::{Scalar, Typed, has_text, lacks_name, read_amount, read_date};

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
    /// Counts the value of each typed column. Each count is 0 or 1.
    pub(super) values: ValueCounts,
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

impl<T> Typed<T> {
    /// Counts the value, and returns it if it could be read. If the member occurs more than once,
    /// only the last value is counted.
    fn count(self, column: TypedColumn, values: &mut ValueCounts) -> Option<T> {
        let count = values.get_mut(column);
        count.present = u64::from(!matches!(self, Typed::Absent));
        count.unread = u64::from(matches!(self, Typed::Unread));
        self.value()
    }
}

/// An object `value`, as the standard defines it, with an amount and a currency.
#[derive(Default)]
struct Money {
    amount: Typed<Decimal>,
    currency: Option<String>,
}

/// A supplier: its name, or the id of the party that may name it.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Supplier<'t> {
    Name(Cow<'t, str>),
    /// The second value is the supplier's own name, if it has an empty one.
    Party(Cow<'t, str>, Option<Cow<'t, str>>),
}

/// The organisations of a release whose names may have to be found in `parties`.
#[derive(Default)]
struct Organisations<'t> {
    /// The suppliers of all awards without duplicates.
    suppliers: Vec<Supplier<'t>>,
    /// The id of the buyer, if the buyer has no name.
    nameless_buyer: Option<Cow<'t, str>>,
    /// The value of `parties`.
    parties: Option<Range<usize>>,
}

/// Reads the values of one text. Each method moves the scanner past exactly one value, which may
/// be of any type.
#[derive(Clone, Copy)]
struct Reader<'t> {
    text: &'t str,
    zone: &'t TimeZone,
}

type Text<'t> = Scanner<'t, Strict>;

/// The id and the name of an organisation.
type Reference<'t> = (Option<Cow<'t, str>>, Option<Cow<'t, str>>);

/// The ids of parties whose names are needed, and the names that were found.
type PartyNames<'t> = HashMap<Cow<'t, str>, Option<Cow<'t, str>>>;

impl<'t> Reader<'t> {
    fn read_release(self, scanner: &mut Text<'t>, reading: &mut Reading) -> Result<(), ScanError> {
        let mut organisations = Organisations::default();
        let (columns, values) = (&mut reading.columns, &mut reading.values);
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
                    let date = self.read_date(scanner)?;
                    columns.date = date.count(TypedColumn::Date, values);
                    reading.date_place = find_string(self.text, start..scanner.position());
                }
                "tag" => columns.tag = self.read_tag(scanner)?,
                "initiationType" => columns.initiation_type = self.read_text(scanner)?,
                "language" => columns.language = self.read_text(scanner)?,
                "buyer" => {
                    (columns.buyer, organisations.nameless_buyer) = self.read_buyer(scanner)?;
                }
                "tender" => self.read_tender(scanner, &mut columns.tender, values)?,
                "awards" => {
                    (columns.award_count, organisations.suppliers) = self.read_awards(scanner)?;
                }
                "contracts" => {
                    columns.contract_count =
                        self.for_each_entry(scanner, |scanner| scanner.skip_value().map(drop))?;
                }
                "parties" => {
                    reading.has_parties = scanner.peek()? != b'n';
                    organisations.parties = Some(scanner.read_value()?.0);
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
        self.name_organisations(organisations, columns)
    }

    /// Reads the buyer. If the buyer has no name, also returns the buyer's id, by which `parties`
    /// may name it.
    fn read_buyer(
        self,
        scanner: &mut Text<'t>,
    ) -> Result<(Buyer, Option<Cow<'t, str>>), ScanError> {
        let (id, name) = self.read_reference(scanner)?;
        let lacks_name = lacks_name(name.as_deref());
        let buyer = Buyer {
            id: id
                .as_deref()
                .filter(|id| id.len() <= LONGEST_INDEXED_BYTES)
                .map(str::to_owned),
            name: name.map(Cow::into_owned),
        };
        Ok((buyer, id.filter(|_| lacks_name)))
    }

    /// Reads the id and the name of an organisation.
    fn read_reference(self, scanner: &mut Text<'t>) -> Result<Reference<'t>, ScanError> {
        let (mut id, mut name) = (None, None);
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "id" => id = self.read_borrowed_identifier(scanner)?,
                "name" => name = self.read_borrowed_text(scanner)?,
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        Ok((id, name))
    }

    /// Fills the columns of names. Names that are only in `parties` are found there.
    fn name_organisations(
        self,
        organisations: Organisations<'t>,
        columns: &mut Columns,
    ) -> Result<(), ScanError> {
        let Organisations {
            suppliers,
            nameless_buyer,
            parties,
        } = organisations;
        let ids = suppliers.iter().filter_map(|supplier| match supplier {
            Supplier::Party(id, _) => Some(id),
            Supplier::Name(_) => None,
        });
        let mut names: PartyNames<'t> = ids
            .chain(&nameless_buyer)
            .map(|id| (id.clone(), None))
            .collect();
        if let Some(parties) = parties.filter(|_| !names.is_empty()) {
            self.read_party_names(parties, &mut names)?;
        }
        let find_name = |id| names.get(&id).cloned().flatten();
        if let Some(name) = nameless_buyer.and_then(find_name) {
            columns.buyer.name = Some(name.into_owned());
        }
        let suppliers = suppliers.into_iter().filter_map(|supplier| match supplier {
            Supplier::Name(name) => Some(name),
            Supplier::Party(id, blank) => find_name(id).or(blank),
        });
        columns.supplier_names = match names.is_empty() {
            // The names have no duplicates yet.
            true => suppliers.map(Cow::into_owned).collect(),
            false => {
                let mut seen = HashSet::new();
                let is_new = |name: &Cow<'t, str>| seen.insert(name.clone());
                suppliers.filter(is_new).map(Cow::into_owned).collect()
            }
        };
        Ok(())
    }

    /// Finds the names of the parties with these ids. If several parties have the same id, the
    /// first one with a name counts.
    fn read_party_names(
        self,
        parties: Range<usize>,
        names: &mut PartyNames<'t>,
    ) -> Result<(), ScanError> {
        let mut scanner = Scanner::new(self.text.as_bytes(), parties.start, Strict::default());
        self.for_each_entry(&mut scanner, |scanner| {
            if let (Some(id), Some(name)) = self.read_reference(scanner)?
                && !lacks_name(Some(&name))
                && let Some(found) = names.get_mut(&id)
            {
                found.get_or_insert(name);
            }
            Ok(())
        })
        .map(drop)
    }

    /// Reads the columns of the tender.
    fn read_tender(
        self,
        scanner: &mut Text<'t>,
        tender: &mut Tender,
        values: &mut ValueCounts,
    ) -> Result<(), ScanError> {
        // If there is a second `tender`, it replaces the first one completely, even where only
        // the first one has a value.
        *tender = Tender::default();
        let mut value = Money::default();
        let (mut start, mut end) = (Typed::Absent, Typed::Absent);
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "id" => tender.id = self.read_identifier(scanner)?,
                "title" => tender.title = self.read_text(scanner)?,
                "status" => tender.status = self.read_text(scanner)?,
                "procurementMethod" => tender.procurement_method = self.read_text(scanner)?,
                "mainProcurementCategory" => {
                    tender.main_procurement_category = self.read_text(scanner)?;
                }
                "value" => value = self.read_value(scanner)?,
                "tenderPeriod" => (start, end) = self.read_period(scanner)?,
                _ => drop(scanner.skip_value()?),
            }
            Ok(())
        })?;
        tender.value = value.amount.count(TypedColumn::TenderValue, values);
        tender.currency = value.currency;
        tender.start = start.count(TypedColumn::TenderStart, values);
        tender.end = end.count(TypedColumn::TenderEnd, values);
        Ok(())
    }

    fn read_value(self, scanner: &mut Text<'t>) -> Result<Money, ScanError> {
        let mut money = Money::default();
        self.for_each_member(scanner, |scanner, key| {
            match key {
                "amount" => money.amount = self.read_amount(scanner)?,
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
    ) -> Result<(Typed<Timestamp>, Typed<Timestamp>), ScanError> {
        let (mut start, mut end) = (Typed::Absent, Typed::Absent);
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

    /// Returns the number of awards, and their suppliers without duplicates. If there are very
    /// many suppliers, only the first ones are returned.
    fn read_awards(self, scanner: &mut Text<'t>) -> Result<(i32, Vec<Supplier<'t>>), ScanError> {
        let mut seen = HashSet::new();
        let mut suppliers = Vec::new();
        let count = self.for_each_entry(scanner, |scanner| {
            let mut of_award = Vec::new();
            self.for_each_member(scanner, |scanner, key| {
                match key {
                    "suppliers" => of_award = self.read_suppliers(scanner)?,
                    _ => drop(scanner.skip_value()?),
                }
                Ok(())
            })?;
            for supplier in of_award {
                if suppliers.len() < MAX_NAMES && seen.insert(supplier.clone()) {
                    suppliers.push(supplier);
                }
            }
            Ok(())
        })?;
        Ok((count, suppliers))
    }

    fn read_suppliers(self, scanner: &mut Text<'t>) -> Result<Vec<Supplier<'t>>, ScanError> {
        let mut suppliers = Vec::new();
        self.for_each_entry(scanner, |scanner| {
            let supplier = match self.read_reference(scanner)? {
                (Some(id), name) if lacks_name(name.as_deref()) => Some(Supplier::Party(id, name)),
                (_, name) => name.map(Supplier::Name),
            };
            if suppliers.len() < MAX_NAMES {
                suppliers.extend(supplier);
            }
            Ok(())
        })?;
        Ok(suppliers)
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

    fn read_date(self, scanner: &mut Text<'t>) -> Result<Typed<Timestamp>, ScanError> {
        self.read_typed(scanner, |value| read_date(value, self.zone))
    }

    fn read_amount(self, scanner: &mut Text<'t>) -> Result<Typed<Decimal>, ScanError> {
        self.read_typed(scanner, read_amount)
    }

    /// Reads a value with a reader for texts and numbers.
    fn read_typed<T>(
        self,
        scanner: &mut Text<'t>,
        read: impl FnOnce(Scalar<'_>) -> Typed<T>,
    ) -> Result<Typed<T>, ScanError> {
        let first = scanner.peek()?;
        Ok(match (self.read_text_or_number(scanner)?, first) {
            (Some(text), b'"') => read(Scalar::Text(&text)),
            (Some(number), _) => read(Scalar::Number(&number)),
            (None, b'n') => Typed::Absent,
            (None, _) => Typed::Unread,
        })
    }

    fn read_text(self, scanner: &mut Text<'t>) -> Result<Option<String>, ScanError> {
        Ok(self.read_borrowed_text(scanner)?.map(Cow::into_owned))
    }

    /// Reads a text, or a number as it is written. Returns `None` if the text is only white
    /// space.
    fn read_identifier(self, scanner: &mut Text<'t>) -> Result<Option<String>, ScanError> {
        Ok(self.read_borrowed_identifier(scanner)?.map(Cow::into_owned))
    }

    fn read_borrowed_identifier(
        self,
        scanner: &mut Text<'t>,
    ) -> Result<Option<Cow<'t, str>>, ScanError> {
        let text = self.read_text_or_number(scanner)?;
        Ok(text.filter(|text| has_text(text)))
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
