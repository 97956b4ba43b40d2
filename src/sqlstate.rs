//! Decides for each SQLSTATE of PostgreSQL who caused a statement that writes rows to fail.
//!
//! The classes are those of Appendix A of PostgreSQL's manual.

use tokio_postgres::error::SqlState;

/// The cause of a statement that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// A row. The server refuses it each time, so it is rejected once it has failed alone.
    Row,
    /// A row, or a defect of a trigger, an extension or the server. It is the row if the server
    /// refuses that row alone twice and accepts others.
    RowOrDefect,
    /// A row that needs too many resources, or a server that has too few at the moment. The
    /// same test decides as for `RowOrDefect`.
    RowOrServer,
    /// The server, never a row: it is unreachable, damaged, full or busy.
    Server,
    /// The configuration: a wrong password, or a database that does not exist.
    Config,
    /// This program or the schema.
    Defect,
}

impl Blame {
    pub(crate) fn from_sqlstate(state: &SqlState) -> Self {
        let code = state.code();
        match code {
            // a timeout ended the transaction, or it is read-only after a failover
            "25006" | "25P03" | "25P04" => return Blame::Server,
            // out of memory; canceled, for example by statement_timeout
            "53200" | "57014" => return Blame::RowOrServer,
            // a lock was not available in time
            "55P03" => return Blame::Server,
            // a trigger raised it on purpose, like a check constraint
            "P0001" => return Blame::Row,
            // corrupted data, corrupted index
            "XX001" | "XX002" => return Blame::Server,
            _ => {}
        }
        match code.get(..2) {
            // cardinality, data, integrity constraint, check option of a view, program limit
            // (such as the length of an index key)
            Some("21" | "22" | "23" | "44" | "54") => Blame::Row,
            // connection, rollback (serialization, deadlock), resources, operator, system,
            // snapshot, configuration file, foreign data
            Some("08" | "40" | "53" | "57" | "58" | "72" | "F0" | "HV") => Blame::Server,
            // authorization, catalog name
            Some("28" | "3D") => Blame::Config,
            // success, warning, no data, statement not complete, feature, transaction
            // initiation and state, locator, grantor, role, diagnostics, cursor, statement
            // name, dependent privileges, transaction termination, cursor name, savepoint,
            // schema name, syntax and access rule, prerequisite state
            Some(
                "00" | "01" | "02" | "03" | "0A" | "0B" | "0F" | "0L" | "0P" | "0Z" | "24" | "25"
                | "26" | "2B" | "2D" | "34" | "3B" | "3F" | "42" | "55",
            ) => Blame::Defect,
            // triggered action, XQuery, case not found, triggered data change, SQL routine,
            // external routine, PL/pgSQL, internal error (for example jsonb that is too large),
            // and codes of triggers and extensions
            _ => Blame::RowOrDefect,
        }
    }

    /// Returns true if a row may have caused the failure, so that the other rows can be stored
    /// without it.
    pub(crate) fn can_be_row(self) -> bool {
        matches!(self, Blame::Row | Blame::RowOrDefect | Blame::RowOrServer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_the_manual_blames_what_it_is_about() {
        use Blame::{Config, Defect, Row, RowOrDefect, RowOrServer, Server};
        for (codes, blame) in [
            // 00 success, 01 warning, 02 no data, 03 SQL statement not yet complete
            (&["00000", "01000", "02000", "03000"][..], Defect),
            (
                &[
                    "08000", "08003", "08006", "08001", "08004", "08007", "08P01",
                ],
                Server,
            ),
            // triggered action exception
            (&["09000"], RowOrDefect),
            // feature not supported, invalid transaction initiation, locator, grantor, role,
            // diagnostics
            (
                &["0A000", "0B000", "0F000", "0L000", "0P000", "0Z000"],
                Defect,
            ),
            // XQuery error, case not found
            (&["10608", "20000"], RowOrDefect),
            // cardinality violation
            (&["21000"], Row),
            // data exception: too long, out of range, NUL, invalid text, jsonb
            (&["22000", "22001", "22003", "22021", "22P02", "22P05"], Row),
            // integrity constraint violation
            (&["23000", "23502", "23503", "23505", "23514", "23P01"], Row),
            (&["24000"], Defect),
            // invalid transaction state: read-only, ended by a timeout
            (&["25006", "25P03", "25P04"], Server),
            (&["25000", "25001", "25P01", "25P02"], Defect),
            (&["26000"], Defect),
            // triggered data change violation
            (&["27000"], RowOrDefect),
            (&["28000", "28P01"], Config),
            (&["2B000", "2BP01", "2D000"], Defect),
            // SQL routine exception
            (&["2F000", "2F005"], RowOrDefect),
            (&["34000"], Defect),
            // external routine exception and invocation
            (&["38000", "39000", "39P01"], RowOrDefect),
            (&["3B000", "3B001"], Defect),
            (&["3D000"], Config),
            (&["3F000"], Defect),
            // transaction rollback: serialization, deadlock
            (&["40000", "40001", "40002", "40003", "40P01"], Server),
            // syntax error or access rule violation: missing column, table or privilege
            (&["42000", "42501", "42601", "42703", "42P01"], Defect),
            (&["44000"], Row),
            // insufficient resources: disk, memory, connections, a setting
            (&["53000", "53100", "53300", "53400"], Server),
            (&["53200"], RowOrServer),
            // program limit exceeded: index keys, jsonb strings, stack
            (&["54000", "54001", "54011", "54023"], Row),
            (&["55000", "55006", "55P02"], Defect),
            (&["55P03"], Server),
            // operator intervention: shutdown, crash, starting up
            (
                &["57000", "57P01", "57P02", "57P03", "57P04", "57P05"],
                Server,
            ),
            (&["57014"], RowOrServer),
            // system error
            (&["58000", "58030", "58P01", "58P02"], Server),
            (&["72000", "F0000", "F0001"], Server),
            // foreign data wrapper error
            (&["HV000", "HV00N"], Server),
            // PL/pgSQL error
            (&["P0001"], Row),
            (&["P0000", "P0002", "P0003", "P0004"], RowOrDefect),
            (&["XX000"], RowOrDefect),
            (&["XX001", "XX002"], Server),
            // codes of a trigger or an extension
            (&["OC001", "ZZ999"], RowOrDefect),
        ] {
            for code in codes {
                assert_eq!(
                    Blame::from_sqlstate(&SqlState::from_code(code)),
                    blame,
                    "{code}"
                );
            }
        }
    }
}
