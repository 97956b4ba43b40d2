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
    /// A member of the body is the URL of the next page; the last page has none.
    Link {
        /// Where the URL is: text, or absent, `null` or empty on the last page.
        pointer: Pointer,
    },
    /// A query parameter is the page's number.
    Number {
        /// The query parameter's name.
        param: String,
        /// The number of the first page.
        start: u64,
        /// How the last page is known.
        stop: Stop,
    },
    /// A query parameter is how many items come before the page.
    Offset {
        /// The query parameter's name.
        param: String,
        /// The offset of the first page.
        start: u64,
        /// How many items a page has; what an offset grows by.
        size: u64,
        /// How the last page is known.
        stop: Stop,
    },
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
        size: u64,
    },
    /// The page after the last is one without items.
    Empty,
}

/// `page = { … }` as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageTable {
    mode: Mode,
    pointer: Option<Pointer>,
    param: Option<String>,
    start: Option<u64>,
    size: Option<u64>,
    total_pages: Option<Pointer>,
    total_items: Option<Pointer>,
    stop: Option<StopWord>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    None,
    Link,
    Number,
    Offset,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopWord {
    NoLink,
    Empty,
}

impl TryFrom<PageTable> for Pagination {
    type Error = String;

    fn try_from(table: PageTable) -> Result<Self, String> {
        match table.mode {
            Mode::None => table.only(&[]).map(|()| Pagination::Single),
            Mode::Link => {
                table.only(&["pointer", "stop"])?;
                if table.stop == Some(StopWord::Empty) {
                    return Err("mode `link` stops by `no_link`".into());
                }
                let pointer = table
                    .pointer
                    .ok_or("mode `link` needs `pointer`, where the next URL is")?;
                Ok(Pagination::Link { pointer })
            }
            Mode::Number => {
                table.only(&[
                    "param",
                    "start",
                    "size",
                    "total_pages",
                    "total_items",
                    "stop",
                ])?;
                Ok(Pagination::Number {
                    start: table.start.unwrap_or(1),
                    stop: table.stop()?,
                    param: table.param.unwrap_or_else(|| "page".into()),
                })
            }
            Mode::Offset => {
                table.only(&[
                    "param",
                    "start",
                    "size",
                    "total_pages",
                    "total_items",
                    "stop",
                ])?;
                let size = table
                    .size
                    .filter(|size| *size > 0)
                    .ok_or("mode `offset` needs `size`, the items of a page")?;
                Ok(Pagination::Offset {
                    start: table.start.unwrap_or(0),
                    size,
                    stop: table.stop()?,
                    param: table.param.unwrap_or_else(|| "offset".into()),
                })
            }
        }
    }
}

impl PageTable {
    /// Refuses the keys that the mode has no use for, by name.
    fn only(&self, allowed: &[&str]) -> Result<(), String> {
        let given = [
            ("pointer", self.pointer.is_some()),
            ("param", self.param.is_some()),
            ("start", self.start.is_some()),
            ("size", self.size.is_some()),
            ("total_pages", self.total_pages.is_some()),
            ("total_items", self.total_items.is_some()),
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

    fn stop(&self) -> Result<Stop, String> {
        match (&self.total_pages, &self.total_items, self.stop) {
            (Some(pointer), None, None) => Ok(Stop::TotalPages(pointer.clone())),
            (None, Some(pointer), None) => Ok(Stop::TotalItems {
                pointer: pointer.clone(),
                size: self
                    .size
                    .filter(|size| *size > 0)
                    .ok_or("`total_items` needs `size`, the items of a page")?,
            }),
            (None, None, None | Some(StopWord::Empty)) => Ok(Stop::Empty),
            (None, None, Some(StopWord::NoLink)) => {
                Err("`no_link` is how mode `link` stops".into())
            }
            _ => Err("name one of `total_pages`, `total_items` and `stop`".into()),
        }
    }
}
