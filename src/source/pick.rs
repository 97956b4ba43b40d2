//! Selects texts from an index: the values of an axis, or the items to fetch.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Captures, Regex};
use serde::Deserialize;
use serde_json::Value;

use crate::json::{self, Pointer};

/// A rule that selects texts from an index. The index is JSON, or another text such as HTML.
#[derive(Clone, Debug)]
pub struct Pick {
    /// The way to find texts in the index.
    pub method: PickMethod,
    /// The texts that are selected among those that are found.
    pub filter: Filter,
}

/// Selects texts by regular expression, such as names of files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "FilterTable")]
pub struct Filter {
    /// Only texts that match this are selected.
    pub matching: Option<Regex>,
    /// Texts that match this are not selected.
    pub except: Option<Regex>,
}

impl Filter {
    /// Returns true if the text is selected.
    #[must_use]
    pub fn is_wanted(&self, text: &str) -> bool {
        let is_matching = self.matching.as_ref().is_none_or(|it| it.is_match(text));
        let is_excepted = self.except.as_ref().is_some_and(|it| it.is_match(text));
        is_matching && !is_excepted
    }
}

/// The keys of a [`Filter`].
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterTable {
    matching: Option<String>,
    except: Option<String>,
}

impl TryFrom<FilterTable> for Filter {
    type Error = String;

    fn try_from(keys: FilterTable) -> Result<Self, String> {
        let pattern = |text: Option<String>| text.map(|it| compile_pattern(&it)).transpose();
        Ok(Self {
            matching: pattern(keys.matching)?,
            except: pattern(keys.except)?,
        })
    }
}

/// The texts that a [`Pick`] selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// The selected texts.
    pub texts: Vec<String>,
    /// The number of entries, including those that were not selected. A page of an index without
    /// entries is the last one. A page whose entries are all left out is not the last one.
    pub entries: usize,
}

/// The method that finds texts in an index.
#[derive(Clone, Debug)]
pub enum PickMethod {
    /// The texts are found by JSON Pointer, in an index that is JSON.
    Pointer {
        /// The pointer to the entries.
        each: WildcardPointer,
        /// The pointer to the text within an entry.
        value: Pointer,
        /// An entry is selected only if it has these texts at these pointers.
        only: BTreeMap<Pointer, String>,
        /// An entry is selected only if the texts at these pointers contain these texts. Case is
        /// ignored.
        containing: BTreeMap<Pointer, String>,
    },
    /// The texts are found by regular expression, in an index that is text such as HTML or RSS. A
    /// text is the first group that took part in the match, or the whole match. The five
    /// predefined entities of XML in it are decoded.
    Pattern(Regex),
}

impl Pick {
    /// Selects texts from JSON. Each text is returned once, in order of appearance. A number
    /// becomes text. Values of other types are skipped.
    ///
    /// # Errors
    ///
    /// Returns a clause if the JSON has no place for entries. So an error object is not taken for
    /// an empty index.
    pub fn from_json(&self, index: &Value) -> Result<Picked, String> {
        let PickMethod::Pointer {
            each,
            value,
            only,
            containing,
        } = &self.method
        else {
            return Ok(Picked::default());
        };
        if !each.has_place(index) {
            return Err(format!("JSON without {each}"));
        }
        let entries = each.find_all(index);
        let count = entries.len();
        let wanted = entries.into_iter().filter(|entry| {
            let find = |place: &Pointer| place.get(entry).and_then(to_text);
            let is_equal = |(place, wanted): (&Pointer, &String)| {
                find(place).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            };
            let has_part = |(place, wanted): (&Pointer, &String)| {
                let wanted = wanted.to_lowercase();
                find(place).is_some_and(|found| found.to_lowercase().contains(&wanted))
            };
            only.iter().all(is_equal) && containing.iter().all(has_part)
        });
        let texts = self.select_distinct(wanted.filter_map(|entry| to_text(value.get(entry)?)));
        Ok(Picked {
            texts,
            entries: count,
        })
    }

    /// Selects texts from an index that is text. Each text is returned once, in order of
    /// appearance.
    ///
    /// # Errors
    ///
    /// Returns a clause if nothing matches and the text is not XML. An XML feed may be empty.
    pub fn from_text(&self, index: &str) -> Result<Picked, String> {
        let PickMethod::Pattern(pattern) = &self.method else {
            return Ok(Picked::default());
        };
        let mut entries = 0;
        let found = pattern.captures_iter(index).filter_map(|found| {
            entries += 1;
            Some(decode_entities(choose_group(&found)?))
        });
        let texts = self.select_distinct(found);
        let mut starts = ["<?xml", "<rss", "<feed"].iter();
        let is_feed = starts.any(|start| index.trim_start().starts_with(start));
        if entries == 0 && !is_feed {
            return Err("text in which nothing matches the pattern".into());
        }
        Ok(Picked { texts, entries })
    }

    /// Returns true if the index is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.method, PickMethod::Pointer { .. })
    }

    fn select_distinct(&self, texts: impl Iterator<Item = String>) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        texts
            .filter(|text| !text.is_empty() && self.filter.is_wanted(text))
            .filter(|text| seen.insert(text.clone()))
            .collect()
    }
}

/// Returns the first group that took part in a match, or the whole match.
fn choose_group<'t>(found: &Captures<'t>) -> Option<&'t str> {
    let group = found.iter().skip(1).flatten().next();
    group.or(found.get(0)).map(|group| group.as_str())
}

/// Returns what a pattern finds in a text: its first group that took part, or the whole match.
pub(super) fn find_group<'t>(pattern: &Regex, text: &'t str) -> Option<&'t str> {
    choose_group(&pattern.captures(text)?)
}

pub(super) fn compile_pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        // The last line of the error is the reason. The lines before it show the position.
        let shown = error.to_string();
        let reason = shown.lines().last().unwrap_or_default();
        format!("`{text}` is not a regular expression: {reason}")
    })
}

fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn decode_entities(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.trim().to_owned(), |text, (entity, character)| {
        text.replace(entity, character)
    })
}

/// A JSON Pointer in which `*` stands for each entry of an array or each member of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WildcardPointer(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Each,
}

impl WildcardPointer {
    /// Returns true if the value has a place for entries. It does if it is empty, or if the part
    /// of the pointer before the first `*` leads to an array, an object or `null`. A pointer
    /// without `*` may lead to any value.
    fn has_place(&self, value: &Value) -> bool {
        let is_empty = match value {
            Value::Null => true,
            Value::Array(entries) => entries.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        let before = self.0.iter().take_while(|token| **token != Token::Each);
        let found = find_descendants(value, before);
        let is_place = |value: &&Value| {
            matches!(value, Value::Null | Value::Array(_) | Value::Object(_))
                || !self.0.contains(&Token::Each)
        };
        is_empty || found.iter().any(is_place)
    }

    /// Returns all values that the pointer leads to, in order.
    #[must_use]
    pub fn find_all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        find_descendants(value, &self.0)
    }
}

fn find_descendants<'v, 't>(
    value: &'v Value,
    tokens: impl IntoIterator<Item = &'t Token>,
) -> Vec<&'v Value> {
    tokens.into_iter().fold(vec![value], |found, token| {
        let children = found.into_iter().flat_map(|it| token.find_children(it));
        children.collect()
    })
}

impl Token {
    fn find_children<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Each, Value::Array(entries)) => entries.iter().collect(),
            (Self::Each, Value::Object(members)) => members.values().collect(),
            (Self::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::Name(name), Value::Array(entries)) => {
                let entry = name.parse::<usize>().ok().and_then(|at| entries.get(at));
                entry.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

impl TryFrom<String> for WildcardPointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Pointer::parse(&text)?;
        let tokens = text.split('/').skip(1).map(|token| match token {
            "*" => Token::Each,
            name => Token::Name(name.replace("~1", "/").replace("~0", "~")),
        });
        Ok(Self(tokens.collect()))
    }
}

impl fmt::Display for WildcardPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| match token {
            Token::Each => f.write_str("/*"),
            Token::Name(name) => write!(f, "/{}", json::escape_token(name)),
        })
    }
}

/// The keys of a [`Pick`], for tables of the configuration that contain one.
#[derive(Default)]
pub(super) struct PickKeys {
    pub(super) each: Option<WildcardPointer>,
    pub(super) value: Option<Pointer>,
    pub(super) only: BTreeMap<Pointer, String>,
    pub(super) containing: BTreeMap<Pointer, String>,
    pub(super) pattern: Option<String>,
    pub(super) matching: Option<String>,
    pub(super) except: Option<String>,
}

impl TryFrom<PickKeys> for Pick {
    type Error = String;

    fn try_from(keys: PickKeys) -> Result<Self, String> {
        let has_pointers =
            keys.value.is_some() || !keys.only.is_empty() || !keys.containing.is_empty();
        let method = match (keys.each, keys.pattern) {
            (Some(each), None) => PickMethod::Pointer {
                each,
                value: keys.value.unwrap_or_default(),
                only: keys.only,
                containing: keys.containing,
            },
            (None, Some(_)) if has_pointers => {
                let why = "`value`, `only` and `containing` can be used with `each` only";
                return Err(why.into());
            }
            (None, Some(pattern)) => PickMethod::Pattern(compile_pattern(&pattern)?),
            _ => return Err("declare either `each` or `pattern`".into()),
        };
        let filter = FilterTable {
            matching: keys.matching,
            except: keys.except,
        };
        Ok(Self {
            method,
            filter: filter.try_into()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pick(keys: PickKeys) -> Pick {
        keys.try_into().unwrap()
    }

    fn path(text: &str) -> WildcardPointer {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn entries_are_picked_by_place() {
        let index = json!({"result": {"resources": [
            {"format": "JSON", "url": "a.json"},
            {"format": "CSV", "url": "a.csv"},
            {"format": "json", "url": "compiled.json"},
            {"format": "json", "url": "a.json"},
            {"format": "json"},
            null,
        ]}});
        let picked = pick(PickKeys {
            each: Some(path("/result/resources/*")),
            value: Some(Pointer::parse("/url").unwrap()),
            only: BTreeMap::from([(Pointer::parse("/format").unwrap(), "JSON".into())]),
            matching: Some("^a".into()),
            ..PickKeys::default()
        });
        let picked = picked.from_json(&index).unwrap();
        assert_eq!(picked.texts, ["a.json"]);
        assert_eq!(picked.entries, 6);
    }

    #[test]
    fn an_entry_is_picked_by_a_part_of_its_text() {
        let index = json!([
            {"title": "Données OCDS", "url": "a"},
            {"title": "Données", "note": "ocds", "url": "b"},
            {"title": null, "url": "c"},
            {"title": "ocds-ÉTÉ", "url": "d"},
        ]);
        let texts = |part: &str| {
            let picked = pick(PickKeys {
                each: Some(path("/*")),
                value: Some(Pointer::parse("/url").unwrap()),
                containing: BTreeMap::from([(Pointer::parse("/title").unwrap(), part.into())]),
                ..PickKeys::default()
            });
            picked.from_json(&index).unwrap().texts
        };
        assert_eq!(texts("ocds"), ["a", "d"]);
        assert_eq!(texts("été"), ["d"]);
        assert_eq!(texts(""), ["a", "b", "d"]);
    }

    #[test]
    fn a_star_is_each_entry_or_each_member() {
        let index = json!({"2020": [{"id": 7}, {"id": "x"}, {"id": true}], "2021": [{"id": 7}]});
        let picked = pick(PickKeys {
            each: Some(path("/*/*/id")),
            ..PickKeys::default()
        });
        assert_eq!(picked.from_json(&index).unwrap().texts, ["7", "x"]);
        assert!(
            picked
                .from_json(&json!([1, null]))
                .unwrap()
                .texts
                .is_empty()
        );
    }

    #[test]
    fn texts_are_picked_by_pattern() {
        let picked = pick(PickKeys {
            pattern: Some(r#"href="([^"]+\.json[^"]*)""#.into()),
            ..PickKeys::default()
        });
        let html =
            r#"<a href="/a.json?x=1&amp;y=2">a</a><a href="/b.csv"><a href="/a.json?x=1&amp;y=2">"#;
        assert_eq!(picked.from_text(html).unwrap().texts, ["/a.json?x=1&y=2"]);
        assert!(picked.from_text("<html>back soon</html>").is_err());
        assert!(picked.from_text("<?xml version='1.0'?><rss/>").is_ok());
    }

    #[test]
    fn an_error_object_is_an_error_and_an_empty_index_is_not() {
        let picked = pick(PickKeys {
            each: Some(path("/releases/*")),
            ..PickKeys::default()
        });
        for index in [
            json!({"releases": []}),
            json!({"releases": null}),
            json!({}),
            json!([]),
        ] {
            assert_eq!(picked.from_json(&index), Ok(Picked::default()), "{index}");
        }
        for index in [
            json!({"message": "busy"}),
            json!("busy"),
            json!({"releases": 7}),
        ] {
            assert!(picked.from_json(&index).is_err(), "{index}");
        }
    }

    #[test]
    fn errors_name_the_problem() {
        for (keys, expected) in [
            (PickKeys::default(), "declare either `each` or `pattern`"),
            (
                PickKeys {
                    pattern: Some("(".into()),
                    ..PickKeys::default()
                },
                "`(` is not a regular expression: error: unclosed group",
            ),
        ] {
            assert_eq!(Pick::try_from(keys).unwrap_err(), expected);
        }
        assert!(WildcardPointer::try_from("result/*".to_owned()).is_err());
    }
}
