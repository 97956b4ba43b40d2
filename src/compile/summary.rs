//! Counts and sums of a process.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::compile::document::{At, Document, Organisation};
use crate::compile::list::List;

/// The counts and sums of a process.
#[derive(Debug, Default)]
pub(super) struct Summary<'t> {
    pub(super) buyer: Organisation<'t>,
    pub(super) procuring_entity: Organisation<'t>,
    pub(super) awards: usize,
    pub(super) active_awards: usize,
    pub(super) awards_without_status: usize,
    /// Of the awards that count.
    pub(super) award_dates: Dates,
    pub(super) award_value: Sums<'t>,
    pub(super) active_award_value: Sums<'t>,
    /// The distinct suppliers of the awards that count.
    pub(super) suppliers: usize,
    pub(super) supplier_names: Vec<Cow<'t, str>>,
    /// The number of suppliers of each award.
    pub(super) suppliers_of_award: HashMap<At, i32>,
    /// The position of the first award with each id.
    pub(super) award_positions: HashMap<Cow<'t, str>, i32>,
    pub(super) contracts: usize,
    /// Of the contracts that count.
    pub(super) signature_dates: Dates,
    pub(super) contract_value: Sums<'t>,
    pub(super) contract_end: Option<Timestamp>,
    pub(super) transactions: usize,
    pub(super) spent: Sums<'t>,
    pub(super) documents: usize,
    pub(super) documents_by_type: Counts<'t>,
    pub(super) milestones: usize,
    pub(super) milestones_by_type: Counts<'t>,
    pub(super) parties_by_role: Counts<'t>,
}

/// The places of what is counted in several parts of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lists {
    pub(super) documents: &'static [List],
    pub(super) milestones: &'static [List],
    pub(super) transactions: &'static [List],
}

/// The number of times that each word occurs.
pub(super) type Counts<'t> = BTreeMap<Cow<'t, str>, u64>;

/// The first and the last of some dates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

impl Dates {
    fn add(&mut self, date: Option<Timestamp>) {
        self.first = match (self.first, date) {
            (Some(first), Some(date)) => Some(first.min(date)),
            (first, date) => first.or(date),
        };
        self.last = self.last.max(date);
    }
}

/// Sums of amounts by currency. Amounts without a currency have a sum of their own, whose currency
/// is empty.
#[derive(Debug, Default)]
pub(super) struct Sums<'t> {
    by_currency: BTreeMap<Cow<'t, str>, Decimal>,
    /// True if a sum has more digits than a `Decimal` can hold.
    is_too_large: bool,
}

impl<'t> Sums<'t> {
    fn add(&mut self, amount: Option<Decimal>, currency: Option<Cow<'t, str>>) {
        let Some(amount) = amount else { return };
        let sum = self
            .by_currency
            .entry(currency.unwrap_or_default())
            .or_default();
        match sum.checked_add(amount) {
            Some(more) => *sum = more,
            None => self.is_too_large = true,
        }
    }

    /// Returns the sum if all amounts have one currency.
    pub(super) fn amount(&self) -> Option<Decimal> {
        let mut sums = self.by_currency.values();
        match (sums.next(), sums.next()) {
            (Some(sum), None) if !self.is_too_large => Some(*sum),
            _ => None,
        }
    }

    /// Returns the currency if all amounts have one.
    pub(super) fn currency(&self) -> Option<Cow<'t, str>> {
        let mut currencies = self.by_currency.keys();
        let currency = currencies.next().filter(|it| !it.is_empty())?.clone();
        let is_only = currencies.next().is_none() && !self.is_too_large;
        is_only.then_some(currency)
    }

    /// Returns the sums by currency if there are several currencies.
    pub(super) fn by_currency(&self) -> Option<String> {
        let is_several = self.by_currency.len() > 1 && !self.is_too_large;
        is_several.then(|| {
            // not serde_json's numbers, which would round
            let sums = self.by_currency.iter().map(|(currency, sum)| {
                let currency = serde_json::Value::from(&**currency);
                format!("{currency}:{sum}")
            });
            format!("{{{}}}", sums.collect::<Vec<_>>().join(","))
        })
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large
    }
}

/// Writes counts as a JSON object. Returns `None` if there are none.
pub(super) fn write_counts(counts: &Counts<'_>) -> Option<String> {
    (!counts.is_empty()).then(|| {
        let counts = counts.iter();
        let counts = counts.map(|(word, n)| (word.clone().into_owned(), (*n).into()));
        serde_json::Value::Object(counts.collect()).to_string()
    })
}

impl<'t> Summary<'t> {
    pub(super) fn new(document: &Document<'t>, lists: Lists) -> Self {
        let mut summary = Self::default();
        let organisation = |path| {
            let reference = document.find(Document::ROOT, path);
            reference.map_or_else(Organisation::default, |at| document.organisation(at))
        };
        summary.buyer = organisation("buyer");
        summary.procuring_entity = organisation("tender/procuringEntity");
        summary.add_awards(document);
        summary.add_contracts(document);
        summary.add_transactions(document, lists.transactions);
        for (_, at) in document.entries(document.find(Document::ROOT, "parties")) {
            for role in document.texts(document.find(at, "roles")) {
                *summary.parties_by_role.entry(role).or_default() += 1;
            }
        }
        (summary.documents, summary.documents_by_type) =
            count_types(document, lists.documents, "documentType");
        (summary.milestones, summary.milestones_by_type) =
            count_types(document, lists.milestones, "type");
        summary
    }

    fn add_awards(&mut self, document: &Document<'t>) {
        let mut suppliers = HashSet::new();
        let mut names = HashSet::new();
        for (position, at) in document.entries(document.find(Document::ROOT, "awards")) {
            self.awards += 1;
            if let Some(id) = document.text(document.find(at, "id")) {
                self.award_positions.entry(id).or_insert(position);
            }
            let suppliers_here = document.count(document.find(at, "suppliers"));
            let suppliers_here = i32::try_from(suppliers_here).unwrap_or(i32::MAX);
            self.suppliers_of_award.insert(at, suppliers_here);
            let status = Status::read(document, at);
            self.active_awards += usize::from(status == Status::Active);
            self.awards_without_status += usize::from(status == Status::Absent);
            if !status.counts() {
                continue;
            }
            self.award_dates
                .add(document.date(document.find(at, "date")));
            let (amount, currency) = read_money(document, at, "value");
            self.award_value.add(amount, currency.clone());
            if status == Status::Active {
                self.active_award_value.add(amount, currency);
            }
            for (_, supplier) in document.entries(document.find(at, "suppliers")) {
                let supplier = document.organisation(supplier);
                let key = supplier.id.clone().or_else(|| supplier.scheme_id());
                let key = key.or_else(|| supplier.name.clone());
                if let Some(key) = key {
                    suppliers.insert(key);
                }
                if let Some(name) = supplier.name
                    && names.insert(name.clone())
                {
                    self.supplier_names.push(name);
                }
            }
        }
        self.suppliers = suppliers.len();
    }

    fn add_contracts(&mut self, document: &Document<'t>) {
        for (_, at) in document.entries(document.find(Document::ROOT, "contracts")) {
            self.contracts += 1;
            if !Status::read(document, at).counts() {
                continue;
            }
            self.signature_dates
                .add(document.date(document.find(at, "dateSigned")));
            let (amount, currency) = read_money(document, at, "value");
            self.contract_value.add(amount, currency);
            let end = document.date(document.find(at, "period/endDate"));
            self.contract_end = self.contract_end.max(end);
        }
    }

    fn add_transactions(&mut self, document: &Document<'t>, lists: &[List]) {
        for list in lists {
            for (_, at) in list.rows(document).map(|(_, row)| row) {
                self.transactions += 1;
                let (amount, currency) = read_transaction_value(document, at);
                self.spent.add(amount, currency);
            }
        }
    }
}

/// The status of an award or a contract, as far as sums depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// It has no status. Many publishers write none, so it counts.
    Absent,
    Active,
    /// It has come to nothing, or has not come to anything yet.
    WithoutEffect,
    Other,
}

impl Status {
    fn read(document: &Document<'_>, at: At) -> Self {
        let Some(status) = document.text(document.find(at, "status")) else {
            return Self::Absent;
        };
        let is = |word: &str| status.trim().eq_ignore_ascii_case(word);
        if is("active") {
            Self::Active
        } else if ["cancelled", "unsuccessful", "pending"].into_iter().any(is) {
            Self::WithoutEffect
        } else {
            Self::Other
        }
    }

    fn counts(self) -> bool {
        self != Self::WithoutEffect
    }
}

/// Reads a value of money: its amount and its currency.
pub(super) fn read_money<'t>(
    document: &Document<'t>,
    of: At,
    path: &'static str,
) -> (Option<Decimal>, Option<Cow<'t, str>>) {
    let Some(value) = document.find(of, path) else {
        return (None, None);
    };
    (
        document.amount(document.find(value, "amount")),
        document.text(document.find(value, "currency")),
    )
}

/// Reads the value of a transaction. Version 1.0 of the standard calls it `amount`.
fn read_transaction_value<'t>(
    document: &Document<'t>,
    transaction: At,
) -> (Option<Decimal>, Option<Cow<'t, str>>) {
    let path = match document.find(transaction, "value") {
        Some(_) => "value",
        None => "amount",
    };
    read_money(document, transaction, path)
}

fn count_types<'t>(
    document: &Document<'t>,
    lists: &[List],
    path: &'static str,
) -> (usize, Counts<'t>) {
    let (mut count, mut by_type) = (0, Counts::new());
    for list in lists {
        for (_, at) in list.rows(document).map(|(_, row)| row) {
            count += 1;
            if let Some(word) = document.text(document.find(at, path)) {
                *by_type.entry(word).or_default() += 1;
            }
        }
    }
    (count, by_type)
}
