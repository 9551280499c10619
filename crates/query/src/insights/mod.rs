//! Logs Insights QL.

mod address;
mod advice;
mod ast;
mod check;
mod discover;
mod function;
mod groups;
mod habit;
mod java_time;
mod json;
mod open_range;
mod parse;
mod parse_command;
mod parse_expr;
mod parse_source;
mod pattern;
mod period;
mod plan;
mod plan_call;
mod plan_expr;
mod plan_parse;
mod plan_scan;
mod plan_stats;
mod printer;
mod reading;
mod record_source;
mod row;
mod run;
mod source;
mod stage;
mod text;
mod token;
mod value;

use wirelab_model::UnixTime;

pub(crate) use value::parse_number;

use crate::{LogFiles, LogGroups, QueryError, QueryResult, Work};

/// `StartQuery`'s parameters beside the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryOptions {
    /// First second of the range of `@timestamp`.
    pub start: UnixTime,
    /// Last second of the range, included whole.
    pub end: UnixTime,
    /// What `now()` says. Events that arrive later are not seen.
    pub now: UnixTime,
    /// The most rows, 1 to 100,000; a smaller `limit` in the query wins. 10,000 if neither says.
    pub limit: Option<u64>,
}

/// Answers a query over log groups; a single one is passed as `&group`.
///
/// # Errors
/// [`QueryError::Malformed`] and [`QueryError::Unsupported`] name the place in the query;
/// [`QueryError::InvalidParameter`] if the range or the limit is none.
pub async fn insights<'a>(
    query: &str,
    groups: impl Into<LogGroups<'a>>,
    options: &QueryOptions,
) -> Result<QueryResult, QueryError> {
    run::run(query, &groups.into(), options).await
}

/// The same, and counts in `work` what the query works on.
///
/// # Errors
/// As [`insights()`]; [`QueryError::TooLarge`] once it works on more than it may.
pub async fn insights_within<'a>(
    query: &str,
    groups: impl Into<LogGroups<'a>>,
    options: &QueryOptions,
    work: &Work,
) -> Result<QueryResult, QueryError> {
    let count = work.for_text(query);
    let groups = groups.into();
    count.during(run::run(query, &groups, options)).await
}

/// Answers a query over flow logs in files, which are read as it runs, on as many cores as there
/// are if the runtime has threads for blocking work.
///
/// The records are the events of one log group; `SOURCE` cannot name another. Results are as over a
/// [`LogGroup`](crate::LogGroup), except that [`QueryResult::events`] is `None`, that
/// `options.now` hides nothing (what is in a file has arrived), and that
/// [`bytes_scanned`](crate::Statistics::bytes_scanned) counts the files as they lie in the store.
///
/// # Errors
/// As [`insights()`]; [`QueryError::TooLarge`] if the query needs more memory than
/// [`LogFiles`] queries may have. A file that cannot be read is named.
pub async fn insights_over_files(
    query: &str,
    logs: &LogFiles,
    options: &QueryOptions,
) -> Result<QueryResult, QueryError> {
    run::run_over_files(query, logs, options).await
}
