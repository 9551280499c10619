//! Versions of prefix lists: how entries and size change.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use super::{NewEntry, check_count, check_name, check_size, own, show};
use crate::control::ControlConfig;
use crate::ec2::{Settled, route, security_group_rule};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;

/// What the control plane remembers of a list besides the version in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// Every version by its number.
    kept: BTreeMap<u64, Vec<PrefixListEntry>>,
    /// What comes when the transitional state ends.
    next: Option<Next>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Next {
    Entries(Vec<PrefixListEntry>),
    MaxEntries(u32),
}

impl Versions {
    /// The entries of a version.
    pub(crate) fn version(&self, number: u64) -> Option<&Vec<PrefixListEntry>> {
        self.kept.get(&number)
    }
}

/// Keeps the version in force.
pub(super) fn remember(tx: &mut Transaction<'_>, list: &ManagedPrefixList) {
    keep(tx.state, list);
}

fn keep(state: &mut State, list: &ManagedPrefixList) {
    let versions = state
        .prefix_lists
        .entry(list.prefix_list_id.clone())
        .or_default();
    if let Some(number) = list.version {
        versions.kept.insert(number, list.entries.clone());
    }
}

/// Adds an entry to a version.
///
/// # Errors
/// The block is there already.
pub(super) fn add(
    entries: &mut Vec<PrefixListEntry>,
    new: PrefixListEntry,
) -> Result<(), ApiError> {
    if entries.iter().any(|it| it.cidr == new.cidr) {
        return Err(error::invalid_parameter_value(format_args!(
            "The prefix list has the entry {} already.",
            new.cidr
        )));
    }
    let at = entries.partition_point(|it| it.cidr < new.cidr);
    entries.insert(at, new);
    Ok(())
}

/// One change at a time.
pub(super) fn refuse_while_changing(list: &ManagedPrefixList) -> Result<(), ApiError> {
    use PrefixListState as S;
    match list.state {
        S::CreateComplete | S::ModifyComplete | S::ModifyFailed | S::RestoreComplete => Ok(()),
        S::CreateInProgress | S::ModifyInProgress | S::RestoreInProgress | S::DeleteInProgress => {
            Err(error::incorrect_state(format_args!(
                "The prefix list {} is being created, modified or deleted.",
                list.prefix_list_id
            )))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OldEntry {
    cidr: IpNet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyManagedPrefixList {
    prefix_list_id: PrefixListId,
    current_version: Option<u64>,
    prefix_list_name: Option<SmolStr>,
    #[serde(default)]
    add_entries: Vec<NewEntry>,
    #[serde(default)]
    remove_entries: Vec<OldEntry>,
    max_entries: Option<u32>,
}

pub(crate) fn modify_managed_prefix_list(
    tx: &mut Transaction<'_>,
    request: ModifyManagedPrefixList,
) -> Reply {
    let id = request.prefix_list_id.clone();
    let list = own(tx, &id)?.clone();
    refuse_while_changing(&list)?;
    check_current(&list, request.current_version)?;
    if let Some(name) = &request.prefix_list_name {
        check_name(name)?;
        tx.edit::<ManagedPrefixList>(&id)?.prefix_list_name = name.clone();
    }
    let changes_entries = !request.add_entries.is_empty() || !request.remove_entries.is_empty();
    let next = match (changes_entries, request.max_entries) {
        (true, Some(_)) => {
            return Err(error::combination(
                "Entries and MaxEntries cannot be changed in the same request.",
            ));
        }
        (true, None) => {
            if request.current_version.is_none() {
                return Err(error::missing_parameter("CurrentVersion"));
            }
            Some(Next::Entries(changed_entries(&list, request)?))
        }
        (false, Some(size)) => {
            check_size(tx, size)?;
            check_count(&list.entries, size)?;
            Some(Next::MaxEntries(size))
        }
        (false, None) => None,
    };
    if let Some(next) = next {
        begin(tx, &id, next, PrefixListState::ModifyInProgress)?;
    }
    Ok(json!({ "PrefixList": show(tx.get::<ManagedPrefixList>(&id)?) }))
}

/// The shown state is the transitional one, also where the change settles at once.
fn begin(
    tx: &mut Transaction<'_>,
    id: &PrefixListId,
    next: Next,
    state: PrefixListState,
) -> Result<(), ApiError> {
    let list = tx.edit::<ManagedPrefixList>(id)?;
    list.state = state;
    list.state_message = None;
    tx.state.prefix_lists.entry(id.clone()).or_default().next = Some(next);
    tx.settle_after::<ManagedPrefixList>(id, tx.config.delays.prefix_list);
    Ok(())
}

fn check_current(list: &ManagedPrefixList, given: Option<u64>) -> Result<(), ApiError> {
    match given {
        Some(number) if list.version != Some(number) => {
            Err(error::prefix_list_version_mismatch(&list.prefix_list_id))
        }
        _ => Ok(()),
    }
}

fn changed_entries(
    list: &ManagedPrefixList,
    request: ModifyManagedPrefixList,
) -> Result<Vec<PrefixListEntry>, ApiError> {
    let mut entries = list.entries.clone();
    for old in request.remove_entries {
        let known = entries.iter().position(|it| it.cidr == canonical(old.cidr));
        let index = known.ok_or_else(|| {
            error::invalid_parameter_value(format_args!(
                "The prefix list has no entry {}.",
                old.cidr
            ))
        })?;
        entries.remove(index);
    }
    for new in request.add_entries {
        let new = new.entry(list.address_family)?;
        // An entry that is there already gets the new description.
        entries.retain(|it| it.cidr != new.cidr);
        add(&mut entries, new)?;
    }
    check_count(&entries, list.max_entries.unwrap_or(u32::MAX))?;
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct RestoreManagedPrefixListVersion {
    prefix_list_id: PrefixListId,
    previous_version: u64,
    current_version: u64,
}

pub(crate) fn restore_version(
    tx: &mut Transaction<'_>,
    request: RestoreManagedPrefixListVersion,
) -> Reply {
    let id = request.prefix_list_id;
    let list = own(tx, &id)?;
    refuse_while_changing(list)?;
    check_current(list, Some(request.current_version))?;
    let versions = tx.state.prefix_lists.get(&id);
    let entries = versions
        .and_then(|it| it.version(request.previous_version))
        .cloned()
        .ok_or_else(|| error::prefix_list_version_not_found(request.previous_version))?;
    check_count(&entries, list.max_entries.unwrap_or(u32::MAX))?;
    let state = PrefixListState::RestoreInProgress;
    begin(tx, &id, Next::Entries(entries), state)?;
    Ok(json!({ "PrefixList": show(tx.get::<ManagedPrefixList>(&id)?) }))
}

/// Ends a transitional state.
pub(crate) fn settle(id: &PrefixListId, state: &mut State, config: &ControlConfig) -> Settled {
    let Some(list) = state.resources.managed_prefix_lists.get(id) else {
        return Settled::Lasting;
    };
    let mut list = ManagedPrefixList::clone(list);
    list.state = match list.state {
        PrefixListState::DeleteInProgress => {
            // Unlike most of what is deleted, a list is not described any longer.
            state.resources.managed_prefix_lists.remove(id);
            state.prefix_lists.remove(id);
            return Settled::Lasting;
        }
        PrefixListState::CreateInProgress => PrefixListState::CreateComplete,
        PrefixListState::RestoreInProgress => PrefixListState::RestoreComplete,
        _ => PrefixListState::ModifyComplete,
    };
    let versions = state.prefix_lists.get_mut(id);
    match versions.and_then(|it| it.next.take()) {
        Some(Next::Entries(entries)) => {
            list.entries = entries;
            list.version = list.version.map(|number| number + 1);
            keep(state, &list);
        }
        Some(Next::MaxEntries(size)) => resize(&mut list, size, &state.resources, config),
        None => {}
    }
    let lists = &mut state.resources.managed_prefix_lists;
    lists.insert(id.clone(), list.into());
    Settled::Lasting
}

/// The new size counts in every group and table that refers to the list; if one has no room for it,
/// the old size stays.
fn resize(list: &mut ManagedPrefixList, size: u32, resources: &Resources, config: &ControlConfig) {
    let mut resized = resources.clone();
    let larger = ManagedPrefixList {
        max_entries: Some(size),
        ..list.clone()
    };
    let id = larger.prefix_list_id.clone();
    resized
        .managed_prefix_lists
        .insert(id.clone(), larger.into());
    let (rules, routes) = (
        config.quotas.rules_per_security_group,
        config.quotas.routes_per_table,
    );
    let without_room = super::entries::references(&resized, &id)
        .into_iter()
        .map(|(reference, _)| reference)
        .find(|reference| {
            let group = resized
                .security_groups
                .get(&SecurityGroupId::new(reference.clone()));
            let table = resized
                .route_tables
                .get(&RouteTableId::new(reference.clone()));
            group.is_some_and(|it| {
                let count = |egress| security_group_rule::rule_count(it, egress, &resized);
                count(false).max(count(true)) > rules
            }) || table.is_some_and(|it| route::largest_count(it, &resized) > routes)
        });
    match without_room {
        None => list.max_entries = Some(size),
        Some(reference) => {
            list.state = PrefixListState::ModifyFailed;
            list.state_message = Some(format!(
                "The new maximum of {size} entries exceeds the quota of {reference}."
            ));
        }
    }
}
