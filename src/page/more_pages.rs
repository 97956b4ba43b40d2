//! Finds signs on the first page of a chain that more pages follow.
//!
//! If a pagination is not declared, or its pointer never matches, the first page looks like the
//! last one, and a run would take a part of the feed for the whole feed. A sign is believed only
//! if no later page has items, so that it cannot harm a feed whose pagination works. If a later
//! page was requested and is empty, only a total of items remains a sign.
//!
//! A link that nothing follows is a proof. So is a total of items that the feed does not reach,
//! unless the chain is one of several: its total may be that of the whole feed. Any other sign is
//! a reason to warn.
//!
//! A pagination that leads on may still skip pages, for example if its `size` is too large. Then
//! only the total tells. A feed may change while it is read, and some totals count what is not
//! served, so a run warns if a twentieth of the total is missing, and takes a half for a proof.

use std::fmt;

use serde_json::Value;

use crate::json::escape_token;

/// A sign on a page that more pages follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MorePages {
    sign: Sign,
    /// The JSON Pointer to the member that is the sign. It is empty for a header.
    pointer: String,
    /// The number of items of the page.
    items: usize,
    /// A number of items above that of the page, and the JSON Pointer to it, if there is one.
    total: Option<(u64, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// A member is the URL of another page.
    Link,
    /// The `Link` header has the URL of another page.
    LinkHeader,
    /// A member is a number of pages above 1.
    PageCount,
    /// A member is a number of items above that of the page.
    ItemCount,
    /// A member is a token or a number for the next page.
    Token,
    /// A member is true and says that there are more pages.
    Flag,
}

impl MorePages {
    /// Searches the parts of a page for a sign. `is_other_page` tells if a link leads to another
    /// page that may be requested. Returns the most useful sign.
    pub(crate) fn find(
        envelope: &Value,
        next_link: Option<&str>,
        items: usize,
        is_other_page: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let members = collect_members(envelope);
        let totals = members.iter().filter(|it| it.is_named(&ITEM_COUNTS));
        let mut totals = totals.filter_map(|it| read_count(it.value).zip(Some(&it.pointer)));
        let total = totals.find(|(total, _)| *total > items as u64);
        let more_pages = |sign, pointer| Self {
            sign,
            pointer,
            items,
            total: total.map(|(total, pointer)| (total, pointer.clone())),
        };
        let find = |sign, is_sign: &dyn Fn(&Member<'_>) -> bool| {
            let member = members.iter().find(|member| is_sign(member))?;
            Some(more_pages(sign, member.pointer.clone()))
        };
        let is_link = |member: &Member<'_>| {
            let link = member.value.as_str().filter(|text| looks_like_link(text));
            link.is_some_and(&is_other_page) && member.is_named(&NEXT)
        };
        let is_number_above = |member: &Member<'_>, least: u64| {
            read_count(member.value).is_some_and(|number| number > least)
        };
        find(Sign::Link, &is_link)
            .or_else(|| {
                let link = next_link.filter(|link| is_other_page(link));
                link.map(|_| more_pages(Sign::LinkHeader, String::new()))
            })
            .or_else(|| {
                let is_sign = |it: &Member<'_>| it.is_named(&PAGE_COUNTS) && is_number_above(it, 1);
                find(Sign::PageCount, &is_sign)
            })
            .or_else(|| {
                let (_, pointer) = total?;
                Some(more_pages(Sign::ItemCount, pointer.clone()))
            })
            .or_else(|| {
                let is_sign = |it: &Member<'_>| {
                    (it.is_named(&TOKENS) && is_token(it.value))
                        || (it.is_named(&NEXT) && is_number_above(it, 0))
                };
                find(Sign::Token, &is_sign)
            })
            .or_else(|| {
                let is_sign =
                    |it: &Member<'_>| it.is_named(&FLAGS) && *it.value == Value::Bool(true);
                find(Sign::Flag, &is_sign)
            })
    }

    /// Returns true if the sign remains although a page was requested after the first one and had
    /// no items. Then the pagination leads on, but not to all items.
    pub(crate) fn remains_after_empty_page(&self) -> bool {
        self.sign == Sign::ItemCount
    }

    /// Returns true if the sign proves that pages are missing. `is_whole_feed` is true if the
    /// chain is the whole feed.
    pub(crate) fn is_proof(&self, is_whole_feed: bool) -> bool {
        match self.sign {
            Sign::Link | Sign::LinkHeader => true,
            Sign::ItemCount | Sign::PageCount | Sign::Token | Sign::Flag => {
                is_whole_feed && self.total.is_some()
            }
        }
    }

    /// Returns true if the page says that there are more items than it has.
    #[must_use]
    pub fn has_total(&self) -> bool {
        self.total.is_some()
    }

    /// Says that many items are missing after all pages of a feed had this number of items, and
    /// returns true if it is a proof that pages are missing. Returns `None` if the pages had most
    /// of the total, or if the page has no total.
    pub(crate) fn compare_with_total(&self, items: u64) -> Option<(String, bool)> {
        let (total, pointer) = self.total.as_ref()?;
        if items.saturating_add(total / 20) >= *total {
            return None;
        }
        let why = format!(
            "all its pages have {items} items, and {pointer} of the first one says {total}: \
             correct `page`, whose start, size or parameter may lead to a part of the feed only"
        );
        Some((why, items < total / 2))
    }

    /// Says what was seen and what to do. `page` names the page.
    #[must_use]
    pub fn explain(&self, page: &str) -> String {
        let advice = self.advice();
        format!("{page} {self}, and no page with items follows it as `page` is declared: {advice}")
    }

    /// Says what to do, as a clause.
    fn advice(&self) -> String {
        let Self {
            sign,
            pointer,
            items,
            ..
        } = self;
        let line = match sign {
            Sign::Link => format!(r#"{{ mode = "link", pointer = "{pointer}" }}"#),
            Sign::LinkHeader => r#"{ mode = "link_header" }"#.to_owned(),
            Sign::PageCount => {
                format!(r#"{{ mode = "number", param = "page", total_pages = "{pointer}" }}"#)
            }
            Sign::ItemCount => format!(
                r#"{{ mode = "number", param = "page", total_items = "{pointer}", size = {items} }}"#
            ),
            Sign::Token => {
                format!(r#"{{ mode = "token", param = "token", pointer = "{pointer}" }}"#)
            }
            Sign::Flag => r#"{ mode = "number", param = "page" }"#.to_owned(),
        };
        let param = match sign {
            Sign::Link | Sign::LinkHeader => "",
            _ => ", with the publisher's name of the parameter",
        };
        format!(
            "declare `page = {line}`{param}, or `page = {{ mode = \"none\" }}` if this page is \
             the whole feed"
        )
    }
}

/// Writes what was seen, as a clause that follows "the page".
impl fmt::Display for MorePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sign,
            pointer,
            items,
            ..
        } = self;
        match sign {
            Sign::Link => write!(f, "links to another page at {pointer}"),
            Sign::LinkHeader => f.write_str("links to another page in its `Link` header"),
            Sign::PageCount => write!(f, "is one of several, as {pointer} says"),
            Sign::ItemCount => write!(f, "has {items} items, and {pointer} says more"),
            Sign::Token => write!(f, "has a token for another page at {pointer}"),
            Sign::Flag => write!(f, "has others after it, as {pointer} says"),
        }
    }
}

// The names of members that are signs, as letters and digits in lower case.

const NEXT: [&str; 9] = [
    "next",
    "nextpage",
    "nextlink",
    "nexturl",
    "nexturi",
    "nexthref",
    "nextpageurl",
    "nextpagelink",
    "odatanextlink",
];

const PAGE_COUNTS: [&str; 7] = [
    "totalpages",
    "pagecount",
    "pages",
    "numpages",
    "numberofpages",
    "pagestotal",
    "lastpage",
];

/// The `recordsTotal` of `DataTables` is not one of them, because it counts what a filter hides too.
const ITEM_COUNTS: [&str; 14] = [
    "total",
    "totalcount",
    "totalitems",
    "totalresults",
    "totalrecords",
    "totalreleases",
    "totalelements",
    "totalhits",
    "count",
    "itemcount",
    "recordcount",
    "recordsfiltered",
    "resultcount",
    "numfound",
];

const TOKENS: [&str; 5] = [
    "nexttoken",
    "nextpagetoken",
    "nextcursor",
    "nextoffset",
    "continuationtoken",
];

const FLAGS: [&str; 5] = [
    "hasmore",
    "hasnext",
    "hasnextpage",
    "hasmorepages",
    "morepages",
];

/// The members whose own members may be signs. Other members of an envelope, such as
/// `statistics`, may count other things than the items of the feed.
const CONTAINERS: [&str; 17] = [
    "meta",
    "metadata",
    "pagination",
    "paging",
    "paginator",
    "pager",
    "page",
    "pageinfo",
    "pageable",
    "link",
    "links",
    "result",
    "results",
    "response",
    "data",
    "hits",
    "info",
];

/// Containers are searched to this depth, which is that of `/_links/next/href` and of
/// `/result/pagination/next`.
const MAX_DEPTH: usize = 3;

/// At most this many members are searched, because an envelope is data of any size.
const MAX_MEMBERS: usize = 1_000;

struct Member<'v> {
    /// The name as letters and digits in lower case.
    name: String,
    pointer: String,
    value: &'v Value,
}

impl Member<'_> {
    fn is_named(&self, names: &[&str]) -> bool {
        names.contains(&&*self.name)
    }
}

/// Collects the members of an envelope that may be signs: those of the envelope itself and of its
/// containers. A link that is an object, such as `{"href": …}`, or an entry of a list of links,
/// such as `{"rel": "next", "href": …}`, has the name of its relation.
fn collect_members(envelope: &Value) -> Vec<Member<'_>> {
    let mut members = Vec::new();
    add_members(envelope, "", MAX_DEPTH, &mut members);
    members
}

fn add_members<'v>(value: &'v Value, pointer: &str, depth: usize, members: &mut Vec<Member<'v>>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (key, value) in object {
        if members.len() >= MAX_MEMBERS {
            return;
        }
        let name = normalize(key);
        let pointer = format!("{pointer}/{}", escape_token(key));
        if let Some((target, value)) = find_target(value) {
            let pointer = format!("{pointer}/{target}");
            members.push(Member {
                name: name.clone(),
                pointer,
                value,
            });
        }
        if CONTAINERS.contains(&&*name) && depth > 1 {
            add_members(value, &pointer, depth - 1, members);
            add_listed_links(value, &pointer, members);
        }
        members.push(Member {
            name,
            pointer,
            value,
        });
    }
}

/// Adds the links of a list such as `[{"rel": "next", "href": …}]`.
fn add_listed_links<'v>(list: &'v Value, pointer: &str, members: &mut Vec<Member<'v>>) {
    for (index, link) in list
        .as_array()
        .into_iter()
        .flatten()
        .take(MAX_LISTED)
        .enumerate()
    {
        let relation = link.get("rel").and_then(Value::as_str);
        if let (Some(relation), Some((target, value))) = (relation, find_target(link)) {
            members.push(Member {
                name: normalize(relation),
                pointer: format!("{pointer}/{index}/{target}"),
                value,
            });
        }
    }
}

/// A list of links has at most this many entries. A longer list is one of something else.
const MAX_LISTED: usize = 20;

/// Returns the URL of a link that is an object, and the name of the URL's member.
fn find_target(link: &Value) -> Option<(&'static str, &Value)> {
    let names = ["href", "url", "uri"].into_iter();
    let mut targets = names.filter_map(|name| Some((name, link.get(name)?)));
    targets.next()
}

fn normalize(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn looks_like_link(text: &str) -> bool {
    let text = text.trim();
    ["http://", "https://", "/", "?"]
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

fn read_count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns true for a token that may lead to a page. Publishers write an empty text, 0 or -1 if
/// there is none.
fn is_token(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|number| number > 0),
        Value::String(text) => !matches!(text.trim(), "" | "0" | "-1" | "null"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns what is seen on a page of 10 items, and the line that is advised. Every link but
    /// `/self` leads to another page.
    fn find(envelope: &Value, next_link: Option<&str>) -> Option<(String, String)> {
        let found = MorePages::find(envelope, next_link, 10, |link| link != "/self")?;
        let advice = found.advice();
        let line = advice.split('`').nth(1).unwrap();
        Some((found.to_string(), line.to_owned()))
    }

    #[test]
    fn signs_of_more_pages_are_found_by_their_usual_names() {
        for (envelope, seen, line) in [
            (
                json!({"links": {"next": "/2"}}),
                "links to another page at /links/next",
                r#"page = { mode = "link", pointer = "/links/next" }"#,
            ),
            (
                json!({"_links": {"next": {"href": "https://feed.example/2"}}}),
                "links to another page at /_links/next/href",
                r#"page = { mode = "link", pointer = "/_links/next/href" }"#,
            ),
            (
                json!({"links": [{"rel": "self", "href": "/self"}, {"rel": "next", "href": "?p=2"}]}),
                "links to another page at /links/1/href",
                r#"page = { mode = "link", pointer = "/links/1/href" }"#,
            ),
            (
                json!({"next_page": {"offset": 7, "uri": "/2"}}),
                "links to another page at /next_page/uri",
                r#"page = { mode = "link", pointer = "/next_page/uri" }"#,
            ),
            (
                json!({"@odata.nextLink": "/2", "count": 99}),
                "links to another page at /@odata.nextLink",
                r#"page = { mode = "link", pointer = "/@odata.nextLink" }"#,
            ),
            (
                json!({"meta": {"total-pages": "60", "count": 600}}),
                "is one of several, as /meta/total-pages says",
                r#"page = { mode = "number", param = "page", total_pages = "/meta/total-pages" }"#,
            ),
            (
                json!({"result": {"pagination": {"total": 11}}}),
                "has 10 items, and /result/pagination/total says more",
                r#"page = { mode = "number", param = "page", total_items = "/result/pagination/total", size = 10 }"#,
            ),
            (
                json!({"nextPageToken": "abc"}),
                "has a token for another page at /nextPageToken",
                r#"page = { mode = "token", param = "token", pointer = "/nextPageToken" }"#,
            ),
            (
                json!({"next": 2}),
                "has a token for another page at /next",
                r#"page = { mode = "token", param = "token", pointer = "/next" }"#,
            ),
            (
                json!({"hasMore": true}),
                "has others after it, as /hasMore says",
                r#"page = { mode = "number", param = "page" }"#,
            ),
        ] {
            let expected = (seen.to_owned(), line.to_owned());
            assert_eq!(find(&envelope, None), Some(expected), "{envelope}");
        }
        let header = find(&json!([]), Some("/2"));
        let (seen, line) = header.unwrap();
        assert_eq!(seen, "links to another page in its `Link` header");
        assert_eq!(line, r#"page = { mode = "link_header" }"#);
    }

    #[test]
    fn a_page_that_is_the_only_one_has_no_sign() {
        for envelope in [
            json!(null),
            json!([]),
            json!({"links": {"next": null, "prev": "/1"}}),
            json!({"links": {"next": ""}, "next": "/self"}),
            json!({"total": 10, "count": "10", "pages": 1}),
            json!({"total": "all", "pages": [2, 3], "hasMore": false}),
            json!({"statistics": {"total": 9999}}),
            json!({"publisher": {"next": "/2", "count": 99}}),
            json!({"nextPage": 0, "nextToken": "", "next_cursor": null}),
            // this is deeper than any known publisher nests them
            json!({"data": {"result": {"meta": {"total": 99}}}}),
        ] {
            assert_eq!(find(&envelope, None), None, "{envelope}");
        }
        assert_eq!(find(&json!([]), Some("/self")), None);
    }

    #[test]
    fn a_link_that_nothing_follows_and_a_total_of_the_whole_feed_are_proofs() {
        for (envelope, of_feed, of_part, remains) in [
            (json!({"next": "/2"}), true, true, false),
            (json!({"total": 11}), true, false, true),
            (json!({"pages": 2}), false, false, false),
            (json!({"hasNext": true}), false, false, false),
        ] {
            let found = MorePages::find(&envelope, None, 10, |_| true).unwrap();
            assert_eq!(found.is_proof(true), of_feed, "{envelope}");
            assert_eq!(found.is_proof(false), of_part, "{envelope}");
            assert_eq!(found.remains_after_empty_page(), remains, "{envelope}");
        }
    }
}
