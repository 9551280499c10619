//! Answers to simple queries (PostgreSQL 15 documentation, section 55.2.2).

use bytes::{BufMut, Bytes, BytesMut};
use wirelab_model::SmolStr;

use super::{cstring, message, refuse};
use crate::host::program::table::{limit, table_name, value};
use crate::host::spec::PostgresTable;

/// `text` in `pg_type`.
const TEXT_OID: u32 = 25;

/// Answers a simple query.
pub(super) fn run(query: &str, tables: &[PostgresTable]) -> Bytes {
    let trimmed = query.trim().trim_end_matches(';');
    let upper = trimmed.to_ascii_uppercase();
    let mut out = BytesMut::new();
    if let Some(name) = table_name(trimmed, &upper) {
        match tables.iter().find(|table| table.name == name) {
            Some(table) => select(table, limit(&upper), &mut out),
            None => error(
                "42P01",
                &format!("relation \"{name}\" does not exist"),
                &mut out,
            ),
        }
    } else if upper.starts_with("SELECT") {
        let value = trimmed.get(6..).unwrap_or("").trim().trim_matches('\'');
        row_description(&["?column?".into()], &mut out);
        data_row(std::iter::once(value.as_bytes()), &mut out);
        complete("SELECT 1", &mut out);
    } else if upper.starts_with("INSERT") {
        complete("INSERT 0 1", &mut out);
    } else {
        let tag = upper.split_whitespace().next().unwrap_or("").to_owned();
        match tag.as_str() {
            "" => message(b'I', &[], &mut out),
            "BEGIN" | "COMMIT" | "ROLLBACK" | "SET" => complete(&tag, &mut out),
            _ => error(
                "42601",
                &format!("syntax error at or near \"{tag}\""),
                &mut out,
            ),
        }
    }
    message(b'Z', b"I", &mut out);
    out.freeze()
}

fn select(table: &PostgresTable, limit: Option<u32>, out: &mut BytesMut) {
    row_description(&table.columns, out);
    let rows = limit.map_or(table.rows, |limit| limit.min(table.rows));
    for row in 1..=rows {
        let values: Vec<_> = table
            .columns
            .iter()
            .map(|column| value(column, row, table.value_bytes))
            .collect();
        data_row(values.iter().map(Vec::as_slice), out);
    }
    complete(&format!("SELECT {rows}"), out);
}

fn row_description(columns: &[SmolStr], out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u16(columns.len() as u16);
    for column in columns {
        cstring(column, &mut body);
        body.put_u32(0);
        body.put_u16(0);
        body.put_u32(TEXT_OID);
        body.put_i16(-1);
        body.put_i32(-1);
        body.put_u16(0);
    }
    message(b'T', &body, out);
}

fn data_row<'a>(values: impl ExactSizeIterator<Item = &'a [u8]>, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u16(values.len() as u16);
    for value in values {
        body.put_u32(value.len() as u32);
        body.put_slice(value);
    }
    message(b'D', &body, out);
}

fn complete(tag: &str, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    cstring(tag, &mut body);
    message(b'C', &body, out);
}
fn error(code: &str, what: &str, out: &mut BytesMut) {
    refuse("ERROR", code, what, out);
}
