//! What to request, and how to treat the answer.

use crate::http::pace::Pace;
use crate::http::target::Target;
use crate::page::Validators;

/// One request, with everything that its attempts have in common.
#[derive(Clone, Copy)]
pub(crate) struct RequestSpec<'a> {
    pub(crate) target: &'a Target,
    /// The number of the page that it is for, for the log.
    pub(crate) page: u64,
    /// Statuses that the caller interprets, whatever their class and body. They are
    /// returned at once, or after one retry where the status is usually transient.
    pub(crate) handled_statuses: &'a [u16],
    /// Statuses that the caller interprets if every attempt ends in one.
    pub(crate) final_statuses: &'a [u16],
    /// Asks for the target only if it has changed since it had these.
    pub(crate) validators: Option<&'a Validators>,
    pub(crate) pace: &'a Pace,
}

impl<'a> RequestSpec<'a> {
    /// A request of which no status is interpreted.
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

/// One attempt at a request.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) spec: RequestSpec<'a>,
    /// Counted from 1.
    pub(super) number: u32,
}
