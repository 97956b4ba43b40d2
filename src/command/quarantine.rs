//! `quarantine`: what was refused, and what to do about it.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Global, QuarantineCommand};
use crate::command::answer::{answer, answer_json, answer_table, answer_text};
use crate::command::table::{grouped, right, table};
use crate::command::{ingest, load, source, stoppable, with_database};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
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
    answer_table(&rows);
    Ok(ExitCode::SUCCESS)
}

fn print_document(document: &Document, raw: bool) -> Result<ExitCode> {
    if raw {
        let mut out = std::io::stdout().lock();
        out.write_all(&document.document)
            .and_then(|()| out.flush())
            .map_err(|e| Error::unexpected("write to standard output").with_source(e))?;
        return Ok(ExitCode::SUCCESS);
    }
    describe(document);
    answer(format_args!(""));
    answer_text(&String::from_utf8_lossy(&document.document));
    Ok(ExitCode::SUCCESS)
}

fn describe(document: &Document) {
    let Entry {
        id,
        source,
        reason,
        message,
        sqlstate,
        ocid,
        release_id,
        run_id,
        page_number,
        pointer,
        url,
        seen,
        first_seen_at,
        last_seen_at,
        bytes,
        is_redacted,
        ..
    } = &document.entry;
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    answer(format_args!("id          {id}"));
    answer(format_args!("source      {source}"));
    answer(format_args!("reason      {reason}"));
    answer(format_args!("message     {message}"));
    answer(format_args!("sqlstate    {}", or_unknown(sqlstate)));
    answer(format_args!("ocid        {}", or_unknown(ocid)));
    answer(format_args!("release id  {}", or_unknown(release_id)));
    answer(format_args!("served by   {url}"));
    answer(format_args!(
        "where       run {run_id}, page {page_number}, {pointer}"
    ));
    answer(format_args!(
        "seen        {seen} times, first {first_seen_at:.0}, last {last_seen_at:.0}"
    ));
    if let Some((at, how)) = &document.resolved {
        answer(format_args!("resolved    {how} {at:.0}"));
    }
    answer(format_args!("bytes       {bytes}"));
    if *is_redacted {
        answer(format_args!(
            "redacted    {{env.NAME}} or {{auth.token}} is in the place of what the source was sent"
        ));
    }
}

async fn replay(
    config: &Config,
    only: Option<&str>,
    ids: Option<&[i64]>,
    json: bool,
) -> Result<ExitCode> {
    stoppable(config, async |database, stop| {
        let mut codes = Vec::new();
        for name in quarantine::find_replayable_sources(database, only, ids).await? {
            if stop.is_cancelled() {
                codes.push(Kind::Truncated.exit_code());
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
        redacted,
        counts,
        ..
    } = replayed;
    if *redacted > 0 {
        tracing::warn!(
            source.name = %source,
            "{redacted} rejects of {source} were not tried, since secrets are replaced in them: \
             a run or a backfill of their pages fetches them again"
        );
    }
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
