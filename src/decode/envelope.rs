//! Reduces the envelope of a document, which is everything in a document around its items.
//!
//! A page keeps the whole envelope of its first document. There may be a million other documents,
//! so only the members that tell the version of a package, or the ocid of a record, are kept of
//! their envelopes.

use serde_json::{Map, Value};

/// The members of an envelope that tell whether it is a package, and of which version. A record
/// has an `ocid`.
const MEMBERS: [&str; 4] = ["releases", "records", "ocid", "version"];

/// The longest ocid that is kept, in bytes. Real ones are much shorter.
const LONGEST_OCID: usize = 200;

/// Reduces an envelope to the members that tell the version of the package around its items.
/// `list` is the pointer to the list of items, if there is one.
pub(crate) fn reduce_to_version(envelope: &Value, list: Option<&str>) -> Value {
    let Some((place, _name)) = list.and_then(|list| list.rsplit_once('/')) else {
        return Value::Null;
    };
    let Some(Value::Object(package)) = envelope.pointer(place) else {
        return Value::Null;
    };
    let mut kept = Map::new();
    for name in MEMBERS {
        let value = match package.get(name) {
            None => continue,
            Some(Value::Array(_) | Value::Object(_)) => Value::Array(Vec::new()),
            Some(value) if name == "version" => value.clone(),
            Some(Value::String(ocid)) if name == "ocid" && ocid.len() <= LONGEST_OCID => {
                ocid.as_str().into()
            }
            Some(_) => Value::Null,
        };
        kept.insert(name.to_owned(), value);
    }
    // skips the empty text before the pointer's first slash
    let tokens = place.split('/').skip(1).collect::<Vec<_>>();
    tokens
        .iter()
        .rev()
        .fold(Value::Object(kept), |value, token| {
            let name = token.replace("~1", "/").replace("~0", "~");
            Value::Object(Map::from_iter([(name, value)]))
        })
}

/// Estimates the number of bytes of a value as JSON text.
pub(crate) fn estimate_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(entries) => entries
            .iter()
            .map(|entry| estimate_bytes(entry) + 1)
            .sum::<usize>()
            .max(2),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + 4 + estimate_bytes(value))
            .sum::<usize>()
            .max(2),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(envelope: Value, list: &str, expected: Value) {
        assert_eq!(reduce_to_version(&envelope, Some(list)), expected);
        assert_eq!(reduce_to_version(&envelope, None), Value::Null);
    }

    #[test]
    fn only_what_tells_a_version_is_kept() {
        let package = json!({"uri": "u", "releases": [], "version": "1.0", "license": {"a": [1]}});
        let kept = json!({"releases": [], "version": "1.0"});
        check(package.clone(), "/releases", kept.clone());
        check(
            json!({"x": 1, "a/b": {"~": package, "y": 2}}),
            "/a~1b/~0/releases",
            json!({"a/b": {"~": kept}}),
        );
        check(
            json!({"records": null, "ocid": "o".repeat(1_000), "version": {"x": ["much"]}}),
            "/records",
            json!({"records": null, "ocid": null, "version": []}),
        );
        check(
            json!({"releases": [], "ocid": "a"}),
            "/releases",
            json!({"releases": [], "ocid": "a"}),
        );
        check(json!([]), "", Value::Null);
        check(Value::Null, "", Value::Null);
    }
}
