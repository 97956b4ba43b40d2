//! How one page leads to the next: `page = { … }`.

use serde::Deserialize;

use crate::json::Pointer;

/// How one page leads to the next, and how the last one is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PageTable")]
pub enum Pagination {
    /// One document is the whole feed.
    #[default]
    Single,
    /// A file that may be large: it is read as it comes and stored in pieces, each
    /// a page of the run.
    File,
    /// A member of the body is the URL of the next page.
    Link {
        /// Where the URL is: text, or absent, `null` or empty on the last page.
        pointer: Pointer,
        /// How many items a full page has, where that is known: only a full page
        /// without a link is doubted to be the last.
        size: Option<u64>,
        /// How the last page is known.
        stop: LinkStop,
    },
    /// A page's number is asked for.
    Number {
        /// The query parameter's name; `None` where a template has `{page}`.
        param: Option<String>,
        /// The number of the first page.
        start: u64,
        /// How the last page is known.
        stop: Stop,
    },
    /// How many items come before the page is asked for.
    Offset {
        /// The query parameter's name; `None` where a template has `{offset}`.
        param: Option<String>,
        /// The offset of the first page.
        start: u64,
        /// How many items a page has; what an offset grows by.
        size: u64,
        /// How the last page is known.
        stop: Stop,
    },
    /// A member of the body is what the next page is asked for by.
    Token {
        /// The query parameter's name; `None` where a template has `{token}`.
        param: Option<String>,
        /// Where the token is: text or a number, or absent, `null` or empty on
        /// the last page.
        pointer: Pointer,
        /// What the first page is asked for by; `None` asks without one.
        start: Option<String>,
        /// How the last page is known.
        stop: LinkStop,
    },
}

/// How the last page of a feed of links or tokens is known, beside by having
/// none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkStop {
    /// In no other way.
    #[default]
    NoLink,
    /// It leads to itself: the feed is one of changes, and goes on there.
    SameUrl,
    /// It leads to a page that was read before.
    Repeated,
}

/// How the last page of a numbered feed is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A member of the body is the number of pages.
    TotalPages(Pointer),
    /// A member of the body is the number of items.
    TotalItems {
        /// Where the number of items is.
        pointer: Pointer,
        /// How many items a full page has.
        size: Size,
    },
    /// The page after the last is one without items.
    Empty,
    /// The page after the last is answered with this status.
    Status(u16),
}

/// How many items a full page has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a size is a number or a JSON Pointer to one")]
pub enum Size {
    /// So many.
    Fixed(u64),
    /// As many as this member of the body says.
    At(Pointer),
}

impl Pagination {
    /// Whether the feed is one of changes: it has no last page, but one that is
    /// not followed by another yet, where the next run goes on.
    #[must_use]
    pub fn is_change_feed(&self) -> bool {
        self.link_stop() == Some(LinkStop::SameUrl)
    }

    /// Whether a link to a page that was read before is the end and not a loop.
    #[must_use]
    pub fn ends_by_repetition(&self) -> bool {
        self.link_stop() == Some(LinkStop::Repeated)
    }

    fn link_stop(&self) -> Option<LinkStop> {
        match self {
            Self::Link { stop, .. } | Self::Token { stop, .. } => Some(*stop),
            Self::Single | Self::File | Self::Number { .. } | Self::Offset { .. } => None,
        }
    }

    /// The status that the page after the last one is answered with.
    #[must_use]
    pub fn stop_status(&self) -> Option<u16> {
        match self {
            Self::Number {
                stop: Stop::Status(status),
                ..
            }
            | Self::Offset {
                stop: Stop::Status(status),
                ..
            } => Some(*status),
            _ => None,
        }
    }

    /// The query parameter that tells pages apart, where there is one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Number { param, .. } | Self::Offset { param, .. } | Self::Token { param, .. } => {
                param.as_deref()
            }
            Self::Single | Self::File | Self::Link { .. } => None,
        }
    }

    /// Leaves the page to a template that names it, and not to a parameter.
    pub(super) fn without_param(&mut self) {
        match self {
            Self::Number { param, .. } | Self::Offset { param, .. } | Self::Token { param, .. } => {
                *param = None;
            }
            Self::Single | Self::File | Self::Link { .. } => {}
        }
    }
}

/// `page = { … }` as written.
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
    expecting = "the start is a number, or the text of a first token"
)]
enum Start {
    Number(u64),
    Text(String),
}

impl TryFrom<PageTable> for Pagination {
    type Error = String;

    fn try_from(table: PageTable) -> Result<Self, String> {
        match table.mode {
            Mode::None => table.only(&[]).map(|()| Pagination::Single),
            Mode::File => table.only(&[]).map(|()| Pagination::File),
            Mode::Link => table.link(),
            Mode::Token => table.token(),
            Mode::Number => {
                table.only(&NUMBERED)?;
                Ok(Pagination::Number {
                    start: table.first(1)?,
                    stop: table.numbered_stop()?,
                    param: Some(table.param.unwrap_or_else(|| "page".into())),
                })
            }
            Mode::Offset => {
                table.only(&NUMBERED)?;
                let size = match table.size {
                    Some(Size::Fixed(size)) if size > 0 => size,
                    _ => return Err("mode `offset` needs `size`, the items of a page".into()),
                };
                Ok(Pagination::Offset {
                    start: table.first(0)?,
                    size,
                    stop: table.numbered_stop()?,
                    param: Some(table.param.unwrap_or_else(|| "offset".into())),
                })
            }
        }
    }
}

/// The keys of the modes that count.
const NUMBERED: [&str; 7] = [
    "param",
    "start",
    "size",
    "total_pages",
    "total_items",
    "status",
    "stop",
];

impl PageTable {
    fn link(self) -> Result<Pagination, String> {
        self.only(&["pointer", "stop", "size"])?;
        let stop = self.linked_stop("link")?;
        let size = match self.size {
            Some(Size::At(_)) => return Err("the `size` of mode `link` is a number".into()),
            Some(Size::Fixed(size)) => Some(size),
            None => None,
        };
        let pointer = self
            .pointer
            .ok_or("mode `link` needs `pointer`, where the next URL is")?;
        Ok(Pagination::Link {
            pointer,
            size,
            stop,
        })
    }

    fn token(self) -> Result<Pagination, String> {
        self.only(&["pointer", "stop", "param", "start"])?;
        let stop = self.linked_stop("token")?;
        let start = match self.start {
            Some(Start::Number(number)) => Some(number.to_string()),
            Some(Start::Text(text)) => Some(text),
            None => None,
        };
        let pointer = self
            .pointer
            .ok_or("mode `token` needs `pointer`, where the next token is")?;
        Ok(Pagination::Token {
            param: Some(self.param.unwrap_or_else(|| "offset".into())),
            pointer,
            start,
            stop,
        })
    }

    /// Refuses the keys that the mode has no use for, by name.
    fn only(&self, allowed: &[&str]) -> Result<(), String> {
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
        match given
            .iter()
            .find(|(key, given)| *given && !allowed.contains(key))
        {
            Some((key, _)) => Err(format!("`{key}` has no meaning in this page mode")),
            None => Ok(()),
        }
    }

    fn first(&self, usual: u64) -> Result<u64, String> {
        match &self.start {
            Some(Start::Number(number)) => Ok(*number),
            Some(Start::Text(_)) => Err("`start` is a number in this page mode".into()),
            None => Ok(usual),
        }
    }

    fn linked_stop(&self, mode: &str) -> Result<LinkStop, String> {
        match self.stop {
            Some(StopWord::SameUrl) => Ok(LinkStop::SameUrl),
            Some(StopWord::Repeated) if mode == "link" => Ok(LinkStop::Repeated),
            Some(StopWord::NoLink) | None => Ok(LinkStop::NoLink),
            Some(StopWord::Repeated | StopWord::Empty) => {
                Err(format!("mode `{mode}` stops by `no_link` or `same_url`"))
            }
        }
    }

    fn numbered_stop(&self) -> Result<Stop, String> {
        match (&self.total_pages, &self.total_items, self.status, self.stop) {
            (Some(pointer), None, None, None) => Ok(Stop::TotalPages(pointer.clone())),
            (None, Some(pointer), None, None) => Ok(Stop::TotalItems {
                pointer: pointer.clone(),
                size: self
                    .size
                    .clone()
                    .filter(|size| *size != Size::Fixed(0))
                    .ok_or("`total_items` needs `size`, the items of a page")?,
            }),
            (None, None, Some(status), None) => Ok(Stop::Status(status)),
            (None, None, None, None | Some(StopWord::Empty)) => Ok(Stop::Empty),
            (None, None, None, Some(_)) => {
                Err("a feed that is counted through stops by `empty`, a total or a status".into())
            }
            _ => Err("name one of `total_pages`, `total_items`, `status` and `stop`".into()),
        }
    }
}
