//! A feed made from a seed, and all that is true of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::dice::Dice;
use crate::harness::{LINK, NUMBER};
use crate::publisher::{Feed, Items};

/// An item of a page, and what has to become of it.
pub(super) struct Truth {
    pub(super) page: i64,
    /// Counted within its page.
    pub(super) place: i64,
    pub(super) bytes: String,
    pub(super) fate: Fate,
}

/// What becomes of an item.
pub(super) enum Fate {
    /// It is a row, unless a later page has another one of its key.
    Stored {
        ocid: String,
        release_id: String,
        date: String,
        tag: &'static str,
        title: String,
    },
    /// It is in quarantine, and nowhere else.
    Refused {
        reason: &'static str,
        /// What the repair that is named after the reason makes of it, if there is one.
        mended: Option<String>,
    },
}

impl Fate {
    /// It is refused for a reason that no repair is named after.
    fn of(reason: &'static str) -> Self {
        let mended = None;
        Self::Refused { reason, mended }
    }
}

/// The pages of a feed: releases of their own, releases of keys that come again on
/// later pages or on the same one, and what nobody can store.
pub(super) struct Oracle {
    pub(super) truths: Vec<Truth>,
    pages: Vec<Items>,
    way: Way,
}

/// How a feed leads from page to page.
#[derive(Clone, Copy)]
enum Way {
    /// Each names the next.
    Link,
    /// All have numbers, so that several are asked for at once.
    Number,
}

/// How many pages with numbers are asked for at once.
const AT_ONCE: u32 = 3;

/// The releases of a page that no other has.
const OWN: usize = 8;

/// The items of each page of poison.
const EACH: usize = 100;

impl Oracle {
    pub(super) fn new(dice: &mut Dice, pages: usize) -> Self {
        let ways = [Way::Link, Way::Number];
        let mut oracle = Self::empty(ways[dice.index(ways.len())]);
        for page in 0..pages {
            oracle.pages.push(Items::new());
            for own in 0..OWN {
                oracle.store(page * OWN + own, &format!("own of {page}"));
            }
            // a correction of what an earlier page has, or of this one itself
            let earlier = dice.index((page + 1) * OWN);
            oracle.store(earlier, &format!("again on {page}"));
            if dice.roll(3) == 0 {
                let (bytes, fate) = poison(dice, page);
                oracle.push(bytes, fate);
            }
            // what is on all pages says which of them was the last
            oracle.store(1_000_000, &format!("on every page, here {page}"));
        }
        oracle
    }

    /// The same with more poison: so many of a thousand items, and one at least.
    pub(super) fn poisoned(dice: &mut Dice, pages: usize, of_a_thousand: usize) -> Self {
        let mut oracle = Self::empty(Way::Link);
        let items = pages * EACH;
        let bad = some(dice, items, (items * of_a_thousand / 1_000).max(1));
        for page in 0..pages {
            oracle.pages.push(Items::new());
            for number in page * EACH..(page + 1) * EACH {
                if bad.contains(&number) {
                    let (bytes, fate) = poison(dice, number);
                    oracle.push(bytes, fate);
                } else {
                    oracle.store(number, "sound");
                }
            }
        }
        oracle
    }

    fn empty(way: Way) -> Self {
        Self {
            truths: Vec::new(),
            pages: Vec::new(),
            way,
        }
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn count_refused(&self) -> usize {
        let refused = |truth: &&Truth| matches!(truth.fate, Fate::Refused { .. });
        self.truths.iter().filter(refused).count()
    }

    /// How many of them a repair brings back.
    pub(super) fn count_mendable(&self) -> usize {
        let mendable = |truth: &&Truth| matches!(&truth.fate, Fate::Refused { mended, .. } if mended.is_some());
        self.truths.iter().filter(mendable).count()
    }

    /// A feed of them.
    pub(super) fn feed(&self) -> Feed {
        self.feed_of(self.pages.clone())
    }

    /// A feed of other pages that leads on as this one does.
    pub(super) fn feed_of(&self, pages: Vec<Items>) -> Feed {
        match self.way {
            Way::Link => Feed::link(pages),
            Way::Number => Feed::number(pages),
        }
    }

    /// What is declared of its source.
    pub(super) fn table(&self) -> String {
        match self.way {
            Way::Link => LINK.to_owned(),
            Way::Number => format!("{NUMBER}\nhttp = {{ concurrency = {AT_ONCE} }}"),
        }
    }

    /// How long its publisher thinks about each page, so that the feed lasts as long
    /// whichever way it leads on.
    pub(super) fn thought(&self, each: Duration) -> Duration {
        match self.way {
            Way::Link => each,
            Way::Number => each * AT_ONCE,
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
        // of one key on one page the later is stored, and the earlier refused
        let page = self.page();
        let before = self.truths.iter_mut().rev();
        for earlier in before.take_while(|earlier| earlier.page == page) {
            let is_superseded =
                matches!(&earlier.fate, Fate::Stored { ocid: known, .. } if *known == ocid);
            if is_superseded {
                earlier.fate = Fate::of("superseded");
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
        let page = self.page();
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

    /// The number of the page that is being filled, counted from 1.
    fn page(&self) -> i64 {
        i64::try_from(self.pages.len()).expect("a feed is small")
    }
}

/// So many numbers of those below `of`.
fn some(dice: &mut Dice, of: usize, count: usize) -> BTreeSet<usize> {
    let mut some = BTreeSet::new();
    while some.len() < count {
        some.insert(dice.index(of));
    }
    some
}

/// Something that nobody can store, of a number that tells it from others, and why.
fn poison(dice: &mut Dice, number: usize) -> (String, Fate) {
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
            // too long for the index, and too random to be compressed
            let mut ocid = String::new();
            while ocid.len() < 10_000 {
                write!(ocid, "{:x}", dice.roll(u64::MAX)).expect("a string");
            }
            (format!(r#"{{"ocid":"{ocid}","id":"{number}"}}"#), "refused")
        }
    };
    (bytes, Fate::of(reason))
}
