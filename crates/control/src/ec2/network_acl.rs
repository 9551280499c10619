//! Network ACLs (Amazon EC2 API Reference: `CreateNetworkAcl` and its kin; Amazon VPC User Guide,
//! "Control subnet traffic with network ACLs").
//!
//! Each subnet has exactly one list. Both lists end in a deny that cannot be removed.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, each, one, tags, word};

const ANY_IPV4: IpNet = IpNet::V4(Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0));
const ANY_IPV6: IpNet = IpNet::V6(Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 0));

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateNetworkAcl {
    vpc_id: VpcId,
}

pub(crate) fn create_network_acl(tx: &mut Transaction<'_>, request: CreateNetworkAcl) -> Reply {
    let ipv6 = !tx.get::<Vpc>(&request.vpc_id)?.ipv6_cidr_blocks.is_empty();
    let siblings = tx
        .each::<NetworkAcl>()
        .filter(|it| it.vpc_id == request.vpc_id);
    if siblings.count() >= tx.quotas().network_acls_per_vpc {
        return Err(error::network_acl_limit(&request.vpc_id));
    }
    let tags = tx.tags::<NetworkAcl>()?;
    let acl = new_list(tx, &request.vpc_id, false, final_denies(ipv6), tags);
    let shown = show(&acl);
    tx.put(acl);
    Ok(json!({ "NetworkAcl": shown }))
}

/// The list that a VPC is born with: 100 allows all (101 for IPv6).
pub(crate) fn create_default(tx: &mut Transaction<'_>, vpc_id: &VpcId) {
    let ipv6 = tx.resources().vpcs.get(vpc_id);
    let ipv6 = ipv6.is_some_and(|vpc| !vpc.ipv6_cidr_blocks.is_empty());
    let mut entries = final_denies(ipv6);
    for egress in [false, true] {
        entries.push(entry_for_all(100, egress, ANY_IPV4, RuleAction::Allow));
        if ipv6 {
            entries.push(entry_for_all(101, egress, ANY_IPV6, RuleAction::Allow));
        }
    }
    let acl = new_list(tx, vpc_id, true, entries, Vec::new());
    tx.put(acl);
}

/// The VPC has its first IPv6 block: every list gets the final denies for IPv6, and the default one
/// the rules that allow all, unless its rules for that direction have been changed.
pub(crate) fn follow_ipv6(tx: &mut Transaction<'_>, vpc_id: &VpcId) {
    for acl in tx.state.resources.network_acls.values_mut() {
        let final_deny =
            |it: &NetworkAclEntry| it.rule_number == NetworkAclEntry::DEFAULT_RULE_IPV6;
        if acl.vpc_id != *vpc_id || acl.entries.iter().any(final_deny) {
            continue;
        }
        let acl = std::sync::Arc::make_mut(acl);
        for egress in [false, true] {
            let untouched = [
                entry_for_all(100, egress, ANY_IPV4, RuleAction::Allow),
                entry_for_all(32767, egress, ANY_IPV4, RuleAction::Deny),
            ];
            let own = acl.entries.iter().filter(|it| it.egress == egress);
            if acl.is_default && own.eq(untouched.iter()) {
                let allow = entry_for_all(101, egress, ANY_IPV6, RuleAction::Allow);
                acl.entries.push(allow);
            }
            let number = NetworkAclEntry::DEFAULT_RULE_IPV6;
            let deny = entry_for_all(number, egress, ANY_IPV6, RuleAction::Deny);
            acl.entries.push(deny);
        }
        acl.entries.sort_by_key(position);
    }
}

fn new_list(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    is_default: bool,
    mut entries: Vec<NetworkAclEntry>,
    tags: Vec<Tag>,
) -> NetworkAcl {
    entries.sort_by_key(position);
    NetworkAcl {
        network_acl_id: tx.new_id::<NetworkAcl>(),
        vpc_id: vpc_id.clone(),
        is_default,
        entries,
        associations: Vec::new(),
        owner_id: tx.owner.clone(),
        tags,
    }
}

fn final_denies(ipv6: bool) -> Vec<NetworkAclEntry> {
    let ipv4 = (NetworkAclEntry::DEFAULT_RULE_IPV4, ANY_IPV4);
    let ipv6 = ipv6.then_some((NetworkAclEntry::DEFAULT_RULE_IPV6, ANY_IPV6));
    [false, true]
        .into_iter()
        .flat_map(|egress| {
            let both = std::iter::once(ipv4).chain(ipv6);
            both.map(move |(number, any)| entry_for_all(number, egress, any, RuleAction::Deny))
        })
        .collect()
}

fn entry_for_all(
    rule_number: u16,
    egress: bool,
    cidr_block: IpNet,
    rule_action: RuleAction,
) -> NetworkAclEntry {
    NetworkAclEntry {
        cidr_block,
        egress,
        protocol: IpProtocol::All,
        port_range: None,
        icmp_type_code: None,
        rule_action,
        rule_number,
    }
}

fn position(entry: &NetworkAclEntry) -> (bool, u16) {
    (entry.egress, entry.rule_number)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNetworkAcl {
    network_acl_id: NetworkAclId,
}

pub(crate) fn delete_network_acl(tx: &mut Transaction<'_>, request: DeleteNetworkAcl) -> Reply {
    let acl = tx.get::<NetworkAcl>(&request.network_acl_id)?;
    if acl.is_default {
        return Err(error::invalid_parameter_value(
            "Cannot delete default network ACL",
        ));
    }
    if !acl.associations.is_empty() {
        return Err(error::dependency("networkAcl", &request.network_acl_id));
    }
    tx.remove::<NetworkAcl>(&request.network_acl_id);
    Ok(done())
}

/// `CreateNetworkAclEntry` and `ReplaceNetworkAclEntry`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct EntryRequest {
    network_acl_id: NetworkAclId,
    rule_number: i64,
    protocol: IpProtocol,
    rule_action: RuleAction,
    egress: bool,
    cidr_block: Option<Ipv4Net>,
    ipv6_cidr_block: Option<Ipv6Net>,
    icmp_type_code: Option<IcmpRequest>,
    port_range: Option<PortRange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IcmpRequest {
    #[serde(default = "any")]
    code: i16,
    #[serde(rename = "Type", default = "any")]
    icmp_type: i16,
}

const fn any() -> i16 {
    -1
}

impl EntryRequest {
    fn entry(&self) -> Result<NetworkAclEntry, ApiError> {
        let cidr = match (self.cidr_block, self.ipv6_cidr_block) {
            (Some(cidr), None) => IpNet::V4(cidr),
            (None, Some(cidr)) => IpNet::V6(cidr),
            (None, None) => return Err(error::missing_one_of("CidrBlock, Ipv6CidrBlock")),
            (Some(_), Some(_)) => {
                return Err(error::combination("Only one of CidrBlock, Ipv6CidrBlock"));
            }
        };
        Ok(NetworkAclEntry {
            cidr_block: canonical(cidr),
            egress: self.egress,
            protocol: self.protocol,
            port_range: self.ports()?,
            icmp_type_code: self.icmp()?,
            rule_action: self.rule_action,
            rule_number: rule_number(self.rule_number)?,
        })
    }

    /// Only TCP and UDP have ports, and they need them; with other protocols ports are ignored.
    fn ports(&self) -> Result<Option<PortRange>, ApiError> {
        if !matches!(self.protocol, IpProtocol::TCP | IpProtocol::UDP) {
            return Ok(None);
        }
        let range = self
            .port_range
            .ok_or_else(|| error::missing_parameter("PortRange"))?;
        if range.from > range.to {
            return Err(error::invalid_parameter_value(format_args!(
                "Value ({}) for parameter portRange is invalid. From is greater than To",
                range
            )));
        }
        Ok(Some(range))
    }

    fn icmp(&self) -> Result<Option<IcmpTypeCode>, ApiError> {
        if !matches!(self.protocol, IpProtocol::ICMP | IpProtocol::ICMPV6) {
            return Ok(None);
        }
        let icmp = self
            .icmp_type_code
            .as_ref()
            .ok_or_else(|| error::missing_parameter("IcmpTypeCode"))?;
        for (value, name) in [(icmp.icmp_type, "icmpType"), (icmp.code, "icmpCode")] {
            if !(-1..=255).contains(&value) {
                let why = "it is 0 to 255, or -1 for all";
                return Err(error::invalid_value(&value.to_string(), name, why));
            }
        }
        Ok(Some(IcmpTypeCode {
            code: icmp.code,
            icmp_type: icmp.icmp_type,
        }))
    }
}

fn rule_number(number: i64) -> Result<u16, ApiError> {
    u16::try_from(number)
        .ok()
        .filter(|number| (1..NetworkAclEntry::DEFAULT_RULE_IPV4).contains(number))
        .ok_or_else(|| {
            error::invalid_parameter_value(format_args!(
                "Value ({number}) for parameter ruleNumber is invalid. Rule numbers are 1 to 32766"
            ))
        })
}

pub(crate) fn create_network_acl_entry(tx: &mut Transaction<'_>, request: EntryRequest) -> Reply {
    let quota = tx.quotas().entries_per_network_acl;
    let acl = tx.edit::<NetworkAcl>(&request.network_acl_id)?;
    let entry = request.entry()?;
    let place = acl
        .entries
        .binary_search_by_key(&position(&entry), position);
    let Err(index) = place else {
        return Err(error::entry_exists(entry.rule_number));
    };
    if list_length(acl, &entry) >= quota {
        return Err(error::entry_limit(&acl.network_acl_id));
    }
    acl.entries.insert(index, entry);
    Ok(done())
}

/// Entries of the same direction and IP version, the final deny included.
fn list_length(acl: &NetworkAcl, like: &NetworkAclEntry) -> usize {
    let is_ipv4 = |entry: &NetworkAclEntry| matches!(entry.cidr_block, IpNet::V4(_));
    let same =
        |entry: &&NetworkAclEntry| entry.egress == like.egress && is_ipv4(entry) == is_ipv4(like);
    acl.entries.iter().filter(same).count()
}

pub(crate) fn replace_network_acl_entry(tx: &mut Transaction<'_>, request: EntryRequest) -> Reply {
    let acl = tx.edit::<NetworkAcl>(&request.network_acl_id)?;
    let entry = request.entry()?;
    let index = acl
        .entries
        .binary_search_by_key(&position(&entry), position)
        .map_err(|_| error::entry_not_found(entry.rule_number, &request.network_acl_id))?;
    acl.entries[index] = entry;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNetworkAclEntry {
    network_acl_id: NetworkAclId,
    rule_number: i64,
    egress: bool,
}

pub(crate) fn delete_network_acl_entry(
    tx: &mut Transaction<'_>,
    request: DeleteNetworkAclEntry,
) -> Reply {
    let acl = tx.edit::<NetworkAcl>(&request.network_acl_id)?;
    let number = rule_number(request.rule_number)?;
    let index = acl
        .entries
        .binary_search_by_key(&(request.egress, number), position)
        .map_err(|_| error::entry_not_found(number, &request.network_acl_id))?;
    acl.entries.remove(index);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReplaceNetworkAclAssociation {
    association_id: NetworkAclAssociationId,
    network_acl_id: NetworkAclId,
}

pub(crate) fn replace_network_acl_association(
    tx: &mut Transaction<'_>,
    request: ReplaceNetworkAclAssociation,
) -> Reply {
    let (old_list, subnet_id) = tx
        .each::<NetworkAcl>()
        .flat_map(|acl| &acl.associations)
        .find(|it| it.network_acl_association_id == request.association_id)
        .map(|it| (it.network_acl_id.clone(), it.subnet_id.clone()))
        .ok_or_else(|| error::association_not_found(&request.association_id))?;
    let new_vpc = tx
        .get::<NetworkAcl>(&request.network_acl_id)?
        .vpc_id
        .clone();
    if tx.get::<NetworkAcl>(&old_list)?.vpc_id != new_vpc {
        return Err(error::invalid_parameter_value(format_args!(
            "{} and {} belong to different networks",
            request.network_acl_id, subnet_id
        )));
    }
    forget_subnet(tx, &subnet_id);
    let id = associate(tx, &request.network_acl_id, &subnet_id)?;
    Ok(json!({ "NewAssociationId": id }))
}

/// Gives a new subnet its VPC's default list.
pub(crate) fn associate_default(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    subnet_id: &SubnetId,
) -> Result<(), ApiError> {
    let default = tx
        .each::<NetworkAcl>()
        .find(|it| it.vpc_id == *vpc_id && it.is_default)
        .map(|it| it.network_acl_id.clone())
        .expect("a VPC has its default network ACL for life");
    associate(tx, &default, subnet_id).map(drop)
}

fn associate(
    tx: &mut Transaction<'_>,
    network_acl_id: &NetworkAclId,
    subnet_id: &SubnetId,
) -> Result<NetworkAclAssociationId, ApiError> {
    let id = NetworkAclAssociationId::new(tx.new_text_id(NetworkAclAssociationId::PREFIX));
    let association = NetworkAclAssociation {
        network_acl_association_id: id.clone(),
        network_acl_id: network_acl_id.clone(),
        subnet_id: subnet_id.clone(),
    };
    tx.edit::<NetworkAcl>(network_acl_id)?
        .associations
        .push(association);
    Ok(id)
}

/// Takes the subnet's association away.
pub(crate) fn forget_subnet(tx: &mut Transaction<'_>, subnet_id: &SubnetId) {
    for acl in tx.state.resources.network_acls.values_mut() {
        if acl.associations.iter().any(|it| it.subnet_id == *subnet_id) {
            let acl = std::sync::Arc::make_mut(acl);
            acl.associations.retain(|it| it.subnet_id != *subnet_id);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNetworkAcls {
    #[serde(default)]
    network_acl_ids: Vec<NetworkAclId>,
}

const FIELDS: &[Field<NetworkAcl>] = &[
    ("network-acl-id", |it, _| one(&it.network_acl_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("default", |it, _| one(it.is_default)),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("association.association-id", |it, _| {
        each(
            it.associations
                .iter()
                .map(|it| &it.network_acl_association_id),
        )
    }),
    ("association.network-acl-id", |it, _| {
        each(it.associations.iter().map(|it| &it.network_acl_id))
    }),
    ("association.subnet-id", |it, _| {
        each(it.associations.iter().map(|it| &it.subnet_id))
    }),
    ("entry.cidr", |it, _| {
        each(it.entries.iter().map(|it| it.cidr_block))
    }),
    ("entry.ipv6-cidr", |it, _| {
        let blocks = it.entries.iter().map(|it| it.cidr_block);
        each(blocks.filter(|it| matches!(it, IpNet::V6(_))))
    }),
    ("entry.egress", |it, _| {
        each(it.entries.iter().map(|it| it.egress))
    }),
    ("entry.protocol", |it, _| {
        each(it.entries.iter().map(|it| it.protocol.number()))
    }),
    ("entry.rule-action", |it, _| {
        each(it.entries.iter().map(|it| word(it.rule_action)))
    }),
    ("entry.rule-number", |it, _| {
        each(it.entries.iter().map(|it| it.rule_number))
    }),
    ("entry.port-range.from", |it, _| {
        each(
            it.entries
                .iter()
                .filter_map(|it| it.port_range)
                .map(|it| it.from),
        )
    }),
    ("entry.port-range.to", |it, _| {
        each(
            it.entries
                .iter()
                .filter_map(|it| it.port_range)
                .map(|it| it.to),
        )
    }),
    ("entry.icmp.type", |it, _| {
        each(
            it.entries
                .iter()
                .filter_map(|it| it.icmp_type_code)
                .map(|it| it.icmp_type),
        )
    }),
    ("entry.icmp.code", |it, _| {
        each(
            it.entries
                .iter()
                .filter_map(|it| it.icmp_type_code)
                .map(|it| it.code),
        )
    }),
];

pub(crate) fn describe_network_acls(reader: &Reader<'_>, request: DescribeNetworkAcls) -> Reply {
    reader.describe("NetworkAcls", &request.network_acl_ids, FIELDS, show)
}

fn show(acl: &NetworkAcl) -> Value {
    json!({
        "NetworkAclId": acl.network_acl_id,
        "VpcId": acl.vpc_id,
        "IsDefault": acl.is_default,
        "Associations": acl.associations,
        "Entries": acl.entries.iter().map(show_entry).collect::<Vec<_>>(),
        "OwnerId": acl.owner_id,
        "Tags": tags(&acl.tags),
    })
}

fn show_entry(entry: &NetworkAclEntry) -> Value {
    let (ipv4, ipv6) = match entry.cidr_block {
        IpNet::V4(cidr) => (Some(cidr), None),
        IpNet::V6(cidr) => (None, Some(cidr)),
    };
    json!({
        "CidrBlock": ipv4,
        "Ipv6CidrBlock": ipv6,
        "Egress": entry.egress,
        "IcmpTypeCode": entry.icmp_type_code,
        "PortRange": entry.port_range,
        "Protocol": entry.protocol,
        "RuleAction": entry.rule_action,
        "RuleNumber": entry.rule_number,
    })
}
