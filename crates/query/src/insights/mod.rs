//! Logs Insights QL.

mod advice;
mod ast;
mod base64;
mod function;
mod habit;
mod parse;
mod parse_expr;
mod period;
mod plan;
mod plan_expr;
mod plan_stats;
mod row;
mod run;
mod source;
mod token;
mod value;

use wirelab_model::UnixTime;

use crate::{LogGroup, QueryError, QueryResult};

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

/// Answers a query over one log group.
///
/// # Errors
/// [`QueryError::Malformed`] and [`QueryError::Unsupported`] name the place in the query;
/// [`QueryError::InvalidParameter`] if the range or the limit is none.
pub async fn insights(
    query: &str,
    group: &LogGroup,
    options: &QueryOptions,
) -> Result<QueryResult, QueryError> {
    run::run(query, group, options).await
}
