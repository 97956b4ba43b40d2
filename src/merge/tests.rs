use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Merges releases by the rules of OCDS 1.1. Returns the text as a value, and the number of
/// repeated ids.
fn merge_values(releases: &[Value], form: Form) -> Result<Value, MergeError> {
    let texts: Vec<String> = releases.iter().map(Value::to_string).collect();
    merge_texts(&texts, Rules::version_1_1(), form)
}

fn merge_texts(texts: &[String], rules: &Rules, form: Form) -> Result<Value, MergeError> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let merged = merge(&texts, rules, form)?;
    Ok(serde_json::from_str(&merged.text).unwrap_or_else(|error| {
        panic!("{error} in {}", merged.text);
    }))
}

/// Makes a release of each content, one on each day.
fn days(contents: &[Value]) -> Vec<Value> {
    let releases = contents.iter().enumerate().map(|(day, content)| {
        let mut release = content.clone();
        release["ocid"] = json!("ocds-1");
        release["id"] = json!(day.to_string());
        release["date"] = json!(format!("2026-01-{:02}T00:00:00Z", day + 1));
        release["tag"] = json!(["tender"]);
        release
    });
    releases.collect()
}

/// Merges contents of releases, one on each day. Returns the content of the compiled release.
fn compile(contents: &[Value]) -> Value {
    content(merge_values(&days(contents), Form::Compiled).unwrap())
}

fn content(mut release: Value) -> Value {
    for name in ["ocid", "id", "date", "tag"] {
        release.as_object_mut().unwrap().remove(name);
    }
    release
}

/// Merges contents into a versioned release, and writes each list of versions as pairs of the
/// release's `id` and the value.
fn version(contents: &[Value]) -> Value {
    fn shorten(value: Value) -> Value {
        match value {
            Value::Array(entries) if entries.iter().all(|it| it.get("releaseID").is_some()) => {
                let pairs = entries
                    .into_iter()
                    .map(|it| json!([it["releaseID"], it["value"]]));
                pairs.collect()
            }
            Value::Array(entries) => entries.into_iter().map(shorten).collect(),
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, it)| (name, shorten(it)));
                Value::Object(members.collect())
            }
            scalar => scalar,
        }
    }
    shorten(content(
        merge_values(&days(contents), Form::Versioned).unwrap(),
    ))
}

#[track_caller]
fn check_error(releases: &[Value], expected: &str) {
    for form in [Form::Compiled, Form::Versioned] {
        let error = merge_values(releases, form).unwrap_err().to_string();
        assert_eq!(error, expected);
    }
}

#[test]
fn a_compiled_release_is_named_by_its_last_date() {
    let releases = [
        json!({"ocid": "o", "id": "2", "date": "2026-02-01", "tag": ["award"], "language": "fr"}),
        json!({"ocid": "o", "id": "1", "date": "2026-01-01", "tag": ["tender"], "language": "en"}),
    ];
    assert_eq!(
        merge_values(&releases, Form::Compiled).unwrap(),
        json!({"ocid": "o", "id": "o-2026-02-01", "date": "2026-02-01", "tag": ["compiled"], "language": "fr"})
    );
    assert_eq!(
        merge_values(&releases, Form::Versioned).unwrap(),
        json!({"ocid": "o", "language": [
            {"releaseID": "1", "releaseDate": "2026-01-01", "releaseTag": ["tender"], "value": "en"},
            {"releaseID": "2", "releaseDate": "2026-02-01", "releaseTag": ["award"], "value": "fr"},
        ]})
    );
}

#[test]
fn dates_are_compared_as_texts() {
    let release = |date: &str| format!(r#"{{"ocid":"o","date":"{date}","language":"{date}"}}"#);
    for dates in [
        ["2026-01-01", "2026-01-01 10:00:00"],
        ["2026\\u002d03", "2026-04"],
        ["2026-01-01T09:00:00Z", "2026-01-01T10:00:00+05:00"],
    ] {
        let texts = dates.map(release);
        let merged = merge_texts(&texts, Rules::version_1_1(), Form::Compiled).unwrap();
        assert_eq!(merged["language"], json!(dates[1]));
    }
}

#[test]
fn a_single_release_needs_no_date() {
    let release = json!({"ocid": "o", "language": "en"});
    assert_eq!(
        merge_values(&[release], Form::Compiled).unwrap(),
        json!({"ocid": "o", "id": "o", "tag": ["compiled"], "language": "en"})
    );
    let numbered = json!({"ocid": 7, "date": 2026, "language": "en"});
    assert_eq!(
        merge_values(&[numbered], Form::Compiled).unwrap(),
        json!({"ocid": "7", "id": "7-2026", "date": 2026, "tag": ["compiled"], "language": "en"})
    );
    let release = json!({"ocid": "o", "language": "en", "date": null});
    assert_eq!(
        merge_values(&[release], Form::Versioned).unwrap(),
        json!({"ocid": "o", "language": [
            {"releaseID": null, "releaseDate": null, "releaseTag": null, "value": "en"},
        ]})
    );
}

#[test]
fn objects_merge_by_member_and_entries_by_id() {
    let contents = [
        json!({"tender": {"title": "Road", "status": "planned"},
               "awards": [{"id": 1, "title": "A"}, {"id": "2", "title": "B"}]}),
        json!({"tender": {"status": "active"},
               "awards": [{"id": "2", "status": "active"}, {"id": 3, "title": "C"}]}),
    ];
    assert_eq!(
        compile(&contents),
        json!({"tender": {"title": "Road", "status": "active"},
               "awards": [{"id": 1, "title": "A"}, {"id": "2", "title": "B", "status": "active"}, {"id": 3, "title": "C"}]})
    );
    assert_eq!(
        version(&contents),
        json!({"tender": {"title": [["0", "Road"]], "status": [["0", "planned"], ["1", "active"]]},
               "awards": [{"id": 1, "title": [["0", "A"]]},
                          {"id": "2", "title": [["0", "B"]], "status": [["1", "active"]]},
                          {"id": 3, "title": [["1", "C"]]}]})
    );
}

#[test]
fn ids_are_the_same_if_their_texts_are() {
    let entries = |ids: &[Value]| -> Value {
        let entries = ids.iter().map(|id| json!({"id": id, "title": "x"}));
        json!({"awards": entries.collect::<Vec<Value>>()})
    };
    let ids = |merged: &Value| -> Vec<Value> {
        let awards = merged["awards"].as_array().unwrap();
        awards.iter().map(|it| it["id"].clone()).collect()
    };
    for (first, second, is_same) in [
        (json!(1), json!("1"), true),
        (json!("1"), json!(1), true),
        (json!(1), json!(1.0), false),
        (json!(true), json!("true"), true),
        (json!(null), json!(null), false),
        (json!("a/b"), json!("a/b"), true),
        (json!("1"), json!("01"), false),
    ] {
        let merged = compile(&[entries(std::slice::from_ref(&first)), entries(&[second])]);
        assert_eq!(ids(&merged).len(), if is_same { 1 } else { 2 }, "{first}");
    }
    let texts = [
        r#"{"ocid":"o","date":"1","awards":[{"id":"a\/\u00e9"}]}"#.to_owned(),
        r#"{"ocid":"o","date":"2","awards":[{"\u0069d":"a/é","t\u0069tle":"x"}]}"#.to_owned(),
    ];
    let merged = merge_texts(&texts, Rules::version_1_1(), Form::Compiled).unwrap();
    assert_eq!(merged["awards"], json!([{"id": "a/é", "title": "x"}]));
    let merged = merge_texts(&texts, Rules::version_1_1(), Form::Versioned).unwrap();
    assert_eq!(merged["awards"][0]["id"], json!("a/é"));
}

#[test]
fn entries_without_an_id_are_new_ones() {
    let awards = json!({"awards": [{"title": "A"}, {"id": null, "title": "B"}, {}, {"id": null}]});
    let expected =
        json!({"awards": [{"title": "A"}, {"title": "B"}, {"title": "A"}, {"title": "B"}]});
    assert_eq!(compile(&[awards.clone(), awards]), expected);
}

#[test]
fn entries_with_the_same_id_become_one_and_are_reported() {
    let contents = [json!({"awards": [
        {"id": 1, "title": "A"},
        {"id": "1", "status": "active", "items": [{"id": 7}, {"id": 7}]},
    ]})];
    let texts: Vec<String> = days(&contents).iter().map(Value::to_string).collect();
    let merged = merge(&[&texts[0]], Rules::version_1_1(), Form::Compiled).unwrap();
    let repeated = merged.repeated_ids.unwrap();
    assert_eq!((repeated.count, &*repeated.place), (2, "awards/1"));
    assert_eq!(repeated.release.id.as_deref(), Some("0"));
    assert_eq!(
        content(serde_json::from_str(&merged.text).unwrap()),
        json!({"awards": [{"id": "1", "title": "A", "status": "active", "items": [{"id": 7}]}]})
    );
}

#[test]
fn whole_lists_are_replaced() {
    let contents = [
        json!({"tender": {"submissionMethod": ["a", "b"], "items": [{"id": 1, "additionalClassifications": [{"id": 1, "x": 1}]}]},
               "notes": ["a"], "mixed": [{"id": 1}, 2]}),
        json!({"tender": {"submissionMethod": [], "items": [{"id": 1, "additionalClassifications": [{"id": 2}]}]},
               "notes": ["b", "c"], "mixed": [3]}),
    ];
    assert_eq!(
        compile(&contents),
        json!({"tender": {"submissionMethod": [], "items": [{"id": 1, "additionalClassifications": [{"id": 2}]}]},
               "notes": ["b", "c"], "mixed": [3]})
    );
    assert_eq!(
        version(&contents)["tender"]["submissionMethod"],
        json!([["0", ["a", "b"]], ["1", []]])
    );
}

#[test]
fn null_removes_scalars_and_whole_lists_only() {
    let contents = [
        json!({"language": "en", "tender": {"title": "x", "value": {"amount": 1}, "submissionMethod": ["a"]}, "awards": [{"id": 1}]}),
        json!({"language": null, "tender": {"title": null, "value": null, "submissionMethod": null}, "awards": null, "new": null}),
        json!({"tender": {"value": 5}, "awards": "x"}),
    ];
    assert_eq!(
        compile(&contents),
        json!({"tender": {"value": {"amount": 1}}, "awards": [{"id": 1}]})
    );
    assert_eq!(
        version(&contents),
        json!({"language": [["0", "en"], ["1", null]],
               "tender": {"title": [["0", "x"], ["1", null]], "value": {"amount": [["0", 1]]},
                          "submissionMethod": [["0", ["a"]], ["1", null]]},
               "awards": [{"id": 1}], "new": [["1", null]]})
    );
    // what has nothing but null is as good as nothing
    assert_eq!(
        compile(&[
            json!({"a": 5, "b": {"x": null}}),
            json!({"a": {"x": null}, "b": 6})
        ]),
        json!({"a": 5, "b": 6})
    );
    // a removed scalar can become anything
    assert_eq!(
        compile(&[json!({"a": 1}), json!({"a": null}), json!({"a": {"b": 1}})]),
        json!({"a": {"b": 1}})
    );
    assert_eq!(
        compile(&[json!({"a": 1}), json!({"a": null}), json!({"a": 2})]),
        json!({"a": 2})
    );
}

#[test]
fn empty_values_change_nothing_and_are_left_out() {
    let contents = [
        json!({"tender": {"value": {}, "items": [], "title": "x"}, "buyer": {}, "awards": [{}]}),
        json!({"tender": {}, "awards": [], "language": {}, "planning": {"budget": {"amount": null}}}),
    ];
    assert_eq!(compile(&contents), json!({"tender": {"title": "x"}}));
    // a whole list may be empty
    let lists =
        json!({"tender": {"amendments": [{"id": 1, "changes": []}], "amendment": {"changes": {}}}});
    assert_eq!(compile(std::slice::from_ref(&lists)), lists);
    let kept = [
        json!({"a": {"b": 1}, "c": [{"id": 1}], "d": 1}),
        json!({"a": {}, "c": [], "d": {"e": [{}]}}),
    ];
    assert_eq!(
        compile(&kept),
        json!({"a": {"b": 1}, "c": [{"id": 1}], "d": 1})
    );
}

#[test]
fn arrays_of_different_kinds_replace_each_other() {
    let (scalars, objects) = (json!({"a": ["x"]}), json!({"a": [{"id": 1}]}));
    let mut many: Vec<Value> = (0..40).map(|id| json!({"id": id, "old": true})).collect();
    assert_eq!(compile(&[scalars.clone(), objects.clone()]), objects);
    assert_eq!(compile(&[objects.clone(), scalars.clone()]), scalars);
    let first = json!({"a": many.clone()});
    many.iter_mut().for_each(|it| *it = json!({"id": it["id"]}));
    let last = json!({"a": many});
    assert_eq!(compile(&[first, scalars.clone(), last.clone()]), last);
    for contents in [[scalars.clone(), objects.clone()], [objects, scalars]] {
        let error = merge_values(&days(&contents), Form::Versioned).unwrap_err();
        assert!(matches!(error, MergeError::KindsDiffer { .. }), "{error}");
    }
}

#[test]
fn versions_are_added_when_the_value_changes() {
    let texts = [
        r#"{"ocid":"o","id":1,"date":"1","a":1.0,"b":["x",{"c":1,"d":2}]}"#,
        r#"{"ocid":"o","id":2,"date":"2","a":1,"b":[ "\u0078", {"d":2,"c":1e0} ]}"#,
        r#"{"ocid":"o","id":3,"date":"3","a":"1","b":["x",{"c":1,"d":3}]}"#,
    ];
    let merged = merge(&texts, Rules::version_1_1(), Form::Versioned).unwrap();
    assert_eq!(
        merged.text,
        r#"{"ocid":"o","a":[{"releaseID":1,"releaseDate":"1","releaseTag":null,"value":1.0},{"releaseID":3,"releaseDate":"3","releaseTag":null,"value":"1"}],"b":[{"releaseID":1,"releaseDate":"1","releaseTag":null,"value":["x",{"c":1,"d":2}]},{"releaseID":3,"releaseDate":"3","releaseTag":null,"value":["x",{"c":1,"d":3}]}]}"#
    );
}

#[test]
fn a_release_brings_at_most_one_version_of_a_value() {
    let entries = |titles: &[Value]| -> Value {
        let entries = titles.iter().map(|title| json!({"id": 1, "title": title}));
        json!({"awards": entries.collect::<Vec<Value>>()})
    };
    assert_eq!(
        version(&[
            entries(&[json!("a"), json!("b"), json!(null)]),
            entries(&[json!("c"), json!("d")]),
            entries(&[json!("e"), json!("d")]),
        ]),
        json!({"awards": [{"id": 1, "title": [["0", null], ["1", "d"]]}]})
    );
}

#[test]
fn a_value_that_was_always_null_can_become_an_object_or_an_array() {
    let contents = [
        json!({"a": null, "b": null}),
        json!({"a": null, "b": null}),
        json!({"a": {"x": 1}, "b": [{"id": 1, "x": 2}]}),
    ];
    assert_eq!(
        version(&contents),
        json!({"a": {"x": [["2", 1]]}, "b": [{"id": 1, "x": [["2", 2]]}]})
    );
    let changed = [json!({"a": 1}), json!({"a": null}), json!({"a": {"x": 1}})];
    let error = merge_values(&days(&changed), Form::Versioned).unwrap_err();
    assert!(matches!(error, MergeError::KindsDiffer { .. }), "{error}");
}

#[test]
fn numbers_and_strings_keep_their_text_without_white_space_around_them() {
    let text = "{ \"ocid\" : \"o\\/1\",\n \"date\":\"2\",\"a\" : [ 1.50 , \"x \\u00e9\" , { \"b\" : [ ] , \"c\":{ } } ] , \"d\" : { \"e\":\t1E400 } }";
    let merged = merge(&[text], Rules::version_1_1(), Form::Compiled).unwrap();
    assert_eq!(
        merged.text,
        r#"{"ocid":"o\/1","id":"o\/1-2","date":"2","tag":["compiled"],"a":[1.50,"x \u00e9",{"b":[],"c":{}}],"d":{"e":1E400}}"#
    );
}

#[test]
fn of_repeated_members_the_last_counts() {
    let texts = [
        r#"{"ocid":"o","date":"1","a":{"x":1},"b":{"y":1},"list":[1,{"c":1,"c":2}]}"#.to_owned(),
        r#"{"ocid":"no","ocid":"o","date":"0","date":"2","a":{"x":2},"\u0061":{"z":3},"b":{"y":2},"b":null,"e":[{"id":1,"id":2,"f":3}]}"#.to_owned(),
    ];
    let merged = merge_texts(&texts, Rules::version_1_1(), Form::Compiled).unwrap();
    assert_eq!(
        content(merged),
        json!({"a": {"x": 1, "z": 3}, "b": {"y": 1}, "list": [1, {"c": 2}], "e": [{"id": 2, "f": 3}]})
    );
}

#[test]
fn only_the_last_of_repeated_members_can_contradict_earlier_releases() {
    let texts = [
        r#"{"ocid":"o","date":"1","a":{"x":1}}"#.to_owned(),
        r#"{"ocid":"o","date":"2","a":[{"id":1}],"b":[{"id":{}, "id":1}],"a":{"x":2}}"#.to_owned(),
    ];
    for form in [Form::Compiled, Form::Versioned] {
        assert!(merge_texts(&texts, Rules::version_1_1(), form).is_ok());
    }
    let merged = merge_texts(&texts, Rules::version_1_1(), Form::Compiled).unwrap();
    assert_eq!(content(merged), json!({"a": {"x": 2}, "b": [{"id": 1}]}));
}

#[test]
fn many_members_and_entries_are_found() {
    let object = |from: usize, to: usize, value: usize| -> Value {
        let members = (from..to).map(|n| (format!("m{n}"), json!(value)));
        Value::Object(members.collect())
    };
    let array = |from: usize, to: usize, value: usize| -> Value {
        (from..to)
            .rev()
            .map(|n| json!({"id": n, "value": value}))
            .collect()
    };
    let merged = compile(&[
        json!({"o": object(0, 100, 1), "a": array(0, 100, 1)}),
        json!({"o": object(50, 150, 2), "a": array(50, 150, 2)}),
    ]);
    assert_eq!(merged["o"].as_object().unwrap().len(), 150);
    assert_eq!(merged["o"]["m49"], 1);
    assert_eq!(merged["o"]["m50"], 2);
    let values: BTreeMap<u64, u64> = merged["a"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["id"].as_u64().unwrap(), it["value"].as_u64().unwrap()))
        .collect();
    assert_eq!(values.len(), 150);
    assert_eq!((values[&49], values[&50]), (1, 2));
}

#[test]
fn deep_releases_do_not_exhaust_the_stack() {
    let deep = |date: &str, value: &str| {
        let (open, close) = (
            "{\"a\":[{\"id\":1,\"b\":".repeat(50_000),
            "}]}".repeat(50_000),
        );
        format!("{{\"ocid\":\"o\",\"date\":\"{date}\",\"a\":{open}{value}{close}}}")
    };
    let without_scalar = format!("{}1{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    let without_scalar = format!("{{\"ocid\":\"o\",\"a\":{without_scalar}}}");
    let merged = merge(&[&without_scalar], Rules::version_1_1(), Form::Compiled).unwrap();
    assert!(merged.text.ends_with(&without_scalar[13..]));
    let texts = [deep("1", "[1]"), deep("2", "[ 2 ]")];
    let texts = [&*texts[0], &*texts[1]];
    for (form, end) in [
        (Form::Compiled, "\"b\":[2]}]}"),
        (Form::Versioned, "\"value\":[2]}]}]}"),
    ] {
        let merged = merge(&texts, Rules::version_1_1(), form).unwrap();
        assert!(merged.text.contains(end));
    }
}

#[test]
fn overrides_append_entries_or_merge_them_by_position() {
    let mut rules = Rules::version_1_1().clone();
    rules.set("awards/items", Rule::Append);
    rules.set("lots", Rule::ByPosition);
    let content = json!({
        "awards": [{"id": 1, "items": [{"id": 1, "a": 1}, {"id": 1, "a": 2}]}],
        "lots": [{"id": 1, "title": "A"}, {"id": 1, "title": "B"}],
    });
    let other = json!({
        "awards": [{"id": 1, "items": [{"id": 1, "a": 3}]}],
        "lots": [{"status": "x"}, {"id": 2}, {"id": 3}],
    });
    let texts: Vec<String> = days(&[content, other])
        .iter()
        .map(Value::to_string)
        .collect();
    let merged = merge_texts(&texts, &rules, Form::Compiled).unwrap();
    assert_eq!(
        merged["awards"],
        json!([{"id": 1, "items": [{"id": 1, "a": 1}, {"id": 1, "a": 2}, {"id": 1, "a": 3}]}])
    );
    assert_eq!(
        merged["lots"],
        json!([{"id": 1, "title": "A", "status": "x"}, {"id": 2, "title": "B"}, {"id": 3}])
    );
    // an entry may have had several ids
    let versioned = merge_texts(&texts, &rules, Form::Versioned).unwrap();
    let ids = versioned["lots"][1]["id"].as_array().unwrap();
    let ids: Vec<&Value> = ids.iter().map(|version| &version["value"]).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(versioned["awards"][0]["items"].as_array().unwrap().len(), 3);
}

#[test]
fn dates_that_give_no_order_are_distinct_errors() {
    let dated = json!({"ocid": "o", "id": "a", "date": "2026-01-01"});
    check_error(
        &[dated.clone(), json!({"ocid": "o", "id": "b"})],
        "release b has no date, so its place among the others is not known",
    );
    check_error(
        &[json!({"ocid": "o", "date": null}), dated.clone()],
        "the date of release number 1 without an id is null, so its place among the others is not known",
    );
    check_error(
        &[dated, json!({"ocid": "o", "id": "b", "date": 2026})],
        "the date of release b of 2026 is a number and not a string",
    );
}

#[test]
fn values_that_cannot_be_merged_are_errors_that_name_both_places() {
    for (earlier, later, expected) in [
        (
            json!({"tender": {"value": 5}}),
            json!({"tender": {"value": {"amount": 5}}}),
            "tender/value is an object in release 1 of 2026-01-02T00:00:00Z, but tender/value is a number in release 0 of 2026-01-01T00:00:00Z",
        ),
        (
            json!({"awards": [{"id": "7", "value": {"amount": 5}}]}),
            json!({"awards": [{"id": "7", "value": [{"amount": 5}]}]}),
            "awards/7/value is an array of objects in release 1 of 2026-01-02T00:00:00Z, but awards/7/value is an object in release 0 of 2026-01-01T00:00:00Z",
        ),
        (
            json!({"a": [{"id": 1}]}),
            json!({"a": {"b": 1}}),
            "a is an object in release 1 of 2026-01-02T00:00:00Z, but a is an array of objects in release 0 of 2026-01-01T00:00:00Z",
        ),
        (
            json!({"a": {"b": 1}}),
            json!({"a": ["b"]}),
            "a is an array of other values in release 1 of 2026-01-02T00:00:00Z, but a is an object in release 0 of 2026-01-01T00:00:00Z",
        ),
        (
            json!({"a": [{"b": "x"}]}),
            json!({"a": [{"id": {"scheme": "x"}}]}),
            "an entry of a has an object as its id in release 1 of 2026-01-02T00:00:00Z, and an id must be a string or a number",
        ),
    ] {
        check_error(&days(&[earlier, later]), expected);
    }
}

#[test]
fn what_is_no_release_is_an_error() {
    let merge_one = |text: &str| {
        let good = r#"{"ocid":"o","date":"1"}"#;
        merge(&[good, text], Rules::version_1_1(), Form::Compiled).unwrap_err()
    };
    assert_eq!(
        merge(&[], Rules::version_1_1(), Form::Compiled),
        Err(MergeError::NoReleases)
    );
    assert_eq!(
        merge_one("[]"),
        MergeError::NotAnObject {
            index: 1,
            found: "an empty array"
        }
    );
    assert_eq!(
        merge_one(r#"{"date":"1"}"#),
        MergeError::NoOcid { index: 1 }
    );
    assert_eq!(
        merge_one(r#"{"ocid":true}"#),
        MergeError::NoOcid { index: 1 }
    );
    assert_eq!(
        merge_one(r#"{"ocid":"o",}"#).to_string(),
        "release number 2 is not JSON at byte 12: a member's name was expected"
    );
}

/// A JSON value for a member, with few names and ids, so that releases have much in common.
fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        (0..3).prop_map(Value::from),
        "[ab\"é\\\\]{0,2}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 5, |inner| {
        let object = prop::collection::btree_map("[abc]", inner.clone(), 0..4);
        let entry = (prop::option::of(0..4), object.clone()).prop_map(|(id, members)| {
            let mut entry = to_object(members);
            if let Some(id) = id {
                entry["id"] = json!(id);
            }
            entry
        });
        prop_oneof![
            object.prop_map(to_object),
            prop::collection::vec(entry, 0..4).prop_map(Value::from),
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

fn to_object(members: BTreeMap<String, Value>) -> Value {
    Value::Object(members.into_iter().collect())
}

/// Releases of different dates, of which neighbours are mostly alike.
fn any_releases() -> impl Strategy<Value = Vec<Value>> {
    let content = prop::collection::btree_map("tender|awards|[abcdefg]", any_value(), 0..6);
    prop::collection::vec(content.prop_map(to_object), 1..5).prop_map(|it| days(&it))
}

/// Replaces each list of versions by its last value, and removes what is null or empty.
fn take_last_versions(value: Value) -> Option<Value> {
    match value {
        Value::Array(entries) if entries.iter().all(|it| it.get("releaseTag").is_some()) => {
            let last = entries.into_iter().last()?;
            Some(last["value"].clone()).filter(|it| !it.is_null())
        }
        Value::Array(entries) => {
            let entries: Vec<Value> = entries.into_iter().filter_map(take_last_versions).collect();
            (!entries.is_empty()).then(|| Value::from(entries))
        }
        Value::Object(members) => {
            let members = members.into_iter();
            let members = members.filter_map(|(name, it)| Some((name, take_last_versions(it)?)));
            let members: serde_json::Map<String, Value> = members.collect();
            (!members.is_empty()).then_some(Value::Object(members))
        }
        scalar => Some(scalar),
    }
}

proptest! {
    #[test]
    fn what_was_merged_merges_to_itself(releases in any_releases()) {
        if let Ok(merged) = merge_values(&releases, Form::Compiled) {
            let again = merge_values(std::slice::from_ref(&merged), Form::Compiled);
            prop_assert_eq!(again.unwrap(), merged);
        }
    }

    #[test]
    fn a_release_that_is_its_own_merge_changes_only_its_id_and_tag(releases in any_releases()) {
        for release in &releases {
            let text = release.to_string();
            let mut tokens = Tokens::for_length(text.len());
            tokens.read(&text).unwrap();
            if is_own_merge(&tokens) {
                let mut expected = release.clone();
                let (ocid, date) = (&release["ocid"], &release["date"]);
                expected["id"] = json!(format!("{}-{}", ocid.as_str().unwrap(), date.as_str().unwrap()));
                expected["tag"] = json!(["compiled"]);
                let merged = merge_values(std::slice::from_ref(release), Form::Compiled);
                prop_assert_eq!(merged.unwrap(), expected);
            }
        }
    }

    #[test]
    fn the_last_values_of_the_versioned_are_the_compiled(releases in any_releases()) {
        let compiled = merge_values(&releases, Form::Compiled);
        match (compiled, merge_values(&releases, Form::Versioned)) {
            (Ok(compiled), Ok(versioned)) => {
                let last = take_last_versions(versioned).unwrap_or_default();
                prop_assert_eq!(content(last), content(compiled));
            }
            // only a change of kinds that a compiled release permits
            (_, Err(error)) => {
                let differ = matches!(error, MergeError::KindsDiffer { .. });
                prop_assert!(differ, "{error}");
            }
            (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn the_order_of_input_does_not_matter(releases in any_releases(), seed in any::<u64>()) {
        let mut releases = releases;
        // some releases have the same date, and some the same id
        for (at, release) in releases.iter_mut().enumerate() {
            if seed >> at & 1 == 0 {
                release["date"] = json!("2026-01-02T00:00:00Z");
            }
            if seed >> (at + 8) & 1 == 0 {
                release["id"] = json!("x");
            }
        }
        for form in [Form::Compiled, Form::Versioned] {
            let forwards = merge_values(&releases, form);
            let mut others = releases.clone();
            others.rotate_left(seed as usize % releases.len());
            others.reverse();
            match (forwards, merge_values(&others, form)) {
                (Ok(forwards), Ok(backwards)) => prop_assert_eq!(forwards, backwards),
                (forwards, backwards) => prop_assert_eq!(forwards.is_err(), backwards.is_err()),
            }
        }
    }
}

/// Writes a value with white space and escapes in places that `seed` chooses, and with members that
/// the last one of their name replaces.
fn respell(value: &Value, seed: &mut u64) -> String {
    let mut choose = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *seed >> 62
    };
    let space = [" ", "\n", "", "\t"][choose() as usize];
    let text = match value {
        Value::String(text) => {
            let escaped = text.chars().map(|character| match choose() {
                0 if character.is_ascii() => format!("\\u{:04x}", u32::from(character)),
                _ => {
                    let quoted = Value::from(character.to_string()).to_string();
                    quoted[1..quoted.len() - 1].to_owned()
                }
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
        Value::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(|it| respell(it, seed)).collect();
            format!("[{}]", entries.join(","))
        }
        Value::Object(members) => {
            let mut texts = Vec::new();
            for (name, member) in members {
                let name = respell(&json!(name), seed);
                if *seed >> 60 == 0 {
                    texts.push(format!("{name}:[[7]]"));
                }
                texts.push(format!("{name}:{}", respell(member, seed)));
            }
            format!("{{{}{space}}}", texts.join(","))
        }
        scalar => scalar.to_string(),
    };
    format!("{space}{text}{space}")
}

proptest! {
    #[test]
    fn the_spelling_of_releases_does_not_matter(releases in any_releases(), seed in any::<u64>()) {
        let mut seed = seed;
        let texts: Vec<String> = releases.iter().map(|it| respell(it, &mut seed)).collect();
        for (text, release) in texts.iter().zip(&releases) {
            prop_assert_eq!(&serde_json::from_str::<Value>(text).unwrap(), release);
        }
        for form in [Form::Compiled, Form::Versioned] {
            let plain = merge_values(&releases, form);
            let respelt = merge_texts(&texts, Rules::version_1_1(), form);
            match (plain, respelt) {
                (Ok(plain), Ok(respelt)) => prop_assert_eq!(respelt, plain),
                (plain, respelt) => prop_assert_eq!(respelt.is_err(), plain.is_err()),
            }
        }
    }
}

#[test]
fn a_release_is_its_own_merge_if_nothing_of_it_is_empty_or_repeated() {
    let is_own = |members: &str| {
        let text = format!(r#"{{"ocid":"o","id":"1","date":"2026-01-02"{members}}}"#);
        let mut tokens = Tokens::for_length(text.len());
        tokens.read(&text).unwrap();
        is_own_merge(&tokens)
    };
    let many = |last: usize| {
        let entries = (0..20)
            .chain([last])
            .map(|id| format!(r#"{{"id":{id},"x":1}}"#));
        format!(r#","awards":[{}]"#, entries.collect::<Vec<_>>().join(","))
    };
    for (members, expected) in [
        ("", true),
        (
            r#","tender":{"id":1,"items":[{"id":"1"},{"id":2},{"title":"t"}],"submissionMethod":["a"]}"#,
            true,
        ),
        (r#","tender":{"title":null}"#, false),
        (r#","tender":{}"#, false),
        (r#","awards":[]"#, false),
        (r#","awards":[{"id":1},{"id":"1"}]"#, false),
        (r#","awards":[{"id":{"a":1}}]"#, false),
        (&*many(20), true),
        (&*many(7), false),
    ] {
        assert_eq!(is_own(members), expected, "{members}");
    }
    for text in [
        r#"{"ocid":7,"date":"2026"}"#,
        r#"{"ocid":"o"}"#,
        r#"{"ocid":"o","date":2026}"#,
        "[]",
    ] {
        let mut tokens = Tokens::for_length(text.len());
        tokens.read(text).unwrap();
        assert!(!is_own_merge(&tokens), "{text}");
    }
}

/// Runs the cases of the official implementation of merging, such as the tests of the Python
/// package `ocdsmerge`. The folder has a folder of cases for each release schema: `1.0`, `1.1`, and
/// `schema` for `schema.json`.
#[test]
#[ignore = "MERGE_SUITE must name the folder of the cases"]
fn merges_the_official_cases() {
    let folder = std::env::var("MERGE_SUITE").expect("MERGE_SUITE names the folder");
    let folder = Path::new(&folder);
    let read = |path: &Path| -> Value {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap()
    };
    let mut cases = 0;
    let mut failed = Vec::new();
    for (cases_of, schema) in [
        ("1.0", "release-schema-1__0__3.json"),
        ("1.1", "release-schema-1__1__4.json"),
        ("schema", "schema.json"),
    ] {
        let Ok(files) = fs::read_dir(folder.join(cases_of)) else {
            println!("no cases of {cases_of}");
            continue;
        };
        let rules = Rules::from_schema(&read(&folder.join(schema))).unwrap();
        match cases_of {
            "1.0" => assert_eq!(rules.list(), Rules::version_1_0().list()),
            "1.1" => assert_eq!(rules.list(), Rules::version_1_1().list()),
            _ => {}
        }
        for file in files {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let endings = ["-compiled", "-versioned", "-append", "-by-position"];
            let Some((input, ending)) = endings
                .iter()
                .find_map(|it| Some((name.strip_suffix(it)?, *it)))
            else {
                continue;
            };
            let mut rules = rules.clone();
            let mut releases = read(&path.with_file_name(format!("{input}.json")));
            let rule = match ending {
                "-append" => Some(Rule::Append),
                "-by-position" => Some(Rule::ByPosition),
                _ => None,
            };
            if let Some(rule) = rule {
                rules.set("nested/array", rule);
                let twice = [
                    releases.as_array().unwrap().clone(),
                    releases.as_array().unwrap().clone(),
                ];
                releases = Value::from(twice.concat());
            }
            let form = match ending {
                "-versioned" => Form::Versioned,
                _ => Form::Compiled,
            };
            let texts: Vec<String> = releases
                .as_array()
                .unwrap()
                .iter()
                .map(Value::to_string)
                .collect();
            let merged = merge_texts(&texts, &rules, form);
            cases += 1;
            if merged.as_ref().ok() != Some(&read(&path)) {
                failed.push(format!("{cases_of}/{name}: {merged:?}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(cases > 0, "no case in {}", folder.display());
    println!("{cases} cases hold");
}
