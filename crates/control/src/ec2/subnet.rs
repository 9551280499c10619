//! Subnets (Amazon EC2 API Reference: `CreateSubnet` and its kin).

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{network_acl, route_table};
use crate::request::Flag;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateSubnet {
    vpc_id: VpcId,
    cidr_block: Ipv4Net,
    ipv6_cidr_block: Option<Ipv6Net>,
    availability_zone: Option<SmolStr>,
    availability_zone_id: Option<SmolStr>,
}

pub(crate) fn create_subnet(tx: &mut Transaction<'_>, request: CreateSubnet) -> Reply {
    let vpc = tx.get::<Vpc>(&request.vpc_id)?.clone();
    let (availability_zone, availability_zone_id) = zone(tx, &request)?;
    let siblings = tx.each::<Subnet>().filter(|it| it.vpc_id == vpc.vpc_id);
    if siblings.count() >= tx.quotas().subnets_per_vpc {
        return Err(error::subnet_limit(&vpc.vpc_id));
    }
    let cidr_block = checked_block(tx, &vpc, request.cidr_block)?;
    let ipv6_cidr_block = match request.ipv6_cidr_block {
        Some(cidr) => Some(checked_ipv6_block(tx, &vpc, cidr)?),
        None => None,
    };
    let subnet = Subnet {
        subnet_id: tx.new_id::<Subnet>(),
        vpc_id: vpc.vpc_id.clone(),
        cidr_block,
        ipv6_cidr_block,
        availability_zone,
        availability_zone_id,
        default_for_az: false,
        state: ResourceState::Available,
        map_public_ip_on_launch: false,
        assign_ipv6_address_on_creation: false,
        owner_id: tx.owner.clone(),
        tags: tx.tags::<Subnet>()?,
    };
    let id = subnet.subnet_id.clone();
    tx.put(subnet);
    network_acl::associate_default(tx, &vpc.vpc_id, &id)?;
    let shown = show(tx.get::<Subnet>(&id)?, tx.resources(), &tx.region);
    Ok(json!({ "Subnet": shown }))
}

fn zone(tx: &Transaction<'_>, request: &CreateSubnet) -> Result<(SmolStr, SmolStr), ApiError> {
    let mut zones = network::zones(&tx.region);
    let wanted = |(name, id): &(SmolStr, SmolStr)| {
        request
            .availability_zone
            .as_ref()
            .is_none_or(|it| it == name)
            && request
                .availability_zone_id
                .as_ref()
                .is_none_or(|it| it == id)
    };
    zones.find(wanted).ok_or_else(|| {
        let named = request
            .availability_zone
            .as_ref()
            .or(request.availability_zone_id.as_ref());
        error::invalid_parameter_value(format_args!(
            "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be \
            created in the following availability zones: {}.",
            named.map_or("", SmolStr::as_str),
            network::zones(&tx.region)
                .map(|zone| zone.0)
                .collect::<Vec<_>>()
                .join(", "),
        ))
    })
}

fn checked_block(tx: &Transaction<'_>, vpc: &Vpc, cidr: Ipv4Net) -> Result<Ipv4Net, ApiError> {
    let cidr = cidr.trunc();
    let inside = vpc.cidr_blocks.iter().any(|block| block.contains(&cidr));
    if !(16..=28).contains(&cidr.prefix_len()) || !inside {
        return Err(error::subnet_range(cidr));
    }
    let conflicts = |other: &Subnet| {
        other.vpc_id == vpc.vpc_id && network::overlap(IpNet::V4(other.cidr_block), IpNet::V4(cidr))
    };
    if tx.each::<Subnet>().any(conflicts) {
        return Err(error::subnet_conflict(cidr));
    }
    Ok(cidr)
}

fn checked_ipv6_block(tx: &Transaction<'_>, vpc: &Vpc, cidr: Ipv6Net) -> Result<Ipv6Net, ApiError> {
    let cidr = cidr.trunc();
    let inside = vpc
        .ipv6_cidr_blocks
        .iter()
        .any(|block| block.contains(&cidr));
    if cidr.prefix_len() != 64 || !inside {
        return Err(error::subnet_range(cidr));
    }
    if tx
        .each::<Subnet>()
        .any(|other| other.ipv6_cidr_block == Some(cidr))
    {
        return Err(error::subnet_conflict(cidr));
    }
    Ok(cidr)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteSubnet {
    subnet_id: SubnetId,
}

pub(crate) fn delete_subnet(tx: &mut Transaction<'_>, request: DeleteSubnet) -> Reply {
    let id = request.subnet_id;
    tx.get::<Subnet>(&id)?;
    if tx.each::<NetworkInterface>().any(|it| it.subnet_id == id) {
        return Err(error::dependency("subnet", &id));
    }
    network_acl::forget_subnet(tx, &id);
    route_table::forget_subnet(tx, &id);
    let flow_logs = &mut tx.state.resources.flow_logs;
    flow_logs.retain(|_, it| it.resource_id != id.as_str());
    tx.remove::<Subnet>(&id);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifySubnetAttribute {
    subnet_id: SubnetId,
    map_public_ip_on_launch: Option<Flag>,
    assign_ipv6_address_on_creation: Option<Flag>,
    // What nothing here would heed stays as it is.
    enable_dns64: Option<Flag>,
    enable_resource_name_dns_a_record_on_launch: Option<Flag>,
    #[serde(rename = "EnableResourceNameDnsAAAARecordOnLaunch")]
    enable_resource_name_dns_aaaa_record_on_launch: Option<Flag>,
    private_dns_hostname_type_on_launch: Option<SmolStr>,
}

impl ModifySubnetAttribute {
    /// Whether the call says of something that it is to be as it always is.
    fn keeps_what_is_fixed(&self) -> Result<bool, ApiError> {
        let flags = [
            ("EnableDns64", &self.enable_dns64),
            (
                "EnableResourceNameDnsARecordOnLaunch",
                &self.enable_resource_name_dns_a_record_on_launch,
            ),
            (
                "EnableResourceNameDnsAAAARecordOnLaunch",
                &self.enable_resource_name_dns_aaaa_record_on_launch,
            ),
        ];
        let mut given = flags
            .into_iter()
            .filter_map(|(name, it)| Some((name, it.as_ref()?)));
        let kind = self.private_dns_hostname_type_on_launch.as_deref();
        let refused = match kind {
            Some("resource-name") => Some("PrivateDnsHostnameTypeOnLaunch resource-name"),
            _ => given.clone().find(|(_, it)| it.value).map(|it| it.0),
        };
        match refused {
            Some(what) => Err(error::unsupported(format_args!(
                "wirelab does not simulate {what}"
            ))),
            None => Ok(kind.is_some() || given.next().is_some()),
        }
    }
}

pub(crate) fn modify_subnet_attribute(
    tx: &mut Transaction<'_>,
    request: ModifySubnetAttribute,
) -> Reply {
    if request.keeps_what_is_fixed()? {
        return tx.get::<Subnet>(&request.subnet_id).map(|_| done());
    }
    let subnet = tx.edit::<Subnet>(&request.subnet_id)?;
    let names = "AssignIpv6AddressOnCreation, MapPublicIpOnLaunch";
    match (
        request.map_public_ip_on_launch,
        request.assign_ipv6_address_on_creation,
    ) {
        (Some(flag), None) => subnet.map_public_ip_on_launch = flag.value,
        (None, Some(flag)) if flag.value && subnet.ipv6_cidr_block.is_none() => {
            return Err(error::no_ipv6_block(&request.subnet_id));
        }
        (None, Some(flag)) => subnet.assign_ipv6_address_on_creation = flag.value,
        (None, None) => return Err(error::missing_one_of(names)),
        (Some(_), Some(_)) => {
            return Err(error::combination(format_args!("Only one of {names}")));
        }
    }
    Ok(done())
}

/// The id of the block's association follows from subnet and block.
fn association_id(subnet: &SubnetId, cidr: Ipv6Net) -> String {
    let space = IdSpace {
        scenario: subnet.as_str().into(),
        names_seed: 0,
    };
    let cidr = cidr.to_string();
    let hex = space.hex17("", "", "subnet-cidr-assoc", &IdSource::Named(&cidr));
    format!("subnet-cidr-assoc-{hex}")
}

fn show_ipv6_block(subnet: &SubnetId, cidr: Ipv6Net, state: &str) -> Value {
    json!({
        "AssociationId": association_id(subnet, cidr),
        "Ipv6CidrBlock": cidr,
        "Ipv6CidrBlockState": { "State": state },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateSubnetCidrBlock {
    subnet_id: SubnetId,
    ipv6_cidr_block: Ipv6Net,
}

pub(crate) fn associate_subnet_cidr_block(
    tx: &mut Transaction<'_>,
    request: AssociateSubnetCidrBlock,
) -> Reply {
    let id = request.subnet_id;
    let subnet = tx.get::<Subnet>(&id)?;
    if subnet.ipv6_cidr_block.is_some() {
        return Err(error::invalid_parameter_value(format_args!(
            "The subnet '{id}' has an IPv6 CIDR block already."
        )));
    }
    let vpc = tx.get::<Vpc>(&subnet.vpc_id)?.clone();
    let cidr = checked_ipv6_block(tx, &vpc, request.ipv6_cidr_block)?;
    tx.edit::<Subnet>(&id)?.ipv6_cidr_block = Some(cidr);
    let shown = show_ipv6_block(&id, cidr, "associating");
    Ok(json!({ "SubnetId": id, "Ipv6CidrBlockAssociation": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateSubnetCidrBlock {
    association_id: SmolStr,
}

pub(crate) fn disassociate_subnet_cidr_block(
    tx: &mut Transaction<'_>,
    request: DisassociateSubnetCidrBlock,
) -> Reply {
    let wanted = request.association_id.as_str();
    let found = tx.each::<Subnet>().find_map(|it| {
        let cidr = it.ipv6_cidr_block?;
        (association_id(&it.subnet_id, cidr) == wanted).then(|| (it.subnet_id.clone(), cidr))
    });
    let (id, cidr) = found.ok_or_else(|| error::subnet_cidr_association_not_found(wanted))?;
    let uses = |it: &NetworkInterface| it.subnet_id == id && !it.ipv6_addresses.is_empty();
    if tx.each::<NetworkInterface>().any(uses) {
        return Err(error::dependency("subnet-cidr-assoc", wanted));
    }
    let subnet = tx.edit::<Subnet>(&id)?;
    subnet.ipv6_cidr_block = None;
    subnet.assign_ipv6_address_on_creation = false;
    let shown = show_ipv6_block(&id, cidr, "disassociating");
    Ok(json!({ "SubnetId": id, "Ipv6CidrBlockAssociation": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeSubnets {
    #[serde(default)]
    subnet_ids: Vec<SubnetId>,
}

const FIELDS: &[Field<Subnet>] = &[
    ("subnet-id", |it, _| one(&it.subnet_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("cidr", |it, _| one(it.cidr_block)),
    ("cidr-block", |it, _| one(it.cidr_block)),
    ("cidrBlock", |it, _| one(it.cidr_block)),
    ("ipv6-cidr-block-association.ipv6-cidr-block", |it, _| {
        maybe(it.ipv6_cidr_block)
    }),
    ("availability-zone", |it, _| one(&it.availability_zone)),
    ("availabilityZone", |it, _| one(&it.availability_zone)),
    (
        "availability-zone-id",
        |it, _| one(&it.availability_zone_id),
    ),
    ("availabilityZoneId", |it, _| one(&it.availability_zone_id)),
    ("available-ip-address-count", |it, resources| {
        one(network::free_addresses(resources, it))
    }),
    ("default-for-az", |it, _| one(it.default_for_az)),
    ("defaultForAz", |it, _| one(it.default_for_az)),
    ("subnet-arn", |it, resources| {
        let vpc = resources.vpcs.get(&it.vpc_id);
        maybe(vpc.map(|vpc| arn(it, &vpc.region)))
    }),
    ("ipv6-cidr-block-association.association-id", |it, _| {
        let blocks = it.ipv6_cidr_block.iter();
        each(blocks.filter_map(|cidr| {
            let shown = show_ipv6_block(&it.subnet_id, *cidr, "associated");
            shown["AssociationId"].as_str().map(str::to_owned)
        }))
    }),
    ("ipv6-cidr-block-association.state", |it, _| {
        maybe(it.ipv6_cidr_block.map(|_| "associated"))
    }),
    ("ipv6-native", |_, _| one(false)),
    ("enable-dns64", |_, _| one(false)),
    ("map-customer-owned-ip-on-launch", |_, _| one(false)),
    ("outpost-arn", |_, _| Vec::new()),
    ("customer-owned-ipv4-pool", |_, _| Vec::new()),
    (
        "private-dns-name-options-on-launch.hostname-type",
        |_, _| one("ip-name"),
    ),
    (
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
        |_, _| one(false),
    ),
    (
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
        |_, _| one(false),
    ),
    ("map-public-ip-on-launch", |it, _| {
        one(it.map_public_ip_on_launch)
    }),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("state", |it, _| one(word(it.state))),
];

pub(crate) fn describe_subnets(reader: &Reader<'_>, request: DescribeSubnets) -> Reply {
    reader.describe("Subnets", &request.subnet_ids, FIELDS, |it| {
        show(it, reader.resources(), reader.region())
    })
}

fn arn(subnet: &Subnet, region: &str) -> String {
    let (owner, id) = (&subnet.owner_id, &subnet.subnet_id);
    format!("arn:aws:ec2:{region}:{owner}:subnet/{id}")
}

pub(crate) fn show(subnet: &Subnet, resources: &Resources, region: &str) -> Value {
    let ipv6: Vec<_> = subnet
        .ipv6_cidr_block
        .iter()
        .map(|cidr| show_ipv6_block(&subnet.subnet_id, *cidr, "associated"))
        .collect();
    json!({
        "SubnetId": subnet.subnet_id,
        "VpcId": subnet.vpc_id,
        "State": subnet.state,
        "CidrBlock": subnet.cidr_block,
        "Ipv6CidrBlockAssociationSet": ipv6,
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": subnet.availability_zone_id,
        "AvailableIpAddressCount": network::free_addresses(resources, subnet),
        "AssignIpv6AddressOnCreation": subnet.assign_ipv6_address_on_creation,
        "DefaultForAz": subnet.default_for_az,
        "EnableDns64": false,
        "Ipv6Native": false,
        "MapCustomerOwnedIpOnLaunch": false,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": false,
            "EnableResourceNameDnsAAAARecord": false,
        },
        "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
        "OwnerId": subnet.owner_id,
        "SubnetArn": arn(subnet, region),
        "Tags": tags(&subnet.tags),
    })
}
