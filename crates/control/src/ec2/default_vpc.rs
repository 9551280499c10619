//! Default VPCs (Amazon VPC User Guide, "Default VPCs"; Amazon EC2 API Reference:
//! `CreateDefaultVpc`, `CreateDefaultSubnet`).
//!
//! An account in which [`ControlConfig::default_vpcs`](crate::ControlConfig::default_vpcs) says so
//! has one in every Region from its first call there on, with ids that follow from account and
//! Region alone: a call that only looks sees the same VPC that the first change then keeps.
//! Whoever deletes it gets it back by asking, not by itself.

use ipnet::Ipv4Net;
use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::*;

use crate::arguments::Arguments;
use crate::control::{CallIds, ControlConfig};
use crate::ec2::{dhcp_options, network_acl, route_table, security_group, subnet, vpc};
use crate::realm::Realm;
use crate::state::State;
use crate::transaction::Transaction;
use crate::{error, network};

/// The block of every default VPC.
const BLOCK: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(172, 31, 0, 0), 16);
/// Prefix length of its subnets.
const SUBNET: u8 = 20;

/// Whether the caller's realm has what every Region of an account begins with.
pub(crate) fn is_ready(state: &State, config: &ControlConfig, realm: &Realm) -> bool {
    !config.default_vpcs || state.used_realms.contains(realm)
}

/// Makes the default VPC of a realm that nobody has called before.
pub(crate) fn prepare(state: &mut State, config: &ControlConfig, realm: &Realm) {
    if is_ready(state, config, realm) {
        return;
    }
    state.used_realms.insert(realm.clone());
    let caller = Caller {
        account: realm.account.clone(),
        region: realm.region.clone(),
        principal: SmolStr::default(),
    };
    let arguments = Arguments::default();
    let ids = CallIds::Named("default-vpc");
    make(&mut Transaction::new(
        config, state, &caller, ids, &arguments,
    ));
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateDefaultVpc {}

pub(crate) fn create_default_vpc(tx: &mut Transaction<'_>, _: CreateDefaultVpc) -> Reply {
    if id(tx).is_some() {
        return Err(error::default_vpc_exists());
    }
    let id = make(tx);
    let mut shown = vpc::show(tx.get::<Vpc>(&id)?, tx.state);
    shown["State"] = json!("pending");
    Ok(json!({ "Vpc": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateDefaultSubnet {
    availability_zone: SmolStr,
}

pub(crate) fn create_default_subnet(
    tx: &mut Transaction<'_>,
    request: CreateDefaultSubnet,
) -> Reply {
    let vpc_id = id(tx).ok_or_else(error::no_default_vpc)?;
    let zone = request.availability_zone;
    let mut zones = network::zones(&tx.region);
    let found = zones.find(|(name, _)| *name == zone);
    let found = found.ok_or_else(|| {
        error::invalid_value(&zone, "availabilityZone", "the Region has no such zone")
    })?;
    if subnet(tx, Some(&zone)).is_some() {
        return Err(error::default_subnet_exists(&zone));
    }
    let others = || tx.each::<Subnet>().filter(|it| it.vpc_id == vpc_id);
    let is_free = |block: &Ipv4Net| {
        let overlaps = |it: &Subnet| network::overlap(it.cidr_block.into(), (*block).into());
        !others().any(overlaps)
    };
    let block = blocks().find(is_free);
    let block = block.ok_or_else(|| error::subnet_conflict(BLOCK))?;
    let id = make_subnet(tx, &vpc_id, found, block);
    let shown = subnet::show(tx.get::<Subnet>(&id)?, tx.resources(), &tx.region);
    Ok(json!({ "Subnet": shown }))
}

/// The caller's default VPC.
pub(crate) fn id(tx: &Transaction<'_>) -> Option<VpcId> {
    let found = tx.each::<Vpc>().find(|it| it.is_default);
    found.map(|it| it.vpc_id.clone())
}

/// The caller's default subnet in `zone`, or in the first zone that has one.
pub(crate) fn subnet(tx: &Transaction<'_>, zone: Option<&str>) -> Option<SubnetId> {
    let fits =
        |it: &&Subnet| it.default_for_az && zone.is_none_or(|zone| it.availability_zone == zone);
    let found = tx.each::<Subnet>().filter(fits);
    let first = found.min_by(|one, other| one.availability_zone.cmp(&other.availability_zone));
    first.map(|it| it.subnet_id.clone())
}

fn blocks() -> impl Iterator<Item = Ipv4Net> {
    let all = BLOCK.subnets(SUBNET);
    all.expect("a /16 has /20s")
}

/// The VPC with a subnet in each zone, an internet gateway and the way there.
fn make(tx: &mut Transaction<'_>) -> VpcId {
    let vpc_id = tx.new_id::<Vpc>();
    let dhcp_options_id = Some(dhcp_options::default_set(tx));
    tx.put(Vpc {
        vpc_id: vpc_id.clone(),
        cidr_blocks: vec![BLOCK],
        ipv6_cidr_blocks: Vec::new(),
        state: ResourceState::Available,
        dhcp_options_id,
        enable_dns_support: true,
        enable_dns_hostnames: true,
        is_default: true,
        region: tx.region.clone(),
        owner_id: tx.owner.clone(),
        tags: Vec::new(),
    });
    let gateway_id = tx.new_id::<InternetGateway>();
    tx.put(InternetGateway {
        internet_gateway_id: gateway_id.clone(),
        vpc_id: Some(vpc_id.clone()),
        owner_id: tx.owner.clone(),
        tags: Vec::new(),
    });
    route_table::create_main(tx, &vpc_id);
    route_table::add_to_main(
        tx,
        &vpc_id,
        Route {
            destination: IpNet::V4(Ipv4Net::default()).into(),
            target: RouteTarget::InternetGateway(gateway_id),
            state: RouteState::Active,
            origin: RouteOrigin::CreateRoute,
        },
    );
    network_acl::create_default(tx, &vpc_id);
    security_group::create_default(tx, &vpc_id);
    let zones: Vec<_> = network::zones(&tx.region).collect();
    for (zone, block) in zones.into_iter().zip(blocks()) {
        make_subnet(tx, &vpc_id, zone, block);
    }
    vpc_id
}

fn make_subnet(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    (availability_zone, availability_zone_id): (SmolStr, SmolStr),
    cidr_block: Ipv4Net,
) -> SubnetId {
    let subnet_id = tx.new_id::<Subnet>();
    tx.put(Subnet {
        subnet_id: subnet_id.clone(),
        vpc_id: vpc_id.clone(),
        cidr_block,
        ipv6_cidr_block: None,
        availability_zone,
        availability_zone_id,
        default_for_az: true,
        state: ResourceState::Available,
        map_public_ip_on_launch: true,
        assign_ipv6_address_on_creation: false,
        owner_id: tx.owner.clone(),
        tags: Vec::new(),
    });
    let associated = network_acl::associate_default(tx, vpc_id, &subnet_id);
    associated.expect("a default VPC has a default network ACL");
    subnet_id
}
