//! Fuzzes how the releases of a process are merged. Each line of the input is a release.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ocds_ingest::merge::{Form, Rules, merge};
use serde_json::{Map, Value};

/// The largest number of releases of a process.
const MOST: usize = 6;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut releases: Vec<&str> = text.lines().take(MOST).collect();
    let compiled = merge(&releases, Rules::version_1_1(), Form::Compiled);
    let versioned = merge(&releases, Rules::version_1_1(), Form::Versioned);
    releases.reverse();
    let reversed = merge(&releases, Rules::version_1_1(), Form::Compiled);
    let (Ok(compiled), Ok(reversed)) = (&compiled, &reversed) else {
        assert_eq!(compiled.is_err(), reversed.is_err());
        return;
    };
    assert_eq!(compiled.text, reversed.text, "the order of input");
    let again = merge(&[&compiled.text], Rules::version_1_1(), Form::Compiled);
    assert_eq!(
        again.expect("a release").text,
        compiled.text,
        "merged again"
    );

    // `serde_json` cannot hold all numbers, and no value that is very deep.
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    if releases.iter().any(|text| parse(text).is_none()) {
        return;
    }
    let compiled = parse(&compiled.text).expect("JSON");
    if let Ok(versioned) = versioned {
        let versioned = parse(&versioned.text);
        let last = versioned.map(take_last_versions);
        if let Some(last) = last {
            assert_eq!(
                content(last.unwrap_or_default()),
                content(compiled),
                "last versions"
            );
        }
    }
});

/// Returns the members of a release without those that every compiled release has anew. Numbers are
/// doubles, because a version is not added for another notation of the same number.
fn content(release: Value) -> Map<String, Value> {
    let Value::Object(mut members) = to_doubles(release) else {
        return Map::new();
    };
    for name in ["ocid", "id", "date", "tag"] {
        members.remove(name);
    }
    members
}

fn to_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(entries) => entries.into_iter().map(to_doubles).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(name, it)| (name, to_doubles(it))).collect())
        }
        other => other,
    }
}

/// Replaces each list of versions by its last value, and leaves out what is null or empty.
fn take_last_versions(value: Value) -> Option<Value> {
    let is_version = |entry: &Value| {
        let names = ["releaseID", "releaseDate", "releaseTag", "value"];
        let has_all = names.iter().all(|name| entry.get(name).is_some());
        has_all && entry.as_object().is_some_and(|it| it.len() == names.len())
    };
    match value {
        Value::Array(mut versions) if versions.iter().all(is_version) => {
            let last = versions.pop()?["value"].take();
            Some(last).filter(|value| !value.is_null())
        }
        Value::Array(entries) => {
            let entries = entries.into_iter().filter_map(take_last_versions);
            let entries: Vec<Value> = entries.collect();
            (!entries.is_empty()).then_some(Value::Array(entries))
        }
        Value::Object(members) => {
            let members = members.into_iter();
            let members = members.filter_map(|(name, it)| Some((name, take_last_versions(it)?)));
            let members: Map<String, Value> = members.collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        scalar => Some(scalar),
    }
}
