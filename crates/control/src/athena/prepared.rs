//! Prepared statements: queries with question marks, kept by name in a workgroup.
//!
//! Source: Amazon Athena API Reference, "CreatePreparedStatement"; Amazon Athena User Guide, "Use
//! prepared statements".

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply, UnixTime};

use super::{invalid, page, work_group};
use crate::clock::iso8601;
use crate::describe::Reader;
use crate::realm::Realm;
use crate::state::State;
use crate::transaction::Transaction;

/// A prepared statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreparedStatement {
    pub(crate) query: String,
    description: Option<SmolStr>,
    modified: UnixTime,
}

/// What one is found by: its workgroup and its name.
pub(super) type Key = (SmolStr, SmolStr);

fn not_found((group, name): &Key) -> ApiError {
    let message = format!("PreparedStatement {name} was not found in workGroup {group}.");
    ApiError::client("ResourceNotFoundException", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    statement_name: SmolStr,
    work_group: SmolStr,
    query_statement: String,
    description: Option<SmolStr>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Put) -> Reply {
    let name = &request.statement_name;
    let fits = |it: char| it.is_ascii_alphanumeric() || "_@:".contains(it);
    let begins = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    if !begins || !name.chars().all(fits) {
        return Err(invalid(format!("Invalid statement name: {name}")));
    }
    work_group(tx.state, tx.config, tx.realm(), &request.work_group)?;
    let key = (request.work_group.clone(), name.clone());
    let (realm, modified) = (tx.realm().clone(), tx.utc());
    let own = tx.state.athena_mut().0.entry(realm).or_default();
    if own.prepared.contains_key(&key) {
        let (group, name) = key;
        return Err(invalid(format!(
            "PreparedStatement {name} already exists in workGroup {group}."
        )));
    }
    let statement = PreparedStatement {
        query: request.query_statement,
        description: request.description,
        modified,
    };
    own.prepared.insert(key, statement);
    Ok(json!({}))
}

pub(super) fn update(tx: &mut Transaction<'_>, request: Put) -> Reply {
    let key = (request.work_group, request.statement_name);
    let (realm, modified) = (tx.realm().clone(), tx.utc());
    let own = tx.state.athena_mut().0.get_mut(&realm);
    let kept = own.and_then(|it| it.prepared.get_mut(&key));
    let kept = kept.ok_or_else(|| not_found(&key))?;
    kept.query = request.query_statement;
    kept.modified = modified;
    if request.description.is_some() {
        kept.description = request.description;
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    statement_name: SmolStr,
    work_group: SmolStr,
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let key = (request.work_group, request.statement_name);
    let realm = tx.realm().clone();
    let own = tx.state.athena_mut().0.entry(realm).or_default();
    own.prepared.remove(&key).ok_or_else(|| not_found(&key))?;
    Ok(json!({}))
}

/// The statement of that name.
pub(super) fn find<'s>(
    (state, realm): (&'s State, &Realm),
    key: &Key,
) -> Result<&'s PreparedStatement, ApiError> {
    let own = state.athena.0.get(realm);
    let found = own.and_then(|it| it.prepared.get(key));
    found.ok_or_else(|| not_found(key))
}

fn show((group, name): &Key, statement: &PreparedStatement) -> Value {
    json!({
        "StatementName": name,
        "QueryStatement": statement.query,
        "WorkGroupName": group,
        "Description": statement.description,
        "LastModifiedTime": iso8601(statement.modified),
    })
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let key = (request.work_group, request.statement_name);
    Ok(json!({ "PreparedStatement": show(&key, find((reader.state, reader.realm()), &key)?) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchGet {
    prepared_statement_names: Vec<SmolStr>,
    work_group: SmolStr,
}

pub(super) fn batch_get(reader: &Reader<'_>, request: BatchGet) -> Reply {
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for name in request.prepared_statement_names {
        let key = (request.work_group.clone(), name);
        match find((reader.state, reader.realm()), &key) {
            Ok(statement) => found.push(show(&key, statement)),
            Err(error) => lacking.push(json!({
                "StatementName": key.1,
                "ErrorCode": "STATEMENT_NOT_FOUND",
                "ErrorMessage": error.message,
            })),
        }
    }
    Ok(json!({ "PreparedStatements": found, "UnprocessedPreparedStatementNames": lacking }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    work_group: SmolStr,
    next_token: Option<SmolStr>,
    max_results: Option<usize>,
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let group = request.work_group;
    work_group(reader.state, reader.config, reader.realm(), &group)?;
    let own = reader.state.athena.0.get(reader.realm());
    let all = own.into_iter().flat_map(|it| &it.prepared);
    let of_group = all.filter(|((of, _), _)| *of == group);
    let named = of_group.map(|((_, name), it)| (name.clone(), (name, it)));
    let paging = (request.next_token.as_ref(), request.max_results);
    page(
        "PreparedStatements",
        named,
        paging,
        |(name, it)| json!({ "StatementName": name, "LastModifiedTime": iso8601(it.modified) }),
    )
}
