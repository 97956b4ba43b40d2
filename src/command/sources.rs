//! `sources`: lists the known sources, or shows the declaration of one.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{Global, SourcesCommand};
use crate::command::stdout::{print_line, print_table};
use crate::command::{find_source, load_config};
use crate::error::Result;
use crate::source::{Origin, Source};

pub(super) fn sources(global: &Global, command: Option<SourcesCommand>) -> Result<ExitCode> {
    let config = load_config(global)?;
    if let Some(SourcesCommand::Show { source }) = command {
        print_declaration(find_source(&config, &source)?);
        return Ok(ExitCode::SUCCESS);
    }
    let rows = config.sources.into_iter().map(|(name, source)| {
        let declared = describe_origin(source.origin).to_owned();
        [name, source.country, source.publisher, declared]
    });
    print_table(["source", "country", "publisher", "declared in"], &[], rows);
    Ok(ExitCode::SUCCESS)
}

fn describe_origin(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "the program",
        Origin::Configuration => "the configuration",
    }
}

/// Prints a line for each key. The keys are those of the configuration, so each line can be
/// changed there.
fn print_declaration(source: &Source) {
    let mut lines = vec![
        ("source".to_owned(), source.name.clone()),
        (
            "declared in".to_owned(),
            describe_origin(source.origin).to_owned(),
        ),
    ];
    for (key, value) in source.declaration() {
        add_lines(key.to_owned(), &value, &mut lines);
    }
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, value) in lines {
        print_line(format_args!("{key:<width$}  {value}"));
    }
}

/// Adds the lines of a key: one for each member of a table. The JSON of a request's body is one
/// line.
fn add_lines(key: String, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !key.ends_with(".json") => {
            for (name, value) in members {
                add_lines(format!("{key}.{name}"), value, lines);
            }
        }
        Value::Array(entries) if !key.ends_with(".json") => {
            let entries: Vec<String> = entries.iter().map(format_value).collect();
            lines.push((key, entries.join(", ")));
        }
        value => lines.push((key, format_value(value))),
    }
}

/// Formats a text without quotes, unless it is empty, and any other value as JSON.
fn format_value(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}
