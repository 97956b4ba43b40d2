//! Describes a source's definition after all defaults were applied.

use std::fmt::Display;
use std::time::Duration;

use humantime_serde::re::humantime::format_duration;

use crate::source::{
    Auth, Axis, Basis, Body, Charset, Container, Credentials, Decode, Detail, Http, Items,
    LinkStop, Method, OAuth2, Order, Origin, Pagination, Pick, PickMethod, Size, Source, SplitWhen,
    Stop, Token, UserAgent, Version, Window, remove_user, remove_user_from_value, word,
};

/// Returns the lines of a definition, each as a name and a value. Secrets are shown only as their
/// placeholders, such as `{env.NAME}`. Passwords are not shown.
pub(super) fn definition(source: &Source) -> Vec<(&'static str, String)> {
    let mut lines = Lines::default();
    add_about(&mut lines, source);
    add_request(&mut lines, source);
    lines.add("pages", &describe_pages(&source.page));
    if let Some(window) = &source.window {
        add_windows(&mut lines, window);
    }
    for (name, axis) in &source.axis {
        add_axis(&mut lines, name, axis);
    }
    if let Some(detail) = &source.detail {
        add_detail(&mut lines, detail);
    }
    add_items(&mut lines, &source.items);
    add_decode(&mut lines, &source.decode);
    lines.add("zone", source.zone.iana_name().unwrap_or_default());
    if let Some(auth) = &source.auth {
        add_auth(&mut lines, auth);
    }
    add_http(&mut lines, &source.http);
    lines.0
}

pub(super) fn declared_in(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "the program",
        Origin::Configuration => "the configuration",
    }
}

#[derive(Default)]
struct Lines(Vec<(&'static str, String)>);

impl Lines {
    /// Adds a line, unless the text is empty.
    fn add(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.0.push((name, text.to_owned()));
        }
    }

    fn add_optional(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(name, &value.to_string());
        }
    }

    fn add_list(&mut self, name: &'static str, values: impl IntoIterator<Item: Display>) {
        self.add(name, &join(values));
    }
}

fn join(values: impl IntoIterator<Item: Display>) -> String {
    let values = values.into_iter().map(|value| value.to_string());
    values.collect::<Vec<_>>().join(", ")
}

fn add_about(lines: &mut Lines, source: &Source) {
    lines.add("source", &source.name);
    lines.add("declared in", declared_in(source.origin));
    lines.add("publisher", &source.publisher);
    lines.add("country", &source.country);
    lines.add("licence", &source.licence);
    lines.add("landing page", &source.landing_page);
    lines.add_optional("retired", source.retired);
}

fn add_request(lines: &mut Lines, source: &Source) {
    lines.add("url", &remove_user(source.url.as_str()));
    for (name, value) in &source.query {
        lines.add("query", &format!("{name}={value}"));
    }
    lines.add("method", source.method().as_str());
    lines.add_optional("body", source.body.as_ref().map(describe_body));
}

fn describe_body(body: &Body) -> String {
    let declared = body.to_declaration();
    match body {
        Body::Json(_) => format!("JSON {}", declared["json"]),
        Body::Form(_) => format!("form {}", declared["form"]),
    }
}

/// Describes the request for an index or an item. Returns an empty text for a plain `GET`.
fn describe_method(method: Method, sent: Option<&Body>) -> String {
    let with = sent.map(|sent| format!(", with {}", describe_body(sent)));
    match (method, with) {
        (Method::Get, None) => String::new(),
        (method, with) => format!(" by {}{}", method.as_str(), with.unwrap_or_default()),
    }
}

fn describe_pages(page: &Pagination) -> String {
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
            let stop = describe_link_stop(*stop);
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
            let (by, stop) = (by(param, "token"), describe_link_stop(*stop));
            format!("{by}{start} of what the one before has at {pointer}{stop}")
        }
        Pagination::Number {
            param,
            start,
            stop: at,
        } => format!("{} from {start}, {}", by(param, "page"), describe_stop(at)),
        Pagination::Offset {
            param,
            start,
            size,
            stop: at,
        } => format!(
            "{} from {start} by {size}, {}",
            by(param, "offset"),
            describe_stop(at)
        ),
    }
}

fn describe_stop(stop: &Stop) -> String {
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

fn describe_link_stop(stop: LinkStop) -> &'static str {
    match stop {
        LinkStop::NoLink => "",
        LinkStop::SameUrl => ", a feed of changes",
        LinkStop::Repeated => ", until one is met again",
    }
}

fn add_windows(lines: &mut Lines, window: &Window) {
    let step = window.step.map(|step| step.to_string());
    let step = step.as_deref().unwrap_or("all");
    let order = match window.order {
        Order::Ascending => "the oldest first",
        Order::Descending => "the newest first",
    };
    lines.add("windows", &format!("{step} at a time, {order}"));
    lines.add("windows from", &window.from.to_string());
    let until = match (&window.until, &window.ahead) {
        (Some(until), Some(ahead)) => format!("{until}, at most {ahead} after the present"),
        (Some(until), None) => until.to_string(),
        (None, Some(ahead)) => format!("{ahead} after the present"),
        (None, None) => "the present".into(),
    };
    lines.add("windows until", &until);
    let basis = match window.basis {
        Basis::Updated => "updates",
        Basis::Published => "publication",
        Basis::Event => "an event",
    };
    let overlap = window.overlap;
    lines.add("dates", &format!("of {basis}, {overlap} over again"));
    let zone = window.zone.as_ref().and_then(|zone| zone.iana_name());
    let zone = zone.map_or(String::new(), |zone| format!(" in {zone}"));
    lines.add("written", &format!("{}{zone}", window.format));
    lines.add("halved", &describe_split(&window.split_when));
}

fn describe_split(when: &SplitWhen) -> String {
    let items = when.items.map(|items| {
        let total = when.total.as_ref();
        let total = total.map_or(String::new(), |total| format!(" by {total}"));
        format!("at {items} items{total}")
    });
    let status = (!when.status.is_empty()).then(|| format!("by status {}", join(&when.status)));
    let when_halved: Vec<String> = items.into_iter().chain(status).collect();
    if when_halved.is_empty() {
        return String::new();
    }
    let smallest = when.smallest;
    let smallest = smallest.map_or(String::new(), |smallest| format!(", down to {smallest}"));
    format!("{}{smallest}", when_halved.join(" or "))
}

fn add_axis(lines: &mut Lines, name: &str, axis: &Axis) {
    match axis {
        Axis::Values(values) => {
            let values: Vec<String> = values.iter().map(|it| remove_user_from_value(it)).collect();
            lines.add("axis", &format!("{name}: {}", join(&values)));
        }
        Axis::Index(index) => {
            lines.add("axis", &format!("{name}: {}", describe_pick(&index.pick)));
            let method = describe_method(index.method, index.body.as_ref());
            lines.add(
                "axis url",
                &format!("{name}: {}{method}", remove_user(index.url.as_str())),
            );
            let pages = describe_pages(&index.page);
            lines.add("axis pages", &format!("{name}: {pages}"));
        }
    }
}

fn add_detail(lines: &mut Lines, detail: &Detail) {
    lines.add("detail", &describe_pick(&detail.pick));
    let method = describe_method(detail.method, detail.body.as_ref());
    lines.add(
        "detail url",
        &format!("{}{method}", remove_user(detail.url.as_str())),
    );
    lines.add("together", &detail.together.to_string());
    lines.add_optional("detail rate", detail.rate);
    lines.add_optional("at once", detail.concurrency);
}

fn describe_pick(pick: &Pick) -> String {
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

fn add_items(lines: &mut Lines, items: &Items) {
    for at in &items.shapes {
        let at = at.to_string();
        let whole = "the document itself";
        lines.add("items", if at.is_empty() { whole } else { &at });
    }
    lines.add_optional("kind", items.kind.map(word));
    lines.add_optional("version", items.version.map(Version::as_str));
}

fn add_decode(lines: &mut Lines, decode: &Decode) {
    lines.add_list(
        "repairs",
        decode.repair.iter().map(|repair| repair.as_str()),
    );
    lines.add_optional("charset", decode.charset.map(Charset::name));
    if decode.container != Container::Auto {
        lines.add("container", &word(decode.container));
    }
}

fn add_auth(lines: &mut Lines, auth: &Auth) {
    let refresh = match auth {
        Auth::Basic { user, .. } => {
            lines.add("auth", &format!("as {user}, with a password"));
            None
        }
        Auth::Token(token) => {
            add_token(lines, token);
            token.refresh
        }
        Auth::OAuth2(oauth2) => {
            add_oauth2(lines, oauth2);
            oauth2.refresh
        }
    };
    lines.add_optional("auth refresh", refresh.map(format_duration));
}

/// Adds the lines of a token. The body of the token request is not shown, because it may contain
/// secrets.
fn add_token(lines: &mut Lines, token: &Token) {
    let by = match (token.method, &token.body) {
        (Method::Get, _) => "",
        (Method::Post, None) => " by POST",
        (Method::Post, Some(_)) => " by POST, with a body",
    };
    let url = remove_user(&token.url);
    lines.add("auth", &format!("by a token from {url}{by}"));
    lines.add_list("auth headers", token.headers.keys());
    let scheme = match &*token.scheme {
        "" => "alone".to_owned(),
        scheme => format!("as {scheme}"),
    };
    lines.add(
        "auth token",
        &format!("at {}, sent {scheme}", token.pointer),
    );
}

fn add_oauth2(lines: &mut Lines, oauth2: &OAuth2) {
    let (client, url) = (&oauth2.client_id, remove_user(&oauth2.url));
    let sent = match oauth2.credentials {
        Credentials::Basic => "a header",
        Credentials::Body => "the form",
    };
    let by = format!("as {client}, by OAuth 2.0 at {url}, its secret in {sent}");
    lines.add("auth", &by);
    lines.add_optional("auth scope", oauth2.scope.as_ref());
}

fn add_http(lines: &mut Lines, http: &Http) {
    let duration = |duration: Option<Duration>| duration.map(format_duration);
    lines.add_optional("rate", http.rate);
    lines.add("concurrency", &http.concurrency.to_string());
    lines.add_optional("timeout", duration(http.timeout));
    lines.add_list("retry status", &http.retry_status);
    lines.add_optional("retry wait", duration(http.retry_wait));
    lines.add_optional("retry max", http.retry_max);
    lines.add_list("empty status", &http.empty_status);
    lines.add_optional("fails if", http.fail_if.as_ref());
    lines.add_list("no page is", &http.reject_content_type);
    if !http.conditional {
        lines.add("conditional", "pages are asked for whole each time");
    }
    if !http.redirects {
        lines.add("redirects", "are not followed");
    }
    lines.add_optional(
        "user agent",
        http.user_agent.as_ref().map(UserAgent::as_str),
    );
    for (name, value) in &http.headers {
        lines.add("header", &format!("{name}: {value}"));
    }
    lines.add_list("other hosts", &http.allow_hosts);
}
