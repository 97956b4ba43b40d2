//! `quarantine`: what was refused, and what to do about it.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Global, QuarantineCommand};
use crate::command::answer::{answer, answer_json};
use crate::command::table::{grouped, right, table};
use crate::command::{ingest, load, source, stoppable, with_database};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::quarantine::{self, Document, Entry};
use crate::pipeline::{self, Replayed};
use crate::release::Reason;

pub(super) async fn quarantine(global: &Global, command: QuarantineCommand) -> Result<ExitCode> {
    let config = load(global)?;
    match command {
        QuarantineCommand::List {
            source,
            reason,
            limit,
            json,
        } => {
            let reason = reason.as_deref().map(parse_reason).transpose()?;
            let (source, reason) = (source.as_deref(), reason.map(Reason::as_str));
            let list =
                async |database: &_| quarantine::list(database, source, reason, limit.into()).await;
            print_list(&with_database(&config, list).await?, json)
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
            answer(format_args!(
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
        Error::config(format!("--reason is one of {}", words.join(", ")))
    })
}

fn print_list(entries: &[Entry], json: bool) -> Result<ExitCode> {
    if json {
        for entry in entries {
            answer_json(entry)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if entries.is_empty() {
        answer(format_args!("nothing is in quarantine"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table([
        "id", "source", "page", "pointer", "reason", "seen", "bytes", "message",
    ]);
    for entry in entries {
        rows.add_row([
            entry.id.to_string(),
            entry.source.clone(),
            grouped(entry.page_number),
            entry.pointer.clone(),
            entry.reason.clone(),
            grouped(entry.seen),
            grouped(entry.bytes),
            entry.message.clone(),
        ]);
    }
    right(&mut rows, &[0, 2, 5, 6]);
    answer(format_args!("{}", rows.trim_fmt()));
    Ok(ExitCode::SUCCESS)
}

fn print_document(document: &Document, raw: bool) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let printed = if raw {
        out.write_all(&document.document)
    } else {
        describe(&mut out, document)
    };
    printed
        .and_then(|()| out.flush())
        .map_err(|e| Error::unexpected("write to standard output").with_source(e))?;
    Ok(ExitCode::SUCCESS)
}

fn describe(out: &mut impl Write, document: &Document) -> std::io::Result<()> {
    let Entry {
        id,
        source,
        reason,
        message,
        sqlstate,
        ocid,
        release_id,
        ..
    } = &document.entry;
    let Entry {
        run_id,
        page_number,
        pointer,
        url,
        seen,
        first_seen_at,
        last_seen_at,
        bytes,
        ..
    } = &document.entry;
    let unknown = || String::from("-");
    writeln!(out, "id          {id}")?;
    writeln!(out, "source      {source}")?;
    writeln!(out, "reason      {reason}")?;
    writeln!(out, "message     {message}")?;
    writeln!(
        out,
        "sqlstate    {}",
        sqlstate.clone().unwrap_or_else(unknown)
    )?;
    writeln!(out, "ocid        {}", ocid.clone().unwrap_or_else(unknown))?;
    writeln!(
        out,
        "release id  {}",
        release_id.clone().unwrap_or_else(unknown)
    )?;
    writeln!(out, "served by   {url}")?;
    writeln!(
        out,
        "where       run {run_id}, page {page_number}, {pointer}"
    )?;
    writeln!(
        out,
        "seen        {seen} times, first {first_seen_at:.0}, last {last_seen_at:.0}"
    )?;
    if let Some((at, how)) = &document.resolved {
        writeln!(out, "resolved    {how} {at:.0}")?;
    }
    writeln!(out, "bytes       {bytes}")?;
    writeln!(out)?;
    writeln!(out, "{}", String::from_utf8_lossy(&document.document))
}

async fn replay(
    config: &Config,
    only: Option<&str>,
    ids: Option<&[i64]>,
    json: bool,
) -> Result<ExitCode> {
    stoppable(config, async |database, stop| {
        let mut codes = Vec::new();
        for name in quarantine::replayable_sources(database, only, ids).await? {
            if stop.is_cancelled() {
                break;
            }
            let replayed = async {
                let source = source(config, &name)?;
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
            answer(format_args!("nothing to replay"));
        }
        Ok(ingest::worst(codes))
    })
    .await
}

fn print_replayed(replayed: &Replayed, json: bool) -> Result<()> {
    let Replayed {
        source,
        rejects,
        counts,
        ..
    } = replayed;
    if json {
        answer_json(replayed)?;
    } else {
        answer(format_args!(
            "{source}: {} rejects tried, {} releases inserted, {} updated, {} unchanged, {} folded, {} refused again",
            grouped(i64::try_from(*rejects).unwrap_or(i64::MAX)),
            grouped(counts.inserted),
            grouped(counts.updated),
            grouped(counts.unchanged),
            grouped(counts.folded),
            grouped(counts.quarantined)
        ));
    }
    Ok(())
}
