//! Tables over files of an object store: text (plain or gzip) and Parquet.
//!
//! A [`FileTable`] is a DataFusion `TableProvider`. What it takes over from DataFusion is the frame
//! of a file scan (groups of files, ranges of large files, partition columns, work shared between
//! cores) and the Parquet reader; reading text is ours, because a log line has a shape that a
//! reader of general CSV cannot use.
//!
//! A text file's way: `input` brings its bytes in pieces that end at a line's end (a gzip file
//! unpacked whole), `separators` finds every delimiter and line end of a piece, `predicate` keeps
//! the lines for which the filters hold, looking at just their fields, and `columns` parses just
//! the fields asked for of the lines that are left. `text` strings these together.
//!
//! `SELECT srcaddr FROM t WHERE dstport = 22` over a line
//!
//! ```text
//! 2 123456789012 eni-1 10.0.1.5 10.0.2.9 40000 22 6 3 180 1709596800 1709596830 REJECT OK
//! ```
//!
//! so parses `22`, then copies `10.0.1.5`; the other twelve fields are never looked at.

//!
//! Rows are grouped by `codes`, numbers of 32 bits that stand for texts, which `columns` makes of a
//! line without the text; `coding` has the functions between the two, `distinct` the distinct
//! counts, `stored` the codes in files, `files/grouping.rs` the rule that makes plans so. `best`
//! keeps away from a sort with a limit what cannot be among its rows.

mod best;
mod case;
mod codes;
mod coding;
mod columns;
mod counting;
mod distinct;
mod headers;
mod input;
mod layout;
mod misfits;
mod moment;
mod pass;
mod predicate;
mod separators;
mod session;
mod stored;
mod table;
mod tally;
mod text;
mod threads;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Expr;
use futures::future::BoxFuture;
use object_store::ObjectMeta;

pub(crate) use best::BestFirst;
pub(crate) use case::{ByName, CODED, fits};
pub(crate) use codes::Codes;
pub(crate) use coding::{as_record, code_function, dashed, is_text, recorded, text_of};
pub(crate) use columns::Place;
pub(crate) use counting::CountingStore;
pub(crate) use distinct::CountDistinct;
pub(crate) use headers::{Header, Joined, delimiter, headers_in};
pub(crate) use layout::{Origin, TextLayout, TextOptions, Window};
pub(crate) use misfits::Misfits;
pub(crate) use moment::{MOMENT_MAX, Moment, moment_of, says_time};
pub(crate) use pass::{Beside, Passing};
pub(crate) use session::{MEMORY_BYTES, session_builder};
pub(crate) use stored::{KEY, Stored, StoredFiles};
pub(crate) use table::{FileTable, new_url, parquet_source, scan_files};
pub(crate) use tally::{Counted, PlanTable, counted};
pub(crate) use text::TextSource;
pub(crate) use threads::{OnThreads, Thread, Threads};

/// A file of a table, and the values of the partition columns it stands for.
#[derive(Clone, Debug)]
pub(crate) struct TableFile {
    pub(crate) object: ObjectMeta,
    pub(crate) partition: Vec<ScalarValue>,
}

/// Which files a scan reads.
pub(crate) trait FileList: Debug + Send + Sync {
    /// The files that may hold rows for which all `filters` are true. Only partition columns are
    /// worth looking at; the table itself leaves out files whose partition values fail a filter,
    /// so this need not be exact.
    fn list<'a>(&'a self, filters: &'a [Expr]) -> BoxFuture<'a, Result<Vec<TableFile>>>;
}

/// Files known beforehand.
impl FileList for Vec<TableFile> {
    fn list<'a>(&'a self, _filters: &'a [Expr]) -> BoxFuture<'a, Result<Vec<TableFile>>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

/// How a table's files hold their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Columns by position. A value that does not fit its type is NULL (`-` in an int column), and
    /// so is `\N` in any; a short line has NULLs at its end, extra values are dropped.
    Text {
        /// Between two values.
        delimiter: u8,
        /// Lines at the start of each file that are no rows.
        skip_header_lines: usize,
    },
    /// Columns by name, case ignored; a missing column is NULL.
    Parquet,
}
