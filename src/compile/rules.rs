//! Defines on what the rows of processes depend besides the stored releases.

use jiff::tz::TimeZone;

use crate::source::{AbsentReleases, Compile, CompileRules, Source};

/// This number is raised whenever a change of the program makes other rows of the same releases:
/// another column, another way to read a value, another merge. Then all processes are compiled
/// again.
pub(super) const VERSION: u32 = 1;

/// The text of the rules of a source that is not compiled.
pub(super) const OFF: &str = "off";

/// The rules by which the processes of a source are compiled.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    compile: Compile,
    pub(super) zone: TimeZone,
    /// The rules as text. It is stored, and if it differs, all processes are compiled again.
    pub(super) text: String,
    /// The rules by which values are read, as text. They are part of the hash of a process. The rule
    /// of merging is not, because the content says what it has made of the releases.
    pub(super) reading: String,
}

impl Rules {
    /// Returns the rules of a source.
    pub(super) fn of_source(source: &Source) -> Self {
        let zone = source.zone.clone();
        let zone_name = zone.iana_name().unwrap_or("UTC");
        let reading = format!("{VERSION} {zone_name}");
        let text = match source.compile {
            Compile::Off => OFF.to_owned(),
            Compile::By(CompileRules { rule, absent }) => {
                let absent = match absent {
                    AbsentReleases::Keep => "",
                    AbsentReleases::Drop => " without absent releases",
                };
                format!("{VERSION} {} {zone_name}{absent}", rule.as_str())
            }
        };
        Self {
            compile: source.compile,
            zone,
            text,
            reading,
        }
    }

    /// Returns what decides about the releases of a process. Returns `None` if the source is not
    /// compiled.
    pub(super) fn of_releases(&self) -> Option<CompileRules> {
        match self.compile {
            Compile::Off => None,
            Compile::By(rules) => Some(rules),
        }
    }

    /// Returns true if releases do not count that the publisher no longer serves.
    pub(super) fn drops_absent(&self) -> bool {
        self.of_releases()
            .is_some_and(|it| it.absent == AbsentReleases::Drop)
    }
}
