//! A value that is opened only as far as somebody looks into it.
//!
//! What is not opened stays the text it was, and is written as that: numbers keep
//! every digit, and how deep a value nests costs nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Loose, Scanner, key_is};

/// A JSON value: text, or the members or entries that it was opened into.
///
/// The text must be JSON; what is not is left as it is.
#[derive(Clone, Debug)]
pub(crate) enum Tree<'t> {
    /// As it is written.
    Text(Cow<'t, str>),
    /// An object's members.
    Object(Members<'t>),
    /// An array's entries.
    Array(Vec<Tree<'t>>),
}

/// The members of an object in their order. Of two with one name the last counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'t>(
    /// Names as they are written, without their quotes.
    Vec<(Cow<'t, str>, Tree<'t>)>,
);

impl<'t> Tree<'t> {
    /// The value that a text is.
    pub(crate) fn of(text: &'t str) -> Self {
        Tree::Text(Cow::Borrowed(text.trim()))
    }

    /// A string.
    pub(crate) fn string(text: &str) -> Self {
        Tree::Text(Cow::Owned(serde_json::Value::from(text).to_string()))
    }

    /// An array of strings.
    pub(crate) fn strings<'s>(texts: impl IntoIterator<Item = &'s String>) -> Self {
        Tree::Array(texts.into_iter().map(|text| Tree::string(text)).collect())
    }

    /// Whether it is there and not `null`.
    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Tree::Text(text) if text == "null")
    }

    /// The text of a string, or a number as it is written.
    pub(crate) fn scalar(&self) -> Option<String> {
        let Tree::Text(text) = self else { return None };
        match text.as_bytes().first()? {
            b'"' => serde_json::from_str(text).ok(),
            b'-' | b'0'..=b'9' => Some(text.to_string()),
            _ => None,
        }
    }

    /// The members of an object.
    pub(crate) fn members(&mut self) -> Option<&mut Members<'t>> {
        self.open();
        match self {
            Tree::Object(members) => Some(members),
            Tree::Text(_) | Tree::Array(_) => None,
        }
    }

    /// The entries of an array; an object counts as an array of one.
    pub(crate) fn entries(&mut self) -> &mut [Tree<'t>] {
        self.open();
        match self {
            Tree::Array(entries) => entries,
            Tree::Object(_) => std::slice::from_mut(self),
            Tree::Text(_) => &mut [],
        }
    }

    /// Whether it is an array.
    pub(crate) fn is_array(&self) -> bool {
        match self {
            Tree::Text(text) => text.starts_with('['),
            Tree::Object(_) => false,
            Tree::Array(_) => true,
        }
    }

    /// Opens a text that is an object or an array, by one level.
    fn open(&mut self) {
        let Tree::Text(text) = self else { return };
        let opened = match text {
            Cow::Borrowed(text) => open(text),
            // what was made here is made open, but for strings
            Cow::Owned(_) => None,
        };
        if let Some(opened) = opened {
            *self = opened;
        }
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Tree::Text(text) => out.push_str(text),
            Tree::Object(Members(members)) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "\"" } else { ",\"" });
                    out.push_str(name);
                    out.push_str("\":");
                    value.write(out);
                }
                out.push('}');
            }
            Tree::Array(entries) => {
                out.push('[');
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    entry.write(out);
                }
                out.push(']');
            }
        }
    }

    /// As JSON.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

fn open(text: &str) -> Option<Tree<'_>> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Loose);
    match scanner.peek().ok()? {
        b'{' => {
            let mut members = Vec::new();
            scanner
                .members(|scanner, key| {
                    members.push((Cow::Borrowed(&text[key]), value(text, scanner)?));
                    Ok(())
                })
                .ok()?;
            Some(Tree::Object(Members(members)))
        }
        b'[' => {
            let mut entries = Vec::new();
            scanner
                .entries(|scanner| {
                    entries.push(value(text, scanner)?);
                    Ok(())
                })
                .ok()?;
            Some(Tree::Array(entries))
        }
        _ => None,
    }
}

fn value<'t>(text: &'t str, scanner: &mut Scanner<'_, Loose>) -> Result<Tree<'t>, super::Stop> {
    scanner.peek()?;
    let start = scanner.at();
    scanner.value()?;
    Ok(Tree::Text(Cow::Borrowed(&text[start..scanner.at()])))
}

impl<'t> Members<'t> {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a name, unless it is `null`.
    pub(crate) fn get(&mut self, name: &str) -> Option<&mut Tree<'t>> {
        let mut members = self.0.iter_mut().rev();
        let (_, value) = members.find(|(key, _)| key_is(key.as_bytes(), name))?;
        value.is_some().then_some(value)
    }

    /// Whether a name has a value other than `null`.
    pub(crate) fn has(&mut self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The text of a string or a number, unless there is only white space in it.
    pub(crate) fn scalar(&mut self, name: &str) -> Option<String> {
        let text = self.get(name)?.scalar()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// Takes the value of a name out, and all else of that name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Tree<'t>> {
        let mut taken = None;
        let members = std::mem::take(&mut self.0);
        for (key, value) in members {
            if key_is(key.as_bytes(), name) {
                taken = Some(value);
            } else {
                self.0.push((key, value));
            }
        }
        taken
    }

    /// Gives a name a value, behind the others.
    pub(crate) fn set(&mut self, name: &'t str, value: Tree<'t>) {
        self.take(name);
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Puts members of other names behind its own.
    pub(crate) fn extend(&mut self, others: Members<'t>) {
        self.0.extend(others.0);
    }
}

/// The members of several objects as those of one. Of a name that several say
/// something of, the first counts.
#[derive(Debug, Default)]
pub(crate) struct Merged<'t> {
    members: Members<'t>,
    /// Where the names are among the members; as they are read, not as they are
    /// written.
    places: HashMap<Cow<'t, str>, Place>,
    objects: usize,
}

/// Where the value of a name is.
#[derive(Debug)]
struct Place {
    index: usize,
    /// The object that it is of.
    object: usize,
}

impl<'t> Merged<'t> {
    /// Takes over the members of another object that are lacking so far.
    pub(crate) fn fill_up(&mut self, other: Members<'t>) {
        self.objects += 1;
        let object = self.objects;
        let members = &mut self.members.0;
        for (key, value) in other.0 {
            match self.places.entry(unescaped(&key)) {
                Entry::Vacant(vacant) => {
                    let index = members.len();
                    vacant.insert(Place { index, object });
                    members.push((key, value));
                }
                Entry::Occupied(mut occupied) => {
                    let place = occupied.get_mut();
                    let (_, own) = &mut members[place.index];
                    // of two with one name in one object the last counts
                    if place.object == object || !own.is_some() {
                        *own = value;
                        place.object = object;
                    }
                }
            }
        }
    }

    /// The members of all.
    pub(crate) fn into_members(self) -> Members<'t> {
        self.members
    }
}

/// The name that is written so.
fn unescaped<'t>(key: &Cow<'t, str>) -> Cow<'t, str> {
    if !key.contains('\\') {
        return key.clone();
    }
    serde_json::from_str(&format!("\"{key}\"")).map_or_else(|_| key.clone(), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_opened_stays_as_it_is_written() {
        let text = r#" {"a": [1.50, 1e2 ], "\u0062":{ "c" : null},"d":"x"} "#;
        let mut tree = Tree::of(text);
        assert_eq!(tree.to_text(), text.trim());
        let members = tree.members().unwrap();
        assert_eq!(members.get("a").unwrap().entries().len(), 2);
        assert!(!members.get("b").unwrap().members().unwrap().has("c"));
        assert_eq!(
            tree.to_text(),
            r#"{"a":[1.50,1e2],"\u0062":{"c":null},"d":"x"}"#
        );
    }

    fn members(text: &str) -> Members<'_> {
        std::mem::take(Tree::of(text).members().unwrap())
    }

    #[test]
    fn members_are_taken_and_set() {
        let mut tree = Tree::of(r#"{"a":1,"b":2,"a":3,"n":null}"#);
        let members = tree.members().unwrap();
        assert_eq!(members.take("a").unwrap().to_text(), "3");
        assert!(members.take("a").is_none());
        members.set("c", Tree::string("x\"y"));
        assert_eq!(tree.to_text(), r#"{"b":2,"n":null,"c":"x\"y"}"#);
    }

    #[test]
    fn of_several_objects_the_first_counts_and_is_filled_up() {
        let mut merged = Merged::default();
        merged.fill_up(members(r#"{"b":1,"n":null,"b":2}"#));
        merged.fill_up(members(r#"{"\u0062":9,"n":4,"n":5,"d":6}"#));
        merged.fill_up(members(r#"{"n":7,"d":8,"e":null}"#));
        let tree = Tree::Object(merged.into_members());
        assert_eq!(tree.to_text(), r#"{"b":2,"n":5,"d":6,"e":null}"#);
    }

    #[test]
    fn depth_costs_nothing_until_it_is_opened() {
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let mut tree = Tree::of(&deep);
        assert_eq!(tree.entries().len(), 1);
        assert_eq!(tree.to_text(), deep);
    }
}
