//! Athena: SQL over the buckets of the world's flow logs.
//!
//! Workgroups, named queries and prepared statements are the control plane's (`kept`); executions
//! are here (`execution` starts, shows and stops them, with their `parameters`; `spoken` reads what
//! SQL says of prepared ones; `results` gives their rows), and what the catalog says (`catalog`).
//! The catalog is the lab's, `.wirelab/athena.json`, the same that `wirelab query --sql` has; the
//! buckets are the folders in `evidence/s3`.
//!
//! `aws athena start-query-execution --query-string 'SELECT ...' --result-configuration
//! OutputLocation=s3://results/` is read as any statement: what is none is refused at once, as in
//! AWS; else it becomes an execution, which succeeds or fails with the engine's words as its
//! `StateChangeReason`. A result that succeeds lies at its location as `ID.csv` or `ID.txt`, too,
//! and its columns beside it as `ID.csv.metadata`.

mod catalog;
mod execution;
mod parameters;
mod results;
mod spoken;
mod times;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_control::page_from;
use wirelab_model::ApiError;
use wirelab_session::Session;

use super::{Refusal, Request, kept};
use crate::error;

pub(crate) use catalog::forget as forget_tables;
pub(super) use execution::Execution;

/// The service's code for parameters that it does not take.
pub(super) const INVALID: &str = "InvalidRequestException";

/// The actions that need the catalog, or executions.
const OWN: [&str; 14] = [
    "BatchGetQueryExecution",
    "GetDataCatalog",
    "GetDatabase",
    "GetQueryExecution",
    "GetQueryResults",
    "GetQueryRuntimeStatistics",
    "GetTableMetadata",
    "ListDataCatalogs",
    "ListDatabases",
    "ListEngineVersions",
    "ListQueryExecutions",
    "ListTableMetadata",
    "StartQueryExecution",
    "StopQueryExecution",
];

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("athena");
    actions.extend(OWN);
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    match request.action {
        "BatchGetQueryExecution" => Ok(execution::batch_get(&request)?),
        "GetDataCatalog" => Ok(catalog::get_data_catalog(&request)?),
        "GetDatabase" => Ok(catalog::get_database(session, &request)?),
        "GetQueryExecution" => Ok(execution::get(&request)?),
        "GetQueryResults" => Ok(results::get(&request)?),
        "GetQueryRuntimeStatistics" => Ok(execution::runtime_statistics(&request)?),
        "GetTableMetadata" => Ok(catalog::get_table(session, &request)?),
        "ListDataCatalogs" => Ok(catalog::list_data_catalogs(&request)?),
        "ListDatabases" => Ok(catalog::list_databases(session, &request)?),
        "ListEngineVersions" => Ok(engine_versions(&request)?),
        "ListQueryExecutions" => execution::list(session, &request),
        "ListTableMetadata" => Ok(catalog::list_tables(session, &request)?),
        "StartQueryExecution" => execution::start(session, &request),
        "StopQueryExecution" => Ok(execution::stop(&request)?),
        _ => kept::answer(session, "athena", request, INVALID),
    }
}

const ENGINE: &str = "Athena engine version 3";

fn engine_versions(request: &Request<'_>) -> Result<Value, ApiError> {
    let versions = ["AUTO", ENGINE].map(|it| {
        let version = json!({ "SelectedEngineVersion": it, "EffectiveEngineVersion": ENGINE });
        (SmolStr::new(it), version)
    });
    page(request, "EngineVersions", versions.to_vec(), 10)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client(INVALID, message)
}

/// A parameter that is text.
fn text<'r>(request: &'r Request<'_>, name: &str) -> Option<&'r str> {
    request.parameters.get(name).and_then(Value::as_str)
}

/// Refuses parameters that the API has and the simulation does not.
fn only(action: &str, parameters: &Map<String, Value>, known: &[&str]) -> Result<(), ApiError> {
    let mut names = parameters.keys();
    match names.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(error::not_simulated(INVALID, action, name)),
        None => Ok(()),
    }
}

/// A page of what has keys; the token of a page is the key of its first item.
fn page(
    request: &Request<'_>,
    member: &str,
    items: Vec<(SmolStr, Value)>,
    most: u64,
) -> Result<Value, ApiError> {
    let limit = request.parameters.get("MaxResults").and_then(Value::as_u64);
    let limit = usize::try_from(limit.unwrap_or(most)).unwrap_or(usize::MAX);
    let token = text(request, "NextToken").map(SmolStr::new);
    let page = page_from(items, token.as_ref(), limit);
    let (shown, next) = page.ok_or_else(|| invalid("Invalid NextToken"))?;
    Ok(json!({ member: shown.collect::<Vec<_>>(), "NextToken": next }))
}
