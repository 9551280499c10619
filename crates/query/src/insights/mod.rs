//! Logs Insights QL.

mod address;
mod advice;
mod ast;
mod base64;
mod check;
mod discover;
mod function;
mod groups;
mod habit;
mod java_time;
mod json;
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
mod plan_stats;
mod row;
mod run;
mod source;
mod stage;
mod text;
mod token;
mod value;

use wirelab_model::UnixTime;

use crate::{LogGroups, QueryError, QueryResult};

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
