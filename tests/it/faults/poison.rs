//! Tests rows that cannot be stored, few and many.

use super::{FaultTest, invariants};
use crate::dice::Dice;
use crate::faults::oracle::Oracle;
use crate::harness::{Ingest, LINK, SOURCE};

const PAGES: usize = 20;

#[tokio::test]
async fn bad_items_are_rejected_and_stop_a_run_beyond_the_ratio() {
    for (of_a_thousand, code) in [(1, 0), (10, 0), (500, 5), (1_000, 5)] {
        let ingest = Ingest::new().await;
        let mut dice = Dice::new();
        let oracle = Oracle::with_bad_items(&mut dice, PAGES, of_a_thousand);
        let mut test = FaultTest::with_oracle(ingest, dice, oracle).await;
        test.ingest.configure("[sink]\nmax_bad_ratio = 0.15");
        let when = test.describe(&format!("{of_a_thousand} of a thousand"));
        let refused = test.oracle.count_refused();
        let poisonous = (test.oracle.truths.len() * of_a_thousand / 1_000).max(1);
        assert_eq!(refused, poisonous, "{when}");
        let ran = test.start().wait().await.expect(code);
        invariants::expect_always(&test.ingest.client, &when).await;
        if code == 5 {
            // The run has read the first thousand, which it must, and little more.
            let seen = ran.report()["releases"].as_u64().unwrap();
            assert!((1_000..1_500).contains(&seen), "{when}: {seen}");
            test.start().wait().await.expect(5);
        }
        test.ingest.configure("[sink]\nmax_bad_ratio = 1.0");
        test.start().wait().await.expect(0);
        assert_eq!(test.ingest.count("quarantine").await, refused, "{when}");
        test.expect_all(&when).await;
    }
}

#[tokio::test]
async fn a_repair_declared_later_stores_what_it_can() {
    let ingest = Ingest::new().await;
    let mut dice = Dice::new();
    let oracle = Oracle::with_bad_items(&mut dice, 2, 500);
    let mut test = FaultTest::with_oracle(ingest, dice, oracle).await;
    test.start().wait().await.expect(0);
    let when = test.describe("before a replay");
    invariants::expect_all(&test.ingest.client, &when).await;
    let mendable = test.oracle.count_repairable();
    assert!(mendable > 0, "{when}");
    let stored = test.ingest.count("release").await;

    let repairing = format!("{LINK}\ndecode = {{ repair = [\"nul\", \"lone-surrogate\"] }}");
    test.ingest.declare(&test.publisher, &repairing);
    let replay = ["quarantine", "replay", "--source", SOURCE];
    test.ingest.call(&replay).await.expect(0);
    assert_eq!(test.ingest.count("release").await, stored + mendable);
    invariants::expect_after_replay(&test.ingest.client, &test.describe("after a replay")).await;
}
