use super::*;
use crate::http::target_tests::{FEED, source_and_policy};
use crate::source::Axis;

struct Feed {
    source: Source,
    policy: TargetPolicy,
}

impl Feed {
    fn addresses(&self) -> Addresses<'_> {
        Addresses {
            source: &self.source,
            policy: &self.policy,
        }
    }

    fn page_target(&self, scope: &Scope, position: &Position) -> Result<Target> {
        self.addresses().page_target(scope, position)
    }
}

fn address(table: &str) -> Feed {
    address_by(table, "s3cr&t")
}

fn address_by(table: &str, key: &str) -> Feed {
    let (source, policy) = source_and_policy(table, key);
    Feed { source, policy }
}

fn link(url: &str) -> Position {
    Position {
        number: 2,
        cursor: Cursor::Link(url.into()),
    }
}

#[test]
fn a_numbered_page_is_a_query_parameter_beside_the_declared_ones() {
    let ask = address(FEED).page_target(
        &Scope::default(),
        &Position {
            number: 3,
            cursor: Cursor::Number(3),
        },
    );
    assert_eq!(
        ask.unwrap().url.as_str(),
        "https://feed.example/api?limit=100&key=s3cr%26t&order=asc&page=3"
    );
    let replaced = address(
        r#"
        url = "https://feed.example/api?page=1&limit=5"
        page = { mode = "number" }
    "#,
    );
    let position = Position {
        number: 2,
        cursor: Cursor::Number(2),
    };
    assert_eq!(
        replaced
            .page_target(&Scope::default(), &position)
            .unwrap()
            .url
            .as_str(),
        "https://feed.example/api?limit=5&page=2"
    );
}

#[test]
fn a_host_that_a_secret_is_declared_for_elsewhere_is_refused() {
    let table = r#"
        url = "https://feed.example/{axis.folder}"
        axis.folder = { url = "https://www.example/?key={env.KEY}", each = "/*" }
        detail = { url = "https://files.example/{item}?key={env.KEY}", each = "/*" }
    "#;
    let source: Source = toml::from_str(table).unwrap();
    let address = address(table);
    let Some(Axis::Index(index)) = source.axis.get("folder") else {
        panic!("an index");
    };
    let first = Position {
        number: 1,
        cursor: Cursor::Start,
    };
    let url = Url::parse("https://feed.example/").unwrap();
    let detail = source.detail.as_ref().unwrap();
    for asked in [
        address
            .addresses()
            .index_target(index, &Axes::new(), &first),
        address
            .addresses()
            .item_target(detail, &Scope::default(), &url, "a"),
    ] {
        let error = asked.err().unwrap().to_string();
        assert!(error.contains("takes a secret to another host"), "{error}");
    }
}

#[test]
fn what_is_stored_and_shown_has_no_secret() {
    let address = address(FEED);
    let first = Position {
        number: 1,
        cursor: Cursor::Number(1),
    };
    let ask = address.page_target(&Scope::default(), &first).unwrap();
    assert_eq!(
        address.policy.redact_url(&ask.url),
        "https://feed.example/api?limit=100&key={env.KEY}&order=asc&page=1"
    );
    assert_eq!(
        address.policy.redact_link("not a url s3cr&t"),
        "not a url {env.KEY}"
    );
    assert!(!format!("{:?}", address.policy).contains("s3cr"));
}

#[test]
fn a_secret_within_a_url_changes_nothing_around_it() {
    let table = r#"
        url = "https://feed.example/{env.KEY}/api?key={env.KEY}&limit=9"
        detail = { each = "/*", url = "/{item}?key={env.KEY}&full=1" }
        axis = { kind = { url = "https://feed.example/kinds?key={env.KEY}&all=1", each = "/*" } }
        query = { kind = "{axis.kind}" }
    "#;
    let address = address_by(table, "a&b#c+d%26 e/f");
    let axes = Axes::from([("kind".into(), "x".into())]);
    let scope = Scope {
        axes: axes.into(),
        ..Scope::default()
    };
    let start = Position {
        number: 1,
        cursor: Cursor::Start,
    };
    let source: Source = toml::from_str(table).unwrap();
    let (detail, Axis::Index(index)) = (source.detail.unwrap(), &source.axis["kind"]) else {
        panic!("the axis has an index");
    };
    let page = address.page_target(&scope, &start).unwrap().url;
    let item = address
        .addresses()
        .item_target(&detail, &scope, &page, "7")
        .unwrap()
        .url;
    let kinds = address
        .addresses()
        .index_target(index, &Axes::new(), &start)
        .unwrap()
        .url;
    for (url, stored) in [
        (
            page,
            "https://feed.example/{env.KEY}/api?key={env.KEY}&limit=9&kind=x",
        ),
        (item, "https://feed.example/7?key={env.KEY}&full=1"),
        (kinds, "https://feed.example/kinds?key={env.KEY}&all=1"),
    ] {
        let encoded = stored.replace("{env.KEY}", "a%26b%23c%2Bd%2526%20e%2Ff");
        assert_eq!(url.as_str(), encoded);
        assert_eq!(address.policy.redact_url(&url), stored);
        // the publisher may send back a part of the URL
        let path = encoded.strip_prefix("https://feed.example/").unwrap();
        let hidden = stored.strip_prefix("https://feed.example/").unwrap();
        assert_eq!(address.policy.redact_link(path), hidden);
        assert_eq!(address.page_target(&scope, &link(stored)).unwrap().url, url);
    }
}

#[test]
fn a_url_that_begins_with_a_secret_begins_as_that_says() {
    let address = address_by(r#"url = "{env.KEY}/api""#, "https://feed.example/v1");
    let first = Position {
        number: 1,
        cursor: Cursor::Start,
    };
    let ask = address.page_target(&Scope::default(), &first).unwrap();
    assert_eq!(ask.url.as_str(), "https://feed.example/v1/api");
}
