//! Formats tables that people read on standard output.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanCount;

use crate::command::escape::escape;

/// Formats a table without lines between its cells. Each column is as wide as its contents, so
/// that programs such as `cut` can split it. Each cell is escaped, so that it stays on a single
/// line. Columns of numbers are aligned to the right.
pub(super) fn format_table<const N: usize>(
    header: [&str; N],
    numbers: &[usize],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for cells in rows {
        table.add_row(cells.map(|cell| escape(&cell).into_owned()));
    }
    table.trim_fmt()
}

/// Formats a number with thousands separators.
pub(super) fn format_number(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let sign = if number < 0 { "-" } else { "" };
    let absolute = u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", HumanCount(absolute))
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
