//! Room for the pages that are fetched and not yet durable: for so many, and for so
//! many bytes of them. What is read out of pages has room of the same kind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::fetch::Fetched;

/// What each page needs a [`Place`] in before it is asked for.
///
/// How large a page will be is not known by then: room is made for one about as large
/// as those before it. A page that is larger than all the room has it to itself, once
/// those before it have left; how large it may be at all, `fetch.max_decoded_bytes` says.
#[derive(Clone, Debug)]
pub struct Room {
    pages: Arc<Semaphore>,
    scale: Arc<Scale>,
}

impl Room {
    /// Room for so many pages, and for so many bytes of all of them together.
    #[must_use]
    pub fn new(pages: usize, bytes: usize) -> Self {
        Self {
            pages: Arc::new(Semaphore::new(pages)),
            scale: Arc::new(Scale {
                most: bytes,
                weight: Mutex::default(),
                lightened: Notify::new(),
            }),
        }
    }

    /// Waits until there is room for one more page, which is known to take so many bytes
    /// at the least. Of pages that must leave in an order, each has to enter in it.
    pub(crate) async fn enter(&self, at_least: usize) -> Place {
        let permit = Arc::clone(&self.pages).acquire_owned().await;
        let permit = permit.expect("nobody closes it");
        let bytes = self.scale.expect_one_more(at_least).await;
        Place {
            scale: Arc::clone(&self.scale),
            bytes,
            _permit: permit,
        }
    }
}

/// Room for one page, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    scale: Arc<Scale>,
    /// What the page weighs, or is expected to.
    bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Takes as many bytes of room as the page turned out to need.
    pub(crate) fn hold(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.scale.weigh(self.bytes, bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.scale.take_off(self.bytes);
    }
}

/// What all pages weigh together.
#[derive(Debug)]
struct Scale {
    most: usize,
    weight: Mutex<Weight>,
    lightened: Notify,
}

#[derive(Debug, Default)]
struct Weight {
    /// Of all pages that have a place.
    total: usize,
    /// What the next page is expected to weigh: as much as the last one, or half of what
    /// was expected of that, for one large page says little of those behind it.
    expected: usize,
}

impl Scale {
    fn weight(&self) -> MutexGuard<'_, Weight> {
        self.weight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for what is expected, takes it, and says how much.
    async fn expect_one_more(&self, at_least: usize) -> usize {
        loop {
            let lightened = self.lightened.notified();
            {
                let mut weight = self.weight();
                let Weight { total, expected } = *weight;
                let expected = expected.max(at_least);
                if total == 0 || total.saturating_add(expected) <= self.most {
                    weight.total += expected;
                    return expected;
                }
            }
            lightened.await;
        }
    }

    /// A page came that was expected to weigh so much.
    fn weigh(&self, expected: usize, bytes: usize) {
        let mut weight = self.weight();
        weight.total = weight.total - expected + bytes;
        weight.expected = bytes.max(weight.expected / 2);
        drop(weight);
        // there is more room, or less is expected
        self.lightened.notify_waiters();
    }

    fn take_off(&self, bytes: usize) {
        self.weight().total -= bytes;
        self.lightened.notify_waiters();
    }
}

impl Fetched {
    /// What it takes of memory until it is durable, beside what is read out of it: its
    /// documents, of which its releases are parts, and what was served in the place of
    /// others.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Fetched::Page(page) => page.bytes(),
            Fetched::Unchanged(_) => 0,
            Fetched::Unreadable(page) => page.body.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// A place for a page of so many bytes, if there is one now.
    fn enter(room: &Room, bytes: usize) -> Option<Place> {
        let mut place = room.enter(0).now_or_never()?;
        place.hold(bytes);
        Some(place)
    }

    #[test]
    fn there_is_room_for_so_many_pages_however_light() {
        let room = Room::new(2, 100);
        let first = enter(&room, 0);
        let second = enter(&room, 0);
        assert!(first.is_some() && second.is_some());
        assert!(enter(&room, 0).is_none());
        drop(first);
        assert!(enter(&room, 0).is_some());
    }

    #[test]
    fn there_is_room_for_so_many_bytes_of_pages_as_heavy_as_the_last() {
        let room = Room::new(10, 100);
        let first = enter(&room, 40).unwrap();
        let second = enter(&room, 40).unwrap();
        assert!(enter(&room, 40).is_none());
        drop(second);
        let third = enter(&room, 40);
        assert!(third.is_some());
        drop((first, third));
    }

    #[test]
    fn a_page_heavier_than_all_the_room_has_it_to_itself() {
        let room = Room::new(10, 100);
        let large = enter(&room, 1_000).unwrap();
        assert!(enter(&room, 1).is_none());
        drop(large);
        // another one like it is expected, and has to be alone again
        let small = enter(&room, 1).unwrap();
        assert!(enter(&room, 1).is_none());
        drop(small);
        // until enough small ones have come
        for _ in 0..5 {
            drop(enter(&room, 1).unwrap());
        }
        let held: Vec<Option<Place>> = (0..3).map(|_| enter(&room, 1)).collect();
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn a_page_that_is_known_to_be_heavy_waits_for_that_much_room() {
        let room = Room::new(10, 100);
        let light = enter(&room, 1).unwrap();
        assert!(room.enter(100).now_or_never().is_none());
        assert!(room.enter(99).now_or_never().is_some());
        drop(light);
        assert!(room.enter(1_000).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_for_bytes_is_let_in_when_a_page_leaves() {
        let room = Room::new(10, 100);
        let held = enter(&room, 90).unwrap();
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { drop(room.enter(0).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
    }
}
