//! What is picked out of an index: values of an axis, items to ask for.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::json::{self, Pointer};

/// Which texts are picked out of an index, be it JSON or text of any kind.
#[derive(Clone, Debug)]
pub struct Pick {
    /// Where and how.
    pub by: By,
    /// What a text must match to be picked.
    pub matching: Option<Regex>,
    /// What a text must not match to be picked.
    pub except: Option<Regex>,
}

/// What was picked out of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// The texts that are wanted.
    pub texts: Vec<String>,
    /// How many entries there are, wanted or not: an index is at its end where it
    /// has none, and not where none is wanted.
    pub entries: usize,
}

/// How texts are found in an index.
#[derive(Clone, Debug)]
pub enum By {
    /// By their place in JSON.
    Place {
        /// Where the entries are.
        each: Path,
        /// Where in an entry its text is.
        value: Pointer,
        /// What an entry must have to be picked: texts, by their places in it.
        only: BTreeMap<Pointer, String>,
    },
    /// The first group that there is, or all, of each match in text such as HTML or RSS. The
    /// five entities of XML in it are read.
    Pattern(Regex),
}

impl Pick {
    /// What is picked out of JSON, each text once, in order. A number is its text;
    /// what is neither is passed over.
    ///
    /// # Errors
    /// There is no place for entries, a clause: an error object is no index.
    pub fn from_json(&self, index: &Value) -> Result<Picked, String> {
        let By::Place { each, value, only } = &self.by else {
            return Ok(Picked::default());
        };
        if !each.has_place(index) {
            return Err(format!("JSON without {each}"));
        }
        let entries = each.all(index);
        let count = entries.len();
        let wanted = entries.into_iter().filter(|entry| {
            only.iter().all(|(place, wanted)| {
                let found = place.get(entry).and_then(text_of);
                found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            })
        });
        let texts = self.distinct(wanted.filter_map(|entry| text_of(value.get(entry)?)));
        Ok(Picked {
            texts,
            entries: count,
        })
    }

    /// What is picked out of text, each once, in order.
    ///
    /// # Errors
    /// Nothing in it matches, and it is no feed of XML, which may be empty: a clause.
    pub fn from_text(&self, index: &str) -> Result<Picked, String> {
        let By::Pattern(pattern) = &self.by else {
            return Ok(Picked::default());
        };
        let mut entries = 0;
        let found = pattern.captures_iter(index).filter_map(|found| {
            entries += 1;
            let group = found.iter().skip(1).flatten().next().or(found.get(0))?;
            Some(unescape(group.as_str()))
        });
        let texts = self.distinct(found);
        let start = index.trim_start();
        let is_feed = ["<?xml", "<rss", "<feed"]
            .iter()
            .any(|it| start.starts_with(it));
        if entries == 0 && !is_feed {
            return Err("text in which nothing matches the pattern".into());
        }
        Ok(Picked { texts, entries })
    }

    /// Whether the index is JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self.by, By::Place { .. })
    }

    fn distinct(&self, texts: impl Iterator<Item = String>) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let is_wanted = |text: &String| {
            let is_matching = self.matching.as_ref().is_none_or(|it| it.is_match(text));
            let is_except = self.except.as_ref().is_some_and(|it| it.is_match(text));
            !text.is_empty() && is_matching && !is_except
        };
        texts
            .filter(is_wanted)
            .filter(|text| seen.insert(text.clone()))
            .collect()
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads the entities that XML defines by itself.
fn unescape(text: &str) -> String {
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

/// A JSON Pointer in which `*` is each entry of an array, or each member of an
/// object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Each,
}

impl Path {
    /// Whether there is a place for what it leads to: what its first `*` is of, if
    /// the value is not empty as a whole.
    fn has_place(&self, value: &Value) -> bool {
        let is_empty = match value {
            Value::Null => true,
            Value::Array(entries) => entries.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        let before = self.0.iter().take_while(|token| **token != Token::Each);
        let mut found = vec![value];
        for token in before {
            found = found
                .into_iter()
                .flat_map(|value| token.of(value))
                .collect();
        }
        let is_place = |value: &&Value| {
            matches!(value, Value::Null | Value::Array(_) | Value::Object(_)) || !self.has_each()
        };
        is_empty || found.iter().any(is_place)
    }

    fn has_each(&self) -> bool {
        self.0.contains(&Token::Each)
    }

    /// All values it leads to, in order.
    #[must_use]
    pub fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for token in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| token.of(value))
                .collect();
        }
        found
    }
}

impl Token {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
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

impl TryFrom<String> for Path {
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

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| match token {
            Token::Each => f.write_str("/*"),
            Token::Name(name) => write!(f, "/{}", json::token(name)),
        })
    }
}

/// The keys of a pick, as tables that have one write them.
#[derive(Default)]
pub(super) struct PickKeys {
    pub(super) each: Option<Path>,
    pub(super) value: Option<Pointer>,
    pub(super) only: BTreeMap<Pointer, String>,
    pub(super) pattern: Option<String>,
    pub(super) matching: Option<String>,
    pub(super) except: Option<String>,
}

impl TryFrom<PickKeys> for Pick {
    type Error = String;

    fn try_from(keys: PickKeys) -> Result<Self, String> {
        let regex = |text: String| {
            Regex::new(&text).map_err(|error| {
                // its last line is the reason; those before draw the place
                let shown = error.to_string();
                let reason = shown.lines().last().unwrap_or_default();
                format!("`{text}` is not a regular expression: {reason}")
            })
        };
        let by = match (keys.each, keys.pattern) {
            (Some(each), None) => By::Place {
                each,
                value: keys.value.unwrap_or_default(),
                only: keys.only,
            },
            (None, Some(_)) if keys.value.is_some() || !keys.only.is_empty() => {
                return Err("`value` and `only` belong to `each`".into());
            }
            (None, Some(pattern)) => By::Pattern(regex(pattern)?),
            _ => return Err("name one of `each` and `pattern`".into()),
        };
        Ok(Self {
            by,
            matching: keys.matching.map(regex).transpose()?,
            except: keys.except.map(regex).transpose()?,
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

    fn path(text: &str) -> Path {
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
    fn an_error_object_is_no_index_and_an_empty_one_is() {
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
    fn what_is_wrong_is_named() {
        for (keys, expected) in [
            (PickKeys::default(), "name one of `each` and `pattern`"),
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
        assert!(Path::try_from("result/*".to_owned()).is_err());
    }
}
