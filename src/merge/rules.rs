//! Defines how the fields of a release are merged.
//!
//! The standard's release schema says it: a field may be left out of merged releases
//! (`omitWhenMerged`), and an array may be replaced as a whole (`wholeListMerge`, or by the kind
//! of its items). All other fields merge by the kind of their values. A publisher's extended
//! schema can say the same of more fields.

use std::cell::Cell;
use std::sync::LazyLock;

use serde_json::Value;

/// The rules of a release schema.
///
/// The name of a field is the path of member names that leads to it, such as
/// `tender/submissionMethod`. The entries of arrays have no part in it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The fields that have a rule, and those that contain one. The first is the release.
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    rule: Rule,
    members: Vec<(String, FieldId)>,
}

/// The number of a field that has a rule or contains one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldId(u32);

impl FieldId {
    /// The release itself.
    pub(super) const RELEASE: Self = Self(0);
    /// Any field that neither has a rule nor contains one.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// The rule by which the values of a field are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Objects merge member by member, and the entries of arrays by their `id`.
    Merge,
    /// The field is left out.
    Omit,
    /// A new array replaces the old one.
    WholeList,
    /// All entries of an array are new ones, even if their `id` is known.
    Append,
    /// The entries of an array merge by their position.
    ByPosition,
}

/// The members of a release that every merged release has anew. `ocid` is among them, because it is
/// never versioned.
const OMITTED: [&str; 4] = ["date", "id", "ocid", "tag"];

/// Returns true if a field is a member of a release that every merged release has anew: `ocid`,
/// `id`, `date` or `tag`. It has no rule that could be changed.
#[must_use]
pub fn is_new_in_merged_release(path: &str) -> bool {
    OMITTED.contains(&path)
}

/// The rules of OCDS 1.1: each field of its release schema that has `omitWhenMerged` or
/// `wholeListMerge`, or is an array whose items are strings or have no `id`.
static VERSION_1_1: LazyLock<Rules> = LazyLock::new(|| {
    Rules::from_lists(
        &OMITTED,
        &[
            "awards/amendment/changes",
            "awards/amendments/changes",
            "awards/items/additionalClassifications",
            "awards/suppliers/additionalIdentifiers",
            "buyer/additionalIdentifiers",
            "contracts/amendment/changes",
            "contracts/amendments/changes",
            "contracts/implementation/transactions/payee/additionalIdentifiers",
            "contracts/implementation/transactions/payer/additionalIdentifiers",
            "contracts/items/additionalClassifications",
            "contracts/relatedProcesses/relationship",
            "parties/additionalIdentifiers",
            "parties/roles",
            "relatedProcesses/relationship",
            "tender/additionalProcurementCategories",
            "tender/amendment/changes",
            "tender/amendments/changes",
            "tender/items/additionalClassifications",
            "tender/procuringEntity/additionalIdentifiers",
            "tender/submissionMethod",
            "tender/tenderers/additionalIdentifiers",
        ],
    )
});

/// The rules of OCDS 1.0, of which `mergeStrategy` says the same.
static VERSION_1_0: LazyLock<Rules> = LazyLock::new(|| {
    Rules::from_lists(
        &OMITTED,
        &[
            "awards/amendment/changes",
            "awards/items/additionalClassifications",
            "awards/suppliers",
            "buyer/additionalIdentifiers",
            "contracts/amendment/changes",
            "contracts/items/additionalClassifications",
            "tender/amendment/changes",
            "tender/items/additionalClassifications",
            "tender/procuringEntity/additionalIdentifiers",
            "tender/submissionMethod",
            "tender/tenderers",
        ],
    )
});

impl Rules {
    /// Returns the rules of OCDS 1.1.
    #[must_use]
    pub fn version_1_1() -> &'static Self {
        &VERSION_1_1
    }

    /// Returns the rules of OCDS 1.0.
    #[must_use]
    pub fn version_1_0() -> &'static Self {
        &VERSION_1_0
    }

    fn from_lists(omitted: &[&str], whole_lists: &[&str]) -> Self {
        let mut rules = Self::empty();
        for (rule, paths) in [(Rule::Omit, omitted), (Rule::WholeList, whole_lists)] {
            for path in paths {
                rules.set(path, rule);
            }
        }
        rules
    }

    fn empty() -> Self {
        Self {
            fields: vec![Field {
                rule: Rule::Merge,
                members: Vec::new(),
            }],
        }
    }

    /// Reads the rules of a release schema. References to its own `definitions` are followed, and
    /// no others.
    ///
    /// # Errors
    ///
    /// Fails if the schema has no `properties`, if a reference leads out of the schema or to
    /// nothing, or if there are too many fields. The error is a clause that names the reference or
    /// the field.
    pub fn from_schema(schema: &Value) -> Result<Self, String> {
        let count = Cell::new(0);
        let reader = SchemaReader { schema, count };
        let properties = reader.properties(schema)?;
        let properties = properties.ok_or("the schema has no `properties` of a release")?;
        let mut rules = Self::empty();
        for name in OMITTED {
            rules.set(name, Rule::Omit);
        }
        reader.add_rules(properties, &mut Path::default(), &mut rules)?;
        Ok(rules)
    }

    /// Sets how the values of a field are merged. `path` is its name, such as `awards/items`. The
    /// members that every merged release has anew (`ocid`, `id`, `date` and `tag`) keep their rule.
    pub fn set(&mut self, path: &str, rule: Rule) {
        if is_new_in_merged_release(path) && rule != Rule::Omit {
            return;
        }
        let mut field = FieldId::RELEASE;
        for name in path.split('/') {
            field = match self.find(field, name) {
                FieldId::NONE => self.add(field, name),
                found => found,
            };
        }
        self.fields[field.0 as usize].rule = rule;
    }

    /// Lists the fields that have a rule, and their rules, in the order of their names.
    pub fn list(&self) -> Vec<(String, Rule)> {
        let mut listed = Vec::new();
        let mut fields = vec![(FieldId::RELEASE, String::new())];
        while let Some((id, path)) = fields.pop() {
            let field = &self.fields[id.0 as usize];
            for (name, member) in &field.members {
                let separator = if path.is_empty() { "" } else { "/" };
                fields.push((*member, format!("{path}{separator}{name}")));
            }
            if field.rule != Rule::Merge {
                listed.push((path, field.rule));
            }
        }
        listed.sort_by(|(a, _), (b, _)| a.cmp(b));
        listed
    }

    #[expect(clippy::cast_possible_truncation, reason = "a schema has few fields")]
    fn add(&mut self, to: FieldId, name: &str) -> FieldId {
        let id = FieldId(self.fields.len() as u32);
        self.fields.push(Field {
            rule: Rule::Merge,
            members: Vec::new(),
        });
        let members = &mut self.fields[to.0 as usize].members;
        members.push((name.to_owned(), id));
        id
    }

    /// Returns the member of a field that has this name.
    pub(super) fn find(&self, of: FieldId, name: &str) -> FieldId {
        let Some(field) = self.fields.get(of.0 as usize) else {
            return FieldId::NONE;
        };
        let found = field.members.iter().find(|(other, _)| other == name);
        found.map_or(FieldId::NONE, |(_, id)| *id)
    }

    pub(super) fn rule(&self, of: FieldId) -> Rule {
        let field = self.fields.get(of.0 as usize);
        field.map_or(Rule::Merge, |field| field.rule)
    }
}

struct SchemaReader<'s> {
    schema: &'s Value,
    /// The number of fields that were read so far.
    count: Cell<usize>,
}

type Properties = serde_json::Map<String, Value>;

/// The way from a release to a field.
#[derive(Default)]
struct Path<'s> {
    names: Vec<&'s str>,
    /// The properties of the objects on the way. A definition may contain itself, and then its
    /// fields have no end.
    objects: Vec<&'s Properties>,
}

/// The largest number of fields that a schema may have. The schema of OCDS 1.1 has 559. Definitions
/// that refer to each other may have a number that doubles with each definition.
const MAX_FIELDS: usize = 100_000;

/// The largest number of members that lead to a field.
const MAX_DEPTH: usize = 64;

/// The largest number of references that lead from one to the next.
const MAX_REFERENCES: usize = 32;

impl<'s> SchemaReader<'s> {
    fn add_rules(
        &self,
        properties: &'s Properties,
        path: &mut Path<'s>,
        rules: &mut Rules,
    ) -> Result<(), String> {
        if path.objects.iter().any(|it| std::ptr::eq(*it, properties)) {
            return Ok(());
        }
        path.objects.push(properties);
        for (name, property) in properties {
            path.names.push(name);
            self.add_rule(property, path, rules)?;
            path.names.pop();
        }
        path.objects.pop();
        Ok(())
    }

    fn add_rule(
        &self,
        declared: &'s Value,
        path: &mut Path<'s>,
        rules: &mut Rules,
    ) -> Result<(), String> {
        let count = self.count.get() + 1;
        self.count.set(count);
        if count > MAX_FIELDS || path.names.len() > MAX_DEPTH {
            return Err(format!(
                "the schema has more than {MAX_FIELDS} fields, or more than {MAX_DEPTH} objects \
                 within each other, at {}",
                path.names.join("/")
            ));
        }
        let property = self.follow(declared)?;
        // a rule may stand beside a reference
        let is_set = |key: &str| declared[key] == true || property[key] == true;
        let is_array = has_type(property, "array");
        let strategy_1_0 = property["mergeStrategy"].as_str();
        if is_set("omitWhenMerged") || strategy_1_0 == Some("ocdsOmit") {
            rules.set(&path.names.join("/"), Rule::Omit);
        } else if is_array && (is_set("wholeListMerge") || strategy_1_0 == Some("ocdsVersion")) {
            rules.set(&path.names.join("/"), Rule::WholeList);
        } else if has_type(property, "object") {
            if let Some(properties) = self.properties(property)? {
                self.add_rules(properties, path, rules)?;
            }
        } else if is_array && !property["items"].is_null() {
            let items = self.follow(&property["items"])?;
            match self.properties(items)? {
                _ if has_other_type(items, "object") => {
                    rules.set(&path.names.join("/"), Rule::WholeList);
                }
                Some(properties) if !properties.contains_key("id") => {
                    rules.set(&path.names.join("/"), Rule::WholeList);
                }
                Some(properties) => self.add_rules(properties, path, rules)?,
                None => {}
            }
        }
        Ok(())
    }

    fn properties(&self, of: &'s Value) -> Result<Option<&'s Properties>, String> {
        Ok(self.follow(of)?["properties"].as_object())
    }

    /// Returns the value to which a reference leads.
    fn follow(&self, mut value: &'s Value) -> Result<&'s Value, String> {
        let mut steps = 0;
        while let Some(reference) = value["$ref"].as_str() {
            let target = reference.strip_prefix('#');
            let target = target.and_then(|pointer| self.schema.pointer(pointer));
            steps += 1;
            value = target.filter(|_| steps <= MAX_REFERENCES).ok_or_else(|| {
                format!("the reference {reference} leads to no definition of the schema")
            })?;
        }
        Ok(value)
    }
}

fn has_type(property: &Value, name: &str) -> bool {
    types(property).any(|it| it == name)
}

fn has_other_type(property: &Value, name: &str) -> bool {
    types(property).any(|it| it != name)
}

/// Returns the types that a property may have.
fn types(property: &Value) -> impl Iterator<Item = &str> {
    let one = property["type"].as_str();
    let several = property["type"].as_array().into_iter().flatten();
    one.into_iter().chain(several.filter_map(Value::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_says_which_fields_are_omitted_and_which_lists_are_whole() {
        let schema = json!({
            "properties": {
                "ocid": {"type": "string", "mergeStrategy": "ocdsOmit"},
                "secret": {"type": "object", "omitWhenMerged": true},
                "kept": {"type": ["string", "null"], "omitWhenMerged": false},
                "codes": {"type": ["array", "null"], "items": {"type": "string"}},
                "maybe": {"type": "array", "items": {"type": ["object", "null"]}},
                "merged": {"type": "array", "wholeListMerge": false, "items": {"$ref": "#/definitions/Item"}},
                "whole": {"type": "array", "wholeListMerge": true, "items": {"$ref": "#/definitions/Item"}},
                "old": {"type": "array", "mergeStrategy": "ocdsVersion", "items": {"type": "object"}},
                "unknown": {"type": "array", "items": {"type": "object"}},
                "tree": {"$ref": "#/definitions/Tree"},
            },
            "definitions": {
                "Item": {"type": "object", "properties": {
                    "id": {"type": "string"},
                    "changes": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
                }},
                "Tree": {"type": "object", "properties": {"end": {"$ref": "#/definitions/Leaf"}}},
                "Leaf": {"$ref": "#/definitions/Real"},
                "Real": {"type": "string", "omitWhenMerged": true},
            },
        });
        let listed = Rules::from_schema(&schema).unwrap().list();
        let expected = [
            ("codes", Rule::WholeList),
            ("date", Rule::Omit),
            ("id", Rule::Omit),
            ("maybe", Rule::WholeList),
            ("merged/changes", Rule::WholeList),
            ("ocid", Rule::Omit),
            ("old", Rule::WholeList),
            ("secret", Rule::Omit),
            ("tag", Rule::Omit),
            ("tree/end", Rule::Omit),
            ("whole", Rule::WholeList),
        ];
        let expected = expected.map(|(path, rule)| (path.to_owned(), rule));
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_schema_is_refused_if_its_references_lead_nowhere() {
        for (reference, pointer) in [
            (
                "https://example.org/schema.json",
                "https://example.org/schema.json",
            ),
            ("#/definitions/None", "#/definitions/None"),
            ("#/definitions/Circle", "#/definitions/Circle"),
        ] {
            let schema = json!({
                "properties": {"a": {"$ref": reference}},
                "definitions": {"Circle": {"$ref": "#/definitions/Circle"}},
            });
            let error = Rules::from_schema(&schema).unwrap_err();
            assert!(error.contains(pointer), "{error}");
        }
        assert!(Rules::from_schema(&json!([])).is_err());
    }

    #[test]
    fn definitions_that_contain_themselves_end() {
        let schema = json!({
            "properties": {"a": {"$ref": "#/definitions/A"}},
            "definitions": {"A": {"type": "object", "properties": {
                "a": {"$ref": "#/definitions/A"},
                "list": {"type": "array", "items": {"type": "string"}},
            }}},
        });
        let listed = Rules::from_schema(&schema).unwrap().list();
        assert!(listed.contains(&("a/list".to_owned(), Rule::WholeList)));
    }
}
