//! Finds the version of the standard that releases are written in.
//!
//! # A package without a version
//!
//! Such a package is of version 1.0, which had no member for it. A release of 1.1 in it is known
//! by its `parties`, and is not upgraded. A source whose releases have no `parties` can declare
//! `items.version`. A package that is too large to hold is of 1.0 only if it says so before its
//! releases.

use serde_json::Value;

use crate::json::Cut;
use crate::source::Version;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{ItemsAt, cut};

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
