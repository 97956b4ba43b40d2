//! Tables for people, on standard output.

use std::fmt;

use comfy_table::{CellAlignment, presets};

use crate::command::escape::escape;

/// A table without lines. It is as wide as its contents, so that its columns can be cut.
pub(super) struct Table(comfy_table::Table);

/// Creates a table with these column names.
pub(super) fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    Table(table)
}

impl Table {
    /// Adds a row. Each cell is escaped to a single line.
    pub(super) fn add_row(&mut self, cells: impl IntoIterator<Item = impl ToString>) {
        let cells = cells.into_iter();
        let cells = cells.map(|cell| escape(&cell.to_string()).into_owned());
        self.0.add_row(cells.collect::<Vec<_>>());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

/// Aligns columns of numbers to the right.
pub(super) fn align_right(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.0.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Formats a number with thousands separators.
pub(super) fn format_number(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        let cases: [(i64, &str); 5] = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (-12_345, "-12,345"),
            (1_000_000, "1,000,000"),
        ];
        for (number, text) in cases {
            assert_eq!(super::format_number(number), text);
        }
    }
}
