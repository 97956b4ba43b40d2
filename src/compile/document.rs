//! A merged release, read for the columns of its rows.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::error::{Error, Result};
use crate::json::{Kind, Token, Tokens};
use crate::value::{Scalar, Typed, has_text, lacks_name, read_amount, read_date};

/// The index of a value in a document.
pub(super) type At = usize;

/// A merged release, and what was found while it was read.
#[derive(Debug)]
pub(super) struct Document<'t> {
    tokens: Tokens<'t>,
    zone: &'t TimeZone,
    parties: HashMap<Cow<'t, str>, Party<'t>>,
    /// The columns whose value is there and could not be read, as `table.column`.
    unread: RefCell<BTreeSet<(&'static str, &'static str)>>,
}

/// The first entry of `parties` with its id.
#[derive(Clone, Debug)]
struct Party<'t> {
    position: i32,
    at: At,
    /// The first name among the entries with this id.
    name: Option<Cow<'t, str>>,
}

/// An organisation, as a reference to a party names it. What the reference lacks is that of the
/// party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Organisation<'t> {
    pub(super) id: Option<Cow<'t, str>>,
    pub(super) name: Option<Cow<'t, str>>,
    /// The scheme and the id of its identifier.
    pub(super) scheme: Option<Cow<'t, str>>,
    pub(super) identifier: Option<Cow<'t, str>>,
    /// The position of the party.
    pub(super) party: Option<i32>,
}

impl<'t> Organisation<'t> {
    /// Returns the scheme and the id of the identifier, joined by a hyphen.
    pub(super) fn scheme_id(&self) -> Option<Cow<'t, str>> {
        let (scheme, id) = (self.scheme.as_ref()?, self.identifier.as_ref()?);
        Some(format!("{scheme}-{id}").into())
    }
}

impl<'t> Document<'t> {
    /// The release itself.
    pub(super) const ROOT: At = 0;

    /// Reads a release. Dates without an offset are in the time zone `zone`.
    pub(super) fn read(text: &'t str, zone: &'t TimeZone) -> Result<Self> {
        let mut tokens = Tokens::for_length(text.len());
        let read = tokens.read(text);
        read.map_err(|_| Error::unexpected("a release in the database is not JSON"))?;
        Ok(Self::new(tokens, zone))
    }

    /// Makes a document of the tokens of a release.
    pub(super) fn new(tokens: Tokens<'t>, zone: &'t TimeZone) -> Self {
        let mut document = Self {
            tokens,
            zone,
            parties: HashMap::new(),
            unread: RefCell::default(),
        };
        document.read_parties();
        document
    }

    fn read_parties(&mut self) {
        let mut parties: HashMap<Cow<'t, str>, Party<'t>> = HashMap::new();
        for (position, at) in self.entries(self.find(Self::ROOT, "parties")) {
            let Some(id) = self.text(self.find(at, "id")) else {
                continue;
            };
            let name = self.name(at).filter(|name| !lacks_name(Some(name)));
            let party = parties.entry(id).or_insert_with(|| Party {
                position,
                at,
                name: None,
            });
            if party.name.is_none() {
                party.name = name;
            }
        }
        self.parties = parties;
    }

    /// Returns the names of the columns whose values could not be read.
    pub(super) fn unread(&self) -> Vec<Cow<'t, str>> {
        let unread = self.unread.borrow();
        let names = unread.iter();
        names
            .map(|(table, column)| format!("{table}.{column}").into())
            .collect()
    }

    pub(super) fn note_unread(&self, table: &'static str, column: &'static str) {
        self.unread.borrow_mut().insert((table, column));
    }

    fn token(&self, at: At) -> &Token<'t> {
        &self.tokens[at]
    }

    /// Follows a path of member names from an object. Returns `None` if there is no value.
    pub(super) fn find(&self, from: At, path: &'static str) -> Option<At> {
        if path.is_empty() {
            return Some(from);
        }
        let mut at = from;
        let mut rest = path;
        loop {
            // this is faster than `split`, and runs a hundred times for each process
            let (name, behind) = match memchr::memchr(b'/', rest.as_bytes()) {
                Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
                None => (rest, None),
            };
            let mut members = self.tokens.children(self.object(at)?);
            at = members.find(|(_, token)| token.is_named(name))?.0;
            match behind {
                Some(behind) => rest = behind,
                None => return (self.token(at).kind != Kind::Null).then_some(at),
            }
        }
    }

    /// Returns the object at a place. A list with one object is read as that object, because some
    /// publishers write `planning` so.
    fn object(&self, at: At) -> Option<At> {
        match self.token(at).kind {
            Kind::Object => Some(at),
            Kind::Objects => {
                let mut entries = self.tokens.children(at);
                let (only, _) = entries.next()?;
                entries.next().is_none().then_some(only)
            }
            _ => None,
        }
    }

    /// Returns true if an object has a value that is not an empty text. Some publishers fill lists
    /// with objects whose texts are all empty.
    fn has_content(&self, at: At) -> bool {
        let is_value = |at: At| {
            let token = self.token(at);
            let is_blank = |text: &str| {
                matches!(text.as_bytes(), [b'"', b' ' | b'"', ..])
                    && text.trim_matches('"').trim().is_empty()
            };
            token.kind == Kind::Scalar && !is_blank(token.text)
        };
        (at + 1..self.token(at).next).any(is_value)
    }

    /// Returns the objects of a list with their positions. An object is read as a list with one
    /// entry. What is no object, or has no content, is no entry, but counts for the positions.
    pub(super) fn entries(&self, list: Option<At>) -> impl Iterator<Item = (i32, At)> {
        let kind = list.map(|at| self.token(at).kind);
        let lone = list.filter(|_| kind == Some(Kind::Object));
        let array = list.filter(|_| matches!(kind, Some(Kind::Objects | Kind::Mixed)));
        let of_array = array
            .into_iter()
            .flat_map(|at| self.tokens.children(at).enumerate());
        let of_array = of_array.filter(|(_, (_, token))| token.kind == Kind::Object);
        let of_array = of_array.map(|(position, (at, _))| (position, at));
        let entries = lone.map(|at| (0, at)).into_iter().chain(of_array);
        let entries = entries.filter(|(_, at)| self.has_content(*at));
        entries.map(|(position, at)| (i32::try_from(position).unwrap_or(i32::MAX), at))
    }

    fn scalar(&self, at: At) -> Option<(Cow<'t, str>, bool)> {
        let token = self.token(at);
        let is_number = match (token.kind, token.text.as_bytes().first()?) {
            (Kind::Scalar, b'"') => false,
            (Kind::Scalar, b'-' | b'0'..=b'9') => true,
            _ => return None,
        };
        Some((token.content().unescape(), is_number))
    }

    /// Returns a string, or a number as it is written. Returns `None` if it is only white space.
    pub(super) fn text(&self, at: Option<At>) -> Option<Cow<'t, str>> {
        let (text, _) = self.scalar(at?)?;
        has_text(&text).then_some(text)
    }

    /// Returns the name of an organisation, which may be empty. An organisation of a transaction of
    /// version 1.0 of the standard is an identifier, which has a `legalName`.
    fn name(&self, organisation: At) -> Option<Cow<'t, str>> {
        let name = self.find(organisation, "name");
        let name = name.or_else(|| self.find(organisation, "legalName"));
        let (name, is_number) = self.scalar(name?)?;
        (!is_number).then_some(name)
    }

    /// Returns the texts of an array, or a single text.
    pub(super) fn texts(&self, at: Option<At>) -> Vec<Cow<'t, str>> {
        let Some(at) = at else { return Vec::new() };
        match self.token(at).kind {
            Kind::Mixed | Kind::Objects => {
                let entries = self.tokens.children(at);
                entries.filter_map(|(at, _)| self.text(Some(at))).collect()
            }
            _ => self.text(Some(at)).into_iter().collect(),
        }
    }

    /// Returns the number of entries of a list.
    pub(super) fn count(&self, at: Option<At>) -> usize {
        self.entries(at).count()
    }

    fn read_typed<T>(&self, at: Option<At>, read: impl FnOnce(Scalar<'_>) -> Typed<T>) -> Typed<T> {
        let Some(at) = at else { return Typed::Absent };
        match self.scalar(at) {
            Some((number, true)) => read(Scalar::Number(&number)),
            Some((text, false)) => read(Scalar::Text(&text)),
            None => Typed::Unread,
        }
    }

    pub(super) fn read_date(&self, at: Option<At>) -> Typed<Timestamp> {
        self.read_typed(at, |value| read_date(value, self.zone))
    }

    pub(super) fn read_amount(&self, at: Option<At>) -> Typed<Decimal> {
        self.read_typed(at, read_amount)
    }

    pub(super) fn read_integer(&self, at: Option<At>) -> Typed<i32> {
        match self.read_amount(at) {
            Typed::Read(number) if number.is_integer() => {
                number.to_i32().map_or(Typed::Unread, Typed::Read)
            }
            Typed::Read(_) | Typed::Unread => Typed::Unread,
            Typed::Absent => Typed::Absent,
        }
    }

    pub(super) fn date(&self, at: Option<At>) -> Option<Timestamp> {
        self.read_date(at).value()
    }

    pub(super) fn amount(&self, at: Option<At>) -> Option<Decimal> {
        self.read_amount(at).value()
    }

    /// Returns the days that a period states, or else the whole days between its dates.
    pub(super) fn days(&self, period: Option<At>) -> Option<i32> {
        let period = period?;
        if let Typed::Read(days) = self.read_integer(self.find(period, "durationInDays")) {
            return Some(days);
        }
        let start = self.date(self.find(period, "startDate"))?;
        let end = self.date(self.find(period, "endDate"))?;
        i32::try_from((end.as_second() - start.as_second()).div_euclid(24 * 60 * 60)).ok()
    }

    /// Returns the organisation to which a reference refers.
    pub(super) fn organisation(&self, reference: At) -> Organisation<'t> {
        let id = self.text(self.find(reference, "id"));
        let name = self.name(reference);
        let party = id.as_ref().and_then(|id| self.parties.get(id));
        let own = (
            self.identifier_scheme(reference),
            self.identifier(reference),
        );
        let (scheme, identifier) = match (own, party) {
            ((_, None), Some(party)) => {
                (self.identifier_scheme(party.at), self.identifier(party.at))
            }
            (own, _) => own,
        };
        Organisation {
            name: match lacks_name(name.as_deref()) {
                true => party.and_then(|party| party.name.clone()).or(name),
                false => name,
            }
            .filter(|name| has_text(name)),
            party: party.map(|party| party.position),
            id,
            scheme,
            identifier,
        }
    }

    fn identifier_scheme(&self, organisation: At) -> Option<Cow<'t, str>> {
        self.text(self.find(organisation, "identifier/scheme"))
    }

    fn identifier(&self, organisation: At) -> Option<Cow<'t, str>> {
        self.text(self.find(organisation, "identifier/id"))
    }
}
