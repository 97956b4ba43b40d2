//! Text with variables, such as `/{from:%Y/%m}?page={page}`.
//!
//! A variable is `{name}`, or `{name:format}` for dates. Filters follow after a `|`:
//!
//! | filter | result |
//! |---|---|
//! | `raw` | the text unchanged; without it, a URL has it percent-encoded |
//! | `strip TEXT` | the text without TEXT at its start |
//! | `replace A B` | the text with each A replaced by B |
//! | `decode` | the text without percent-encoding, as the value of a query parameter |
//! | `path` | path and query of a URL, for a request to another host |
//! | `add N` | the number plus N |
//!
//! `{{` and `}}` are literal braces.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Zoned;
use jiff::fmt::strtime;
use serde::Deserialize;
use url::Url;

use crate::percent;
use crate::source::Axis;

/// A text with variables, such as `/{from:%Y/%m}?page={page}`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// `{env.NAME}`, the value of an environment variable, which may be a secret.
    Environment(String),
    Variable {
        variable: Variable,
        format: Option<String>,
        filters: Vec<Filter>,
    },
}

/// A variable of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// `{from}`, the start of the window.
    From,
    /// `{to}`, the end of the window.
    To,
    /// `{page}`, the number of the page.
    Page,
    /// `{offset}`, the number of items before the page.
    Offset,
    /// `{token}`, the token for this page from the previous page.
    Token,
    /// `{item}`, the text that identifies an item of the index.
    Item,
    /// `{axis.NAME}`, a value of an axis.
    Axis(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Raw,
    Strip(String),
    Replace(String, String),
    Path,
    Decode,
    Add(i64),
}

/// The values of the variables in one request.
#[derive(Clone, Debug, Default)]
pub struct Values<'v> {
    /// The start of the window, in its zone.
    pub from: Option<&'v Zoned>,
    /// The end of the window, in its zone.
    pub to: Option<&'v Zoned>,
    /// The format of dates in templates that do not declare a format.
    pub format: &'v str,
    /// The number of the page.
    pub page: Option<u64>,
    /// The number of items before the page.
    pub offset: Option<u64>,
    /// The token for this page from the previous page.
    pub token: Option<&'v str>,
    /// The text that identifies an item of the index.
    pub item: Option<&'v str>,
    /// The value of each axis.
    pub axes: Option<&'v BTreeMap<String, String>>,
}

/// The escaping of the values in a rendered template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// The text is part of a URL, so values are percent-encoded.
    Url,
    /// Values are inserted unchanged.
    Plain,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Returns a clause that names the problem: a brace without the other brace of its pair, or
    /// an unknown variable or filter.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err("has a } without a {".into());
            }
            let (inner, after) = after.split_once('}').ok_or("has a { without a }")?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::parse(inner)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        let text = text.to_owned();
        Ok(Self { text, pieces })
    }

    /// Creates a template without variables. Braces in `text` are literal.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            pieces: vec![Piece::Literal(text.clone())],
            text,
        }
    }

    /// Returns the text of the template as it is declared.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Renders the template with these values. `secret` returns the value of `{env.NAME}`. In a
    /// URL, a secret is percent-encoded like any other value. Only a secret at the very start of
    /// a URL is inserted unchanged, because it may be the scheme and the host.
    ///
    /// A variable without a value becomes an empty text.
    /// [`Source::validate`](super::Source::validate) checks which variables a template may have.
    #[must_use]
    pub fn render(
        &self,
        values: &Values<'_>,
        escaping: Escaping,
        secret: impl Fn(&str) -> String,
    ) -> String {
        let pieces = self.pieces.iter().enumerate();
        let texts = pieces.map(|(at, piece)| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Environment(name) if escaping == Escaping::Url && at > 0 => {
                percent_encode(&secret(name))
            }
            Piece::Environment(name) => secret(name),
            Piece::Variable {
                variable,
                format,
                filters,
            } => {
                let value = values.get(variable, format.as_deref()).unwrap_or_default();
                apply_filters(value, filters, escaping)
            }
        });
        texts.collect()
    }

    /// Returns the scheme, host and port that the template writes out. The list is empty if a
    /// variable may be part of the host. A template that begins with an axis of declared values
    /// has one result for each value.
    pub(super) fn origins(&self, axes: &BTreeMap<String, Axis>) -> Vec<Url> {
        let (beginnings, rest) = match &self.pieces[..] {
            [Piece::Literal(text), rest @ ..] => (std::slice::from_ref(text), rest),
            [
                Piece::Variable {
                    variable: Variable::Axis(name),
                    filters,
                    ..
                },
                rest @ ..,
            ] if filters[..] == [Filter::Raw] => match axes.get(name) {
                Some(Axis::Values(values)) => (&values[..], rest),
                _ => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        let (next, rest) = match rest {
            [Piece::Literal(next), rest @ ..] => (next.as_str(), rest),
            rest => ("", rest),
        };
        let texts = beginnings.iter().map(|text| format!("{text}{next}"));
        texts
            .filter_map(|text| parse_origin(&text, rest.is_empty()))
            .collect()
    }

    /// Returns the variables in the template.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable { variable, .. } => Some(variable),
            Piece::Literal(_) | Piece::Environment(_) => None,
        })
    }

    /// Returns the formats of the dates in the template. `None` is for a date that declares no
    /// format.
    pub(super) fn date_formats(&self) -> impl Iterator<Item = Option<&str>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable {
                variable: Variable::From | Variable::To,
                format,
                ..
            } => Some(format.as_deref()),
            _ => None,
        })
    }

    /// Returns true if the template is a single `{page}` or `{offset}`.
    pub(super) fn is_number(&self) -> bool {
        let [Piece::Variable { variable, .. }] = &self.pieces[..] else {
            return false;
        };
        matches!(variable, Variable::Page | Variable::Offset)
    }
}

/// Returns the scheme, host and port at the beginning of a URL. If more text follows (`is_whole`
/// is false), the host must end within the beginning, because the text that follows could be part
/// of the host.
fn parse_origin(beginning: &str, is_whole: bool) -> Option<Url> {
    let (scheme, rest) = beginning.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']);
    let end = end.or_else(|| is_whole.then_some(rest.len()))?;
    let origin = Url::parse(&format!("{scheme}://{}", &rest[..end])).ok()?;
    matches!(origin.scheme(), "http" | "https").then_some(origin)
}

impl Piece {
    fn parse(inner: &str) -> Result<Self, String> {
        if let Some(name) = inner.strip_prefix("env.") {
            return match name {
                "" => Err("`{env.}` needs the name of an environment variable".into()),
                name => Ok(Self::Environment(name.to_owned())),
            };
        }
        let mut parts = inner.split('|');
        let head = parts.next().unwrap_or_default();
        let (name, format) = match head.split_once(':') {
            Some((name, format)) => (name, Some(format.to_owned())),
            None => (head, None),
        };
        let variable = Variable::parse(name)?;
        if let Some(format) = &format {
            if !matches!(variable, Variable::From | Variable::To) {
                return Err(format!("`{{{inner}}}` has a date format but is not a date"));
            }
            check_format(format)?;
        }
        let filters = parts.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Self::Variable {
            variable,
            format,
            filters,
        })
    }
}

impl Variable {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "from" => Self::From,
            "to" => Self::To,
            "page" => Self::Page,
            "offset" => Self::Offset,
            "token" => Self::Token,
            "item" => Self::Item,
            _ => match name.strip_prefix("axis.") {
                Some(axis) if !axis.is_empty() => Self::Axis(axis.to_owned()),
                _ => return Err(format!("`{{{name}}}` is not a variable")),
            },
        })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From => f.write_str("{from}"),
            Self::To => f.write_str("{to}"),
            Self::Page => f.write_str("{page}"),
            Self::Offset => f.write_str("{offset}"),
            Self::Token => f.write_str("{token}"),
            Self::Item => f.write_str("{item}"),
            Self::Axis(name) => write!(f, "{{axis.{name}}}"),
        }
    }
}

impl Filter {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.trim_start().split_once(' ') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text.trim(), None),
        };
        match (name, argument) {
            ("raw", None) => Ok(Self::Raw),
            ("path", None) => Ok(Self::Path),
            ("decode", None) => Ok(Self::Decode),
            ("strip", Some(prefix)) => Ok(Self::Strip(prefix.to_owned())),
            ("replace", Some(pair)) => match pair.split_once(' ') {
                Some((old, new)) if !old.is_empty() => {
                    Ok(Self::Replace(old.to_owned(), new.to_owned()))
                }
                _ => Err(format!("`{text}` needs two texts: the old and the new one")),
            },
            ("add", Some(number)) => match number.trim().parse() {
                Ok(number) => Ok(Self::Add(number)),
                Err(_) => Err(format!("`{number}` is not a number to add")),
            },
            _ => Err(format!("`{text}` is not a filter")),
        }
    }
}

impl Values<'_> {
    fn get(&self, variable: &Variable, format: Option<&str>) -> Option<String> {
        let date = |date: Option<&Zoned>| {
            let format = format.unwrap_or(self.format);
            strtime::format(format, date?).ok()
        };
        match variable {
            Variable::From => date(self.from),
            Variable::To => date(self.to),
            Variable::Page => self.page.map(|page| page.to_string()),
            Variable::Offset => self.offset.map(|offset| offset.to_string()),
            Variable::Token => self.token.map(str::to_owned),
            Variable::Item => self.item.map(str::to_owned),
            Variable::Axis(name) => self.axes?.get(name).cloned(),
        }
    }
}

fn apply_filters(mut value: String, filters: &[Filter], escaping: Escaping) -> String {
    let mut is_raw = escaping == Escaping::Plain;
    for filter in filters {
        value = match filter {
            Filter::Raw => {
                is_raw = true;
                value
            }
            Filter::Strip(prefix) => match value.strip_prefix(prefix) {
                Some(rest) => rest.to_owned(),
                None => value,
            },
            Filter::Replace(old, new) => value.replace(old, new),
            Filter::Path => {
                is_raw = true;
                extract_path(&value)
            }
            Filter::Decode => percent::percent_decode(&value.replace('+', " ")),
            // A text that is not a number stays unchanged.
            Filter::Add(number) => match value.parse::<i64>() {
                Ok(value) => value.saturating_add(*number).to_string(),
                Err(_) => value,
            },
        };
    }
    if is_raw {
        value
    } else {
        percent_encode(&value)
    }
}

/// Returns the path and the query of a URL. A text that is not a URL is returned unchanged.
fn extract_path(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Percent-encodes all characters that could change the URL around the value. Colons and commas
/// in dates and lists stay, because they change nothing and some servers require them unencoded.
fn percent_encode(text: &str) -> String {
    let encoded = percent::percent_encode(text);
    encoded.replace("%3A", ":").replace("%2C", ",")
}

/// Returns an error if dates cannot be written in this format.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    let written = strtime::format(format, &Zoned::default()).map(drop);
    written.map_err(|error| format!("`{format}` is not a date format: {error}"))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(template: &str, values: &Values<'_>) -> String {
        Template::parse(template)
            .unwrap()
            .render(values, Escaping::Url, |name| format!("<{name}>"))
    }

    #[test]
    fn dates_use_their_own_format_or_that_of_the_window() {
        let from: Zoned = "2024-02-01T00:00:00+02:00[Africa/Johannesburg]"
            .parse()
            .unwrap();
        let values = Values {
            from: Some(&from),
            format: "%Y-%m-%dT%H:%M:%S%:z",
            ..Values::default()
        };
        for (template, expected) in [
            ("/{from}", "/2024-02-01T00:00:00%2B02:00"),
            ("/{from:%Y/%m}", "/2024%2F02"),
            ("/{from:%Y/%m|raw}", "/2024/02"),
            ("/{from:%Y|add 543}.json", "/2567.json"),
            ("/{from:%s}000", "/1706738400000"),
        ] {
            assert_eq!(url(template, &values), expected, "{template}");
        }
    }

    #[test]
    fn values_do_not_change_the_text_around_them() {
        let axes = BTreeMap::from([("kind".to_owned(), "a=1&b=2".to_owned())]);
        let values = Values {
            item: Some("ocds-x/1 ü"),
            page: Some(3),
            axes: Some(&axes),
            ..Values::default()
        };
        for (template, expected) in [
            ("/{item}?p={page}", "/ocds-x%2F1%20%C3%BC?p=3"),
            ("/{item|strip ocds-}", "/x%2F1%20%C3%BC"),
            ("/{item|replace / _|strip ocds-}", "/x_1%20%C3%BC"),
            ("/{item|strip other-}", "/ocds-x%2F1%20%C3%BC"),
            ("/?{axis.kind|raw}", "/?a=1&b=2"),
            ("/?q={axis.kind}", "/?q=a%3D1%26b%3D2"),
            ("/{env.KEY}?key={env.KEY}", "/%3CKEY%3E?key=%3CKEY%3E"),
            ("{env.KEY}/x", "<KEY>/x"),
            ("/{{x}}", "/{x}"),
        ] {
            assert_eq!(url(template, &values), expected, "{template}");
        }
        let item = "http://10.0.0.1:8080/packages/7?x=1#y";
        let values = Values {
            item: Some(item),
            ..Values::default()
        };
        assert_eq!(
            url("https://public.example{item|path}", &values),
            "https://public.example/packages/7?x=1"
        );
        assert_eq!(url("{item|raw}", &values), item);
    }

    #[test]
    fn a_value_of_a_query_is_decoded_before_it_is_encoded_again() {
        for (item, expected) in [
            ("ocds%2Fa%20b", "/ocds_a%20b"),
            ("ocds/a+b%2B", "/ocds_a%20b%2B"),
            ("100%", "/100%25"),
        ] {
            let values = Values {
                item: Some(item),
                ..Values::default()
            };
            assert_eq!(url("/{item|decode|replace / _}", &values), expected);
        }
    }

    #[test]
    fn errors_name_the_problem() {
        for (template, expected) in [
            ("/{frm}", "`{frm}` is not a variable"),
            ("/{axis.}", "`{axis.}` is not a variable"),
            (
                "/{env.}",
                "`{env.}` needs the name of an environment variable",
            ),
            ("/{page", "has a { without a }"),
            ("/page}", "has a } without a {"),
            ("/{page|upper}", "`upper` is not a filter"),
            ("/{page|add x}", "`x` is not a number to add"),
            (
                "/{page:%Y}",
                "`{page:%Y}` has a date format but is not a date",
            ),
        ] {
            assert_eq!(Template::parse(template).unwrap_err(), expected);
        }
        let error = Template::parse("{from:%!}").unwrap_err();
        assert!(error.starts_with("`%!` is not a date format"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(text in ".*") {
            let _ = Template::parse(&text);
        }

        #[test]
        fn text_without_braces_stays_unchanged(text in "[^{}]*") {
            prop_assert_eq!(url(&text, &Values::default()), text);
        }
    }
}
