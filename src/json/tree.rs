//! A JSON value that is parsed only where its parts are needed.
//!
//! The parts that are not needed stay text and are written without changes. So numbers keep every
//! digit, and deeply nested values need neither memory nor recursion.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Loose, Scanner, is_key};

/// A JSON value. A text that is not JSON stays as it is.
#[derive(Clone, Debug)]
pub(crate) enum Tree<'t> {
    /// Text that is not parsed yet.
    Text(Cow<'t, str>),
    Object(Members<'t>),
    Array(Vec<Tree<'t>>),
}

/// The members of an object in their order. If a name occurs twice, the last value counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'t>(
    /// The names are without their quotes, but their escapes are kept.
    Vec<(Cow<'t, str>, Tree<'t>)>,
);

impl<'t> Tree<'t> {
    pub(crate) fn from_text(text: &'t str) -> Self {
        Tree::Text(Cow::Borrowed(text.trim()))
    }

    pub(crate) fn string(text: &str) -> Self {
        Tree::Text(Cow::Owned(serde_json::Value::from(text).to_string()))
    }

    pub(crate) fn strings<'s>(texts: impl IntoIterator<Item = &'s String>) -> Self {
        Tree::Array(texts.into_iter().map(|text| Tree::string(text)).collect())
    }

    /// Returns true if the value is not `null`.
    pub(crate) fn has_value(&self) -> bool {
        !matches!(self, Tree::Text(text) if text == "null")
    }

    /// Returns the text of a string, or the digits of a number. Returns `None` for any other
    /// value.
    pub(crate) fn scalar(&self) -> Option<String> {
        let Tree::Text(text) = self else { return None };
        match text.as_bytes().first()? {
            b'"' => serde_json::from_str(text).ok(),
            b'-' | b'0'..=b'9' => Some(text.to_string()),
            _ => None,
        }
    }

    pub(crate) fn members(&mut self) -> Option<&mut Members<'t>> {
        self.open_level();
        match self {
            Tree::Object(members) => Some(members),
            Tree::Text(_) | Tree::Array(_) => None,
        }
    }

    /// Returns the entries of an array. An object is returned as the only entry. Any other value
    /// has no entries.
    pub(crate) fn entries(&mut self) -> &mut [Tree<'t>] {
        self.open_level();
        match self {
            Tree::Array(entries) => entries,
            Tree::Object(_) => std::slice::from_mut(self),
            Tree::Text(_) => &mut [],
        }
    }

    pub(crate) fn is_array(&self) -> bool {
        match self {
            Tree::Text(text) => text.starts_with('['),
            Tree::Object(_) => false,
            Tree::Array(_) => true,
        }
    }

    /// Parses the outermost level of a text, if the text is an object or an array.
    fn open_level(&mut self) {
        let Tree::Text(text) = self else { return };
        let opened = match text {
            Cow::Borrowed(text) => parse_level(text),
            // Owned texts are always strings, which have no parts.
            Cow::Owned(_) => None,
        };
        if let Some(opened) = opened {
            *self = opened;
        }
    }

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

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

fn parse_level(text: &str) -> Option<Tree<'_>> {
    let mut scanner = Scanner::new(text.as_bytes(), 0, Loose);
    match scanner.peek().ok()? {
        b'{' => {
            let mut members = Vec::new();
            scanner
                .walk_members(|scanner, key| {
                    members.push((Cow::Borrowed(&text[key]), read_text(text, scanner)?));
                    Ok(())
                })
                .ok()?;
            Some(Tree::Object(Members(members)))
        }
        b'[' => {
            let mut entries = Vec::new();
            scanner
                .walk_entries(|scanner| {
                    entries.push(read_text(text, scanner)?);
                    Ok(())
                })
                .ok()?;
            Some(Tree::Array(entries))
        }
        _ => None,
    }
}

fn read_text<'t>(
    text: &'t str,
    scanner: &mut Scanner<'_, Loose>,
) -> Result<Tree<'t>, super::ScanError> {
    let (range, _) = scanner.read_value()?;
    Ok(Tree::Text(Cow::Borrowed(&text[range])))
}

impl<'t> Members<'t> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of the member with this name. Returns `None` if the value is `null`.
    pub(crate) fn get(&mut self, name: &str) -> Option<&mut Tree<'t>> {
        let mut members = self.0.iter_mut().rev();
        let (_, value) = members.find(|(key, _)| is_key(key.as_bytes(), name))?;
        value.has_value().then_some(value)
    }

    pub(crate) fn has(&mut self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns the text of the string or number with this name. Returns `None` if the text is
    /// only white space.
    pub(crate) fn scalar(&mut self, name: &str) -> Option<String> {
        let text = self.get(name)?.scalar()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// Removes all members with this name. Returns the value of the last one.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Tree<'t>> {
        let mut removed = None;
        let members = std::mem::take(&mut self.0);
        for (key, value) in members {
            if is_key(key.as_bytes(), name) {
                removed = Some(value);
            } else {
                self.0.push((key, value));
            }
        }
        removed
    }

    /// Sets the value of the member with this name. The member becomes the last one.
    pub(crate) fn set(&mut self, name: &'t str, value: Tree<'t>) {
        self.remove(name);
        self.0.push((Cow::Borrowed(name), value));
    }

    /// Appends members. Their names must differ from the names of the existing members.
    pub(crate) fn extend(&mut self, others: Members<'t>) {
        self.0.extend(others.0);
    }
}

/// The merged members of several objects. If several objects have a value for the same name, the
/// value of the first object counts.
#[derive(Debug, Default)]
pub(crate) struct MergedMembers<'t> {
    members: Members<'t>,
    /// The index and the origin of each member by its name. The names in this map have no
    /// escapes.
    places: HashMap<Cow<'t, str>, MemberPlace>,
    objects: usize,
}

#[derive(Debug)]
struct MemberPlace {
    index: usize,
    /// The number of the object from which the value comes.
    object: usize,
}

impl<'t> MergedMembers<'t> {
    /// Adds those members of another object whose names have no value yet.
    pub(crate) fn add_missing(&mut self, other: Members<'t>) {
        self.objects += 1;
        let object = self.objects;
        let members = &mut self.members.0;
        for (key, value) in other.0 {
            match self.places.entry(unescape_name(&key)) {
                Entry::Vacant(vacant) => {
                    let index = members.len();
                    vacant.insert(MemberPlace { index, object });
                    members.push((key, value));
                }
                Entry::Occupied(mut occupied) => {
                    let place = occupied.get_mut();
                    let (_, own) = &mut members[place.index];
                    // Within a single object, the last value of a name counts.
                    if place.object == object || !own.has_value() {
                        *own = value;
                        place.object = object;
                    }
                }
            }
        }
    }

    pub(crate) fn into_members(self) -> Members<'t> {
        self.members
    }
}

fn unescape_name<'t>(key: &Cow<'t, str>) -> Cow<'t, str> {
    match key {
        Cow::Borrowed(key) => unescape(key),
        Cow::Owned(key) => Cow::Owned(unescape(key).into_owned()),
    }
}

/// Returns the content of a string without its escapes. `raw` is what is between the quotes. If it
/// has half of a surrogate pair, it means no text and is returned as it is.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_opened_stays_as_it_is_written() {
        let text = r#" {"a": [1.50, 1e2 ], "\u0062":{ "c" : null},"d":"x"} "#;
        let mut tree = Tree::from_text(text);
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
        std::mem::take(Tree::from_text(text).members().unwrap())
    }

    #[test]
    fn members_are_taken_and_set() {
        let mut tree = Tree::from_text(r#"{"a":1,"b":2,"a":3,"n":null}"#);
        let members = tree.members().unwrap();
        assert_eq!(members.remove("a").unwrap().to_text(), "3");
        assert!(members.remove("a").is_none());
        members.set("c", Tree::string("x\"y"));
        assert_eq!(tree.to_text(), r#"{"b":2,"n":null,"c":"x\"y"}"#);
    }

    #[test]
    fn of_several_objects_the_first_counts_and_is_filled_up() {
        let mut merged = MergedMembers::default();
        merged.add_missing(members(r#"{"b":1,"n":null,"b":2}"#));
        merged.add_missing(members(r#"{"\u0062":9,"n":4,"n":5,"d":6}"#));
        merged.add_missing(members(r#"{"n":7,"d":8,"e":null}"#));
        let tree = Tree::Object(merged.into_members());
        assert_eq!(tree.to_text(), r#"{"b":2,"n":5,"d":6,"e":null}"#);
    }

    #[test]
    fn depth_costs_nothing_until_it_is_opened() {
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let mut tree = Tree::from_text(&deep);
        assert_eq!(tree.entries().len(), 1);
        assert_eq!(tree.to_text(), deep);
    }
}
