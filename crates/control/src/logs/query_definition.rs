//! Saved queries of Logs Insights.

use serde::{Deserialize, Serialize};
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{Reply, UnixTime};

use super::{own, own_mut, page, page_size};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;

/// So many there may be in a Region.
const AT_MOST: usize = 1000;

/// A saved query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueryDefinition {
    name: SmolStr,
    query_string: String,
    log_group_names: Vec<SmolStr>,
    last_modified: UnixTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    name: SmolStr,
    query_definition_id: Option<SmolStr>,
    #[serde(default)]
    log_group_names: Vec<SmolStr>,
    query_string: String,
    query_language: Option<SmolStr>,
}

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    if let Some(language) = request.query_language.filter(|it| it != "CWLI") {
        return Err(error::log_parameter(format_args!(
            "The query language {language} is not simulated: CWLI"
        )));
    }
    if request.name.is_empty() || request.name.chars().count() > 255 {
        return Err(error::log_parameter("name must be 1 to 255 characters"));
    }
    let definitions = &own_mut(tx).definitions;
    let id = match request.query_definition_id {
        Some(id) if definitions.contains_key(&id) => id,
        Some(_) => return Err(error::no_query_definition()),
        None if definitions.len() >= AT_MOST => return Err(error::log_limit()),
        None => tx.new_uuid("query-definition"),
    };
    let definition = QueryDefinition {
        name: request.name,
        query_string: request.query_string,
        log_group_names: request.log_group_names,
        last_modified: tx.utc(),
    };
    own_mut(tx).definitions.insert(id.clone(), definition);
    Ok(json!({ "queryDefinitionId": id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Delete {
    query_definition_id: SmolStr,
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Delete) -> Reply {
    match own_mut(tx).definitions.remove(&request.query_definition_id) {
        Some(_) => Ok(json!({ "success": true })),
        None => Err(error::no_query_definition()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    query_definition_name_prefix: Option<SmolStr>,
    query_language: Option<SmolStr>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

pub(super) fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    let prefix = request.query_definition_name_prefix.unwrap_or_default();
    let of_language = request.query_language.is_none_or(|it| it == "CWLI");
    let all = own(reader).into_iter().flat_map(|it| &it.definitions);
    let wanted = all.filter(|(_, it)| of_language && it.name.starts_with(prefix.as_str()));
    let keyed = wanted.map(|(id, it)| (format_smolstr!("{}/{id}", it.name), (id, it)));
    let mut keyed: Vec<_> = keyed.collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let limit = page_size(request.max_results, 1000)?;
    page(
        "queryDefinitions",
        keyed,
        request.next_token.as_ref(),
        limit,
        |(id, it)| {
            json!({
                "queryLanguage": "CWLI",
                "queryDefinitionId": id,
                "name": it.name,
                "queryString": it.query_string,
                "lastModified": it.last_modified.as_millis(),
                "logGroupNames": (!it.log_group_names.is_empty()).then_some(&it.log_group_names),
            })
        },
    )
}
