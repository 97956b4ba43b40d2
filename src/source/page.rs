//! Pagination: the key `page = { … }` of a source.

use serde::{Deserialize, Serialize};

use super::allow_only;
use crate::json::Pointer;

/// The rules that lead from one page to the next, and that recognise the last page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PageTable")]
pub enum Pagination {
    /// The whole feed is one document.
    Single {
        /// True if the source says so by `mode = "none"`. If it declares no pagination, a run
        /// warns about signs that more pages follow.
        is_declared: bool,
    },
    /// The feed is a file, which may be large. It is read as it arrives and stored in pieces.
    /// Each piece is a page of the run.
    File,
    /// A page names the URL of the next page.
    Link {
        /// The place of the URL. On the last page there is none.
        place: LinkPlace,
        /// The number of items of a full page, if known. A full page without a link may be a
        /// mistake of the server, so it is requested once more.
        size: Option<u64>,
        /// The rule that recognises the last page.
        stop: LinkStop,
    },
    /// The request contains the number of the page.
    Number {
        /// The name of the query parameter, or `None` if a template has `{page}`.
        param: Option<String>,
        /// The number of the first page.
        start: u64,
        /// The rule that recognises the last page.
        stop: Stop,
    },
    /// The request contains the number of items to skip.
    Offset {
        /// The name of the query parameter, or `None` if a template has `{offset}`.
        param: Option<String>,
        /// The offset of the first page.
        start: u64,
        /// The number of items of a page. The offset grows by this number.
        size: u64,
        /// The rule that recognises the last page.
        stop: Stop,
    },
    /// A member of the body is a token that the request for the next page contains.
    Token {
        /// The name of the query parameter, or `None` if a template has `{token}`.
        param: Option<String>,
        /// The pointer to the token, which is text or a number. On the last page it is absent,
        /// `null` or empty.
        pointer: Pointer,
        /// The token of the first page. `None` requests the first page without a token.
        start: Option<String>,
        /// The rule that recognises the last page.
        stop: LinkStop,
    },
}

impl Default for Pagination {
    fn default() -> Self {
        Self::Single { is_declared: false }
    }
}

/// The place of the URL of the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkPlace {
    /// A member of the body, which is text. On the last page it is absent, `null` or empty.
    Member(Pointer),
    /// The `Link` header with the relation `next` (RFC 8288). The last page has no such header.
    Header,
}

/// The rule that recognises the last page of a feed of links or tokens. In every case, a page
/// without a link or token is the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStop {
    /// Only a page without a link or token is the last one.
    #[default]
    NoLink,
    /// A page that links to itself is the last one. The feed is a feed of changes, and the next
    /// run continues with this page.
    SameUrl,
    /// A page that links to a page that was read before is the last one.
    Repeated,
}

/// The rule that recognises the last page of a feed with page numbers or offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A member of the body is the number of pages.
    TotalPages(Pointer),
    /// A member of the body is the number of items.
    TotalItems {
        /// The pointer to the number of items.
        pointer: Pointer,
        /// The number of items of a full page.
        size: Size,
    },
    /// The page after the last one has no items.
    Empty,
    /// The server answers a request for the page after the last one with this status.
    Status(u16),
    /// The page after the last one has the items of the page before it, or none.
    Repeated,
}

/// The number of items of a full page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "`size` must be a number or a JSON Pointer to a number"
)]
pub enum Size {
    /// The source declares the number.
    Fixed(u64),
    /// A member of the body is the number.
    At(Pointer),
}

impl Pagination {
    /// Returns true if the feed is a feed of changes. Such a feed never ends, and the next run
    /// continues with its newest page.
    #[must_use]
    pub fn is_change_feed(&self) -> bool {
        self.link_stop() == Some(LinkStop::SameUrl)
    }

    /// Returns true if a page that was read before is the end of the feed and not an error: a
    /// link leads to it, or the server sends its items again for a later number.
    #[must_use]
    pub fn stops_at_repeated_page(&self) -> bool {
        match self {
            Self::Number { stop, .. } | Self::Offset { stop, .. } => *stop == Stop::Repeated,
            _ => self.link_stop() == Some(LinkStop::Repeated),
        }
    }

    pub(crate) fn link_stop(&self) -> Option<LinkStop> {
        match self {
            Self::Link { stop, .. } | Self::Token { stop, .. } => Some(*stop),
            Self::Single { .. } | Self::File | Self::Number { .. } | Self::Offset { .. } => None,
        }
    }

    /// Returns the status that the server sends for the page after the last one, if the source
    /// declares it.
    #[must_use]
    pub fn stop_status(&self) -> Option<u16> {
        match self {
            Self::Number { stop, .. } | Self::Offset { stop, .. } => match stop {
                Stop::Status(status) => Some(*status),
                Stop::TotalPages(_) | Stop::TotalItems { .. } | Stop::Empty | Stop::Repeated => {
                    None
                }
            },
            Self::Single { .. } | Self::File | Self::Link { .. } | Self::Token { .. } => None,
        }
    }

    /// Returns the name of the query parameter that selects a page, if there is one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Number { param, .. } | Self::Offset { param, .. } | Self::Token { param, .. } => {
                param.as_deref()
            }
            Self::Single { .. } | Self::File | Self::Link { .. } => None,
        }
    }

    /// Removes the query parameter that selects a page, because a template already has the page.
    pub(super) fn remove_param(&mut self) {
        match self {
            Self::Number { param, .. } | Self::Offset { param, .. } | Self::Token { param, .. } => {
                *param = None;
            }
            Self::Single { .. } | Self::File | Self::Link { .. } => {}
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageTable {
    mode: Mode,
    pointer: Option<Pointer>,
    param: Option<String>,
    start: Option<Start>,
    size: Option<Size>,
    total_pages: Option<Pointer>,
    total_items: Option<Pointer>,
    status: Option<u16>,
    stop: Option<StopWord>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    None,
    File,
    Link,
    LinkHeader,
    Number,
    Offset,
    Token,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopWord {
    NoLink,
    SameUrl,
    Repeated,
    Empty,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`start` must be a number, or the first token as text"
)]
enum Start {
    Number(u64),
    Text(String),
}

impl TryFrom<PageTable> for Pagination {
    type Error = String;

    fn try_from(table: PageTable) -> Result<Self, String> {
        match table.mode {
            Mode::None => {
                table.allow_only("")?;
                Ok(Pagination::Single { is_declared: true })
            }
            Mode::File => table.allow_only("").map(|()| Pagination::File),
            Mode::Link => table.into_link(),
            Mode::LinkHeader => table.into_link_header(),
            Mode::Token => table.into_token(),
            Mode::Number => {
                table.allow_only(NUMBERED)?;
                Ok(Pagination::Number {
                    start: table.start_or(1)?,
                    stop: table.parse_numbered_stop()?,
                    param: Some(table.param.unwrap_or_else(|| "page".into())),
                })
            }
            Mode::Offset => {
                table.allow_only(NUMBERED)?;
                let Some(Size::Fixed(size @ 1..)) = table.size else {
                    return Err("mode `offset` needs `size`, the number of items of a page".into());
                };
                Ok(Pagination::Offset {
                    start: table.start_or(0)?,
                    size,
                    stop: table.parse_numbered_stop()?,
                    param: Some(table.param.unwrap_or_else(|| "offset".into())),
                })
            }
        }
    }
}

/// The keys of the modes `number` and `offset`.
const NUMBERED: &str = "param start size total_pages total_items status stop";

impl PageTable {
    fn into_link(self) -> Result<Pagination, String> {
        self.allow_only("pointer stop size")?;
        let (size, stop) = (self.parse_link_size("link")?, self.parse_link_stop("link")?);
        let pointer = self
            .pointer
            .ok_or("mode `link` needs `pointer`, the JSON Pointer to the next URL")?;
        Ok(Pagination::Link {
            place: LinkPlace::Member(pointer),
            size,
            stop,
        })
    }

    fn into_link_header(self) -> Result<Pagination, String> {
        self.allow_only("stop size")?;
        Ok(Pagination::Link {
            place: LinkPlace::Header,
            size: self.parse_link_size("link_header")?,
            stop: self.parse_link_stop("link_header")?,
        })
    }

    fn into_token(self) -> Result<Pagination, String> {
        self.allow_only("pointer stop param start")?;
        let stop = self.parse_link_stop("token")?;
        let start = match self.start {
            Some(Start::Number(number)) => Some(number.to_string()),
            Some(Start::Text(text)) => Some(text),
            None => None,
        };
        let pointer = self
            .pointer
            .ok_or("mode `token` needs `pointer`, the JSON Pointer to the next token")?;
        Ok(Pagination::Token {
            param: Some(self.param.unwrap_or_else(|| "offset".into())),
            pointer,
            start,
            stop,
        })
    }

    fn allow_only(&self, allowed: &str) -> Result<(), String> {
        let given = [
            ("pointer", self.pointer.is_some()),
            ("param", self.param.is_some()),
            ("start", self.start.is_some()),
            ("size", self.size.is_some()),
            ("total_pages", self.total_pages.is_some()),
            ("total_items", self.total_items.is_some()),
            ("status", self.status.is_some()),
            ("stop", self.stop.is_some()),
        ];
        allow_only(&given, allowed, "page")
    }

    fn start_or(&self, default: u64) -> Result<u64, String> {
        match &self.start {
            Some(Start::Number(number)) => Ok(*number),
            Some(Start::Text(_)) => Err("`start` must be a number in this page mode".into()),
            None => Ok(default),
        }
    }

    fn parse_link_size(&self, mode: &str) -> Result<Option<u64>, String> {
        match self.size {
            Some(Size::At(_)) => Err(format!("`size` must be a number in mode `{mode}`")),
            Some(Size::Fixed(size)) => Ok(Some(size)),
            None => Ok(None),
        }
    }

    fn parse_link_stop(&self, mode: &str) -> Result<LinkStop, String> {
        match self.stop {
            Some(StopWord::SameUrl) => Ok(LinkStop::SameUrl),
            Some(StopWord::Repeated) if mode != "token" => Ok(LinkStop::Repeated),
            Some(StopWord::NoLink) | None => Ok(LinkStop::NoLink),
            Some(StopWord::Repeated | StopWord::Empty) => Err(format!(
                "this value of `stop` cannot be used in mode `{mode}`"
            )),
        }
    }

    fn parse_numbered_stop(&self) -> Result<Stop, String> {
        match (&self.total_pages, &self.total_items, self.status, self.stop) {
            (Some(pointer), None, None, None) => Ok(Stop::TotalPages(pointer.clone())),
            (None, Some(pointer), None, None) => match self.size.clone() {
                Some(Size::Fixed(0)) | None => {
                    Err("`total_items` needs `size`, the number of items of a page".into())
                }
                Some(size) => Ok(Stop::TotalItems {
                    pointer: pointer.clone(),
                    size,
                }),
            },
            (None, None, Some(status), None) => Ok(Stop::Status(status)),
            (None, None, None, None | Some(StopWord::Empty)) => Ok(Stop::Empty),
            (None, None, None, Some(StopWord::Repeated)) => Ok(Stop::Repeated),
            (None, None, None, Some(_)) => Err("modes `number` and `offset` need \
                 `stop = \"empty\"`, `stop = \"repeated\"`, a total or a status"
                .into()),
            _ => {
                Err("declare only one of `total_pages`, `total_items`, `status` and `stop`".into())
            }
        }
    }
}
