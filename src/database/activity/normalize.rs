//! Normalizes the text of a statement, so that similar statements have the same text.

/// Removes comments and needless white space, writes each constant and each parameter as `$n`,
/// and writes the rows of a `values` list as one `(…)`. So a batch of 100 rows and a batch of 7
/// rows have the same text.
///
/// The server itself removes constants only from statements that it plans. It keeps the constants
/// of `copy` and of other statements.
pub(super) fn normalize_statement(sql: &str) -> String {
    let tokens = split_tokens(sql);
    let mut normalized = String::new();
    let mut rest = &tokens[..];
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        if token.has_space_before && !normalized.is_empty() {
            normalized.push(' ');
        }
        normalized.push_str(token.text);
        if token.text.eq_ignore_ascii_case("values")
            && let Some(after) = skip_rows(rest)
        {
            normalized.push_str(" (…)");
            rest = after;
        }
    }
    normalized
}

struct Token<'a> {
    text: &'a str,
    has_space_before: bool,
}

/// Skips rows such as `($1, $2), ($3, $4)`. Returns `None` if the tokens do not begin with a row.
fn skip_rows<'a, 'b>(mut tokens: &'b [Token<'a>]) -> Option<&'b [Token<'a>]> {
    loop {
        tokens = skip_row(tokens)?;
        match tokens {
            [comma, rest @ ..] if comma.text == "," => tokens = rest,
            _ => return Some(tokens),
        }
    }
}

fn skip_row<'a, 'b>(tokens: &'b [Token<'a>]) -> Option<&'b [Token<'a>]> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (token.text == ")").then(|| &tokens[index + 1..]);
        }
    }
    None
}

/// The text that replaces a constant or a parameter.
const CONSTANT: &str = "$n";

fn split_tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut has_space_before = false;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = skip_space_or_comment(rest, first) {
            has_space_before = true;
            rest = after;
            continue;
        }
        let (text, after) = split_first_token(rest, first);
        tokens.push(Token {
            text,
            has_space_before,
        });
        has_space_before = false;
        rest = after;
    }
    tokens
}

/// Skips white space or a comment at the beginning of a text. Returns `None` if the text begins
/// with neither.
fn skip_space_or_comment(sql: &str, first: char) -> Option<&str> {
    if first.is_whitespace() {
        return Some(sql.trim_start());
    }
    if let Some(comment) = sql.strip_prefix("--") {
        return Some(comment.split_once('\n').map_or("", |(_, after)| after));
    }
    sql.strip_prefix("/*").map(skip_comment)
}

/// Skips the rest of a comment. Comments may be nested.
fn skip_comment(mut sql: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = sql.find(['/', '*']) else {
            return "";
        };
        let mark = sql.get(at..at + 2).unwrap_or_default();
        match mark {
            "/*" => depth += 1,
            "*/" => depth -= 1,
            _ => {
                sql = &sql[at + 1..];
                continue;
            }
        }
        sql = &sql[at + 2..];
    }
    sql
}

/// Splits the first token from a text. If the token has no end, it is the whole text.
fn split_first_token(sql: &str, first: char) -> (&str, &str) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let word = sql.split_at(sql.find(|c| !is_word(c)).unwrap_or(sql.len()));
    match first {
        '\'' => (CONSTANT, skip_quoted(sql, '\'')),
        '"' => {
            let after = skip_quoted(sql, '"');
            (&sql[..sql.len() - after.len()], after)
        }
        '$' => (CONSTANT, skip_dollar_quoted(sql).unwrap_or(word.1)),
        '0'..='9' => (CONSTANT, sql.trim_start_matches(|c| is_word(c) || c == '.')),
        'e' | 'E' if sql[1..].starts_with('\'') => (CONSTANT, skip_escaped(&sql[2..])),
        c if is_word(c) => word,
        c => sql.split_at(c.len_utf8()),
    }
}

/// Skips a quoted text. In it, a doubled quote stands for a single one.
fn skip_quoted(sql: &str, quote: char) -> &str {
    let mut rest = &sql[1..];
    while let Some((_, after)) = rest.split_once(quote) {
        let Some(doubled) = after.strip_prefix(quote) else {
            return after;
        };
        rest = doubled;
    }
    ""
}

/// Skips the rest of a quoted text. In it, a backslash escapes the next character.
fn skip_escaped(inside: &str) -> &str {
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\'' if !chars.as_str().starts_with('\'') => return chars.as_str(),
            '\'' => drop(chars.next()),
            _ => {}
        }
    }
    ""
}

/// Skips a text that is quoted as `$tag$ … $tag$`. Returns `None` if the text is a parameter.
fn skip_dollar_quoted(sql: &str) -> Option<&str> {
    let tag_end = sql[1..].find('$')? + 2;
    let tag = &sql[..tag_end];
    let is_tag = |c: char| c.is_alphanumeric() || c == '_';
    let name = &tag[1..tag_end - 1];
    if !name.chars().all(is_tag) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let inside = &sql[tag_end..];
    Some(inside.split_once(tag).map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normalize_statement;

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        assert_eq!(normalize_statement(sql), expected);
    }

    #[test]
    fn batches_of_any_size_have_one_text() {
        let tail = "on conflict (\"ocid\") do update set \"date\" = excluded.\"date\" returning $1";
        let expected = "insert into \"ocds\".\"release\" (\"ocid\", \"date\") values (…) \
            on conflict (\"ocid\") do update set \"date\" = excluded.\"date\" returning $n";
        for rows in [
            "($1, $2)",
            "($1, $2), ($1, $3)",
            "($1,$2::numeric(10, 2)),($1,now())",
        ] {
            let sql = format!(
                "insert into \"ocds\".\"release\" (\"ocid\", \"date\") values {rows} {tail}"
            );
            check(&sql, expected);
        }
    }

    #[test]
    fn rows_in_the_middle_of_a_statement_are_written_as_one() {
        check(
            "update ocds.release as r set date = v.date from (VALUES ($1, $2), ($3, $4)) as v (ocid, date) where r.ocid = v.ocid",
            "update ocds.release as r set date = v.date from (VALUES (…)) as v (ocid, date) where r.ocid = v.ocid",
        );
        check("select values from t", "select values from t");
        check("values (", "values (");
    }

    #[test]
    fn comments_and_white_space_are_removed() {
        check(
            "-- Each source.\nselect /* all\n of it */ count(*)\n    from ocds.run -- and so on",
            "select count(*) from ocds.run",
        );
    }

    #[test]
    fn no_constant_is_left() {
        for constant in [
            "'secret'",
            "'se''cret'",
            r"e'se\'cret'",
            r"E'secret\\'",
            "$$secret$$",
            "$tag$sec$ret$tag$",
            "$12",
            "42",
            "4.2e10",
        ] {
            let sql = format!("copy (select 1 from ocds.run where a = {constant} and b) to stdout");
            let found = normalize_statement(&sql);
            let expected = "copy (select $n from ocds.run where a = $n";
            assert!(found.starts_with(expected), "{constant}: {found}");
            assert!(found.ends_with("and b) to stdout"), "{constant}: {found}");
            assert!(!found.contains("cret"), "{constant}: {found}");
        }
        check("select 'never ends", "select $n");
    }

    #[test]
    fn names_stay_as_they_are() {
        check(
            "select t1.\"od\"\"d 'name\", été from ocds.t1",
            "select t1.\"od\"\"d 'name\", été from ocds.t1",
        );
    }

    proptest! {
        #[test]
        fn any_text_is_normalized(sql in "[a-z0-9 '\"$()\\\\é,/*-]{0,60}") {
            normalize_statement(&sql);
        }
    }
}
