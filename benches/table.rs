//! Ways side by side with the loops that they replace.

use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::RangeBounds;

use crate::job::{Job, Link, Way};
use crate::stand::{Rates, Result, Stand, judge, print};

/// Ways of doing the same, a column for each number of rows or link.
pub(crate) struct Table<'r> {
    name: String,
    ways: Vec<Way>,
    columns: Vec<Column<'r>>,
}

struct Column<'r> {
    title: String,
    link: &'r Link,
    job: Job<'r>,
    rates: Rates,
    /// How many each way needs.
    statements: HashMap<Way, u64>,
}

impl<'r> Table<'r> {
    pub(crate) fn new(name: String, ways: Vec<Way>) -> Self {
        Self {
            name,
            ways,
            columns: Vec::new(),
        }
    }

    pub(crate) fn column(&mut self, title: String, link: &'r Link, job: Job<'r>) {
        self.columns.push(Column {
            title,
            link,
            job,
            rates: Rates::default(),
            statements: HashMap::new(),
        });
    }

    /// Measures all ways in turn, round after round, and prints their medians.
    pub(crate) async fn measure(&mut self, stand: &Stand, rounds: usize) -> Result<()> {
        for _ in 0..rounds {
            for column in &mut self.columns {
                for way in &self.ways {
                    let took = column.link.measure(stand, &column.job, *way).await?;
                    column.rates.add(&way.name(), took.rows, took.time);
                    column.statements.insert(*way, took.statements);
                }
            }
        }
        println!("\n{}, medians of {rounds} rounds", self.name);
        let columns = self.columns.iter();
        let columns: Vec<_> = columns.map(|c| (&*c.title, &c.rates)).collect();
        print(&Way::Loop.name(), &columns);
        self.print_scaled();
        Ok(())
    }

    /// Tells which figures are those of fewer rows.
    fn print_scaled(&self) {
        for Column {
            title, link, job, ..
        } in &self.columns
        {
            let all = job.values.len();
            let scaled = self.ways.iter().filter(|way| link.rows(**way, all) < all);
            let scaled: Vec<String> = scaled
                .map(|way| format!("{} of {}", way.name(), link.rows(*way, all)))
                .collect();
            if !scaled.is_empty() {
                println!("scaled to {title}: {}", scaled.join(", "));
            }
        }
    }

    fn of(&self, title: &str) -> &Column<'r> {
        let found = self.columns.iter().find(|column| column.title == title);
        found.expect("a column of the table")
    }

    /// How often as fast a way has to be as the loop with a commit for each row,
    /// and as the loop that leaves commits to the server.
    pub(crate) fn judge_loops(&self, title: &str, way: Way, [commit, autocommit]: [f64; 2]) {
        self.judge(title, way, Way::Loop, commit..);
        self.judge(title, way, Way::Autocommit, autocommit..);
    }

    /// How often as fast a way has to be as another.
    pub(crate) fn judge(
        &self,
        title: &str,
        way: Way,
        to: Way,
        wanted: impl RangeBounds<f64> + Debug,
    ) {
        let ratio = self.of(title).rates.ratio(&way.name(), &to.name());
        let what = format!("{title}, {} / {}", way.name(), to.name());
        judge(&what, ratio, wanted);
    }

    /// How long a way may take.
    pub(crate) fn judge_milliseconds(&self, title: &str, way: Way, most: f64) {
        let Column { job, rates, .. } = self.of(title);
        let milliseconds = job.values.len() as f64 * 1e3 / rates.rate(&way.name());
        judge(
            &format!("{title}, {}, ms", way.name()),
            milliseconds,
            ..most,
        );
    }

    /// By how much fewer statements than rows a way must have.
    pub(crate) fn judge_statements(&self, title: &str, way: Way, least: f64) {
        let Column {
            job, statements, ..
        } = self.of(title);
        let fewer = 1.0 - statements[&way] as f64 / job.values.len() as f64;
        judge(
            &format!("{title}, {}, statements spared", way.name()),
            fewer,
            least..,
        );
    }

    /// How much of its rate a way must keep with more rows.
    pub(crate) fn judge_growth(&self, [few, many]: [&str; 2], way: Way, least: f64) {
        let [few_rate, many_rate] = [few, many].map(|title| self.of(title).rates.rate(&way.name()));
        let what = format!("{}, rate of {many} / of {few}", way.name());
        judge(&what, many_rate / few_rate, least..);
    }
}
