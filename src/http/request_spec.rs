//! Describes a request and how its response is treated.

use crate::http::pace::Pace;
use crate::http::target::Target;
use crate::page::Validators;

/// One request: everything that is the same in all its attempts.
#[derive(Clone, Copy)]
pub(crate) struct RequestSpec<'a> {
    pub(crate) target: &'a Target,
    /// The number of the page that is requested, for the log.
    pub(crate) page: u64,
    /// Statuses that the caller interprets, without looking at the body. The client returns them
    /// at once, or after one retry where the status is usually transient.
    pub(crate) handled_statuses: &'a [u16],
    /// Statuses that the caller interprets if every attempt ends in one of them.
    pub(crate) final_statuses: &'a [u16],
    /// The server is asked for the target only if it has changed since it had these validators.
    pub(crate) validators: Option<&'a Validators>,
    pub(crate) pace: &'a Pace,
}

impl<'a> RequestSpec<'a> {
    /// Makes a request whose caller interprets no status.
    pub(crate) fn new(target: &'a Target, page: u64, pace: &'a Pace) -> Self {
        Self {
            target,
            page,
            handled_statuses: &[],
            final_statuses: &[],
            validators: None,
            pace,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) spec: RequestSpec<'a>,
    /// The number of the attempt. The first one is 1.
    pub(super) number: u32,
}
