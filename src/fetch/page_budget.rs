//! Limits how many pages are in memory between their request and their commit, and how many bytes
//! they have together. What is read out of pages has another budget of this kind.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Gives out the [`Permit`] that each page needs before it is requested.
///
/// The size of a page is not known before it arrives, so it is expected to be like that of the
/// pages before it. A page that is larger than the whole budget waits until it is alone in
/// memory; `fetch.max_decoded_bytes` limits its size.
#[derive(Clone, Debug)]
pub struct PageBudget {
    pages: Arc<Semaphore>,
    bytes: Arc<ByteBudget>,
}

impl PageBudget {
    /// Makes a budget for `pages` pages that have at most `bytes` bytes together.
    #[must_use]
    pub fn new(pages: usize, bytes: usize) -> Self {
        Self {
            pages: Arc::new(Semaphore::new(pages)),
            bytes: Arc::new(ByteBudget {
                most: bytes,
                usage: Mutex::default(),
                freed: Notify::new(),
            }),
        }
    }

    /// Waits until one more page is allowed. The page has at least `at_least` bytes. If pages
    /// must leave in an order, their permits have to be acquired in the same order.
    pub(crate) async fn acquire(&self, at_least: usize) -> Permit {
        let permit = Arc::clone(&self.pages).acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let bytes = self.bytes.reserve(at_least).await;
        Permit {
            budget: Arc::clone(&self.bytes),
            bytes,
            _permit: permit,
        }
    }
}

/// The right to hold one page in memory. Dropping it returns the right to the budget.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<ByteBudget>,
    /// The number of bytes that the page has, or is expected to have.
    bytes: usize,
    _permit: OwnedSemaphorePermit,
}

impl Permit {
    pub(crate) fn set_bytes(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.budget.replace(self.bytes, bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

#[derive(Debug)]
struct ByteBudget {
    most: usize,
    usage: Mutex<Usage>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Usage {
    total: usize,
    /// The number of bytes that the next page is expected to have. It is the size of the last
    /// page, but at least half of the size expected before, because one page says little about
    /// the next ones.
    expected: usize,
}

impl ByteBudget {
    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the expected bytes of one more page fit into the budget. Returns their number.
    async fn reserve(&self, at_least: usize) -> usize {
        loop {
            let freed = self.freed.notified();
            {
                let mut usage = self.usage();
                let Usage { total, expected } = *usage;
                let expected = expected.max(at_least);
                if total == 0 || total.saturating_add(expected) <= self.most {
                    usage.total += expected;
                    return expected;
                }
            }
            freed.await;
        }
    }

    /// Replaces the expected bytes of a page by the bytes that it has.
    fn replace(&self, expected: usize, bytes: usize) {
        let mut usage = self.usage();
        usage.total = usage.total - expected + bytes;
        usage.expected = bytes.max(usage.expected / 2);
        drop(usage);
        // others are woken, because more bytes are free now or fewer are expected of the next
        // page
        self.freed.notify_waiters();
    }

    fn release(&self, bytes: usize) {
        self.usage().total -= bytes;
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// Returns a permit for a page of this size, if the budget has one now.
    fn acquire(budget: &PageBudget, bytes: usize) -> Option<Permit> {
        let mut permit = budget.acquire(0).now_or_never()?;
        permit.set_bytes(bytes);
        Some(permit)
    }

    #[test]
    fn so_many_pages_are_allowed_however_small() {
        let budget = PageBudget::new(2, 100);
        let first = acquire(&budget, 0);
        let second = acquire(&budget, 0);
        assert!(first.is_some() && second.is_some());
        assert!(acquire(&budget, 0).is_none());
        drop(first);
        assert!(acquire(&budget, 0).is_some());
    }

    #[test]
    fn so_many_bytes_are_allowed_of_pages_as_large_as_the_last() {
        let budget = PageBudget::new(10, 100);
        let first = acquire(&budget, 40).unwrap();
        let second = acquire(&budget, 40).unwrap();
        assert!(acquire(&budget, 40).is_none());
        drop(second);
        let third = acquire(&budget, 40);
        assert!(third.is_some());
        drop((first, third));
    }

    #[test]
    fn a_page_larger_than_the_budget_has_it_to_itself() {
        let budget = PageBudget::new(10, 100);
        let large = acquire(&budget, 1_000).unwrap();
        assert!(acquire(&budget, 1).is_none());
        drop(large);
        // the next page is expected to be as large, so it has to be alone again
        let small = acquire(&budget, 1).unwrap();
        assert!(acquire(&budget, 1).is_none());
        drop(small);
        // until enough small pages have come
        for _ in 0..5 {
            drop(acquire(&budget, 1).unwrap());
        }
        let held: Vec<Option<Permit>> = (0..3).map(|_| acquire(&budget, 1)).collect();
        assert!(held.iter().all(Option::is_some));
    }

    #[test]
    fn a_page_that_is_known_to_be_large_waits_for_that_many_bytes() {
        let budget = PageBudget::new(10, 100);
        let small = acquire(&budget, 1).unwrap();
        assert!(budget.acquire(100).now_or_never().is_none());
        assert!(budget.acquire(99).now_or_never().is_some());
        drop(small);
        assert!(budget.acquire(1_000).now_or_never().is_some());
    }

    #[tokio::test]
    async fn whoever_waits_for_bytes_goes_on_when_a_page_leaves() {
        let budget = PageBudget::new(10, 100);
        let held = acquire(&budget, 90).unwrap();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { drop(budget.acquire(0).await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        waiting.await.unwrap();
    }
}
