//! Tests rows that cannot be stored, few and many.

use super::{Stand, invariants};
use crate::dice::Dice;
use crate::faults::oracle::Oracle;
use crate::harness::{Ingest, LINK, SOURCE};

const PAGES: usize = 20;

#[tokio::test]
async fn poison_is_in_quarantine_and_stops_a_run_beyond_its_ratio() {
    for (of_a_thousand, code) in [(1, 0), (10, 0), (500, 5), (1_000, 5)] {
        let ingest = Ingest::new().await;
        let mut dice = Dice::new();
        let oracle = Oracle::poisoned(&mut dice, PAGES, of_a_thousand);
        let mut stand = Stand::of(ingest, dice, oracle).await;
        stand.ingest.configure("[sink]\nmax_bad_ratio = 0.15");
        let when = stand.when(&format!("{of_a_thousand} of a thousand"));
        let refused = stand.oracle.count_refused();
        let poisonous = (stand.oracle.truths.len() * of_a_thousand / 1_000).max(1);
        assert_eq!(refused, poisonous, "{when}");
        let ran = stand.start().end().await.expect(code);
        invariants::expect_always(&stand.ingest.client, &when).await;
        if code == 5 {
            // The run has read the first thousand, which it must, and little more.
            let seen = ran.report()["releases"].as_u64().unwrap();
            assert!((1_000..1_500).contains(&seen), "{when}: {seen}");
            stand.start().end().await.expect(5);
        }
        stand.ingest.configure("[sink]\nmax_bad_ratio = 1.0");
        stand.start().end().await.expect(0);
        assert_eq!(stand.ingest.count("quarantine").await, refused, "{when}");
        stand.expect_all(&when).await;
    }
}

#[tokio::test]
async fn a_repair_that_is_declared_afterwards_brings_back_what_it_can() {
    let ingest = Ingest::new().await;
    let mut dice = Dice::new();
    let oracle = Oracle::poisoned(&mut dice, 2, 500);
    let mut stand = Stand::of(ingest, dice, oracle).await;
    stand.start().end().await.expect(0);
    let when = stand.when("before a replay");
    invariants::expect_all(&stand.ingest.client, &when).await;
    let mendable = stand.oracle.count_mendable();
    assert!(mendable > 0, "{when}");
    let stored = stand.ingest.count("release").await;

    let repairing = format!("{LINK}\ndecode = {{ repair = [\"nul\", \"lone-surrogate\"] }}");
    stand.ingest.declare(&stand.publisher, &repairing);
    let replay = ["quarantine", "replay", "--source", SOURCE];
    stand.ingest.program(&replay).await.expect(0);
    assert_eq!(stand.ingest.count("release").await, stored + mendable);
    invariants::expect_mended(&stand.ingest.client, &stand.when("after a replay")).await;
}
