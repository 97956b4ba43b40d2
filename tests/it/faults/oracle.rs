//! A feed made from a seed, and all that is true of it.

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
    Stored { ocid: String, release_id: String },
    /// It is in quarantine, and nowhere else.
    Refused,
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
                let bad = poison(dice, page);
                oracle.refuse(bad);
            }
            // what is on all pages says which of them was the last
            oracle.store(1_000_000, &format!("on every page, here {page}"));
        }
        oracle
    }

    /// The same with more poison: so many of a thousand items.
    pub(super) fn poisoned(dice: &mut Dice, pages: usize, of_a_thousand: u64) -> Self {
        let mut oracle = Self::empty(Way::Link);
        for page in 0..pages {
            oracle.pages.push(Items::new());
            for own in 0..100 {
                let number = page * 100 + own;
                if dice.roll(1_000) < of_a_thousand {
                    let bad = poison(dice, number);
                    oracle.refuse(bad);
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
        let refused = |truth: &&Truth| matches!(truth.fate, Fate::Refused);
        self.truths.iter().filter(refused).count()
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
        let bytes = format!(
            r#"{{"ocid":"{ocid}","id":"{release_id}","date":"2026-01-01T00:00:00Z","tender":{{"title":"{title}"}}}}"#
        );
        // of one key on one page the later is stored, and the earlier refused
        let page = self.page();
        let before = self.truths.iter_mut().rev();
        for earlier in before.take_while(|earlier| earlier.page == page) {
            let is_superseded =
                matches!(&earlier.fate, Fate::Stored { ocid: known, .. } if *known == ocid);
            if is_superseded {
                earlier.fate = Fate::Refused;
            }
        }
        self.push(bytes, Fate::Stored { ocid, release_id });
    }

    fn refuse(&mut self, bytes: String) {
        self.push(bytes, Fate::Refused);
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

/// Something that nobody can store, of a number that tells it from others.
fn poison(dice: &mut Dice, number: usize) -> String {
    let release = |rest: &str| format!(r#"{{"ocid":"poison-{number}","id":"{number}",{rest}}}"#);
    match dice.roll(9) {
        0 => format!(r#"{{"id":"{number}","tender":{{"title":"without an ocid"}}}}"#),
        1 => format!(r#"{{"ocid":"poison-{number}","tender":{{"title":"without an id"}}}}"#),
        2 => format!(r#"{{"ocid":["poison-{number}"],"id":"{number}"}}"#),
        3 => release(r#""title":"NUL \u0000""#),
        4 => release(r#""title":"half of a pair \ud800""#),
        5 => release(r#""amount":1e131071"#),
        6 => release(&format!(
            r#""deep":{}1{}"#,
            "[".repeat(600),
            "]".repeat(600)
        )),
        7 => format!("[{number}]"),
        _ => {
            // too long for the index, and too random to be compressed
            let mut ocid = String::new();
            while ocid.len() < 10_000 {
                write!(ocid, "{:x}", dice.roll(u64::MAX)).expect("a string");
            }
            format!(r#"{{"ocid":"{ocid}","id":"{number}"}}"#)
        }
    }
}
