//! Header lines in the middle of a text, where files have been joined.
//!
//! Such a line is no record, and what follows it has the format that it says. The formats of a
//! table's files are known before it is planned, from the first lines alone: to look through all of
//! each file beforehand would take as long as the query. So a scan that comes upon a header which
//! nobody knows of says so ([`Joined`]) and ends; the files are looked through once
//! ([`headers_in`]), and the query begins again with all that is in them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{Result, exec_err};
use object_store::{ObjectMeta, ObjectStore};
use wirelab_flowlog::{ColumnsError, Field, LogColumn};

use super::input::{Buffers, Input};
use super::text::named;

/// A header line with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The number of its first byte in the unpacked file.
    pub(crate) at: u64,
    pub(crate) columns: Vec<LogColumn>,
    /// What stands between the values behind it.
    pub(crate) delimiter: u8,
    pub(crate) line: Vec<u8>,
}

/// Whether a scan has met a header that was not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joined(Arc<AtomicBool>);

impl Joined {
    /// Notes that one was met; the error that ends the scan.
    pub(super) fn met<T>(&self) -> Result<T> {
        self.0.store(true, Ordering::Relaxed);
        exec_err!("a header line of another format")
    }

    /// Whether one was met since this was asked last.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// What stands between the values of a line: a space, as AWS writes records. Who has had them in
/// a spreadsheet or another program has tabs or commas there.
pub(crate) fn delimiter(line: &[u8]) -> u8 {
    let stands = |byte: &u8| line.contains(byte);
    [b' ', b'\t', b','].into_iter().find(stands).unwrap_or(b' ')
}

const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// The columns of a line that is a header in the middle of a text, without its end. A single word
/// is none: it may be a value.
pub(super) fn columns(line: &[u8]) -> Option<Result<Vec<LogColumn>, ColumnsError>> {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    if !may_begin(line) {
        return None;
    }
    let line = str::from_utf8(line).ok()?;
    let line = line.replace(char::from(delimiter(line.as_bytes())), " ");
    let columns = LogColumn::of_header(&line).transpose()?;
    Some(columns).filter(|columns| columns.as_ref().map_or(true, |it| it.len() > 1))
}

/// Whether the line begins as the name of a field does: quick, and no of almost every record.
#[inline]
fn may_begin(line: &[u8]) -> bool {
    static BEGINNINGS: OnceLock<Vec<[u8; 2]>> = OnceLock::new();
    let Some([a, b, third, ..]) = line.first_chunk::<3>() else {
        return false;
    };
    if !a.is_ascii_alphabetic() {
        return false;
    }
    // An interface is no `end`, a virtual private cloud's value has digits behind its hyphen.
    let small = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
    let beginnings = BEGINNINGS.get_or_init(|| {
        let names = Field::ALL.iter().map(|field| field.name().as_bytes());
        let mut all: Vec<[u8; 2]> = names.filter_map(|it| it.first_chunk().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    });
    let is_value = small == *b"en" && third.eq_ignore_ascii_case(&b'i');
    !is_value && beginnings.binary_search(&small).is_ok()
}

/// The header lines of a text file behind its first line that say another format than the one
/// before them.
///
/// # Errors
/// If the file cannot be read, or a header has a name twice.
pub(crate) async fn headers_in(
    store: &Arc<dyn ObjectStore>,
    object: &ObjectMeta,
    packed: bool,
    own: &[LogColumn],
) -> Result<Vec<Header>> {
    let opened = Input::open(store.clone(), object, None, Buffers::default(), packed).await;
    let mut input = opened.map_err(|error| named(object, error))?;
    let mut found: Vec<Header> = Vec::new();
    loop {
        let piece = input.next().await.map_err(|error| named(object, error))?;
        let Some(piece) = piece else { break };
        let offset = input.offset();
        for line in lines(input.bytes(), piece) {
            let at = offset + line.start as u64;
            let line = &input.bytes()[line];
            let Some(columns) = columns(line) else {
                continue;
            };
            let columns = match columns {
                Ok(columns) => columns,
                Err(error) => {
                    let error = exec_err!("the line at byte {at} looks like a header: {error}");
                    return error.map_err(|error| named(object, error));
                }
            };
            let before = found.last().map_or(own, |header| &header.columns);
            if columns != before {
                let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
                found.push(Header {
                    at,
                    columns,
                    delimiter: delimiter(line),
                    line: line.to_vec(),
                });
            }
        }
    }
    Ok(found)
}

/// The lines of a piece without their ends.
fn lines(bytes: &[u8], piece: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = piece.start;
    memchr::memchr_iter(b'\n', &bytes[piece.clone()]).map(move |end| {
        let end = piece.start + end;
        let line = start..end;
        start = end + 1;
        match bytes[line.clone()].ends_with(b"\r") {
            true => line.start..line.end - 1,
            false => line,
        }
    })
}
