//! Compares methods of writing rows with the loops that they replace.

use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::RangeBounds;

use crate::job::{Job, Link, WriteMethod};
use crate::rates::{Rates, check_goal, print_rates};
use crate::server::{BenchServer, Result};

/// A comparison of methods. It has a column for each number of rows or for each link.
pub(crate) struct Comparison<'r> {
    name: String,
    methods: Vec<WriteMethod>,
    columns: Vec<Column<'r>>,
}

struct Column<'r> {
    title: String,
    link: &'r Link,
    job: Job<'r>,
    rates: Rates,
    /// The number of statements that each method needed.
    statements: HashMap<WriteMethod, u64>,
}

impl<'r> Comparison<'r> {
    pub(crate) fn new(name: String, methods: Vec<WriteMethod>) -> Self {
        Self {
            name,
            methods,
            columns: Vec::new(),
        }
    }

    pub(crate) fn add_column(&mut self, title: String, link: &'r Link, job: Job<'r>) {
        self.columns.push(Column {
            title,
            link,
            job,
            rates: Rates::default(),
            statements: HashMap::new(),
        });
    }

    /// Measures all methods in turn, round after round, and prints the median of each.
    pub(crate) async fn measure(&mut self, server: &BenchServer, rounds: usize) -> Result<()> {
        for _ in 0..rounds {
            for column in &mut self.columns {
                for method in &self.methods {
                    let measurement = column.link.measure(server, &column.job, *method).await?;
                    column
                        .rates
                        .add(&method.name(), measurement.rows, measurement.time);
                    column.statements.insert(*method, measurement.statements);
                }
            }
        }
        println!("\n{}, medians of {rounds} rounds", self.name);
        let columns = self.columns.iter();
        let columns: Vec<_> = columns.map(|c| (&*c.title, &c.rates)).collect();
        print_rates(&WriteMethod::Loop.name(), &columns);
        self.print_reduced_rows();
        Ok(())
    }

    /// Prints the methods that were measured with fewer rows than the others.
    fn print_reduced_rows(&self) {
        for Column {
            title, link, job, ..
        } in &self.columns
        {
            let all = job.values.len();
            let reduced = self
                .methods
                .iter()
                .filter(|method| link.limit_rows(**method, all) < all);
            let reduced: Vec<String> = reduced
                .map(|method| format!("{} ({} rows)", method.name(), link.limit_rows(*method, all)))
                .collect();
            if !reduced.is_empty() {
                println!("{title}, measured with fewer rows: {}", reduced.join(", "));
            }
        }
    }

    fn find_column(&self, title: &str) -> &Column<'r> {
        let found = self.columns.iter().find(|column| column.title == title);
        found.expect("a column of the table")
    }

    /// Checks how many times faster a method is than the loop with commits, and than the loop of
    /// autocommit.
    pub(crate) fn check_loops(
        &self,
        title: &str,
        method: WriteMethod,
        [commit, autocommit]: [f64; 2],
    ) {
        self.check_goal(title, method, WriteMethod::Loop, commit..);
        self.check_goal(title, method, WriteMethod::Autocommit, autocommit..);
    }

    /// Checks the ratio of a method's rate to the rate of the method `base`.
    pub(crate) fn check_goal(
        &self,
        title: &str,
        method: WriteMethod,
        base: WriteMethod,
        goal: impl RangeBounds<f64> + Debug,
    ) {
        let ratio = self
            .find_column(title)
            .rates
            .median_ratio(&method.name(), &base.name());
        let what = format!("{title}, {} / {}", method.name(), base.name());
        check_goal(&what, ratio, goal);
    }

    /// Checks how many milliseconds a method takes.
    pub(crate) fn check_milliseconds(&self, title: &str, method: WriteMethod, most: f64) {
        let Column { job, rates, .. } = self.find_column(title);
        let milliseconds = job.values.len() as f64 * 1e3 / rates.median_rate(&method.name());
        check_goal(
            &format!("{title}, {}, ms", method.name()),
            milliseconds,
            ..most,
        );
    }

    /// Checks the share of rows that need no statement of their own.
    pub(crate) fn check_statements(&self, title: &str, method: WriteMethod, least: f64) {
        let Column {
            job, statements, ..
        } = self.find_column(title);
        let fewer = 1.0 - statements[&method] as f64 / job.values.len() as f64;
        check_goal(
            &format!("{title}, {}, statements saved", method.name()),
            fewer,
            least..,
        );
    }

    /// Checks how much of its rate a method keeps when it writes more rows.
    pub(crate) fn check_growth(&self, [few, many]: [&str; 2], method: WriteMethod, least: f64) {
        let [few_rate, many_rate] =
            [few, many].map(|title| self.find_column(title).rates.median_rate(&method.name()));
        let what = format!("{}, rate of {many} / of {few}", method.name());
        check_goal(&what, many_rate / few_rate, least..);
    }
}
