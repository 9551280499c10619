//! Named queries.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use super::{invalid, page, work_group};
use crate::describe::Reader;
use crate::transaction::Transaction;

/// A named query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NamedQuery {
    name: SmolStr,
    description: Option<SmolStr>,
    database: SmolStr,
    query_string: String,
    pub(super) work_group: SmolStr,
}

fn not_found(id: &str) -> ApiError {
    invalid(format!("NamedQuery {id} was not found"))
}

fn primary() -> SmolStr {
    "primary".into()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    name: SmolStr,
    description: Option<SmolStr>,
    database: SmolStr,
    query_string: String,
    #[serde(default = "primary")]
    work_group: SmolStr,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    work_group(tx.state, tx.config, tx.realm(), &request.work_group)?;
    let id = tx.new_uuid("named-query");
    let query = NamedQuery {
        name: request.name,
        description: request.description,
        database: request.database,
        query_string: request.query_string,
        work_group: request.work_group,
    };
    let realm = tx.realm().clone();
    let own = tx.state.athena_mut().0.entry(realm).or_default();
    own.named_queries.insert(id.clone(), query);
    Ok(json!({ "NamedQueryId": id }))
}

fn find<'r>(reader: &Reader<'r>, id: &str) -> Result<&'r NamedQuery, ApiError> {
    let own = reader.state.athena.0.get(reader.realm());
    let found = own.and_then(|it| it.named_queries.get(id));
    found.ok_or_else(|| not_found(id))
}

fn find_mut<'t>(tx: &'t mut Transaction<'_>, id: &str) -> Result<&'t mut NamedQuery, ApiError> {
    let realm = tx.realm().clone();
    let own = tx.state.athena_mut().0.get_mut(&realm);
    let found = own.and_then(|it| it.named_queries.get_mut(id));
    found.ok_or_else(|| not_found(id))
}

fn show(id: &str, query: &NamedQuery) -> Value {
    json!({
        "Name": query.name,
        "Description": query.description,
        "Database": query.database,
        "QueryString": query.query_string,
        "NamedQueryId": id,
        "WorkGroup": query.work_group,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    named_query_id: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let id = &request.named_query_id;
    Ok(json!({ "NamedQuery": show(id, find(reader, id)?) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchGet {
    named_query_ids: Vec<SmolStr>,
}

pub(super) fn batch_get(reader: &Reader<'_>, request: BatchGet) -> Reply {
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for id in &request.named_query_ids {
        match find(reader, id) {
            Ok(query) => found.push(show(id, query)),
            Err(error) => lacking.push(json!({
                "NamedQueryId": id,
                "ErrorCode": "INTERNAL_FAILURE",
                "ErrorMessage": error.message,
            })),
        }
    }
    Ok(json!({ "NamedQueries": found, "UnprocessedNamedQueryIds": lacking }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    #[serde(default = "primary")]
    work_group: SmolStr,
    next_token: Option<SmolStr>,
    max_results: Option<usize>,
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    work_group(
        reader.state,
        reader.config,
        reader.realm(),
        &request.work_group,
    )?;
    let own = reader.state.athena.0.get(reader.realm());
    let all = own.into_iter().flat_map(|it| &it.named_queries);
    let of_group = all.filter(|(_, it)| it.work_group == request.work_group);
    let ids = of_group.map(|(id, _)| (id.clone(), id));
    let paging = (request.next_token.as_ref(), request.max_results);
    page("NamedQueryIds", ids, paging, |id| json!(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    named_query_id: SmolStr,
    name: SmolStr,
    description: Option<SmolStr>,
    query_string: String,
}

pub(super) fn update(tx: &mut Transaction<'_>, request: Update) -> Reply {
    let query = find_mut(tx, &request.named_query_id)?;
    query.name = request.name;
    query.query_string = request.query_string;
    if request.description.is_some() {
        query.description = request.description;
    }
    Ok(json!({}))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let id = request.named_query_id;
    find_mut(tx, &id)?;
    let realm = tx.realm().clone();
    let own = tx.state.athena_mut().0.entry(realm).or_default();
    own.named_queries.remove(&id);
    Ok(json!({}))
}
