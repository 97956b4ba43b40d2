//! A source's definition as it was resolved, for people.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

use crate::source::{
    Auth, Axis, Basis, Body, Charset, Container, Credentials, Decode, Detail, Http, Items, Kind,
    LinkStop, Method, OAuth2, Order, Origin, Pagination, Pick, PickMethod, Size, Source, SplitWhen,
    Stop, Token, UserAgent, Version, Window, remove_user, remove_user_from_value,
};

/// A definition as lines of a name and what there is of it. Secrets are shown as
/// they are written, `{env.NAME}`, and passwords not at all.
pub(super) fn definition(source: &Source) -> Vec<(&'static str, String)> {
    let mut lines = Lines::default();
    about(&mut lines, source);
    request(&mut lines, source);
    lines.some("pages", &pages(&source.page));
    if let Some(window) = &source.window {
        windows(&mut lines, window);
    }
    for (name, axis) in &source.axis {
        self::axis(&mut lines, name, axis);
    }
    if let Some(detail) = &source.detail {
        self::detail(&mut lines, detail);
    }
    items(&mut lines, &source.items);
    decode(&mut lines, &source.decode);
    lines.some("zone", source.zone.iana_name().unwrap_or_default());
    if let Some(auth) = &source.auth {
        self::auth(&mut lines, auth);
    }
    manners(&mut lines, &source.http);
    lines.0
}

/// Where a source is declared.
pub(super) fn declared_in(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "the program",
        Origin::Configuration => "the configuration",
    }
}

#[derive(Default)]
struct Lines(Vec<(&'static str, String)>);

impl Lines {
    /// A line, if there is something to say.
    fn some(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.0.push((name, text.to_owned()));
        }
    }

    /// A line of what may not be declared.
    fn maybe(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.some(name, &value.to_string());
        }
    }

    /// A line of as many as there are.
    fn list(&mut self, name: &'static str, values: impl IntoIterator<Item: Display>) {
        self.some(name, &joined(values));
    }
}

fn joined(values: impl IntoIterator<Item: Display>) -> String {
    let values = values.into_iter().map(|value| value.to_string());
    values.collect::<Vec<_>>().join(", ")
}

fn about(lines: &mut Lines, source: &Source) {
    lines.some("source", &source.name);
    lines.some("declared in", declared_in(source.origin));
    lines.some("publisher", &source.publisher);
    lines.some("country", &source.country);
    lines.some("licence", &source.licence);
    lines.some("landing page", &source.landing_page);
    lines.maybe("retired", source.retired);
}

fn request(lines: &mut Lines, source: &Source) {
    lines.some("url", &remove_user(source.url.as_str()));
    for (name, value) in &source.query {
        lines.some("query", &format!("{name}={value}"));
    }
    lines.some("method", source.method().as_str());
    lines.maybe("body", source.body.as_ref().map(body));
}

fn body(body: &Body) -> String {
    let declared = body.to_declaration();
    match body {
        Body::Json(_) => format!("JSON {}", declared["json"]),
        Body::Form(_) => format!("form {}", declared["form"]),
    }
}

/// How an index or an item is asked for, where not by `GET` alone.
fn asked(method: Method, sent: Option<&Body>) -> String {
    let with = sent.map(|sent| format!(", with {}", body(sent)));
    match (method, with) {
        (Method::Get, None) => String::new(),
        (method, with) => format!(" by {}{}", method.as_str(), with.unwrap_or_default()),
    }
}

fn pages(page: &Pagination) -> String {
    let by = |param: &Option<String>, variable| match param {
        Some(param) => format!("?{param}="),
        None => format!("{{{variable}}}"),
    };
    match page {
        Pagination::Single => "one document".into(),
        Pagination::File => "a file, read in pieces".into(),
        Pagination::Link {
            pointer,
            size,
            stop,
        } => {
            let full = size.map_or(String::new(), |size| {
                format!(", a full one of {size} items")
            });
            let stop = link_stop(*stop);
            format!("each links the next at {pointer}{stop}{full}")
        }
        Pagination::Token {
            param,
            pointer,
            start,
            stop,
        } => {
            let start = start.as_ref();
            let start = start.map_or(String::new(), |start| format!(" from {start}"));
            let (by, stop) = (by(param, "token"), link_stop(*stop));
            format!("{by}{start} of what the one before has at {pointer}{stop}")
        }
        Pagination::Number {
            param,
            start,
            stop: at,
        } => format!("{} from {start}, {}", by(param, "page"), stop(at)),
        Pagination::Offset {
            param,
            start,
            size,
            stop: at,
        } => format!(
            "{} from {start} by {size}, {}",
            by(param, "offset"),
            stop(at)
        ),
    }
}

fn stop(stop: &Stop) -> String {
    match stop {
        Stop::TotalPages(pointer) => format!("as many as {pointer} says"),
        Stop::TotalItems { pointer, size } => {
            let size = match size {
                Size::Fixed(size) => size.to_string(),
                Size::At(pointer) => format!("as many as {pointer} says"),
            };
            format!("until the items that {pointer} says, {size} a page")
        }
        Stop::Empty => "until one is empty".into(),
        Stop::Status(status) => format!("until status {status}"),
    }
}

fn link_stop(stop: LinkStop) -> &'static str {
    match stop {
        LinkStop::NoLink => "",
        LinkStop::SameUrl => ", a feed of changes",
        LinkStop::Repeated => ", until one is met again",
    }
}

fn windows(lines: &mut Lines, window: &Window) {
    let step = window.step.map(|step| step.to_string());
    let step = step.as_deref().unwrap_or("all");
    let order = match window.order {
        Order::Ascending => "the oldest first",
        Order::Descending => "the newest first",
    };
    lines.some("windows", &format!("{step} at a time, {order}"));
    lines.some("windows from", &window.from.to_string());
    let until = match (&window.until, &window.ahead) {
        (Some(until), Some(ahead)) => format!("{until}, at most {ahead} after the present"),
        (Some(until), None) => until.to_string(),
        (None, Some(ahead)) => format!("{ahead} after the present"),
        (None, None) => "the present".into(),
    };
    lines.some("windows until", &until);
    let basis = match window.basis {
        Basis::Updated => "updates",
        Basis::Published => "publication",
        Basis::Event => "an event",
    };
    let overlap = window.overlap;
    lines.some("dates", &format!("of {basis}, {overlap} over again"));
    let zone = window.zone.as_ref().and_then(|zone| zone.iana_name());
    let zone = zone.map_or(String::new(), |zone| format!(" in {zone}"));
    lines.some("written", &format!("{}{zone}", window.format));
    lines.some("halved", &halved(&window.split_when));
}

fn halved(when: &SplitWhen) -> String {
    let items = when.items.map(|items| {
        let total = when.total.as_ref();
        let total = total.map_or(String::new(), |total| format!(" by {total}"));
        format!("at {items} items{total}")
    });
    let status = (!when.status.is_empty()).then(|| format!("by status {}", joined(&when.status)));
    let when_halved: Vec<String> = items.into_iter().chain(status).collect();
    if when_halved.is_empty() {
        return String::new();
    }
    let smallest = when.smallest;
    let smallest = smallest.map_or(String::new(), |smallest| format!(", down to {smallest}"));
    format!("{}{smallest}", when_halved.join(" or "))
}

fn axis(lines: &mut Lines, name: &str, axis: &Axis) {
    match axis {
        Axis::Values(values) => {
            let values: Vec<String> = values.iter().map(|it| remove_user_from_value(it)).collect();
            lines.some("axis", &format!("{name}: {}", joined(&values)));
        }
        Axis::Index(index) => {
            lines.some("axis", &format!("{name}: {}", pick(&index.pick)));
            let asked = asked(index.method, index.body.as_ref());
            lines.some(
                "axis url",
                &format!("{name}: {}{asked}", remove_user(index.url.as_str())),
            );
            let pages = pages(&index.page);
            lines.some("axis pages", &format!("{name}: {pages}"));
        }
    }
}

fn detail(lines: &mut Lines, detail: &Detail) {
    lines.some("detail", &pick(&detail.pick));
    let asked = asked(detail.method, detail.body.as_ref());
    lines.some(
        "detail url",
        &format!("{}{asked}", remove_user(detail.url.as_str())),
    );
    lines.some("together", &detail.together.to_string());
    lines.maybe("detail rate", detail.rate);
    lines.maybe("at once", detail.concurrency);
}

fn pick(pick: &Pick) -> String {
    let mut shown = match &pick.method {
        PickMethod::Pointer { each, value, only } => {
            let only = only
                .iter()
                .map(|(place, text)| format!("{place} is {text}"));
            let only: Vec<String> = only.collect();
            match &only[..] {
                [] => format!("{each}{value}"),
                only => format!("{each}{value} where {}", only.join(" and ")),
            }
        }
        PickMethod::Pattern(pattern) => pattern.to_string(),
    };
    if let Some(matching) = &pick.matching {
        shown.push_str(&format!(", matching {matching}"));
    }
    if let Some(except) = &pick.except {
        shown.push_str(&format!(", but not {except}"));
    }
    shown
}

fn items(lines: &mut Lines, items: &Items) {
    for at in &items.shapes {
        let at = at.to_string();
        let whole = "the document itself";
        lines.some("items", if at.is_empty() { whole } else { &at });
    }
    lines.some("kind", items.kind.map_or("", Kind::as_str));
    lines.some("version", items.version.map_or("", Version::as_str));
}

fn decode(lines: &mut Lines, decode: &Decode) {
    lines.list(
        "repairs",
        decode.repair.iter().map(|repair| repair.as_str()),
    );
    lines.some("charset", decode.charset.map_or("", Charset::name));
    if decode.container != Container::Auto {
        lines.some("container", decode.container.as_str());
    }
}

fn auth(lines: &mut Lines, auth: &Auth) {
    let refresh = match auth {
        Auth::Basic { user, .. } => {
            lines.some("auth", &format!("as {user}, with a password"));
            None
        }
        Auth::Token(token) => {
            self::token(lines, token);
            token.refresh
        }
        Auth::OAuth2(oauth2) => {
            self::oauth2(lines, oauth2);
            oauth2.refresh
        }
    };
    lines.maybe("auth refresh", refresh.map(format_duration));
}

/// What a token is asked for with is more secret than not, and stays unsaid.
fn token(lines: &mut Lines, token: &Token) {
    let by = match (token.method, &token.body) {
        (Method::Get, _) => "",
        (Method::Post, None) => " by POST",
        (Method::Post, Some(_)) => " by POST, with a body",
    };
    let url = remove_user(&token.url);
    lines.some("auth", &format!("by a token from {url}{by}"));
    lines.list("auth headers", token.headers.keys());
    let scheme = match &*token.scheme {
        "" => "alone".to_owned(),
        scheme => format!("as {scheme}"),
    };
    lines.some(
        "auth token",
        &format!("at {}, sent {scheme}", token.pointer),
    );
}

fn oauth2(lines: &mut Lines, oauth2: &OAuth2) {
    let (client, url) = (&oauth2.client_id, remove_user(&oauth2.url));
    let sent = match oauth2.credentials {
        Credentials::Basic => "a header",
        Credentials::Body => "the form",
    };
    let by = format!("as {client}, by OAuth 2.0 at {url}, its secret in {sent}");
    lines.some("auth", &by);
    lines.maybe("auth scope", oauth2.scope.as_ref());
}

fn manners(lines: &mut Lines, http: &Http) {
    let duration = |duration: Option<Duration>| duration.map(format_duration);
    lines.maybe("rate", http.rate);
    lines.some("concurrency", &http.concurrency.to_string());
    lines.maybe("timeout", duration(http.timeout));
    lines.list("retry status", &http.retry_status);
    lines.maybe("retry wait", duration(http.retry_wait));
    lines.maybe("retry max", http.retry_max);
    lines.list("empty status", &http.empty_status);
    lines.maybe("fails if", http.fail_if.as_ref());
    lines.list("no page is", &http.reject_content_type);
    if !http.conditional {
        lines.some("conditional", "pages are asked for whole each time");
    }
    if !http.redirects {
        lines.some("redirects", "are not followed");
    }
    lines.some(
        "user agent",
        http.user_agent.as_ref().map_or("", UserAgent::as_str),
    );
    headers(lines, &http.headers);
    lines.list("other hosts", &http.allow_hosts);
}

fn headers(lines: &mut Lines, headers: &BTreeMap<String, String>) {
    for (name, value) in headers {
        lines.some("header", &format!("{name}: {value}"));
    }
}
