//! `sources`: the known sources.

use std::process::ExitCode;

use crate::cli::{Global, SourcesCommand};
use crate::command::answer::answer;
use crate::command::table::table;
use crate::command::{load, source};
use crate::error::Result;
use crate::source::{Origin, Pagination, Source, Stop};

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
    line("url", &source.url);
    for (name, value) in &source.query {
        line("query", &format!("{name}={value}"));
    }
    line("pages", &pages(&source.page));
    for at in &source.items {
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
    line("zone", source.zone.iana_name().unwrap_or_default());
    line(
        "rate",
        &http.rate.map(|rate| rate.to_string()).unwrap_or_default(),
    );
    line("concurrency", &http.concurrency.to_string());
    let codes: Vec<String> = http.retry_status.iter().map(u16::to_string).collect();
    line("retry status", &codes.join(", "));
    line("user agent", http.user_agent.as_deref().unwrap_or_default());
    for (name, value) in &http.headers {
        line("header", &format!("{name}: {value}"));
    }
    line("other hosts", &http.allow_hosts.join(", "));
}

fn pages(page: &Pagination) -> String {
    let stop = |stop: &Stop| match stop {
        Stop::TotalPages(pointer) => format!("as many as {pointer} says"),
        Stop::TotalItems { pointer, size } => {
            format!("until the items that {pointer} says, {size} a page")
        }
        Stop::Empty => "until one is empty".into(),
    };
    match page {
        Pagination::Single => "one document".into(),
        Pagination::Link { pointer } => format!("each links the next at {pointer}"),
        Pagination::Number {
            param,
            start,
            stop: at,
        } => format!("?{param}= from {start}, {}", stop(at)),
        Pagination::Offset {
            param,
            start,
            size,
            stop: at,
        } => {
            format!("?{param}= from {start} by {size}, {}", stop(at))
        }
    }
}
