//! Decides which pages of the previous run may count as unchanged, and identifies the rules by
//! which pages become rows.

use crate::config::{Config, Fetch};
use crate::error::Result;
use crate::fetch::PreviousRun;
use crate::ledger::{self, Lease, Resume, RunKind, Unfinished};
use crate::pipeline::Run;
use crate::source::{Overwrite, Source};

impl Run<'_> {
    /// Returns the pages of the previous run, if this run begins anew and may use them.
    ///
    /// A resumed run uses none. Once a page has changed, every later page must be fetched, and a
    /// resumed run does not know whether a page had changed before it stopped.
    pub(super) async fn read_previous_run(
        &self,
        lease: &Lease,
        resume: Option<&Resume>,
    ) -> Result<PreviousRun> {
        let spec = &self.job.spec;
        let begins = resume.is_none_or(Resume::is_blank);
        let may_remember = begins
            && spec.kind == RunKind::Incremental
            && spec.unfinished == Unfinished::Resume
            && self.source.http.conditional;
        if !may_remember {
            return Ok(PreviousRun::default());
        }
        let (rules, most) = (&*self.rules, self.config.fetch.remembered);
        let read = || ledger::read_remembered_pages(self.database, lease, spec, rules, most);
        let pages = self.query("read the pages of the run before", read).await?;
        Ok(PreviousRun::new(pages))
    }
}

/// This number is raised whenever a change of the program makes other rows of the same bytes.
/// Then unchanged pages are fetched again.
const READING: u32 = 3;

/// Returns a digest of everything that decides which rows a source's pages become: how they are
/// requested, decoded, cut, repaired and read, which of several contents is kept, and the version
/// of the program. It includes the whole declaration of the source, because an unnecessary request
/// is better than rows that stay out of date.
pub(super) fn digest(source: &Source, config: &Config, overwrite: Overwrite) -> String {
    let Fetch {
        max_body_bytes,
        max_decoded_bytes,
        max_items,
        max_members,
        max_ratio,
        ..
    } = &config.fetch;
    let limits = (
        max_body_bytes,
        max_decoded_bytes,
        max_items,
        max_members,
        max_ratio,
    );
    let version = env!("CARGO_PKG_VERSION");
    let rules = format!(
        "{version} {READING} {source:?} {overwrite:?} {:?} {limits:?}",
        config.extract
    );
    blake3::hash(rules.as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_of(table: &str) -> String {
        let mut source: Source = toml::from_str(table).unwrap();
        source.name = "zambia".into();
        source.validate().unwrap();
        digest(&source, &Config::default(), source.overwrite())
    }

    #[test]
    fn rules_are_the_same_for_the_same_source_and_others_for_another() {
        let tables = [
            "url = \"https://feed.example/\"",
            "url = \"https://feed.example/\"\nzone = \"Europe/London\"",
            "url = \"https://feed.example/\"\ndecode = { charset = \"latin1\" }",
            "url = \"https://feed.example/\"\nhttp.headers = { A = \"1\", B = \"2\" }",
            "url = \"https://feed.example/\"\nhttp.fail_if = { pointer = \"/error\" }",
            "url = \"https://feed.example/{axis.file}\"\n\
             axis = { file = { url = \"https://feed.example/\", pattern = '\"(.+)\"' } }",
        ];
        let rules = tables.map(rules_of);
        assert_eq!(tables.map(rules_of), rules);
        let distinct: std::collections::BTreeSet<&String> = rules.iter().collect();
        assert_eq!(distinct.len(), tables.len());

        let mut config = Config::default();
        config.extract.max_depth = 7;
        let source: Source = toml::from_str(tables[0]).unwrap();
        let always = Overwrite::Always;
        let deep = digest(&source, &config, always);
        assert_ne!(deep, digest(&source, &Config::default(), always));
        let mut config = Config::default();
        config.extract.max_values = 7;
        let large = digest(&source, &config, always);
        assert_ne!(large, digest(&source, &Config::default(), always));
    }
}
