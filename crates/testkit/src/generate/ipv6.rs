//! IPv6 beside IPv4: blocks, addresses, egress-only internet gateways and routes.

use std::net::Ipv6Addr;

use serde_json::{Value, json};

use super::network::{Network, Role, internet, peering, route};
use super::{call, dice};
use crate::dice::Dice;
use crate::statement::Act;

/// Those of [`SITES`](super::network::SITES), in their order.
pub(super) const SITES: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x80),
    Ipv6Addr::new(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, 9),
];

/// Which VPCs have an IPv6 block, and which of these an egress-only internet gateway.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) vpcs: Vec<bool>,
    pub(super) egress_only: Vec<bool>,
    /// Transit gateway attachments carry IPv6.
    transit: bool,
}

impl Plan {
    /// Two worlds of five have IPv6.
    pub(super) fn draw(seed: u64, vpcs: usize) -> Self {
        let mut dice = dice(seed, "IPv6");
        let any = dice.chance(40);
        let transit = dice.chance(80);
        let drawn = (0..vpcs).map(|_| (any && dice.chance(85), any && dice.chance(75)));
        let (vpcs, egress_only) = drawn.unzip();
        Self {
            vpcs,
            egress_only,
            transit,
        }
    }

    pub(super) fn any(&self) -> bool {
        self.vpcs.contains(&true)
    }

    pub(super) fn attaches(&self, vpc: usize) -> bool {
        self.transit && self.vpcs[vpc]
    }
}

/// The block of a VPC, and of its subnet `third`.
pub(super) fn vpc_block(octet: u8) -> String {
    format!("2001:db8:0:{octet:x}00::/56")
}

pub(super) fn subnet_block(octet: u8, third: u8) -> String {
    format!("2001:db8:0:{octet:x}{third:02x}::/64")
}

/// The address of a host whose IPv4 address ends so.
pub(super) fn address(octet: u8, third: u8, host: u8) -> Ipv6Addr {
    let subnet = u16::from_be_bytes([octet, third]);
    Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, host.into())
}

pub(super) fn gateways(network: &Network, acts: &mut Vec<Act>) {
    let plan = &network.ipv6;
    for vpc in 0..network.vpcs.len() {
        if plan.vpcs[vpc] && plan.egress_only[vpc] {
            let parameters = json!({ "VpcId": format!("$vpc:v{vpc}") });
            let name = format!("eigw{vpc}");
            acts.push(call(&name, "CreateEgressOnlyInternetGateway", parameters));
        }
    }
}

fn egress_only(vpc: usize) -> Value {
    json!({ "EgressOnlyInternetGatewayId": format!("$eigw:eigw{vpc}") })
}

pub(super) fn routes(seed: u64, network: &Network, acts: &mut Vec<Act>) {
    let mut dice = dice(seed, "IPv6 routes");
    let subnets = network.subnets.iter();
    for subnet in subnets.filter(|it| network.ipv6.vpcs[it.vpc]) {
        let table = format!("$rtb:t{}", subnet.name);
        let outward = network.ipv6.egress_only[subnet.vpc];
        let everything = match subnet.role {
            Role::Public => Some(internet(subnet.vpc)),
            Role::Private if outward => Some(egress_only(subnet.vpc)),
            Role::Private if dice.chance(50) => Some(internet(subnet.vpc)),
            _ => None,
        };
        if let Some(target) = everything {
            acts.push(route(&table, "::/0", target));
        }
        if network.peered && subnet.vpc < 2 && dice.chance(70) {
            let other = network.vpcs[1 - subnet.vpc];
            let block = match dice.below(3) {
                0 => vpc_block(other),
                1 => subnet_block(other, 1),
                _ => "2001:db8::/48".to_owned(),
            };
            acts.push(route(&table, &block, peering()));
        }
        if network.transit && dice.chance(80) {
            acts.push(route(
                &table,
                "2001:db8::/32",
                network.transit_target(subnet.vpc),
            ));
        }
        for _ in 0..dice.below(3) {
            let block = odd_block(&mut dice);
            let to = target(&mut dice, network, subnet.vpc);
            acts.push(route(&table, block, to));
        }
    }
}

fn odd_block(dice: &mut Dice) -> &'static str {
    let blocks = [
        "2001:db8:ffff::/48",
        "2001:db8:ffff::80/128",
        "2000::/3",
        "2001:db8:fffe::8/127",
    ];
    let block: &&str = dice.pick(&blocks);
    block
}

/// Any target that a route for IPv6 may have.
fn target(dice: &mut Dice, network: &Network, vpc: usize) -> Value {
    if network.ipv6.egress_only[vpc] && dice.chance(30) {
        return egress_only(vpc);
    }
    match network.target(dice, vpc) {
        // NAT64 is not evaluated.
        target if target.get("NatGatewayId").is_some() => internet(vpc),
        target if target["GatewayId"] == "$vgw:vgw" => internet(vpc),
        target => target,
    }
}

/// What happens to IPv6 while the network runs.
pub(super) fn fault(dice: &mut Dice, network: &Network) -> Act {
    let subnet = dice.pick(&network.subnets);
    let table = format!("$rtb:t{}", subnet.name);
    match dice.below(5) {
        0 => {
            let block = *dice.pick(&["::/0", "2001:db8::/32", "2001:db8:ffff::/48"]);
            let parameters = json!({ "RouteTableId": table, "DestinationIpv6CidrBlock": block });
            call("", "DeleteRoute", parameters)
        }
        1 => call(
            "",
            "DeleteEgressOnlyInternetGateway",
            egress_only(subnet.vpc),
        ),
        2 => {
            let instance = dice.pick(&network.instances);
            let operation = *dice.pick(&["AssignIpv6Addresses", "UnassignIpv6Addresses"]);
            let addresses: Vec<_> = instance.ipv6.iter().map(Ipv6Addr::to_string).collect();
            let interface = format!("$eni:{}", instance.name);
            let parameters = json!({ "NetworkInterfaceId": interface, "Ipv6Addresses": addresses });
            call("", operation, parameters)
        }
        _ => {
            let block = odd_block(dice);
            route(&table, block, target(dice, network, subnet.vpc))
        }
    }
}
