//! Managed prefix lists (Amazon EC2 API Reference: `CreateManagedPrefixList` and its kin; Amazon
//! VPC User Guide, "Managed prefix lists").
//!
//! A change of the entries makes a new version, which replaces the old one in every rule and route
//! that refers to the list when `modify-in-progress` ends. The lists that AWS manages are
//! [`aws_lists`]' business.

mod aws;
mod entries;
mod version;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

pub(crate) use aws::{add_aws_lists, describe_prefix_lists, has_aws_lists, shown_to};
pub(crate) use entries::{get_associations, get_entries};
pub(crate) use version::{Versions, modify_managed_prefix_list, restore_version, settle};

use crate::describe::{Field, Reader};
use crate::error;
use crate::kind::Kind;
use crate::transaction::Transaction;
use crate::view::{one, tags, word};

/// An entry as calls write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewEntry {
    cidr: IpNet,
    description: Option<SmolStr>,
}

impl NewEntry {
    fn entry(self, family: AddressFamily) -> Result<PrefixListEntry, ApiError> {
        if AddressFamily::of(self.cidr) != family {
            return Err(error::invalid_parameter_value(format_args!(
                "The CIDR {} is not of the prefix list's address family, {family}.",
                self.cidr
            )));
        }
        Ok(PrefixListEntry {
            cidr: canonical(self.cidr),
            description: self.description,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateManagedPrefixList {
    prefix_list_name: SmolStr,
    max_entries: u32,
    address_family: AddressFamily,
    #[serde(default)]
    entries: Vec<NewEntry>,
}

pub(crate) fn create_managed_prefix_list(
    tx: &mut Transaction<'_>,
    request: CreateManagedPrefixList,
) -> Reply {
    check_name(&request.prefix_list_name)?;
    check_size(tx, request.max_entries)?;
    let owner = tx.owner.clone();
    let owned = tx
        .each::<ManagedPrefixList>()
        .filter(|it| it.owner_id == owner);
    if owned.count() >= tx.quotas().prefix_lists {
        return Err(error::prefix_list_limit());
    }
    let mut entries: Vec<PrefixListEntry> = Vec::new();
    for new in request.entries {
        version::add(&mut entries, new.entry(request.address_family)?)?;
    }
    check_count(&entries, request.max_entries)?;
    let id = tx.new_id::<ManagedPrefixList>();
    let region = tx.region.clone();
    let list = ManagedPrefixList {
        prefix_list_arn: format_smolstr!("arn:aws:ec2:{region}:{owner}:prefix-list/{id}"),
        prefix_list_id: id.clone(),
        prefix_list_name: request.prefix_list_name,
        address_family: request.address_family,
        state: PrefixListState::CreateInProgress,
        state_message: None,
        max_entries: Some(request.max_entries),
        version: Some(1),
        entries,
        owner_id: owner,
        tags: tx.tags::<ManagedPrefixList>()?,
    };
    version::remember(tx, &list);
    let shown = show(&list);
    tx.put(list);
    tx.settle_after::<ManagedPrefixList>(&id, tx.config.delays.prefix_list);
    Ok(json!({ "PrefixList": shown }))
}

/// Names of 1 to 255 characters; those that begin as AWS's own are AWS's.
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > 255 || name.starts_with("com.amazonaws") {
        return Err(error::invalid_parameter_value(format_args!(
            "Value ({name}) for parameter PrefixListName is invalid. It has 1 to 255 characters \
            and does not begin with com.amazonaws"
        )));
    }
    Ok(())
}

fn check_size(tx: &Transaction<'_>, max_entries: u32) -> Result<(), ApiError> {
    let limit = tx.quotas().entries_per_prefix_list;
    if max_entries == 0 || max_entries as usize > limit {
        return Err(error::invalid_parameter_value(format_args!(
            "Value ({max_entries}) for parameter MaxEntries is invalid. It is 1 to {limit}."
        )));
    }
    Ok(())
}

fn check_count(entries: &[PrefixListEntry], max_entries: u32) -> Result<(), ApiError> {
    if entries.len() > max_entries as usize {
        return Err(error::prefix_list_full(max_entries));
    }
    Ok(())
}

/// The list, if the caller owns it.
fn own<'t>(tx: &'t Transaction<'_>, id: &PrefixListId) -> Result<&'t ManagedPrefixList, ApiError> {
    let list = tx.get::<ManagedPrefixList>(id)?;
    if list.owner_id != tx.owner {
        return Err(error::unauthorized_prefix_list(id));
    }
    Ok(list)
}

/// A rule or route may refer to any list that stays.
pub(crate) fn refuse_deleted(tx: &Transaction<'_>, id: &PrefixListId) -> Result<(), ApiError> {
    match tx.get::<ManagedPrefixList>(id)?.state {
        PrefixListState::DeleteInProgress => Err(ManagedPrefixList::not_found(id)),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteManagedPrefixList {
    prefix_list_id: PrefixListId,
}

pub(crate) fn delete_managed_prefix_list(
    tx: &mut Transaction<'_>,
    request: DeleteManagedPrefixList,
) -> Reply {
    let id = request.prefix_list_id;
    version::refuse_while_changing(own(tx, &id)?)?;
    if !entries::references(tx.resources(), &id).is_empty() {
        return Err(error::dependency("prefix list", &id));
    }
    let list = tx.edit::<ManagedPrefixList>(&id)?;
    list.state = PrefixListState::DeleteInProgress;
    let shown = show(list);
    tx.settle_after::<ManagedPrefixList>(&id, tx.config.delays.prefix_list);
    Ok(json!({ "PrefixList": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeManagedPrefixLists {
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListId>,
}

const FIELDS: &[Field<ManagedPrefixList>] = &[
    ("owner-id", |it, _| one(&it.owner_id)),
    ("prefix-list-id", |it, _| one(&it.prefix_list_id)),
    ("prefix-list-name", |it, _| one(&it.prefix_list_name)),
];

pub(crate) fn describe_managed_prefix_lists(
    reader: &Reader<'_>,
    request: DescribeManagedPrefixLists,
) -> Reply {
    reader.describe("PrefixLists", &request.prefix_list_ids, FIELDS, show)
}

fn show(list: &ManagedPrefixList) -> Value {
    json!({
        "PrefixListId": list.id(),
        "AddressFamily": list.address_family,
        "State": word(list.state),
        "StateMessage": list.state_message,
        "PrefixListArn": list.prefix_list_arn,
        "PrefixListName": list.prefix_list_name,
        "MaxEntries": list.max_entries,
        "Version": list.version,
        "OwnerId": list.owner_id,
        "Tags": tags(&list.tags),
    })
}
