//! VPCs (Amazon EC2 API Reference: `CreateVpc` and its kin).
//!
//! A new VPC brings its main route table, default network ACL and default security group.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{
    dhcp_options, network_acl, route_table, security_group, vpc_block, vpc_peering_connection,
};
use crate::kind::Kind;
use crate::request::Flag;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one, tags, word};
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateVpc {
    cidr_block: Ipv4Net,
    #[serde(default)]
    amazon_provided_ipv6_cidr_block: bool,
    ipv6_pool: Option<SmolStr>,
    ipv6_cidr_block: Option<Ipv6Net>,
    instance_tenancy: Option<SmolStr>,
}

pub(crate) fn create_vpc(tx: &mut Transaction<'_>, request: CreateVpc) -> Reply {
    check_tenancy(request.instance_tenancy.as_deref())?;
    if tx.each::<Vpc>().count() >= tx.quotas().vpcs && !tx.is_structural() {
        return Err(error::vpc_limit());
    }
    let cidr = vpc_block::checked(request.cidr_block)?;
    let vpc_id = tx.new_id::<Vpc>();
    let wanted = WantedIpv6 {
        amazon: request.amazon_provided_ipv6_cidr_block,
        pool: request.ipv6_pool,
        block: request.ipv6_cidr_block,
    };
    let ipv6 = wanted.block(tx, &vpc_id, 0)?;
    let dhcp_options_id = Some(dhcp_options::default_set(tx));
    let vpc = Vpc {
        vpc_id: vpc_id.clone(),
        cidr_blocks: vec![cidr],
        ipv6_cidr_blocks: ipv6.into_iter().collect(),
        state: ResourceState::Available,
        dhcp_options_id,
        enable_dns_support: true,
        enable_dns_hostnames: false,
        is_default: false,
        region: tx.region.clone(),
        owner_id: tx.owner.clone(),
        tags: tx.tags::<Vpc>()?,
    };
    // `CreateVpc` answers `pending`, although nothing ever waits for it.
    let mut shown = show(&vpc, tx.state);
    shown["State"] = json!("pending");
    tx.put(vpc);
    route_table::create_main(tx, &vpc_id);
    network_acl::create_default(tx, &vpc_id);
    security_group::create_default(tx, &vpc_id);
    Ok(json!({ "Vpc": shown }))
}

fn check_tenancy(tenancy: Option<&str>) -> Result<(), ApiError> {
    match tenancy {
        None | Some("default") => Ok(()),
        Some(other) => Err(error::unsupported(format_args!(
            "The tenancy '{other}' is not simulated; use default"
        ))),
    }
}

/// How a call asks for an IPv6 block.
struct WantedIpv6 {
    amazon: bool,
    pool: Option<SmolStr>,
    block: Option<Ipv6Net>,
}

impl WantedIpv6 {
    /// The block, if one is wanted: Amazon's, or one of the caller's own from a pool of theirs
    /// (BYOIP), which is taken to be theirs.
    fn block(
        self,
        tx: &mut Transaction<'_>,
        vpc: &VpcId,
        number: usize,
    ) -> Result<Option<Ipv6Net>, ApiError> {
        match (self.amazon, self.pool, self.block) {
            (false, None, None) => Ok(None),
            (true, None, None) => Ok(Some(amazon_ipv6(tx, vpc, number))),
            (false, Some(pool), Some(block)) => {
                let block = block.trunc();
                if block.prefix_len() != 56 {
                    return Err(error::vpc_ipv6_range(block));
                }
                let overlaps = |it: &Vpc| {
                    let mut blocks = it.ipv6_cidr_blocks.iter();
                    blocks.any(|other| network::overlap(IpNet::V6(*other), IpNet::V6(block)))
                };
                if tx.each::<Vpc>().any(overlaps) {
                    return Err(error::cidr_conflict(block));
                }
                tx.state.ipv6_pools.insert(block, pool);
                Ok(Some(block))
            }
            (false, _, _) => Err(error::missing_one_of("Ipv6Pool and Ipv6CidrBlock together")),
            (true, _, _) => Err(error::combination(
                "AmazonProvidedIpv6CidrBlock excludes Ipv6Pool and Ipv6CidrBlock",
            )),
        }
    }
}

/// The VPC's next /56, as Amazon gives them; it has `number` of them.
fn amazon_ipv6(tx: &Transaction<'_>, vpc: &VpcId, number: usize) -> Ipv6Net {
    let salt = match number {
        0 => SmolStr::new(vpc.as_str()),
        _ => format_smolstr!("{vpc}#{number}"),
    };
    let bits = u128::from(tx.bits("ipv6-block", &salt) & 0x00ff_ffff_ffff);
    let address = 0x2600_1f00_u128 << 96 | bits >> 8 << 72;
    Ipv6Net::new(address.into(), 56)
        .expect("56 is a prefix length")
        .trunc()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteVpc {
    vpc_id: VpcId,
}

pub(crate) fn delete_vpc(tx: &mut Transaction<'_>, request: DeleteVpc) -> Reply {
    let id = request.vpc_id;
    tx.get::<Vpc>(&id)?;
    if has_dependents(tx, &id) {
        return Err(error::dependency("vpc", &id));
    }
    vpc_peering_connection::withdraw(tx, &id);
    let resources = &mut tx.state.resources;
    resources.route_tables.retain(|_, it| it.vpc_id != id);
    resources.network_acls.retain(|_, it| it.vpc_id != id);
    resources.security_groups.retain(|_, it| it.vpc_id != id);
    resources
        .flow_logs
        .retain(|_, it| it.resource_id != id.as_str());
    tx.remove::<Vpc>(&id);
    Ok(done())
}

fn has_dependents(tx: &Transaction<'_>, id: &VpcId) -> bool {
    let own_table = |it: &RouteTable| it.vpc_id == *id && !route_table::is_main(it);
    let own_acl = |it: &NetworkAcl| it.vpc_id == *id && !it.is_default;
    let own_group = |it: &SecurityGroup| it.vpc_id == *id && it.group_name != "default";
    tx.each::<Subnet>().any(|it| it.vpc_id == *id)
        || tx.each::<VpcEndpoint>().any(|it| it.vpc_id == *id)
        || tx.each::<RouteTable>().any(own_table)
        || tx.each::<NetworkAcl>().any(own_acl)
        || tx.each::<SecurityGroup>().any(own_group)
        || tx
            .each::<InternetGateway>()
            .any(|it| it.vpc_id.as_ref() == Some(id))
        || vpc_peering_connection::holds(tx, id)
        || tx
            .each::<EgressOnlyInternetGateway>()
            .any(|it| it.vpc_id == *id)
        || tx
            .each::<VpnGateway>()
            .any(|it| it.vpc_id.as_ref() == Some(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpcs {
    #[serde(default)]
    vpc_ids: Vec<VpcId>,
}

const FIELDS: &[Field<Vpc>] = &[
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("cidr", |it, _| maybe(it.cidr_blocks.first())),
    ("cidr-block-association.cidr-block", |it, _| {
        each(&it.cidr_blocks)
    }),
    ("cidr-block-association.association-id", |it, _| {
        each(
            it.cidr_blocks
                .iter()
                .map(|cidr| association_id(&it.vpc_id, *cidr)),
        )
    }),
    ("ipv6-cidr-block-association.ipv6-cidr-block", |it, _| {
        each(&it.ipv6_cidr_blocks)
    }),
    ("dhcp-options-id", |it, _| one(dhcp_options_of(it))),
    ("cidr-block-association.state", |it, _| {
        each(it.cidr_blocks.iter().map(|_| "associated"))
    }),
    ("ipv6-cidr-block-association.association-id", |it, _| {
        let blocks = it.ipv6_cidr_blocks.iter();
        each(blocks.map(|cidr| association_id(&it.vpc_id, *cidr)))
    }),
    ("ipv6-cidr-block-association.state", |it, _| {
        each(it.ipv6_cidr_blocks.iter().map(|_| "associated"))
    }),
    ("is-default", |it, _| one(it.is_default)),
    ("isDefault", |it, _| one(it.is_default)),
    ("dhcpOptionsId", |it, _| one(dhcp_options_of(it))),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("state", |it, _| one(word(it.state))),
];

pub(crate) fn describe_vpcs(reader: &Reader<'_>, request: DescribeVpcs) -> Reply {
    reader.describe("Vpcs", &request.vpc_ids, FIELDS, |it| {
        show(it, reader.state)
    })
}

pub(crate) fn show(vpc: &Vpc, state: &State) -> Value {
    json!({
        "VpcId": vpc.vpc_id,
        "State": vpc.state,
        "CidrBlock": vpc.cidr_blocks.first(),
        "CidrBlockAssociationSet": vpc.cidr_blocks.iter()
            .map(|cidr| show_block(vpc, *cidr, "associated")).collect::<Vec<_>>(),
        "Ipv6CidrBlockAssociationSet": (!vpc.ipv6_cidr_blocks.is_empty()).then(|| {
            vpc.ipv6_cidr_blocks.iter()
                .map(|cidr| show_ipv6_block(vpc, *cidr, "associated", state)).collect::<Vec<_>>()
        }),
        "DhcpOptionsId": dhcp_options_of(vpc),
        "InstanceTenancy": "default",
        "IsDefault": vpc.is_default,
        "OwnerId": vpc.owner_id,
        "Tags": tags(&vpc.tags),
    })
}

fn show_block(vpc: &Vpc, cidr: Ipv4Net, state: &str) -> Value {
    json!({
        "AssociationId": association_id(&vpc.vpc_id, cidr),
        "CidrBlock": cidr,
        "CidrBlockState": { "State": state },
    })
}

fn show_ipv6_block(vpc: &Vpc, cidr: Ipv6Net, status: &str, state: &State) -> Value {
    let pool = state
        .ipv6_pools
        .get(&cidr)
        .map_or("Amazon", SmolStr::as_str);
    json!({
        "AssociationId": association_id(&vpc.vpc_id, cidr),
        "Ipv6CidrBlock": cidr,
        "Ipv6CidrBlockState": { "State": status },
        "Ipv6Pool": pool,
        "NetworkBorderGroup": vpc.region,
    })
}

/// Its set, or `default` where it has none.
fn dhcp_options_of(vpc: &Vpc) -> SmolStr {
    let id = vpc.dhcp_options_id.as_ref().map(DhcpOptionsId::as_str);
    id.unwrap_or("default").into()
}

/// The id of a block's association follows from VPC and block.
fn association_id(vpc: &VpcId, cidr: impl ToString) -> String {
    let space = IdSpace {
        scenario: vpc.as_str().into(),
        names_seed: 0,
    };
    let cidr = cidr.to_string();
    let hex = space.hex17("", "", "vpc-cidr-assoc", &IdSource::Named(&cidr));
    format!("vpc-cidr-assoc-{hex}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVpcAttribute {
    vpc_id: VpcId,
    enable_dns_support: Option<Flag>,
    enable_dns_hostnames: Option<Flag>,
    enable_network_address_usage_metrics: Option<Flag>,
}

pub(crate) fn modify_vpc_attribute(tx: &mut Transaction<'_>, request: ModifyVpcAttribute) -> Reply {
    let vpc = tx.edit::<Vpc>(&request.vpc_id)?;
    match request.enable_network_address_usage_metrics {
        Some(flag) if flag.value => {
            return Err(error::unsupported(
                "wirelab does not simulate EnableNetworkAddressUsageMetrics",
            ));
        }
        Some(_) => return Ok(done()),
        None => {}
    }
    match (request.enable_dns_support, request.enable_dns_hostnames) {
        (Some(flag), None) => vpc.enable_dns_support = flag.value,
        (None, Some(flag)) if flag.value && !vpc.enable_dns_support => {
            return Err(error::invalid_parameter(
                "EnableDnsHostnames needs DNS support, which is off in this VPC: set \
                 EnableDnsSupport first",
            ));
        }
        (None, Some(flag)) => vpc.enable_dns_hostnames = flag.value,
        (None, None) => {
            return Err(error::missing_one_of(
                "EnableDnsSupport, EnableDnsHostnames",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "Fields for multiple attribute types specified",
            ));
        }
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpcAttribute {
    vpc_id: VpcId,
    attribute: VpcAttribute,
}

#[derive(Deserialize)]
enum VpcAttribute {
    #[serde(rename = "enableDnsSupport")]
    DnsSupport,
    #[serde(rename = "enableDnsHostnames")]
    DnsHostnames,
    #[serde(rename = "enableNetworkAddressUsageMetrics")]
    NetworkAddressUsageMetrics,
}

pub(crate) fn describe_vpc_attribute(reader: &Reader<'_>, request: DescribeVpcAttribute) -> Reply {
    let vpc = reader.get::<Vpc>(&request.vpc_id)?;
    let (name, value) = match request.attribute {
        VpcAttribute::DnsSupport => ("EnableDnsSupport", vpc.enable_dns_support),
        VpcAttribute::DnsHostnames => ("EnableDnsHostnames", vpc.enable_dns_hostnames),
        VpcAttribute::NetworkAddressUsageMetrics => ("EnableNetworkAddressUsageMetrics", false),
    };
    Ok(json!({ "VpcId": vpc.vpc_id, name: { "Value": value } }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateVpcCidrBlock {
    vpc_id: VpcId,
    cidr_block: Option<Ipv4Net>,
    #[serde(default)]
    amazon_provided_ipv6_cidr_block: bool,
    ipv6_pool: Option<SmolStr>,
    ipv6_cidr_block: Option<Ipv6Net>,
}

pub(crate) fn associate_vpc_cidr_block(
    tx: &mut Transaction<'_>,
    request: AssociateVpcCidrBlock,
) -> Reply {
    let quota = tx.quotas().cidr_blocks_per_vpc;
    let ipv6_quota = tx.quotas().ipv6_cidr_blocks_per_vpc;
    let id = request.vpc_id;
    let number = tx.get::<Vpc>(&id)?.ipv6_cidr_blocks.len();
    let wanted = WantedIpv6 {
        amazon: request.amazon_provided_ipv6_cidr_block,
        pool: request.ipv6_pool,
        block: request.ipv6_cidr_block,
    };
    let ipv6 = wanted.block(tx, &id, number)?;
    let vpc = tx.edit::<Vpc>(&id)?;
    match (request.cidr_block, ipv6) {
        (Some(cidr), None) => {
            let cidr = vpc_block::checked(cidr)?;
            vpc_block::check_addition(tx, tx.get::<Vpc>(&id)?, cidr)?;
            vpc_peering_connection::check_block(tx, &id, IpNet::V4(cidr))?;
            let vpc = tx.edit::<Vpc>(&id)?;
            if vpc.cidr_blocks.len() >= quota {
                return Err(error::cidr_limit(&id));
            }
            let conflicts = |old: &Ipv4Net| network::overlap(IpNet::V4(*old), IpNet::V4(cidr));
            if vpc.cidr_blocks.iter().any(conflicts) {
                return Err(error::cidr_conflict(cidr));
            }
            vpc.cidr_blocks.push(cidr);
            let shown = show_block(vpc, cidr, "associating");
            Ok(json!({ "VpcId": id, "CidrBlockAssociation": shown }))
        }
        (None, Some(cidr)) => {
            if number >= ipv6_quota {
                return Err(error::cidr_limit(&id));
            }
            vpc.ipv6_cidr_blocks.push(cidr);
            let vpc = vpc.clone();
            let shown = show_ipv6_block(&vpc, cidr, "associating", tx.state);
            network_acl::follow_ipv6(tx, &id);
            security_group::follow_ipv6(tx, &id);
            Ok(json!({ "VpcId": id, "Ipv6CidrBlockAssociation": shown }))
        }
        (Some(_), Some(_)) => Err(error::combination("Only one CIDR block at a time")),
        (None, None) => Err(error::missing_one_of(
            "CidrBlock, AmazonProvidedIpv6CidrBlock",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateVpcCidrBlock {
    association_id: SmolStr,
}

pub(crate) fn disassociate_vpc_cidr_block(
    tx: &mut Transaction<'_>,
    request: DisassociateVpcCidrBlock,
) -> Reply {
    let wanted = request.association_id.as_str();
    let (vpc_id, cidr) =
        find_block(tx, wanted).ok_or_else(|| error::cidr_association_not_found(wanted))?;
    let is_primary = |vpc: &Vpc| vpc.cidr_blocks.first().map(|cidr| IpNet::V4(*cidr)) == Some(cidr);
    if is_primary(tx.get::<Vpc>(&vpc_id)?) {
        return Err(error::not_permitted(format_args!(
            "The vpc CIDR block with association ID {wanted} may not be disassociated. It is the \
            primary IPv4 CIDR block of the VPC"
        )));
    }
    let in_use = |subnet: &Subnet| {
        subnet.vpc_id == vpc_id
            && (cidr.contains(&IpNet::V4(subnet.cidr_block))
                || subnet
                    .ipv6_cidr_block
                    .is_some_and(|it| cidr.contains(&IpNet::V6(it))))
    };
    if tx.each::<Subnet>().any(in_use) {
        return Err(error::dependency("vpc-cidr-assoc", wanted));
    }
    let vpc = tx.edit::<Vpc>(&vpc_id)?;
    vpc.cidr_blocks.retain(|it| IpNet::V4(*it) != cidr);
    vpc.ipv6_cidr_blocks.retain(|it| IpNet::V6(*it) != cidr);
    let vpc = vpc.clone();
    let (member, shown) = match cidr {
        IpNet::V4(cidr) => (
            "CidrBlockAssociation",
            show_block(&vpc, cidr, "disassociating"),
        ),
        IpNet::V6(cidr) => (
            "Ipv6CidrBlockAssociation",
            show_ipv6_block(&vpc, cidr, "disassociating", tx.state),
        ),
    };
    Ok(json!({ "VpcId": vpc_id, member: shown }))
}

fn find_block(tx: &Transaction<'_>, association: &str) -> Option<(VpcId, IpNet)> {
    tx.each::<Vpc>().find_map(|vpc| {
        let ipv4 = vpc.cidr_blocks.iter().map(|cidr| IpNet::V4(*cidr));
        let mut all = ipv4.chain(vpc.ipv6_cidr_blocks.iter().map(|cidr| IpNet::V6(*cidr)));
        let cidr = all.find(|cidr| association_id(vpc.id(), cidr) == association)?;
        Some((vpc.vpc_id.clone(), cidr))
    })
}
