//! What a prefix list holds and who refers to it.

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::Reader;
use crate::error;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetManagedPrefixListEntries {
    prefix_list_id: PrefixListId,
    target_version: Option<u64>,
}

pub(crate) fn get_entries(reader: &Reader<'_>, request: GetManagedPrefixListEntries) -> Reply {
    let list = reader.get::<ManagedPrefixList>(&request.prefix_list_id)?;
    let entries = match request.target_version {
        None => &list.entries,
        Some(version) => reader
            .state
            .prefix_lists
            .get(&request.prefix_list_id)
            .and_then(|it| it.version(version))
            .ok_or_else(|| error::prefix_list_version_not_found(version))?,
    };
    let shown = entries.iter().collect();
    reader.page(
        "Entries",
        shown,
        |it: &PrefixListEntry| it.cidr.to_string(),
        |it| json!({ "Cidr": it.cidr, "Description": it.description }),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GetManagedPrefixListAssociations {
    prefix_list_id: PrefixListId,
}

pub(crate) fn get_associations(
    reader: &Reader<'_>,
    request: GetManagedPrefixListAssociations,
) -> Reply {
    reader.get::<ManagedPrefixList>(&request.prefix_list_id)?;
    let references = references(reader.resources(), &request.prefix_list_id);
    let shown = references.iter().collect();
    reader.page(
        "PrefixListAssociations",
        shown,
        |(id, _): &(SmolStr, SmolStr)| id.to_string(),
        |(id, owner)| json!({ "ResourceId": id, "ResourceOwner": owner }),
    )
}

/// Who refers to the list: id and owner.
pub(super) fn references(resources: &Resources, id: &PrefixListId) -> Vec<(SmolStr, SmolStr)> {
    let groups = resources.security_groups.values().filter(|group| {
        let mut rules = group.rules.iter();
        rules.any(|rule| matches!(&rule.peer, RulePeer::PrefixList(its) if its == id))
    });
    let tables = resources.route_tables.values().filter(|table| {
        let mut routes = table.routes.iter();
        routes.any(|route| route.destination.prefix_list() == Some(id))
    });
    let groups = groups.map(|it| (it.group_id.as_str().into(), it.owner_id.clone()));
    let tables = tables.map(|it| (it.route_table_id.as_str().into(), it.owner_id.clone()));
    groups.chain(tables).collect()
}
