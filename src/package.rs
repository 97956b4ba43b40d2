//! Defines the package: what a publisher says about the releases that it serves together, such as
//! who published them and under what licence.
//!
//! A package outlives the run that fetched it. It is stored once for each distinct content of a
//! source, and its id is a digest of the content. So a release can refer to its package without
//! a lookup, and two pages of the same package need no agreement.
//!
//! A package of the standard may repeat where other pages are, and a feed changes that on each
//! page. So the `links` are left out, like the items.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use serde_json::{Map, Value};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::redact::Redactor;

/// The members that the standard defines for a package in addition to its items. An object with
/// none of them says nothing about its items.
const MEMBERS: [&str; 7] = [
    "publisher",
    "license",
    "publicationPolicy",
    "publishedDate",
    "uri",
    "version",
    "extensions",
];

/// The members of a package that are not stored with it.
const LEFT_OUT: [&str; 3] = ["releases", "records", "links"];

/// The id of a package: the first 16 bytes of the BLAKE3 hash of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId([u8; 16]);

/// A package without its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The id of the package.
    pub id: PackageId,
    /// The package as JSON text, with sorted members. It is `None` if the package is stored
    /// already.
    pub text: Option<Arc<str>>,
}

impl Package {
    /// Creates a package from the text that [`write_text`] has written. Replaces secrets in it.
    #[must_use]
    pub fn new(text: &Arc<str>, redactor: &Redactor) -> Self {
        let text = match redactor.find(text.as_bytes()) {
            Some(_) => redact_text(text, redactor).unwrap_or_else(|| Arc::from("{}")),
            None => Arc::clone(text),
        };
        let hash = blake3::hash(text.as_bytes());
        let (id, _) = hash.as_bytes().split_first_chunk().expect("32 bytes");
        Self {
            id: PackageId(*id),
            text: Some(text),
        }
    }

    /// Creates a reference to a package that is stored already.
    #[must_use]
    pub fn stored(id: PackageId) -> Self {
        Self { id, text: None }
    }
}

/// Writes the package around a list of items as JSON text. `envelope` is the document without its
/// items, and `list` is the pointer to the list. Returns `None` if the list is in no object, if
/// the object is a record, or if it has no member of a package.
#[must_use]
pub fn write_text(envelope: &Value, list: Option<&str>) -> Option<Arc<str>> {
    let (place, name) = list?.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    let members = envelope.pointer(place)?.as_object()?;
    let is_record = members.contains_key("ocid");
    if is_record || !MEMBERS.iter().any(|member| members.contains_key(*member)) {
        return None;
    }
    let is_kept =
        |(member, _): &(&String, &Value)| !LEFT_OUT.contains(&member.as_str()) && **member != name;
    let kept: BTreeMap<&String, &Value> = members.iter().filter(is_kept).collect();
    let is_storable =
        |(member, value): (&&String, &&Value)| !member.contains('\0') && is_storable(value);
    if !kept.iter().all(is_storable) {
        return None;
    }
    serde_json::to_string(&kept).ok().map(Arc::from)
}

/// Estimates the memory of packages in bytes. A package that several neighbours share is counted
/// once.
pub(crate) fn estimate_memory<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> usize {
    let mut last: Option<&Arc<str>> = None;
    let mut bytes = 0;
    for text in texts {
        if !last.is_some_and(|last| Arc::ptr_eq(last, text)) {
            bytes += text.len();
        }
        last = Some(text);
    }
    bytes
}

/// Returns true if PostgreSQL can store every text in a value, which it can if there is no NUL.
pub(crate) fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(entries) => entries.iter().all(is_storable),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| !name.contains('\0') && is_storable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Replaces secrets within the strings, names and numbers of a JSON text, so that it stays JSON.
fn redact_text(text: &str, redactor: &Redactor) -> Option<Arc<str>> {
    let value = serde_json::from_str(text).ok()?;
    let redacted = serde_json::to_string(&redact_value(value, redactor)).ok()?;
    Some(Arc::from(redacted))
}

fn redact_value(value: Value, redactor: &Redactor) -> Value {
    let redact = |text: &str| redactor.redact_text(text).into_owned();
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Number(number) => match redact(&number.to_string()) {
            text if text == number.to_string() => Value::Number(number),
            redacted => Value::String(redacted),
        },
        Value::Array(entries) => {
            let entries = entries.into_iter();
            Value::Array(entries.map(|it| redact_value(it, redactor)).collect())
        }
        Value::Object(members) => {
            let members = members.into_iter();
            let members =
                members.map(|(name, value)| (redact(&name), redact_value(value, redactor)));
            Value::Object(Map::from_iter(members))
        }
        Value::Null | Value::Bool(_) => value,
    }
}

impl ToSql for PackageId {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for PackageId {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(r#type: &Type) -> bool {
        *r#type == Type::UUID
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(envelope: &Value, list: &str, expected: Option<&str>) {
        assert_eq!(write_text(envelope, Some(list)).as_deref(), expected);
        assert_eq!(write_text(envelope, None), None);
    }

    #[test]
    fn a_package_is_everything_but_its_items_and_links() {
        let package = json!({
            "version": "1.1", "releases": [], "publisher": {"name": "P", "uid": null},
            "links": {"next": "https://p.example/2"}, "records": null, "total": 7,
        });
        let text = r#"{"publisher":{"name":"P","uid":null},"total":7,"version":"1.1"}"#;
        check(&package, "/releases", Some(text));
        check(
            &json!({"a/b": {"~": package}}),
            "/a~1b/~0/releases",
            Some(text),
        );
        let other = json!({"data": [], "license": "L"});
        check(&other, "/data", Some(r#"{"license":"L"}"#));
        check(
            &json!({"x~/": [], "uri": "u"}),
            "/x~0~1",
            Some(r#"{"uri":"u"}"#),
        );
    }

    #[test]
    fn what_says_nothing_about_its_items_is_no_package() {
        check(&json!({"releases": [], "total": 7}), "/releases", None);
        check(
            &json!({"ocid": "o", "releases": [], "version": "1.1"}),
            "/releases",
            None,
        );
        check(&json!([]), "", None);
        check(&Value::Null, "", None);
        check(&json!({"uri": "a\0b", "releases": []}), "/releases", None);
    }

    #[test]
    fn the_order_of_members_and_the_items_do_not_change_the_id() {
        let id = |text: &str, list: &str| {
            let envelope = serde_json::from_str(text).unwrap();
            Package::new(
                &write_text(&envelope, Some(list)).unwrap(),
                &Redactor::default(),
            )
            .id
        };
        let one = id(
            r#"{"uri":"u","publisher":{"a":1,"b":2},"releases":[]}"#,
            "/releases",
        );
        let same = id(
            r#"{"records":[],"publisher":{"b":2,"a":1},"uri":"u"}"#,
            "/records",
        );
        let other = id(
            r#"{"uri":"v","publisher":{"a":1,"b":2},"releases":[]}"#,
            "/releases",
        );
        assert_eq!(one, same);
        assert_ne!(one, other);
    }

    #[test]
    fn a_secret_is_no_part_of_a_package() {
        let redactor = Redactor::default();
        redactor.add_token("314159265".to_owned().into());
        let text = Arc::from(r#"{"uri":"https://p.example/?k=314159265","version":314159265}"#);
        let package = Package::new(&text, &redactor);
        assert_eq!(
            package.text.as_deref(),
            Some(r#"{"uri":"https://p.example/?k={auth.token}","version":"{auth.token}"}"#)
        );
    }

    #[test]
    fn neighbours_that_share_a_package_need_its_memory_once() {
        let [a, b]: [Arc<str>; 2] = [Arc::from("aaaa"), Arc::from("bb")];
        assert_eq!(estimate_memory([&a, &a, &b, &b, &a].into_iter()), 10);
    }
}
