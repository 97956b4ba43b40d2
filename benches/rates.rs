//! Collects and prints the rates that the benchmarks measure.

use std::fmt::Debug;
use std::ops::RangeBounds;
use std::time::Duration;

/// The rates of several methods. Each method has one rate for each round. All methods take turns
/// in a round, so that other work of the machine slows all of them.
#[derive(Default)]
pub(crate) struct Rates(Vec<(String, Vec<f64>)>);

impl Rates {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate needs no more than 52 bits"
    )]
    pub(crate) fn add(&mut self, method: &str, rows: usize, duration: Duration) {
        let rate = rows as f64 / duration.as_secs_f64();
        match self.0.iter_mut().find(|(name, _)| name == method) {
            Some((_, rates)) => rates.push(rate),
            None => self.0.push((method.to_owned(), vec![rate])),
        }
    }

    /// Returns the median of a method's rates, each divided by the rate of another method in the
    /// same round.
    pub(crate) fn median_ratio(&self, method: &str, base: &str) -> f64 {
        let rates = self.find_rates(method).iter().zip(self.find_rates(base));
        median(rates.map(|(rate, base)| rate / base).collect())
    }

    /// Returns the median rate of a method, in rows per second.
    pub(crate) fn median_rate(&self, method: &str) -> f64 {
        median(self.find_rates(method).to_vec())
    }

    fn find_rates(&self, method: &str) -> &[f64] {
        let found = self.0.iter().find(|(name, _)| name == method);
        found.map_or(&[], |(_, rates)| rates)
    }
}

/// Prints each method's median rate and its ratio to the method `base`. Each column has a title
/// and rates of the same methods.
pub(crate) fn print_rates(base: &str, columns: &[(&str, &Rates)]) {
    let longest = columns.iter().map(|(_, rates)| &rates.0);
    let longest = longest.max_by_key(|methods| methods.len());
    let methods = longest.into_iter().flatten();
    let names: Vec<&str> = methods.map(|(name, _)| &**name).collect();
    let width = 4 + names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or_default();
    let print_line = |name: &str, figures: &dyn Fn(&(&str, &Rates)) -> String| {
        let figures: String = columns.iter().map(figures).collect();
        println!("{}", format!("{name:<width$}{figures}").trim_end());
    };
    print_line("", &|(title, _)| format!("{title:>19}"));
    print_line("", &|_| format!("{:>10}{:>9}", "rows/s", "ratio"));
    for name in names {
        print_line(name, &|(_, rates)| match rates.median_rate(name) {
            rate if rate.is_nan() => format!("{:>10}{:>9}", "-", "-"),
            rate => format!("{rate:>10.0}{:>9.2}", rates.median_ratio(name, base)),
        });
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// Prints a figure, its goal, and whether the goal is met.
pub(crate) fn check_goal(what: &str, figure: f64, goal: impl RangeBounds<f64> + Debug) {
    let word = if goal.contains(&figure) {
        "met"
    } else {
        "MISSED"
    };
    println!("{what:<58}{figure:>10.2}  of {goal:?}: {word}");
}
