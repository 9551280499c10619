//! Queries that the database servers understand, and what their tables hold.

use super::text;

/// The table that a `SELECT` reads; `upper` is the query in capitals.
pub(super) fn table_name<'a>(query: &'a str, upper: &str) -> Option<&'a str> {
    if !upper.starts_with("SELECT") {
        return None;
    }
    let at = upper.find(" FROM ")? + 6;
    query.get(at..)?.split_whitespace().next()
}

/// The number after `LIMIT`.
pub(super) fn limit(upper: &str) -> Option<u32> {
    let at = upper.find(" LIMIT ")? + 7;
    upper.get(at..)?.split_whitespace().next()?.parse().ok()
}

/// `column-row-` and filling, or the row number in a column called `id`.
pub(super) fn value(column: &str, row: u32, len: u16) -> Vec<u8> {
    if column == "id" {
        return row.to_string().into_bytes();
    }
    let mut value = format!("{column}-{row}-").into_bytes();
    let filling = text::prose(u32::from(len));
    let missing = usize::from(len).saturating_sub(value.len());
    value.extend(
        filling
            .iter()
            .filter(|octet| **octet != b'\n')
            .take(missing),
    );
    value.resize(usize::from(len).max(1), b'.');
    value
}
