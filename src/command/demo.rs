//! `demo`: ingests an invented feed into the local database, to show the result.

use std::process::ExitCode;

use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cli::{Global, Ingest};
use crate::command::stdout::{print_line, print_table};
use crate::command::table::format_number;
use crate::command::{job, open_database, signal};
use crate::config::Config;
use crate::database::Database;
use crate::demo::{Feed, Publisher};
use crate::error::{Error, Result};
use crate::json::Pointer;
use crate::ledger::quarantine::{self, Selection};
use crate::pipeline::Job;
use crate::source::{LinkPlace, LinkStop, Pagination, Source};

const NAME: &str = "demo";

const TOP_BUYERS: &str = include_str!("../../sql/read/top_buyers.sql");

pub(super) async fn demo(global: &Global) -> Result<ExitCode> {
    let mut config = demo_config();
    if let Some(url) = &global.database_url {
        config.database.url = url.clone();
    }
    let grace = config.shutdown.grace;
    signal::run_with_grace(grace, async |stop| {
        ingest_and_show(global, &config, stop).await
    })
    .await
}

async fn ingest_and_show(
    global: &Global,
    config: &Config,
    stop: &CancellationToken,
) -> Result<ExitCode> {
    let publisher = Publisher::start(Feed::demo()).await?;
    info!("an invented publisher is running at {}", publisher.url());
    let source = demo_source(&publisher.url())?;
    let database = open_database(config).await?;
    let shown = async {
        let options = Ingest {
            max_bad_ratio: None,
            overwrite: None,
            json: false,
        };
        // Each demonstration reads the whole feed. The second demonstration changes nothing in
        // the database.
        let job = Job::incremental(&source);
        let (options, database, source) = (&options, &database, &source);
        let code = job::run_job(global, options, database, source, config, &job, stop).await?;
        show_quarantine(database).await?;
        show_buyers(database).await?;
        Ok::<u8, Error>(code)
    }
    .await;
    publisher.stop().await;
    let place = database.describe();
    database.close().await?;
    let code = shown?;
    print_line("");
    print_line(format_args!("All of it is in the {place}."));
    print_suggestions();
    Ok(ExitCode::from(code))
}

/// Prints commands that the user may try next. They begin with the name under which this program
/// was started.
fn print_suggestions() {
    let program = std::env::args().next();
    let program = program.as_deref().unwrap_or("ocds-ingest");
    print_line("What to type next:");
    print_line(format_args!(
        "  {program} psql -c 'select * from ocds.award limit 5'"
    ));
    print_line(format_args!(
        "  {program} run find-a-tender --max-pages 5    # a real publisher, UK Find a Tender"
    ));
    print_line(format_args!("  {program} --help"));
}

/// Returns the built-in defaults. The demonstration reads no configuration file and no
/// environment variable, so that it never writes to an important database.
fn demo_config() -> Config {
    let mut config = Config::default();
    config.fetch.first_wait = std::time::Duration::from_millis(100);
    config
}

fn demo_source(url: &str) -> Result<Source> {
    let pointer = Pointer::parse("/links/next").map_err(Error::unexpected)?;
    Ok(Source {
        name: NAME.into(),
        page: Pagination::Link {
            place: LinkPlace::Member(pointer),
            size: None,
            stop: LinkStop::NoLink,
        },
        ..Source::new(url)
    })
}

async fn show_quarantine(database: &Database) -> Result<()> {
    print_line("");
    print_line("In quarantine, byte for byte as it was served:");
    let selection = Selection {
        source: Some(NAME),
        reason: None,
        is_passed_over: false,
        limit: 100,
    };
    let entries = quarantine::list(database, selection).await?;
    let rows = entries.into_iter().map(|entry| {
        let (id, page) = (entry.id.to_string(), entry.page_number.to_string());
        [id, page, entry.reason, entry.message]
    });
    print_table(["id", "page", "reason", "why"], &[0, 1], rows);
    Ok(())
}

async fn show_buyers(database: &Database) -> Result<()> {
    print_line("");
    print_line("Top buyers by value, answered by SQL:");
    let connection = database.connection().await?;
    let most = 5_i64;
    let parameters = [(&NAME as _, Type::TEXT), (&most as _, Type::INT8)];
    let mut rows = Vec::new();
    for row in connection.query_typed(TOP_BUYERS, &parameters).await? {
        let (buyer, currency): (Option<String>, Option<String>) =
            (row.try_get("buyer_name")?, row.try_get("currency")?);
        rows.push([
            buyer.unwrap_or_default(),
            format_number(row.try_get::<_, i64>("processes")?),
            row.try_get("value")?,
            currency.unwrap_or_default(),
        ]);
    }
    print_table(["buyer", "processes", "value", ""], &[1, 2], rows);
    Ok(())
}
