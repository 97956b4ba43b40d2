//! `load`: stores files as if a source had served them.

use std::collections::BTreeSet;
use std::process::ExitCode;

use crate::cli::{Global, Load};
use crate::command::{find_source, job, load_config, run_stoppable};
use crate::error::{Error, Result};
use crate::fetch::Input;
use crate::ledger::Unfinished;
use crate::pipeline::Job;

pub(super) async fn load(global: &Global, options: Load) -> Result<ExitCode> {
    let mut config = load_config(global)?;
    job::override_config(&options.ingest, &mut config)?;
    let mut source = find_source(&config, &options.source)?.clone();
    let files = parse_inputs(&options.file)?;
    // A user who names a URL trusts the URL's host, so requests to this host are allowed.
    let hosts = files.iter().filter_map(Input::host).map(str::to_owned);
    source.http.allow_hosts.extend(hosts);
    let mut job = Job::load(&source, files);
    if options.restart {
        job.spec.unfinished = Unfinished::Restart;
    }
    run_stoppable(&config, async |database, stop| {
        let options = &options.ingest;
        let code = job::run_job(global, options, database, &source, &config, &job, stop).await?;
        Ok(ExitCode::from(code))
    })
    .await
}

/// Parses the names of files and URLs. Each name may occur only once.
pub(super) fn parse_inputs(names: &[String]) -> Result<Vec<Input>> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for name in names {
        let file = Input::parse(name)?;
        if !seen.insert(file.to_string()) {
            return Err(Error::config(format!("{file} is named twice")));
        }
        files.push(file);
    }
    Ok(files)
}
