//! Writes a source's declaration as text. The database stores this text with runs and
//! watermarks, so every later version of the program must write the same text.
//!
//! Keys and words are those of the configuration, not the names of Rust types. Undeclared keys
//! are left out, so that a new key does not change the text of sources that do not use it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Auth, Axis, Body, Charset, Compile, CompileRules, Container, Decode, Detail, Filter, Http,
    HttpVersion, Index, Items, LinkPlace, Method, Pagination, Pick, PickMethod, Size, SkipErrors,
    Source, SplitWhen, Stop, UserAgent, Window,
};
use crate::json::Pointer;
use crate::userinfo::{has_unclear_userinfo, hide_userinfo};

/// Writes the part of the declaration that identifies the feed.
pub(super) fn write_scope(source: &Source) -> Value {
    let window = source.window.as_ref();
    let window = window.map(|window| write_window_scope(source, window));
    table([
        ("url", text(remove_user(source.url.as_str()))),
        ("query", write_query(source)),
        ("body", source.body.as_ref().map(Body::to_declaration)),
        ("axis", write_axes(source)),
        ("detail", source.detail.as_ref().map(write_detail_scope)),
        ("items", Some(write_items(&source.items))),
        ("window", window),
    ])
}

/// Writes the part of the declaration that page numbers and cursors depend on, apart from the
/// scope.
pub(super) fn write_pages(source: &Source) -> Value {
    table([
        ("page", Some(write_pagination(&source.page))),
        ("window", source.window.as_ref().map(write_window_pages)),
        ("detail", source.detail.as_ref().map(write_detail_pages)),
    ])
}

/// Writes the whole declaration after all defaults are applied, for people. Keys that change
/// nothing are left out, and so are passwords and the bodies of token requests.
pub(super) fn write_declaration(source: &Source) -> Vec<(&'static str, Value)> {
    let keys = [
        ("publisher", text(&source.publisher)),
        ("country", text(&source.country)),
        ("licence", text(&source.licence)),
        ("landing_page", text(&source.landing_page)),
        ("retired", optional_text(source.retired)),
        ("url", text(remove_user(source.url.as_str()))),
        ("method", text(source.method().as_str())),
        ("query", write_query(source)),
        ("body", source.body.as_ref().map(Body::to_declaration)),
        ("page", Some(write_pagination(&source.page))),
        ("window", source.window.as_ref().map(write_window_pages)),
        ("axis", write_axes(source)),
        ("detail", source.detail.as_ref().map(write_detail)),
        ("items", Some(write_all_of_items(&source.items))),
        ("overwrite", text(source.overwrite().as_str())),
        ("compile", Some(write_compile(source.compile))),
        ("decode", write_decode(&source.decode)),
        ("zone", write_zone(&source.zone)),
        ("auth", source.auth.as_ref().map(write_auth)),
        ("http", Some(write_http(&source.http))),
    ];
    let keys = keys.into_iter();
    let declared = keys.filter_map(|(key, value)| Some((key, value?)));
    declared.filter(|(_, value)| value != "").collect()
}

fn write_compile(compile: Compile) -> Value {
    match compile {
        Compile::Off => Value::Bool(false),
        Compile::By(CompileRules { rule, absent }) => table([
            ("rule", text(rule.as_str())),
            ("absent", text(absent.as_str())),
        ]),
    }
}

/// Removes the user and the password from a declared URL, so that it can be stored and shown.
///
/// The end of the password in the URL may be unclear. A valid source has no such URL, but the URL
/// of a rejected source is shown too.
pub(crate) fn remove_user(url: &str) -> String {
    let Some((_, rest)) = url.split_once("://") else {
        // A URL that begins with a variable or a path has no user.
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

/// Removes the user and the password from a value of an axis if the value is a URL.
pub(crate) fn remove_user_from_value(value: &str) -> String {
    let is_url = |scheme: &str| {
        let start = value.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    match is_url("http://") || is_url("https://") {
        true => remove_user(value),
        false => value.to_owned(),
    }
}

/// Returns the word for a value in the configuration.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => unreachable!("a variant without fields is a word"),
    }
}

/// Builds a table of the members that have a value.
fn table<'n>(members: impl IntoIterator<Item = (&'n str, Option<Value>)>) -> Value {
    let members = members.into_iter();
    let declared = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(declared.collect::<Map<_, _>>())
}

/// Builds a table of the members that have a value, or returns `None` if no member has one.
fn non_empty_table<'n>(
    members: impl IntoIterator<Item = (&'n str, Option<Value>)>,
) -> Option<Value> {
    Some(table(members)).filter(|table| table.as_object().is_some_and(|it| !it.is_empty()))
}

fn text(declared: impl Display) -> Option<Value> {
    Some(declared.to_string().into())
}

fn optional_text(declared: Option<impl Display>) -> Option<Value> {
    declared.and_then(text)
}

fn write_zone(zone: &TimeZone) -> Option<Value> {
    optional_text(zone.iana_name())
}

fn write_method(method: Method) -> Option<Value> {
    (method != Method::Get).then(|| method.as_str().into())
}

fn write_items(items: &Items) -> Value {
    let shapes: Value = items.shapes.iter().map(ToString::to_string).collect();
    let version = items.version.map(|version| version.as_str());
    table([
        ("pointer", Some(shapes)),
        ("kind", optional_text(items.kind.map(word))),
        ("version", optional_text(version)),
    ])
}

/// Writes the items with the keys that decide how a release is stored. They do not change the
/// feed, so its scope is without them.
fn write_all_of_items(items: &Items) -> Value {
    let mut declared = write_items(items);
    if items.compiled {
        declared["compiled"] = true.into();
    }
    if let Some(pattern) = &items.ocid_from_id {
        declared["ocid_from_id"] = pattern.as_str().into();
    }
    declared
}

fn write_filter(filter: &Filter) -> Option<Value> {
    non_empty_table([
        ("matching", optional_text(filter.matching.as_ref())),
        ("except", optional_text(filter.except.as_ref())),
    ])
}

fn write_query(source: &Source) -> Option<Value> {
    let query = source.query.iter();
    non_empty_table(query.map(|(name, declared)| (name.as_str(), text(declared))))
}

fn write_axes(source: &Source) -> Option<Value> {
    let axes = source.axis.iter();
    non_empty_table(axes.map(|(name, declared)| (name.as_str(), Some(write_axis(declared)))))
}

fn write_axis(axis: &Axis) -> Value {
    match axis {
        Axis::Values(values) => values.iter().map(|it| remove_user_from_value(it)).collect(),
        Axis::Index(axis) => write_index(axis),
    }
}

fn write_index(index: &Index) -> Value {
    let request = [
        ("url", text(remove_user(index.url.as_str()))),
        ("method", write_method(index.method)),
        ("body", index.body.as_ref().map(Body::to_declaration)),
        ("page", Some(write_pagination(&index.page))),
    ];
    table(request.into_iter().chain(write_pick(&index.pick)))
}

fn write_detail(detail: &Detail) -> Value {
    let limits = [
        ("rate", optional_text(detail.rate)),
        ("concurrency", detail.concurrency.map(|it| it.get().into())),
    ];
    let mut declared = table(limits);
    for part in [write_detail_scope(detail), write_detail_pages(detail)] {
        for (key, value) in part.as_object().into_iter().flatten() {
            declared[key] = value.clone();
        }
    }
    declared
}

fn write_decode(decode: &Decode) -> Option<Value> {
    let is_declared = decode.container != Container::Auto;
    non_empty_table([
        ("charset", optional_text(decode.charset.map(Charset::name))),
        (
            "container",
            is_declared.then(|| word(decode.container).into()),
        ),
        ("members", write_filter(&decode.members)),
        ("repair", list(decode.repair.iter().map(|it| it.as_str()))),
    ])
}

fn write_auth(auth: &Auth) -> Value {
    match auth {
        Auth::Basic { user, .. } => table([("mode", text("basic")), ("user", text(user))]),
        Auth::Token(token) => table([
            ("mode", text("token")),
            ("url", text(remove_user(&token.url))),
            ("method", text(token.method.as_str())),
            (
                "body",
                token.body.as_ref().and_then(|_| text("(not shown)")),
            ),
            ("headers", list(token.headers.keys().map(String::as_str))),
            ("pointer", text(&token.pointer)),
            ("scheme", text(&token.scheme)),
            ("refresh", token.refresh.and_then(duration)),
        ]),
        Auth::OAuth2(oauth2) => table([
            ("mode", text("oauth2")),
            ("url", text(remove_user(&oauth2.url))),
            ("client_id", text(&oauth2.client_id)),
            ("credentials", text(word(oauth2.credentials))),
            ("scope", optional_text(oauth2.scope.as_ref())),
            ("refresh", oauth2.refresh.and_then(duration)),
        ]),
    }
}

fn write_http(http: &Http) -> Value {
    let headers = http.headers.iter();
    let headers = headers.map(|(name, declared)| (name.as_str(), text(declared)));
    table([
        ("rate", optional_text(http.rate)),
        ("concurrency", Some(http.concurrency.into())),
        ("timeout", http.timeout.and_then(duration)),
        ("retry_status", list(http.retry_status.iter().copied())),
        ("retry_wait", http.retry_wait.and_then(duration)),
        ("retry_max", optional_text(http.retry_max)),
        ("empty_status", list(http.empty_status.iter().copied())),
        ("empty_if", optional_text(http.empty_if.as_ref())),
        ("fail_if", optional_text(http.fail_if.as_ref())),
        (
            "skip_errors",
            http.skip_errors.as_ref().map(write_skip_errors),
        ),
        (
            "error_members",
            (!http.has_usual_error_members()).then(|| http.error_members.clone().into()),
        ),
        (
            "reject_content_type",
            list(http.reject_content_type.iter().map(String::as_str)),
        ),
        ("conditional", Some(http.conditional.into())),
        ("redirects", Some(http.redirects.into())),
        (
            "accept_short_archive",
            http.accept_short_archive.then(|| true.into()),
        ),
        ("cookies", http.cookies.then(|| true.into())),
        (
            "version",
            optional_text(http.version.map(HttpVersion::as_str)),
        ),
        ("headers", non_empty_table(headers)),
        (
            "user_agent",
            optional_text(http.user_agent.as_ref().map(UserAgent::as_str)),
        ),
        (
            "allow_hosts",
            list(http.allow_hosts.iter().map(String::as_str)),
        ),
    ])
}

fn write_skip_errors(skip: &SkipErrors) -> Value {
    table([
        ("param", optional_text(skip.param.as_ref())),
        ("step", Some(skip.step.get().into())),
        ("most", Some(skip.most.into())),
    ])
}

fn duration(duration: Duration) -> Option<Value> {
    text(format_duration(duration))
}

/// Writes a list, unless it is empty.
fn list<T: Into<Value>>(values: impl ExactSizeIterator<Item = T>) -> Option<Value> {
    (values.len() > 0).then(|| values.collect())
}

/// Writes the part of `detail` that identifies the items.
fn write_detail_scope(detail: &Detail) -> Value {
    let url = ("url", text(remove_user(detail.url.as_str())));
    table(std::iter::once(url).chain(write_pick(&detail.pick)))
}

/// Writes the part of `detail` that pages depend on. The rate and the concurrency do not change
/// pages, so they are left out.
fn write_detail_pages(detail: &Detail) -> Value {
    table([
        ("method", write_method(detail.method)),
        ("body", detail.body.as_ref().map(Body::to_declaration)),
        ("together", Some(detail.together.get().into())),
    ])
}

fn write_pick(pick: &Pick) -> impl Iterator<Item = (&'static str, Option<Value>)> {
    let keys = match &pick.method {
        PickMethod::Pointer {
            each,
            value,
            only,
            containing,
        } => vec![
            ("each", text(each)),
            ("value", text(value)),
            ("only", write_texts(only)),
            ("containing", write_texts(containing)),
        ],
        PickMethod::Pattern(pattern) => vec![("pattern", text(pattern))],
    };
    keys.into_iter().chain([
        ("matching", optional_text(pick.filter.matching.as_ref())),
        ("except", optional_text(pick.filter.except.as_ref())),
    ])
}

/// Writes the texts at some pointers, unless there are none.
fn write_texts(texts: &BTreeMap<Pointer, String>) -> Option<Value> {
    let texts = texts.iter();
    let texts = texts.map(|(place, text)| (place.to_string(), text.as_str().into()));
    let texts: Map<String, Value> = texts.collect();
    (!texts.is_empty()).then_some(Value::Object(texts))
}

/// Writes the part of `window` that identifies the feed: its first date, and the kind of date
/// that the publisher compares.
fn write_window_scope(source: &Source, window: &Window) -> Value {
    table([
        ("basis", text(word(window.basis))),
        ("from", text(&window.from)),
        ("zone", write_zone(source.window_zone())),
    ])
}

fn write_window_pages(window: &Window) -> Value {
    table([
        ("from", text(&window.from)),
        ("until", optional_text(window.until.as_ref())),
        ("format", text(&window.format)),
        ("zone", window.zone.as_ref().and_then(write_zone)),
        ("step", optional_text(window.step)),
        ("order", text(word(window.order))),
        ("basis", text(word(window.basis))),
        ("overlap", text(window.overlap)),
        ("ahead", optional_text(window.ahead)),
        ("split_when", write_split_when(&window.split_when)),
    ])
}

fn write_split_when(when: &SplitWhen) -> Option<Value> {
    non_empty_table([
        ("items", when.items.map(Value::from)),
        ("total", optional_text(when.total.as_ref())),
        ("status", list(when.status.iter().copied())),
        ("smallest", optional_text(when.smallest)),
    ])
}

fn write_pagination(page: &Pagination) -> Value {
    match page {
        Pagination::Single { .. } => table([("mode", text("none"))]),
        Pagination::File => table([("mode", text("file"))]),
        Pagination::Link { place, size, stop } => {
            let (mode, pointer) = match place {
                LinkPlace::Member(pointer) => ("link", text(pointer)),
                LinkPlace::Header => ("link_header", None),
            };
            table([
                ("mode", text(mode)),
                ("pointer", pointer),
                ("size", size.map(Value::from)),
                ("stop", text(word(*stop))),
            ])
        }
        Pagination::Token {
            param,
            pointer,
            start,
            stop,
        } => table([
            ("mode", text("token")),
            ("param", optional_text(param.as_ref())),
            ("pointer", text(pointer)),
            ("start", optional_text(start.as_ref())),
            ("stop", text(word(*stop))),
        ]),
        Pagination::Number { param, start, stop } => {
            write_counted_pagination("number", param.as_ref(), *start, None, stop)
        }
        Pagination::Offset {
            param,
            start,
            size,
            stop,
        } => write_counted_pagination("offset", param.as_ref(), *start, Some(*size), stop),
    }
}

fn write_counted_pagination(
    mode: &str,
    param: Option<&String>,
    start: u64,
    size: Option<u64>,
    stop: &Stop,
) -> Value {
    let declared = [
        ("mode", text(mode)),
        ("param", optional_text(param)),
        ("start", Some(start.into())),
        ("size", size.map(Value::from)),
    ];
    table(declared.into_iter().chain(write_stop(stop)))
}

fn write_stop(stop: &Stop) -> Vec<(&'static str, Option<Value>)> {
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
        Stop::Repeated => vec![("stop", text("repeated"))],
        Stop::Status(status) => vec![("status", Some((*status).into()))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(table: &str) -> Source {
        let mut source: Source = toml::from_str(table).unwrap();
        source.validate().unwrap();
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

    /// Removes the line breaks and indents of a text in this file.
    fn join_lines(text: &str) -> String {
        text.lines().map(str::trim).collect()
    }

    #[test]
    fn the_user_and_the_password_are_removed_from_urls() {
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
            assert_eq!(remove_user(url), shown);
        }
    }

    /// Databases store these texts. If the text of a source changes, the source is fetched again
    /// from the beginning.
    #[test]
    fn the_stored_scope_stays_the_same() {
        assert_eq!(source(WINDOWED).scope(), join_lines(FEED));
        let plain = r#"{"items":{"pointer":["/releases/*","/records/*","/*",""]},"url":"https://tenders.example/"}"#;
        assert_eq!(source(r#"url = "https://tenders.example/""#).scope(), plain);
    }

    #[test]
    fn the_stored_definition_stays_the_same() {
        let detail = r#"{"body":{"json":{"id":"{item}"}},"method":"POST","together":100}"#;
        let (feed, pages) = (join_lines(FEED), join_lines(PAGES));
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
            assert_eq!(write_pagination(&source(&table).page).to_string(), expected);
        }
    }

    #[test]
    fn keys_that_change_no_page_are_left_out() {
        let faster = WINDOWED.replace("5/s", "9/s");
        assert_eq!(source(WINDOWED).definition(), source(&faster).definition());
        let larger = WINDOWED.replace("rate =", "together = 7, rate =");
        assert_ne!(source(WINDOWED).definition(), source(&larger).definition());
        assert_eq!(source(WINDOWED).scope(), source(&larger).scope());
    }
}
