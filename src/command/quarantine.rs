//! `quarantine`: lists rejects, and shows, replays or discards them.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Global, QuarantineCommand};
use crate::command::stdout::{print_json, print_line, print_table, print_text};
use crate::command::table::format_number;
use crate::command::{find_source, job, load_config, run_stoppable, with_database};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::ledger::quarantine::{self, Entry, RejectWithDocument, Selection};
use crate::pipeline::{self, ReplayReport};
use crate::release::Reason;

pub(super) async fn quarantine(global: &Global, command: QuarantineCommand) -> Result<ExitCode> {
    let config = load_config(global)?;
    match command {
        QuarantineCommand::List {
            source,
            reason,
            passed_over,
            limit,
            json,
        } => {
            let reason = reason.as_deref().map(parse_reason).transpose()?;
            let selection = Selection {
                source: source.as_deref(),
                reason: reason.map(Reason::as_str),
                is_passed_over: passed_over || reason.is_some_and(Reason::is_passed_over),
                limit: limit.into(),
            };
            let list = async |database: &_| quarantine::list(database, selection).await;
            let entries = with_database(&config, list).await?;
            print_list(&entries, json)?;
            if !json && entries.len() == limit as usize {
                print_line(format_args!(
                    "the newest {limit} are listed; --limit lists more"
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        QuarantineCommand::Show { id, raw } => {
            let show = async |database: &_| quarantine::show(database, id).await;
            print_document(&with_database(&config, show).await?, raw)
        }
        QuarantineCommand::Replay { id, source, json } => {
            let ids = Some(&id[..]).filter(|ids| !ids.is_empty());
            replay(&config, source.as_deref(), ids, json).await
        }
        QuarantineCommand::Discard { id } => {
            let discard =
                async |database: &_| quarantine::discard(database, &config.database, &id).await;
            let report = with_database(&config, discard).await?;
            print_line(format_args!(
                "discarded {} of {}",
                report.updated, report.total
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn parse_reason(word: &str) -> Result<Reason> {
    Reason::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        Error::config(format!("--reason must be one of {}", words.join(", ")))
    })
}

fn print_list(entries: &[Entry], json: bool) -> Result<()> {
    if json {
        for entry in entries {
            print_json(entry)?;
        }
        return Ok(());
    }
    if entries.is_empty() {
        print_line("nothing is in quarantine");
        return Ok(());
    }
    let header = [
        "id", "source", "page", "pointer", "reason", "seen", "bytes", "message",
    ];
    let rows = entries.iter().map(|entry| {
        [
            entry.id.to_string(),
            entry.source.clone(),
            format_number(entry.page_number),
            entry.pointer.clone(),
            entry.reason.clone(),
            format_number(entry.seen),
            format_number(entry.bytes),
            entry.message.clone(),
        ]
    });
    print_table(header, &[0, 2, 5, 6], rows);
    Ok(())
}

fn print_document(document: &RejectWithDocument, raw: bool) -> Result<ExitCode> {
    if raw {
        let mut out = std::io::stdout().lock();
        out.write_all(&document.document)
            .and_then(|()| out.flush())
            .map_err(|e| Error::unexpected("write to standard output").with_source(e))?;
        return Ok(ExitCode::SUCCESS);
    }
    describe(document);
    print_line("");
    print_text(&String::from_utf8_lossy(&document.document));
    Ok(ExitCode::SUCCESS)
}

fn describe(document: &RejectWithDocument) {
    let entry = &document.entry;
    let or_unknown = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
    let place = format!(
        "run {}, page {}, {}",
        entry.run_id, entry.page_number, entry.pointer
    );
    let seen = format!(
        "{} times, first {:.0}, last {:.0}",
        entry.seen, entry.first_seen_at, entry.last_seen_at
    );
    for (name, value) in [
        ("id", &entry.id.to_string()),
        ("source", &entry.source),
        ("reason", &entry.reason),
        ("message", &entry.message),
        ("sqlstate", &or_unknown(&entry.sqlstate)),
        ("ocid", &or_unknown(&entry.ocid)),
        ("release id", &or_unknown(&entry.release_id)),
        ("served by", &entry.url),
        ("where", &place),
        ("seen", &seen),
    ] {
        print_line(format_args!("{name:<11} {value}"));
    }
    if let Some((at, how)) = &document.resolved {
        print_line(format_args!("resolved    {how} {at:.0}"));
    }
    print_line(format_args!("bytes       {}", entry.bytes));
    if entry.is_redacted {
        print_line("redacted    {env.NAME} or {auth.token} replaces a secret of the source");
    }
}

async fn replay(
    config: &Config,
    only: Option<&str>,
    ids: Option<&[i64]>,
    json: bool,
) -> Result<ExitCode> {
    run_stoppable(config, async |database, stop| {
        let mut codes = Vec::new();
        for name in quarantine::find_replayable_sources(database, only, ids).await? {
            if stop.is_cancelled() {
                codes.push(Kind::Truncated.exit_code());
                break;
            }
            let replayed = async {
                let source = find_source(config, &name)?;
                pipeline::replay(database, source, config, ids, stop).await
            };
            match replayed.await {
                Ok(replayed) => {
                    print_replayed(&replayed, json)?;
                    codes.push(0);
                }
                Err(error) => {
                    tracing::error!(source.name = %name, "{name}: {}", error.chain());
                    codes.push(error.exit_code());
                }
            }
        }
        if codes.is_empty() && !json {
            print_line("nothing to replay");
        }
        Ok(job::most_urgent_code(codes))
    })
    .await
}

fn print_replayed(replayed: &ReplayReport, json: bool) -> Result<()> {
    let (source, redacted, counts) = (&replayed.source, replayed.redacted, &replayed.counts);
    if redacted > 0 {
        tracing::warn!(
            source.name = %source,
            "{redacted} rejects of {source} were not replayed, because placeholders replace secrets in them: \
             run or backfill their pages to fetch them again"
        );
    }
    if json {
        print_json(replayed)?;
    } else {
        print_line(format_args!(
            "{source}: {} rejects replayed, {} releases inserted, {} updated, {} unchanged, {} folded, {} older, {} refused again",
            format_number(i64::try_from(replayed.rejects).unwrap_or(i64::MAX)),
            format_number(counts.inserted),
            format_number(counts.updated),
            format_number(counts.unchanged),
            format_number(counts.folded),
            format_number(counts.older),
            format_number(counts.quarantined)
        ));
    }
    Ok(())
}
