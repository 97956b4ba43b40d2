//! `sources`: the known sources.

use std::process::ExitCode;

use crate::cli::{Global, SourcesCommand};
use crate::command::answer::answer;
use crate::command::table::table;
use crate::command::{load, source};
use crate::error::Result;
use crate::source::{
    Auth, Axis, Basis, Body, By, Charset, Kind, LinkStop, Method, Origin, Pagination, Pick, Size,
    Source, Stop, UserAgent, Version, Window,
};

pub(super) fn sources(global: &Global, command: Option<SourcesCommand>) -> Result<ExitCode> {
    let config = load(global)?;
    if let Some(SourcesCommand::Show { source: name }) = command {
        show(source(&config, &name)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(["source", "country", "publisher", "declared in"]);
    for (name, source) in &config.sources {
        let declared = match source.origin {
            Origin::BuiltIn => "the program",
            Origin::Configuration => "the configuration",
        };
        rows.add_row([name, &source.country, &source.publisher, declared]);
    }
    answer(format_args!("{}", rows.trim_fmt()));
    Ok(ExitCode::SUCCESS)
}

/// A definition as it was resolved, secrets as they are written.
fn show(source: &Source) {
    let http = &source.http;
    let line = |name: &str, value: &str| {
        if !value.is_empty() {
            answer(format_args!("{name:<14}{value}"));
        }
    };
    line("source", &source.name);
    line("publisher", &source.publisher);
    line("country", &source.country);
    line("licence", &source.licence);
    line("landing page", &source.landing_page);
    let retired = source.retired.map(|date| date.to_string());
    line("retired", &retired.unwrap_or_default());
    line("url", source.url.as_str());
    for (name, value) in &source.query {
        line("query", &format!("{name}={value}"));
    }
    if source.method() == Method::Post {
        line("method", "POST");
    }
    for template in source.body.iter().flat_map(Body::templates) {
        line("body", template.as_str());
    }
    line("pages", &pages(&source.page));
    if let Some(shown) = source.window.as_ref().map(window) {
        line("windows", &shown);
    }
    for (name, shown) in &source.axis {
        line("axis", &format!("{name}: {}", axis(shown)));
    }
    if let Some(detail) = &source.detail {
        line(
            "detail",
            &format!("each of {} at {}", pick(&detail.pick), detail.url),
        );
    }
    for at in &source.items.shapes {
        let at = at.to_string();
        line(
            "items",
            if at.is_empty() {
                "the document itself"
            } else {
                &at
            },
        );
    }
    line("kind", source.items.kind.map_or("", Kind::as_str));
    line("version", source.items.version.map_or("", Version::as_str));
    let repairs = source.decode.repair.iter().map(|repair| repair.as_str());
    line("repairs", &repairs.collect::<Vec<_>>().join(", "));
    line("charset", source.decode.charset.map_or("", Charset::name));
    line("zone", source.zone.iana_name().unwrap_or_default());
    line(
        "rate",
        &http.rate.map(|rate| rate.to_string()).unwrap_or_default(),
    );
    line("concurrency", &http.concurrency.to_string());
    line("auth", &source.auth.as_ref().map(auth).unwrap_or_default());
    let codes: Vec<String> = http.retry_status.iter().map(u16::to_string).collect();
    line("retry status", &codes.join(", "));
    let fail_if = http.fail_if.as_ref().map(ToString::to_string);
    line("fails if", &fail_if.unwrap_or_default());
    line(
        "user agent",
        http.user_agent.as_ref().map_or("", UserAgent::as_str),
    );
    for (name, value) in &http.headers {
        line("header", &format!("{name}: {value}"));
    }
    line("other hosts", &http.allow_hosts.join(", "));
}

fn auth(auth: &Auth) -> String {
    match auth {
        Auth::Basic { user, .. } => format!("as {user}, with a password"),
        Auth::Token(token) => format!("by a token from {}", token.url),
        Auth::OAuth2(oauth2) => format!("as {}, by OAuth 2.0 at {}", oauth2.client_id, oauth2.url),
    }
}

fn pages(page: &Pagination) -> String {
    let by = |param: &Option<String>, variable| match param {
        Some(param) => format!("?{param}="),
        None => format!("{{{variable}}}"),
    };
    match page {
        Pagination::Single => "one document".into(),
        Pagination::Link { pointer, stop, .. } => {
            format!("each links the next at {pointer}{}", link_stop(*stop))
        }
        Pagination::Token {
            param,
            pointer,
            stop,
            ..
        } => format!(
            "{} of what the one before has at {pointer}{}",
            by(param, "token"),
            link_stop(*stop)
        ),
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

fn window(window: &Window) -> String {
    let step = window
        .step
        .map_or("all".to_owned(), |step| step.to_string());
    let basis = match window.basis {
        Basis::Updated => "updates",
        Basis::Published => "publication",
        Basis::Event => "an event",
    };
    format!(
        "{step} at a time, by the date of {basis}, {} over again",
        window.overlap
    )
}

fn axis(axis: &Axis) -> String {
    match axis {
        Axis::Values(values) => values.join(", "),
        Axis::Index(index) => format!("{} at {}", pick(&index.pick), index.url),
    }
}

fn pick(pick: &Pick) -> String {
    match &pick.by {
        By::Place { each, value, .. } => format!("{each}{value}"),
        By::Pattern(pattern) => pattern.to_string(),
    }
}
