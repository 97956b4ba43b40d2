//! Finds the version of the standard that releases are written in.
//!
//! # A package without a version
//!
//! Such a package is of version 1.0, which had no member for it. A release of 1.1 in it is known
//! by its `parties`, and is not upgraded. A source whose releases have no `parties` can declare
//! `items.version`. A package that is too large to hold is of 1.0 only if it says so before its
//! releases.
//!
//! # A release without a package
//!
//! If neither the source nor a package states the version, the release itself may show it. Version
//! 1.1 moved the details of organisations into `parties`. So a release without `parties` is of
//! version 1.0 if an organisation has details where it is mentioned. An id and a name do not show
//! the version, because references of 1.1 have them too.

use serde_json::Value;

use crate::json::{Cut, Loose, ScanError, Scanner, is_key};
use crate::source::Version;

/// The members of an organisation that version 1.1 moved into `parties`.
const DETAILS: [&str; 4] = [
    "identifier",
    "address",
    "contactPoint",
    "additionalIdentifiers",
];

/// Returns the version of a page's items. Returns `None` if the items are not in a package.
///
/// `around` is the page without its items, [`Cut::envelope`].
pub(super) fn find_items_version(cut: &Cut, around: &Value) -> Option<Version> {
    let (place, _name) = cut.list_of_items()?.rsplit_once('/')?;
    find_package_version(around.pointer(place)?)
}

/// Returns the version of a package. A package without a member `version` is of version 1.0,
/// which did not define that member. Returns `None` if the value is not a package.
pub(super) fn find_package_version(package: &Value) -> Option<Version> {
    let has = |name| package.get(name).is_some();
    if !(has("releases") || has("records")) || has("ocid") {
        return None;
    }
    Some(match package.get("version") {
        None | Some(Value::Null) => Version::V1_0,
        Some(Value::String(version)) if is_1_0(version) => Version::V1_0,
        Some(Value::Number(version)) if is_1_0(&version.to_string()) => Version::V1_0,
        Some(_) => Version::V1_1,
    })
}

/// Returns true for version 1.0 and its patch versions, such as 1.0.3.
fn is_1_0(version: &str) -> bool {
    let mut parts = version.trim().split('.');
    parts.next() == Some("1") && matches!(parts.next(), None | Some("0"))
}

/// Returns true if an organisation has details where the release mentions it: its buyer, its
/// procuring entity, its tenderers, or the suppliers of its awards. The text must be JSON.
pub(super) fn has_organisation_details(release: &[u8]) -> bool {
    let mut search = DetailSearch {
        text: release,
        is_found: false,
    };
    let mut scanner = Scanner::new(release, 0, Loose);
    let walked = search.walk_objects(&mut scanner, &mut |search, scanner, name| {
        if is_key(name, "buyer") {
            search.check_organisations(scanner)
        } else if is_key(name, "tender") {
            search.walk_objects(scanner, &mut check_tender)
        } else if is_key(name, "awards") {
            search.walk_objects(scanner, &mut check_award)
        } else {
            scanner.skip_value().map(drop)
        }
    });
    walked.is_ok() && search.is_found
}

fn check_tender<'t>(
    search: &mut DetailSearch<'t>,
    scanner: &mut Scanner<'t, Loose>,
    name: &[u8],
) -> Result<(), ScanError> {
    if is_key(name, "procuringEntity") || is_key(name, "tenderers") {
        return search.check_organisations(scanner);
    }
    scanner.skip_value().map(drop)
}

fn check_award<'t>(
    search: &mut DetailSearch<'t>,
    scanner: &mut Scanner<'t, Loose>,
    name: &[u8],
) -> Result<(), ScanError> {
    if is_key(name, "suppliers") {
        return search.check_organisations(scanner);
    }
    scanner.skip_value().map(drop)
}

/// A search for an organisation with details.
struct DetailSearch<'t> {
    text: &'t [u8],
    is_found: bool,
}

/// Checks one member of an object, and moves the scanner past its value.
type CheckMember<'c, 't> =
    dyn FnMut(&mut DetailSearch<'t>, &mut Scanner<'t, Loose>, &[u8]) -> Result<(), ScanError> + 'c;

impl<'t> DetailSearch<'t> {
    /// Checks one organisation or a list of organisations.
    fn check_organisations(&mut self, scanner: &mut Scanner<'t, Loose>) -> Result<(), ScanError> {
        self.walk_objects(scanner, &mut |search, scanner, name| {
            let is_detail = DETAILS.iter().any(|detail| is_key(name, detail));
            let (value, _) = scanner.read_value()?;
            search.is_found |= is_detail && has_content(&search.text[value]);
            Ok(())
        })
    }

    /// Walks the members of an object, or of each object in a list.
    fn walk_objects(
        &mut self,
        scanner: &mut Scanner<'t, Loose>,
        check: &mut CheckMember<'_, 't>,
    ) -> Result<(), ScanError> {
        if scanner.peek()? == b'[' {
            return scanner.walk_entries(|scanner| self.walk_object(scanner, check));
        }
        self.walk_object(scanner, check)
    }

    fn walk_object(
        &mut self,
        scanner: &mut Scanner<'t, Loose>,
        check: &mut CheckMember<'_, 't>,
    ) -> Result<(), ScanError> {
        if scanner.peek()? != b'{' {
            return scanner.skip_value().map(drop);
        }
        let text = self.text;
        scanner.walk_members(|scanner, key| check(self, scanner, &text[key]))
    }
}

/// Returns true for an object or a list that is not empty.
fn has_content(value: &[u8]) -> bool {
    let is_container = value.starts_with(b"{") || value.starts_with(b"[");
    let inner = value.get(1..).unwrap_or_default().trim_ascii_start();
    is_container && inner.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{ItemsAt, cut};

    #[test]
    fn an_organisation_with_details_in_place_shows_version_1_0() {
        for (release, expected) in [
            (r#"{"buyer":{"name":"B","address":{"locality":"L"}}}"#, true),
            (r#"{"buyer":[{"contactPoint":{"email":"e"}}]}"#, true),
            (
                r#"{"tender":{"procuringEntity":{"identifier":{"id":"1"}}}}"#,
                true,
            ),
            (
                r#"{"tender":{"tenderers":[{},{"additionalIdentifiers":[{}]}]}}"#,
                true,
            ),
            (
                r#"{"awards":[{"id":"a"},{"suppliers":[{"address":{"region":"R"}}]}]}"#,
                true,
            ),
            (
                r#"{"buyer":{"id":"1","name":"B"},"awards":[{"suppliers":[{"id":"1","name":"S"}]}]}"#,
                false,
            ),
            (
                r#"{"buyer":{"identifier":null,"address":{ },"additionalIdentifiers":[],"contactPoint":"x"}}"#,
                false,
            ),
            (
                r#"{"funder":{"identifier":{"id":"1"}},"tender":{"address":{"region":"R"}}}"#,
                false,
            ),
            (
                r#"{"awards":[[{"suppliers":[{"address":{"region":"R"}}]}]]}"#,
                false,
            ),
            (
                r#"{"planning":{"buyer":{"address":{"region":"R"}}}}"#,
                false,
            ),
            (r#"{"buyer":"B","tender":null,"awards":7}"#, false),
            ("{}", false),
        ] {
            assert_eq!(
                has_organisation_details(release.as_bytes()),
                expected,
                "{release}"
            );
        }
    }

    #[track_caller]
    fn check(body: &str, at: &str, expected: Option<Version>) {
        let cut = cut(body.as_bytes(), &[ItemsAt::parse(at).unwrap()]).unwrap();
        assert_eq!(find_items_version(&cut, &cut.envelope), expected, "{body}");
    }

    #[test]
    fn a_package_that_says_nothing_is_of_1_0() {
        let (old, new) = (Some(Version::V1_0), Some(Version::V1_1));
        for (version, expected) in [
            ("", old),
            (r#","version":"1.0""#, old),
            (r#","version":"1.0.3""#, old),
            (r#","version":1.0"#, old),
            (r#","version":null"#, old),
            (r#","version":"1.1""#, new),
            (r#","version":"1.1.5""#, new),
            (r#","version":1.1"#, new),
            (r#","version":"10""#, new),
            (r#","version":["1.0"]"#, new),
        ] {
            let body = format!(r#"{{"releases":[{{}}]{version}}}"#);
            check(&body, "/releases/*", expected);
            let body = format!(r#"{{"data":{{"records":[{{}}]{version}}}}}"#);
            check(&body, "/data/records/*", expected);
        }
    }

    #[test]
    fn what_is_no_package_says_nothing() {
        check(r#"{"data":[{}],"version":"1.0"}"#, "/data/*", None);
        check("[{}]", "/*", None);
        check(r#"{"ocid":"o","releases":[{}]}"#, "/releases/*", None);
        check(r#"{"ocid":"o","version":"1.0"}"#, "", None);
        check(r#"{"releases":[]}"#, "/releases/*", None);
    }
}
