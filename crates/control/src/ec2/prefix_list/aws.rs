//! The prefix lists that AWS manages: the public blocks of Amazon S3 and DynamoDB in a Region
//! (Amazon VPC User Guide, "AWS-managed prefix lists").
//!
//! Ids and blocks differ from Region to Region. Those of us-east-1 are blocks that AWS publishes
//! for it; those of other Regions are parts of blocks that AWS publishes for the services, drawn by
//! the Region's name.

use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::view::one;

const SERVICES: [&str; 2] = ["s3", "dynamodb"];

/// The lists of a Region.
fn aws_lists(region: &str) -> impl Iterator<Item = ManagedPrefixList> {
    SERVICES.into_iter().map(move |service| {
        let id = list_id(region, service);
        let entries = blocks(region, service).into_iter().map(|block| {
            let (cidr, description) = (IpNet::V4(block), None);
            PrefixListEntry { cidr, description }
        });
        ManagedPrefixList {
            prefix_list_arn: format_smolstr!("arn:aws:ec2:{region}:aws:prefix-list/{id}"),
            prefix_list_id: id,
            prefix_list_name: format_smolstr!("com.amazonaws.{region}.{service}"),
            address_family: AddressFamily::IPv4,
            state: PrefixListState::CreateComplete,
            state_message: None,
            max_entries: None,
            version: None,
            entries: entries.collect(),
            owner_id: ManagedPrefixList::AWS.into(),
            tags: Vec::new(),
        }
    })
}

const fn space() -> IdSpace {
    IdSpace {
        scenario: SmolStr::new_static("aws"),
        names_seed: 0,
    }
}

/// AWS's own lists have ids of 8 digits.
fn list_id(region: &str, service: &str) -> PrefixListId {
    let source = IdSource::Named(service);
    let hex = space().hex17(ManagedPrefixList::AWS, region, "pl", &source);
    PrefixListId::new(format!("pl-{}", &hex[..8]))
}

fn blocks(region: &str, service: &str) -> Vec<Ipv4Net> {
    let net = |octets: [u8; 4], length| Ipv4Net::new_assert(octets.into(), length);
    let source = IdSource::Named(service);
    let drawn = space().bits(ManagedPrefixList::AWS, region, "pl", &source);
    let [a, b, ..] = drawn.to_be_bytes();
    match (region, service) {
        ("us-east-1", "s3") => vec![
            net([3, 5, 0, 0], 19),
            net([16, 182, 0, 0], 16),
            net([18, 34, 0, 0], 19),
            net([52, 216, 0, 0], 15),
            net([54, 231, 0, 0], 16),
        ],
        ("us-east-1", _) => vec![net([52, 94, 0, 0], 22), net([52, 119, 224, 0], 20)],
        (_, "s3") => vec![net([3, 5, 32 | a & 0xf8, 0], 21), net([52, 219, b, 0], 24)],
        _ => vec![net([52, 94, 4 | a & 0xfc, 0], 24)],
    }
}

/// Whether the Region's lists are there.
pub(crate) fn has_aws_lists(resources: &Resources, region: &str) -> bool {
    let lists = &resources.managed_prefix_lists;
    let mut services = SERVICES.into_iter();
    services.all(|service| lists.contains_key(&list_id(region, service)))
}

/// AWS's lists are everybody's in their Region.
pub(crate) fn shown_to(list: &ManagedPrefixList, _account: &str, region: &str) -> Option<bool> {
    let names_region = list.prefix_list_arn.split(':').nth(3) == Some(region);
    list.is_aws_managed().then_some(names_region)
}

/// Every Region has its lists, before anybody asks.
pub(crate) fn add_aws_lists(resources: &mut Resources, region: &str) {
    if has_aws_lists(resources, region) {
        return;
    }
    for list in aws_lists(region) {
        let lists = &mut resources.managed_prefix_lists;
        lists.insert(list.prefix_list_id.clone(), Arc::new(list));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribePrefixLists {
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListId>,
}

const FIELDS: &[Field<ManagedPrefixList>] = &[
    ("prefix-list-id", |it, _| one(&it.prefix_list_id)),
    ("prefix-list-name", |it, _| one(&it.prefix_list_name)),
];

/// The older call: services of AWS alone.
pub(crate) fn describe_prefix_lists(reader: &Reader<'_>, request: DescribePrefixLists) -> Reply {
    let mut chosen = reader.select::<ManagedPrefixList>(&request.prefix_list_ids, FIELDS)?;
    chosen.retain(|it| it.is_aws_managed());
    reader.page(
        "PrefixLists",
        chosen,
        |it| it.prefix_list_id.to_string(),
        show,
    )
}

fn show(list: &ManagedPrefixList) -> Value {
    json!({
        "Cidrs": list.blocks().collect::<Vec<_>>(),
        "PrefixListId": list.prefix_list_id,
        "PrefixListName": list.prefix_list_name,
    })
}
