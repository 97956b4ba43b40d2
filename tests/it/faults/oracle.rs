//! Makes a feed from a seed, and knows what must be stored of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::dice::Dice;
use crate::harness::{LINK, NUMBER};
use crate::publisher::{Feed, Items};

/// An item of a page, and its expected result.
pub(super) struct Truth {
    pub(super) page: i64,
    /// The index within the page.
    pub(super) place: i64,
    pub(super) bytes: String,
    pub(super) fate: Fate,
}

/// The expected result of an item.
pub(super) enum Fate {
    /// It is a row, unless a later page has the same key.
    Stored {
        ocid: String,
        release_id: String,
        date: String,
        tag: &'static str,
        title: String,
    },
    /// It is in quarantine, and in no table of releases.
    Refused {
        reason: &'static str,
        /// The stored text after the repair, if there is one for the reason.
        mended: Option<String>,
    },
}

impl Fate {
    /// It is rejected for a reason without a repair.
    fn refused_for(reason: &'static str) -> Self {
        let mended = None;
        Self::Refused { reason, mended }
    }
}

/// The pages of a feed. They have releases of their own, releases whose keys come again on later
/// pages or the same one, and items that cannot be stored.
pub(super) struct Oracle {
    pub(super) truths: Vec<Truth>,
    pages: Vec<Items>,
    way: Pagination,
}

/// The pagination of the feed.
#[derive(Clone, Copy)]
enum Pagination {
    /// Each page links to the next one.
    Link,
    /// The pages have numbers, so several are fetched at once.
    Number,
}

/// The number of concurrent requests for numbered pages.
const CONCURRENCY: u32 = 3;

/// The number of releases of a page with keys of their own.
const OWN_RELEASES: usize = 8;

/// The number of items on each page of bad items.
const ITEMS_PER_PAGE: usize = 100;

impl Oracle {
    pub(super) fn new(dice: &mut Dice, pages: usize) -> Self {
        let ways = [Pagination::Link, Pagination::Number];
        let mut oracle = Self::empty(ways[dice.index(ways.len())]);
        for page in 0..pages {
            oracle.pages.push(Items::new());
            for own in 0..OWN_RELEASES {
                oracle.store(page * OWN_RELEASES + own, &format!("own of {page}"));
            }
            // A correction of an earlier page, or of this page itself.
            let earlier = dice.index((page + 1) * OWN_RELEASES);
            oracle.store(earlier, &format!("again on {page}"));
            if dice.roll(3) == 0 {
                let (bytes, fate) = make_bad_item(dice, page);
                oracle.push(bytes, fate);
            }
            // This key is on all pages, so its row shows which page was the last.
            oracle.store(1_000_000, &format!("on every page, here {page}"));
        }
        oracle
    }

    /// Makes more bad items: this many per thousand, and at least one.
    pub(super) fn with_bad_items(dice: &mut Dice, pages: usize, of_a_thousand: usize) -> Self {
        let mut oracle = Self::empty(Pagination::Link);
        let items = pages * ITEMS_PER_PAGE;
        let bad = choose(dice, items, (items * of_a_thousand / 1_000).max(1));
        for page in 0..pages {
            oracle.pages.push(Items::new());
            for number in page * ITEMS_PER_PAGE..(page + 1) * ITEMS_PER_PAGE {
                if bad.contains(&number) {
                    let (bytes, fate) = make_bad_item(dice, number);
                    oracle.push(bytes, fate);
                } else {
                    oracle.store(number, "sound");
                }
            }
        }
        oracle
    }

    fn empty(way: Pagination) -> Self {
        Self {
            truths: Vec::new(),
            pages: Vec::new(),
            way,
        }
    }

    pub(super) fn page_count(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn count_refused(&self) -> usize {
        let refused = |truth: &&Truth| matches!(truth.fate, Fate::Refused { .. });
        self.truths.iter().filter(refused).count()
    }

    /// Counts the rejects that a repair can store.
    pub(super) fn count_repairable(&self) -> usize {
        let mendable = |truth: &&Truth| matches!(&truth.fate, Fate::Refused { mended, .. } if mended.is_some());
        self.truths.iter().filter(mendable).count()
    }

    pub(super) fn feed(&self) -> Feed {
        self.make_feed(self.pages.clone())
    }

    /// Makes a feed of other pages with the same pagination.
    pub(super) fn make_feed(&self, pages: Vec<Items>) -> Feed {
        match self.way {
            Pagination::Link => Feed::link(pages),
            Pagination::Number => Feed::number(pages),
        }
    }

    /// Returns the declaration of its source.
    pub(super) fn definition(&self) -> String {
        match self.way {
            Pagination::Link => LINK.to_owned(),
            Pagination::Number => format!("{NUMBER}\nhttp = {{ concurrency = {CONCURRENCY} }}"),
        }
    }

    /// Returns the delay of each reply, so that the feed takes equally long with each pagination.
    pub(super) fn reply_delay(&self, each: Duration) -> Duration {
        match self.way {
            Pagination::Link => each,
            Pagination::Number => each * CONCURRENCY,
        }
    }

    fn store(&mut self, number: usize, title: &str) {
        let ocid = format!("ocds-213czf-{number}");
        let release_id = number.to_string();
        let date = format!("2026-01-{:02}T00:00:00Z", 1 + number % 31);
        let tag = ["planning", "tender", "award"][number % 3];
        let bytes = format!(
            r#"{{"ocid":"{ocid}","id":"{release_id}","date":"{date}","tag":["{tag}"],"tender":{{"title":"{title}"}}}}"#
        );
        // Of two items on a page with one key, the later is stored and the earlier rejected.
        let page = self.page_number();
        let before = self.truths.iter_mut().rev();
        for earlier in before.take_while(|earlier| earlier.page == page) {
            let is_superseded =
                matches!(&earlier.fate, Fate::Stored { ocid: known, .. } if *known == ocid);
            if is_superseded {
                earlier.fate = Fate::refused_for("superseded");
            }
        }
        let fate = Fate::Stored {
            ocid,
            release_id,
            date,
            tag,
            title: title.to_owned(),
        };
        self.push(bytes, fate);
    }

    fn push(&mut self, bytes: String, fate: Fate) {
        let page = self.page_number();
        let items = self.pages.last_mut().expect("a page was begun");
        let place = i64::try_from(items.len()).expect("a page is small");
        items.push(bytes.clone());
        self.truths.push(Truth {
            page,
            place,
            bytes,
            fate,
        });
    }

    /// Returns the number of the page that is being filled, counted from 1.
    fn page_number(&self) -> i64 {
        i64::try_from(self.pages.len()).expect("a feed is small")
    }
}

/// Selects `count` numbers below `of`.
fn choose(dice: &mut Dice, of: usize, count: usize) -> BTreeSet<usize> {
    let mut some = BTreeSet::new();
    while some.len() < count {
        some.insert(dice.index(of));
    }
    some
}

/// Makes an item that cannot be stored, with the reason. The number makes it unique.
fn make_bad_item(dice: &mut Dice, number: usize) -> (String, Fate) {
    let release = |rest: &str| format!(r#"{{"ocid":"poison-{number}","id":"{number}",{rest}}}"#);
    let mendable = |reason, served: &str, mended: &str| {
        let mended = Some(release(mended));
        (release(served), Fate::Refused { reason, mended })
    };
    let (bytes, reason) = match dice.roll(9) {
        0 => (
            format!(r#"{{"id":"{number}","tender":{{"title":"without an ocid"}}}}"#),
            "missing-ocid",
        ),
        1 => (
            format!(r#"{{"ocid":"poison-{number}","tender":{{"title":"without an id"}}}}"#),
            "missing-id",
        ),
        2 => (
            format!(r#"{{"ocid":["poison-{number}"],"id":"{number}"}}"#),
            "missing-ocid",
        ),
        3 => {
            let served = r#""title":"NUL \u0000""#;
            return mendable("nul-character", served, r#""title":"NUL ""#);
        }
        4 => {
            let served = r#""title":"half of a pair \ud800""#;
            let mended = "\"title\":\"half of a pair \u{fffd}\"";
            return mendable("lone-surrogate", served, mended);
        }
        5 => (release(r#""amount":1e131071"#), "large-number"),
        6 => {
            let deep = format!(r#""deep":{}1{}"#, "[".repeat(600), "]".repeat(600));
            (release(&deep), "too-deep")
        }
        7 => (format!("[{number}]"), "not-an-object"),
        _ => {
            // Too long for the index, and too random to be compressed.
            let mut ocid = String::new();
            while ocid.len() < 10_000 {
                write!(ocid, "{:x}", dice.roll(u64::MAX)).expect("a string");
            }
            (format!(r#"{{"ocid":"{ocid}","id":"{number}"}}"#), "refused")
        }
    };
    (bytes, Fate::refused_for(reason))
}
