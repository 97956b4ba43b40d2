//! Upgrades a release from version 1.0 of the standard to 1.1, by the standard's rules.
//!
//! | 1.0 | 1.1 |
//! |---|---|
//! | an organisation in `buyer`, `tender/procuringEntity`, `tender/tenderers` or `awards/suppliers` | a reference to an entry of `parties`, which has roles |
//! | `providerOrganization`, `receiverOrganization` of a transaction | `payer`, `payee`, with references |
//! | `amount` of a transaction | `value` |
//! | `amendment` of a tender, award or contract | `amendments`, a list |
//!
//! Members that 1.1 only deprecates are kept, for example an amendment's `changes`, a budget's
//! `source` and a milestone's `documents`.
//!
//! One organisation becomes one party, even if it has several roles. The `id` identifies the
//! organisation. If an organisation has no `id`, the id of its party is its identifier's
//! `scheme-id`, if it has both. Otherwise it is a hash of the members that identify the
//! organisation, so that it is the same each time. If two organisations have the same id but
//! differ, the first one counts, and only the members that it lacks are copied from the second
//! one.

use std::collections::{HashMap, HashSet};

use crate::extract::hash::remove_white_space;
use crate::json::{Members, MergedMembers, Tree};

/// Upgrades a release. Returns `None` if the release has `parties`, or if nothing in it differs
/// between the versions.
pub(super) fn upgrade(text: &str) -> Option<String> {
    let mut tree = Tree::from_text(text);
    let release = tree.members()?;
    if release.has("parties") {
        return None;
    }
    let mut parties = Parties::default();
    let mut is_changed = false;
    if let Some(buyer) = release.get("buyer") {
        parties.replace_with_references(buyer, "buyer");
    }
    if let Some(tender) = release.get("tender").and_then(Tree::members) {
        for (name, role) in [
            ("procuringEntity", "procuringEntity"),
            ("tenderers", "tenderer"),
        ] {
            if let Some(organisations) = tender.get(name) {
                parties.replace_with_references(organisations, role);
            }
        }
        is_changed |= upgrade_amendments(tender);
    }
    for award in objects(release.get("awards")) {
        if let Some(suppliers) = award.get("suppliers") {
            parties.replace_with_references(suppliers, "supplier");
        }
        is_changed |= upgrade_amendments(award);
    }
    for contract in objects(release.get("contracts")) {
        is_changed |= upgrade_amendments(contract);
        is_changed |= upgrade_transactions(contract, &mut parties);
    }
    if !parties.parties.is_empty() {
        release.set("parties", parties.into_tree());
        is_changed = true;
    }
    is_changed.then(|| tree.to_text())
}

/// Returns the entries of an array that are objects.
fn objects<'a, 't>(array: Option<&'a mut Tree<'t>>) -> impl Iterator<Item = &'a mut Members<'t>> {
    let entries = array.map(Tree::entries).unwrap_or_default();
    entries.iter_mut().filter_map(Tree::members)
}

/// The organisations of a release, in the order of their first appearance.
#[derive(Default)]
struct Parties<'t> {
    parties: Vec<Party<'t>>,
    /// The position of each party by the party's id.
    places: HashMap<String, usize>,
}

struct Party<'t> {
    id: Tree<'t>,
    roles: Vec<String>,
    /// The set of the roles in `roles`. It makes the search for a role fast.
    known_roles: HashSet<String>,
    /// All members of the organisation except its id and its roles.
    merged: MergedMembers<'t>,
}

impl<'t> Parties<'t> {
    /// Adds an organisation, or each organisation of a list, to the parties. Each organisation is
    /// replaced with a reference to its party.
    fn replace_with_references(&mut self, organisations: &mut Tree<'t>, role: &str) {
        for organisation in organisations.entries() {
            let Some(members) = organisation.members() else {
                continue;
            };
            if !members.is_empty() {
                let reference = self.add(std::mem::take(members), role);
                *organisation = Tree::Object(reference);
            }
        }
    }

    /// Adds an organisation to the parties, and returns the reference to it.
    fn add(&mut self, mut members: Members<'t>, role: &str) -> Members<'t> {
        let (key, id) = match members.scalar("id") {
            Some(key) => (key, members.remove("id")),
            None => {
                members.remove("id");
                (make_id(&mut members), None)
            }
        };
        let id = id.unwrap_or_else(|| Tree::string(&key));
        let mut roles: Vec<String> = Vec::new();
        if let Some(mut named) = members.remove("roles") {
            roles.extend(named.scalar());
            roles.extend(named.entries().iter().filter_map(|role| role.scalar()));
        }
        roles.push(role.to_owned());
        let name = members.get("name").cloned();

        let place = *self.places.entry(key).or_insert(self.parties.len());
        if place == self.parties.len() {
            self.parties.push(Party {
                id: id.clone(),
                roles: Vec::new(),
                known_roles: HashSet::new(),
                merged: MergedMembers::default(),
            });
        }
        let party = &mut self.parties[place];
        party.merged.add_missing(members);
        for role in roles {
            if party.known_roles.insert(role.clone()) {
                party.roles.push(role);
            }
        }
        let mut reference = Members::default();
        reference.set("id", id);
        if let Some(name) = name {
            reference.set("name", name);
        }
        reference
    }

    fn into_tree(self) -> Tree<'t> {
        let parties = self.parties.into_iter().map(|party| {
            let mut members = Members::default();
            members.set("id", party.id);
            members.set("roles", Tree::strings(&party.roles));
            // `merged` contains neither an id nor roles, because both were removed from the
            // members.
            members.extend(party.merged.into_members());
            Tree::Object(members)
        });
        Tree::Array(parties.collect())
    }
}

/// The members of version 1.0 that identify an organisation without an id.
const IDENTIFYING_MEMBERS: [(&str, &[&str]); 3] = [
    ("identifier", &["scheme", "id", "legalName", "uri"]),
    (
        "address",
        &[
            "streetAddress",
            "locality",
            "region",
            "postalCode",
            "countryName",
        ],
    ),
    (
        "contactPoint",
        &["name", "email", "telephone", "faxNumber", "url"],
    ),
];

/// Returns an id for an organisation that has none. If the organisation has no identifying
/// members, the id is made from all its members.
fn make_id(organisation: &mut Members<'_>) -> String {
    if let Some(identifier) = organisation.get("identifier").and_then(Tree::members)
        && let Some(id) = identifier.scalar("id")
        // Without a scheme, different organisations may have the same id, such as "0".
        && let Some(scheme) = identifier.scalar("scheme")
    {
        return format!("{scheme}-{id}");
    }
    let mut texts = vec![organisation.scalar("name")];
    for (part, names) in IDENTIFYING_MEMBERS {
        let mut part = organisation.get(part).and_then(Tree::members);
        let text = |name: &&str| part.as_mut().and_then(|part| part.scalar(name));
        texts.extend(names.iter().map(text));
    }
    let mut hasher = blake3::Hasher::new();
    if texts.iter().any(Option::is_some) {
        for text in texts {
            hasher.update(text.unwrap_or_default().as_bytes());
            hasher.update(b"\0");
        }
    } else {
        let all = Tree::Object(organisation.clone()).to_text();
        hasher.update(&remove_white_space(all.as_bytes()));
    }
    let mut id = hasher.finalize().to_hex().to_string();
    id.truncate(32);
    id
}

/// Moves a single `amendment` into the list `amendments`. Returns true if the block has changed.
fn upgrade_amendments(block: &mut Members<'_>) -> bool {
    if !block.has("amendment") || block.get("amendments").is_some_and(|all| !all.is_array()) {
        return false;
    }
    let mut all = match block.remove("amendments") {
        Some(mut all) => all.entries().to_vec(),
        None => Vec::new(),
    };
    let content = |amendment: &Tree<'_>| {
        let text = remove_white_space(amendment.to_text().as_bytes());
        blake3::hash(&text)
    };
    let mut known: HashSet<_> = all.iter().map(content).collect();
    if let Some(mut amendment) = block.remove("amendment") {
        // A scalar is not an amendment, so it is kept as it is.
        let is_scalar = !amendment.is_array() && amendment.entries().is_empty();
        let more = match is_scalar {
            true => std::slice::from_mut(&mut amendment),
            false => amendment.entries(),
        };
        for amendment in more {
            if known.insert(content(amendment)) {
                all.push(amendment.clone());
            }
        }
    }
    block.set("amendments", Tree::Array(all));
    true
}

/// Renames the members of a contract's transactions to the names of version 1.1. Returns true if
/// a transaction has changed.
fn upgrade_transactions<'t>(contract: &mut Members<'t>, parties: &mut Parties<'t>) -> bool {
    let implementation = contract.get("implementation").and_then(Tree::members);
    let Some(implementation) = implementation else {
        return false;
    };
    let mut is_changed = false;
    for transaction in objects(implementation.get("transactions")) {
        if transaction.has("amount") && !transaction.has("value") {
            if let Some(amount) = transaction.remove("amount") {
                transaction.set("value", amount);
            }
            is_changed = true;
        }
        for (old, new) in [
            ("providerOrganization", "payer"),
            ("receiverOrganization", "payee"),
        ] {
            let is_object = transaction.get(old).and_then(Tree::members).is_some();
            if !is_object || transaction.has(new) {
                continue;
            }
            if let Some(mut identifier) = transaction.remove(old) {
                let mut organisation = Tree::Object(organisation_from_identifier(&mut identifier));
                parties.replace_with_references(&mut organisation, new);
                transaction.set(new, organisation);
            }
            is_changed = true;
        }
    }
    is_changed
}

/// Returns an organisation that is made from an identifier. Version 1.0 defines an identifier for
/// this member, but some publishers write an organisation, which is returned as it is.
fn organisation_from_identifier<'t>(identifier: &mut Tree<'t>) -> Members<'t> {
    let Some(members) = identifier.members() else {
        return Members::default();
    };
    if members.has("identifier") || members.has("name") {
        return std::mem::take(members);
    }
    let mut organisation = Members::default();
    if let Some(name) = members.get("legalName").cloned() {
        organisation.set("name", name);
    }
    organisation.set("identifier", Tree::Object(std::mem::take(members)));
    organisation
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Upgrades a release, and checks that a second upgrade changes nothing.
    #[track_caller]
    fn check(release: Value, expected: Value) {
        let upgraded = upgrade(&release.to_string()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&upgraded).unwrap(), expected);
        assert_eq!(upgrade(&upgraded), None);
    }

    #[track_caller]
    fn unchanged(release: &str) {
        assert_eq!(upgrade(release), None, "{release}");
    }

    #[test]
    fn organisations_become_parties_with_their_roles() {
        let buyer = json!({"name": "B", "identifier": {"scheme": "GB-COH", "id": 7}, "address": {"region": "R"}});
        check(
            json!({"ocid": "o", "buyer": buyer, "tender": {
                "id": "t", "procuringEntity": buyer,
                "tenderers": [{"id": "x", "name": "X"}, {"id": "y"}],
            }, "awards": [{"suppliers": [{"id": "x", "url": "u"}]}, null]}),
            json!({"ocid": "o", "buyer": {"id": "GB-COH-7", "name": "B"}, "tender": {
                "id": "t", "procuringEntity": {"id": "GB-COH-7", "name": "B"},
                "tenderers": [{"id": "x", "name": "X"}, {"id": "y"}],
            }, "awards": [{"suppliers": [{"id": "x"}]}, null],
            "parties": [
                {"id": "GB-COH-7", "roles": ["buyer", "procuringEntity"], "name": "B",
                    "identifier": {"scheme": "GB-COH", "id": 7}, "address": {"region": "R"}},
                {"id": "x", "roles": ["tenderer", "supplier"], "name": "X", "url": "u"},
                {"id": "y", "roles": ["tenderer"]},
            ]}),
        );
    }

    #[test]
    fn an_organisation_without_id_and_identifier_has_the_same_id_each_time() {
        let id = |release: &str| {
            let upgraded: Value = serde_json::from_str(&upgrade(release).unwrap()).unwrap();
            let party = upgraded["parties"][0]["id"].as_str().unwrap().to_owned();
            assert_eq!(upgraded["buyer"]["id"], *party);
            party
        };
        let one = id(r#"{"buyer":{"name":"A","address":{"locality":"L"}}}"#);
        assert_eq!(one.len(), 32);
        let same = r#"{"buyer":{ "id":"", "address" : {"locality":"\u004c"},"name":"A","more":1}}"#;
        assert_eq!(id(same), one);
        let other = id(r#"{"buyer":{"name":"A","address":{"region":"L"}}}"#);
        assert_ne!(other, one);
        assert_ne!(id(r#"{"buyer":{"x":1}}"#), id(r#"{"buyer":{"x":2}}"#));
    }

    #[test]
    fn an_identifier_without_a_scheme_tells_nobody_apart() {
        let supplier = |name: &str| json!({"name": name, "identifier": {"id": "0"}});
        let award = json!({"suppliers": [supplier("A"), supplier("B"), supplier("A")]});
        let upgraded = upgrade(&json!({"awards": [award]}).to_string()).unwrap();
        let upgraded: Value = serde_json::from_str(&upgraded).unwrap();
        let parties = upgraded["parties"].as_array().unwrap();
        let names: Vec<&Value> = parties.iter().map(|party| &party["name"]).collect();
        assert_eq!(names, ["A", "B"]);
        let ids: Vec<&Value> = parties.iter().map(|party| &party["id"]).collect();
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[0].as_str().unwrap().len(), 32);
    }

    #[test]
    fn the_first_of_two_with_one_id_counts_and_takes_over_what_it_lacks() {
        check(
            json!({"buyer": {"id": 5, "name": "A", "url": null}, "awards": {"suppliers":
                {"id": "5", "name": "B", "url": "u", "roles": ["funder"]}}}),
            json!({"buyer": {"id": 5, "name": "A"}, "awards": {"suppliers": {"id": "5", "name": "B"}},
                "parties": [{"id": 5, "roles": ["buyer", "funder", "supplier"], "name": "A", "url": "u"}]}),
        );
    }

    #[test]
    fn an_amendment_is_one_of_several() {
        check(
            json!({
                "tender": {"amendment": {"changes": [1]}},
                "awards": [{"amendment": {"a": 1}, "amendments": [{"b": 2}]}],
                "contracts": [{"amendment": {"a": 1}, "amendments": [{"a": 1}]}, {"amendment": null}],
            }),
            json!({
                "tender": {"amendments": [{"changes": [1]}]},
                "awards": [{"amendments": [{"b": 2}, {"a": 1}]}],
                "contracts": [{"amendments": [{"a": 1}]}, {"amendment": null}],
            }),
        );
    }

    #[test]
    fn an_amendment_that_is_no_object_is_not_lost() {
        check(
            json!({
                "tender": {"amendment": "none"},
                "awards": [{"amendment": 7, "amendments": [{"b": 2}]}, {"amendment": []}],
                "contracts": [{"amendment": ["x", null]}, {"amendment": "x", "amendments": ["x"]}],
            }),
            json!({
                "tender": {"amendments": ["none"]},
                "awards": [{"amendments": [{"b": 2}, 7]}, {"amendments": []}],
                "contracts": [{"amendments": ["x", null]}, {"amendments": ["x"]}],
            }),
        );
    }

    #[test]
    fn transactions_have_the_names_of_1_1() {
        check(
            json!({"contracts": [{"implementation": {"transactions": [
                {"id": 1, "amount": {"amount": 5}, "providerOrganization": {"scheme": "S", "id": "1", "legalName": "P"},
                    "receiverOrganization": {"name": "R", "id": "r"}},
                {"amount": 1, "value": 2, "payer": {"id": "z"}, "providerOrganization": {"id": "1"}},
                {"providerOrganization": "text"},
            ]}}]}),
            json!({"contracts": [{"implementation": {"transactions": [
                {"id": 1, "value": {"amount": 5}, "payer": {"id": "S-1", "name": "P"}, "payee": {"id": "r", "name": "R"}},
                {"amount": 1, "value": 2, "payer": {"id": "z"}, "providerOrganization": {"id": "1"}},
                {"providerOrganization": "text"},
            ]}}], "parties": [
                {"id": "S-1", "roles": ["payer"], "name": "P", "identifier": {"scheme": "S", "id": "1", "legalName": "P"}},
                {"id": "r", "roles": ["payee"], "name": "R"},
            ]}),
        );
    }

    #[test]
    fn what_there_is_much_of_costs_no_more_each() {
        const MANY: usize = 30_000;
        let many = |each: &dyn Fn(usize) -> String| -> String {
            (0..MANY).map(|n| format!(",{}", each(n))).collect()
        };
        let members = many(&|n| format!(r#""m{n}":{n}"#));
        let again = many(&|n| format!(r#"{{"id":"b","m{n}":0,"roles":["r{n}"]}}"#));
        let amendments = many(&|n| format!(r#"{{"n":{n}}}"#));
        let release = format!(
            r#"{{"buyer":{{"id":"b"{members}}},"tender":{{"tenderers":[{{"id":"b"{members}}}{again}],"amendment":[{0}],"amendments":[{0}]}}}}"#,
            &amendments[1..],
        );
        let started = std::time::Instant::now();
        let upgraded = upgrade(&release).unwrap();
        // An algorithm that needs quadratic time would take minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(30));
        let upgraded: Value = serde_json::from_str(&upgraded).unwrap();
        let [party] = &upgraded["parties"].as_array().unwrap()[..] else {
            panic!("one party")
        };
        assert_eq!(party["m7"], 7);
        assert_eq!(party.as_object().unwrap().len(), MANY + 2);
        assert_eq!(party["roles"].as_array().unwrap().len(), MANY + 2);
        let amendments = upgraded["tender"]["amendments"].as_array().unwrap();
        assert_eq!(amendments.len(), MANY);
    }

    #[test]
    fn what_is_not_of_1_0_stays_as_it_is() {
        for release in [
            "{}",
            r#"{"ocid":"o","id":"1","tag":["tender"],"tender":{"id":"t","value":{"amount":1}}}"#,
            r#"{"parties":[{"id":"1"}],"buyer":{"name":"B"},"tender":{"amendment":{}}}"#,
            r#"{"parties":[],"buyer":{"name":"B"}}"#,
            r#"{"buyer":null,"tender":"t","awards":5,"contracts":[null,[]]}"#,
            r#"{"buyer":{},"tender":{"tenderers":[],"procuringEntity":"B"}}"#,
            r#"{"tender":{"amendment":{},"amendments":"none"}}"#,
            "[]",
            "7",
        ] {
            unchanged(release);
        }
    }

    #[test]
    fn no_digit_and_no_character_of_the_rest_is_touched() {
        let rest = r#""x":[ 1.50,1e2,123456789012345678901234567890, "\u00e9\/" ],"tender":{"value":{"amount":0.10}}"#;
        let upgraded = upgrade(&format!(r#"{{"buyer":{{"id":1.0}},{rest}}}"#)).unwrap();
        assert_eq!(
            upgraded,
            r#"{"buyer":{"id":1.0},"x":[ 1.50,1e2,123456789012345678901234567890, "\u00e9\/" ],"tender":{"value":{"amount":0.10}},"parties":[{"id":1.0,"roles":["buyer"]}]}"#
        );
    }
}
