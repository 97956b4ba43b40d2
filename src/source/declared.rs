//! What a source declares, as text that later versions of the program write alike:
//! runs and watermarks in a database are known by it.
//!
//! Keys and words are those of a declaration, and not the names of our types. What
//! is not declared is left out, so that a key that is added one day changes the
//! text of no source that does without it.

use std::fmt::Display;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{
    Axis, Body, By, Detail, Index, Items, LinkStop, Method, Pagination, Pick, Size, Source,
    SplitWhen, Stop, Window,
};
use crate::userinfo::{has_unclear_userinfo, hide_userinfo};

/// What the source's feed is.
pub(super) fn scope(source: &Source) -> Value {
    let axes = source.axis.iter();
    let axes = axes.map(|(name, declared)| (name.as_str(), Some(axis(declared))));
    let query = source.query.iter();
    let query = query.map(|(name, declared)| (name.as_str(), text(declared)));
    table([
        ("url", text(without_user(source.url.as_str()))),
        ("query", tables(query)),
        ("body", source.body.as_ref().map(Body::declared)),
        ("axis", tables(axes)),
        ("detail", source.detail.as_ref().map(named)),
        ("items", Some(items(&source.items))),
        (
            "window",
            source.window.as_ref().map(|window| began(source, window)),
        ),
    ])
}

/// What the numbers and cursors of the source's pages depend on beside what its
/// feed is.
pub(super) fn pages(source: &Source) -> Value {
    table([
        ("page", Some(page(&source.page))),
        ("window", source.window.as_ref().map(window)),
        ("detail", source.detail.as_ref().map(detail)),
    ])
}

/// A URL as it is declared, for storing and showing, without a user and a password.
///
/// One that has a user and is not clear about where that ends is not the URL of a source
/// that is read, but of one that is refused.
pub(crate) fn without_user(url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else {
        // neither a variable nor a path begins with a user
        let has_user = url.starts_with("//") || url.starts_with(char::is_alphanumeric);
        return match has_user {
            true => hide_userinfo(url),
            false => url.to_owned(),
        };
    };
    if has_unclear_userinfo(url) {
        return hide_userinfo(url);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => {
            let scheme = &url[..url.len() - rest.len()];
            format!("{scheme}{}", &rest[at + 1..])
        }
        None => url.to_owned(),
    }
}

/// A value of an axis for storing and showing, which may be a URL.
pub(crate) fn value_without_user(value: &str) -> String {
    let is_url = |scheme: &str| {
        let start = value.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    match is_url("http://") || is_url("https://") {
        true => without_user(value),
        false => value.to_owned(),
    }
}

/// A table of what there is of these.
fn table<'n>(members: impl IntoIterator<Item = (&'n str, Option<Value>)>) -> Value {
    let members = members.into_iter();
    let declared = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(declared.collect::<Map<_, _>>())
}

/// A table, unless it is empty.
fn tables<'n>(members: impl IntoIterator<Item = (&'n str, Option<Value>)>) -> Option<Value> {
    Some(table(members)).filter(|table| table.as_object().is_some_and(|it| !it.is_empty()))
}

fn text(declared: impl Display) -> Option<Value> {
    Some(declared.to_string().into())
}

fn maybe(declared: Option<impl Display>) -> Option<Value> {
    declared.and_then(text)
}

fn zone(zone: &TimeZone) -> Option<Value> {
    maybe(zone.iana_name())
}

fn method(method: Method) -> Option<Value> {
    (method != Method::Get).then(|| method.as_str().into())
}

fn items(items: &Items) -> Value {
    let shapes: Value = items.shapes.iter().map(ToString::to_string).collect();
    table([
        ("pointer", Some(shapes)),
        ("kind", maybe(items.kind.map(|kind| kind.as_str()))),
        ("version", maybe(items.version.map(|it| it.as_str()))),
    ])
}

fn axis(axis: &Axis) -> Value {
    match axis {
        Axis::Values(values) => values.iter().map(|it| value_without_user(it)).collect(),
        Axis::Index(axis) => index(axis),
    }
}

fn index(index: &Index) -> Value {
    let Index {
        url,
        method: by,
        body,
        page: pages,
        pick,
    } = index;
    let asked = [
        ("url", text(without_user(url.as_str()))),
        ("method", method(*by)),
        ("body", body.as_ref().map(Body::declared)),
        ("page", Some(page(pages))),
    ];
    table(asked.into_iter().chain(picked(pick)))
}

/// What the items of an index are.
fn named(detail: &Detail) -> Value {
    table(
        [("url", text(without_user(detail.url.as_str())))]
            .into_iter()
            .chain(picked(&detail.pick)),
    )
}

/// How they are asked for. Their rate and how many at once change no page.
fn detail(detail: &Detail) -> Value {
    table([
        ("method", method(detail.method)),
        ("body", detail.body.as_ref().map(Body::declared)),
        ("together", Some(detail.together.get().into())),
    ])
}

fn picked(pick: &Pick) -> impl Iterator<Item = (&'static str, Option<Value>)> {
    let by = match &pick.by {
        By::Place { each, value, only } => {
            let only = only.iter();
            let only = only.map(|(place, wanted)| (place.to_string(), wanted.as_str().into()));
            let only: Map<String, Value> = only.collect();
            vec![
                ("each", text(each)),
                ("value", text(value)),
                ("only", (!only.is_empty()).then_some(Value::Object(only))),
            ]
        }
        By::Pattern(pattern) => vec![("pattern", text(pattern))],
    };
    by.into_iter().chain([
        ("matching", maybe(pick.matching.as_ref())),
        ("except", maybe(pick.except.as_ref())),
    ])
}

/// Where all that windows have begins, and what of an entry is compared with them.
fn began(source: &Source, window: &Window) -> Value {
    table([
        ("basis", text(window.basis.as_str())),
        ("from", text(&window.from)),
        ("zone", zone(source.window_zone())),
    ])
}

fn window(window: &Window) -> Value {
    table([
        ("from", text(&window.from)),
        ("until", maybe(window.until.as_ref())),
        ("format", text(&window.format)),
        ("zone", window.zone.as_ref().and_then(zone)),
        ("step", maybe(window.step)),
        ("order", text(window.order.as_str())),
        ("basis", text(window.basis.as_str())),
        ("overlap", text(window.overlap)),
        ("ahead", maybe(window.ahead)),
        ("split_when", split_when(&window.split_when)),
    ])
}

fn split_when(when: &SplitWhen) -> Option<Value> {
    let status = || when.status.iter().copied().collect();
    tables([
        ("items", when.items.map(Value::from)),
        ("total", maybe(when.total.as_ref())),
        ("status", (!when.status.is_empty()).then(status)),
        ("smallest", maybe(when.smallest)),
    ])
}

fn page(page: &Pagination) -> Value {
    match page {
        Pagination::Single => table([("mode", text("none"))]),
        Pagination::File => table([("mode", text("file"))]),
        Pagination::Link {
            pointer,
            size,
            stop,
        } => table([
            ("mode", text("link")),
            ("pointer", text(pointer)),
            ("size", size.map(Value::from)),
            ("stop", text(link_stop(*stop))),
        ]),
        Pagination::Token {
            param,
            pointer,
            start,
            stop,
        } => table([
            ("mode", text("token")),
            ("param", maybe(param.as_ref())),
            ("pointer", text(pointer)),
            ("start", maybe(start.as_ref())),
            ("stop", text(link_stop(*stop))),
        ]),
        Pagination::Number {
            param,
            start,
            stop: last,
        } => counted("number", param.as_ref(), *start, None, last),
        Pagination::Offset {
            param,
            start,
            size,
            stop: last,
        } => counted("offset", param.as_ref(), *start, Some(*size), last),
    }
}

fn counted(
    mode: &str,
    param: Option<&String>,
    start: u64,
    size: Option<u64>,
    last: &Stop,
) -> Value {
    let declared = [
        ("mode", text(mode)),
        ("param", maybe(param)),
        ("start", Some(start.into())),
        ("size", size.map(Value::from)),
    ];
    table(declared.into_iter().chain(stop(last)))
}

fn stop(stop: &Stop) -> Vec<(&'static str, Option<Value>)> {
    match stop {
        Stop::TotalPages(pointer) => vec![("total_pages", text(pointer))],
        Stop::TotalItems { pointer, size } => {
            let size = match size {
                Size::Fixed(size) => Some((*size).into()),
                Size::At(pointer) => text(pointer),
            };
            vec![("total_items", text(pointer)), ("size", size)]
        }
        Stop::Empty => vec![("stop", text("empty"))],
        Stop::Status(status) => vec![("status", Some((*status).into()))],
    }
}

fn link_stop(stop: LinkStop) -> &'static str {
    match stop {
        LinkStop::NoLink => "no_link",
        LinkStop::SameUrl => "same_url",
        LinkStop::Repeated => "repeated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(table: &str) -> Source {
        let mut source: Source = toml::from_str(table).unwrap();
        source.settle().unwrap();
        source
    }

    const WINDOWED: &str = r#"
        url = "https://tenders.example/api/{axis.kind}"
        query = { since = "{from}", buyer = "{axis.buyer}", key = "{env.KEY}" }
        items = { pointer = "/data/*", kind = "record", version = "1.0" }
        page = { mode = "number", total_items = "/meta/total", size = 100 }
        zone = "America/Lima"
        window = { from = "2015", step = "1d", basis = "updated", order = "descending", split_when = { items = 500, status = [400] } }
        axis = { kind = ["tender", "award"], buyer = { url = "https://tenders.example/buyers", each = "/*", value = "/id", only = { "/active" = "yes" } } }
        detail = { pattern = "<link>([^<]+)", except = "old", url = "/{item}", body = { json = { id = "{item}" } }, rate = "5/s" }
    "#;

    const FEED: &str = r#"
        {"axis":{"buyer":{"each":"/*","only":{"/active":"yes"},"page":{"mode":"none"},
        "url":"https://tenders.example/buyers","value":"/id"},"kind":["tender","award"]},
        "detail":{"except":"old","pattern":"<link>([^<]+)","url":"/{item}"},
        "items":{"kind":"record","pointer":["/data/*"],"version":"1.0"},
        "query":{"buyer":"{axis.buyer}","key":"{env.KEY}","since":"{from}"},
        "url":"https://tenders.example/api/{axis.kind}",
        "window":{"basis":"updated","from":"2015-01-01T00:00:00","zone":"America/Lima"}}
    "#;

    const PAGES: &str = r#"
        "page":{"mode":"number","param":"page","size":100,"start":1,"total_items":"/meta/total"},
        "window":{"basis":"updated","format":"%Y-%m-%d","from":"2015-01-01T00:00:00",
        "order":"descending","overlap":"1h","split_when":{"items":500,"status":[400]},"step":"1d"}
    "#;

    /// A text without the breaks and indents that it is written here with.
    fn joined(text: &str) -> String {
        text.lines().map(str::trim).collect()
    }

    #[test]
    fn a_url_is_known_without_a_user_and_a_password() {
        for (url, shown) in [
            ("http://me:hunter2@h.example/a?b", "http://h.example/a?b"),
            ("https://me:p@ss/word@h.example/a", "https://h.example/a"),
            ("https://me:p/word@h.example/a", "https://h.example/a"),
            ("https:/me:word@h.example/a", "https:/h.example/a"),
            ("me:word@h.example/a", "h.example/a"),
            ("//me:word@h.example/a", "h.example/a"),
            ("releases/{item}@1", "releases/{item}@1"),
            ("/{item}@1", "/{item}@1"),
            ("https://key@h.example:8443?c", "https://h.example:8443?c"),
            ("https://me:a@b@{env.HOST}/", "https://{env.HOST}/"),
            ("https://h.example/?to=me@x", "https://h.example/?to=me@x"),
            ("{env.BASE}/a@b", "{env.BASE}/a@b"),
        ] {
            assert_eq!(without_user(url), shown);
        }
    }

    /// Databases hold these texts: of one that becomes another, all is read again.
    #[test]
    fn what_a_watermark_knows_its_source_by_stays_the_same() {
        assert_eq!(source(WINDOWED).scope(), joined(FEED));
        let plain = r#"{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"https://tenders.example/"}"#;
        assert_eq!(source(r#"url = "https://tenders.example/""#).scope(), plain);
    }

    #[test]
    fn what_a_run_knows_its_source_by_stays_the_same() {
        let detail = r#"{"body":{"json":{"id":"{item}"}},"method":"POST","together":100}"#;
        let (feed, pages) = (joined(FEED), joined(PAGES));
        let expected = format!(r#"{feed} {{"detail":{detail},{pages}}}"#);
        assert_eq!(source(WINDOWED).definition(), expected);
    }

    #[test]
    fn pages_are_written_as_they_are_declared() {
        for (declared, expected) in [
            (r#"mode = "none""#, r#"{"mode":"none"}"#),
            (
                r#"mode = "link", pointer = "/next", size = 10"#,
                r#"{"mode":"link","pointer":"/next","size":10,"stop":"no_link"}"#,
            ),
            (
                r#"mode = "token", pointer = "/next", start = 0, stop = "same_url""#,
                r#"{"mode":"token","param":"offset","pointer":"/next","start":"0","stop":"same_url"}"#,
            ),
            (
                r#"mode = "number", total_pages = "/pages""#,
                r#"{"mode":"number","param":"page","start":1,"total_pages":"/pages"}"#,
            ),
            (
                r#"mode = "number", total_items = "/total", size = "/size""#,
                r#"{"mode":"number","param":"page","size":"/size","start":1,"total_items":"/total"}"#,
            ),
            (
                r#"mode = "offset", size = 10, status = 404"#,
                r#"{"mode":"offset","param":"offset","size":10,"start":0,"status":404}"#,
            ),
        ] {
            let table = format!("url = \"https://tenders.example/\"\npage = {{ {declared} }}");
            assert_eq!(page(&source(&table).page).to_string(), expected);
        }
    }

    #[test]
    fn what_changes_no_page_is_not_in_it() {
        let faster = WINDOWED.replace("5/s", "9/s");
        assert_eq!(source(WINDOWED).definition(), source(&faster).definition());
        let larger = WINDOWED.replace("rate =", "together = 7, rate =");
        assert_ne!(source(WINDOWED).definition(), source(&larger).definition());
        assert_eq!(source(WINDOWED).scope(), source(&larger).scope());
    }
}
