//! Site-to-site VPN: an office behind a virtual private gateway, another behind the transit
//! gateway.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::network::{Network, Subnet, route};
use super::{call, dice};
use crate::dice::Dice;
use crate::statement::{Act, Machine};

/// A customer's device, its address on its LAN and the LAN's block: the first is behind the virtual
/// private gateway, the second behind the transit gateway.
const OFFICES: [(&str, Ipv4Addr, &str); 2] = [
    ("office0", Ipv4Addr::new(192, 168, 10, 1), "192.168.10.0/24"),
    ("office1", Ipv4Addr::new(192, 168, 20, 1), "192.168.20.0/24"),
];

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// The VPC with a virtual private gateway.
    pub(super) vpc: Option<usize>,
    /// A connection at the transit gateway.
    pub(super) transit: bool,
}

impl Plan {
    /// Two worlds of five have a VPN.
    pub(super) fn draw(seed: u64, transit: bool) -> Self {
        let mut dice = dice(seed, "VPN");
        let any = dice.chance(40);
        let vpc = (any && dice.chance(75)).then_some(0);
        Self {
            vpc,
            transit: any && transit && dice.chance(60),
        }
    }

    fn has(self) -> [bool; 2] {
        [self.vpc.is_some(), self.transit]
    }

    fn offices(
        self,
    ) -> impl Iterator<Item = (usize, &'static (&'static str, Ipv4Addr, &'static str))> {
        let all = OFFICES.iter().enumerate();
        all.filter(move |(at, _)| self.has()[*at])
    }

    /// Devices that may send.
    pub(super) fn devices(self) -> Vec<&'static str> {
        self.offices().map(|(_, it)| it.0).collect()
    }

    pub(super) fn addresses(self) -> impl Iterator<Item = IpAddr> {
        self.offices().map(|(_, it)| IpAddr::V4(it.1))
    }
}

pub(super) fn gateway() -> Value {
    json!({ "GatewayId": "$vgw:vgw" })
}

pub(super) fn make(network: &Network, acts: &mut Vec<Act>) {
    let plan = network.vpn;
    if let Some(vpc) = plan.vpc {
        acts.push(call(
            "vgw",
            "CreateVpnGateway",
            json!({ "Type": "ipsec.1" }),
        ));
        let ends = json!({ "VpnGatewayId": "$vgw:vgw", "VpcId": format!("$vpc:v{vpc}") });
        acts.push(call("", "AttachVpnGateway", ends));
    }
    for (at, (name, address, block)) in plan.offices() {
        let customer = format!("cgw{at}");
        let parameters = json!({ "Type": "ipsec.1", "IpAddress": format!("192.0.2.{}", at + 1) });
        acts.push(call(&customer, "CreateCustomerGateway", parameters));
        let mut parameters = json!({
            "Type": "ipsec.1", "CustomerGatewayId": format!("$cgw:{customer}"),
            "Options": { "StaticRoutesOnly": true },
        });
        let (end, gateway) = match at {
            0 => ("VpnGatewayId", "$vgw:vgw"),
            _ => ("TransitGatewayId", "$tgw:tgw"),
        };
        parameters[end] = gateway.into();
        let connection = format!("vpn{at}");
        acts.push(call(&connection, "CreateVpnConnection", parameters));
        if at == 0 {
            let parameters = json!({
                "VpnConnectionId": "$vpn:vpn0", "DestinationCidrBlock": block,
            });
            acts.push(call("", "CreateVpnConnectionRoute", parameters));
        } else {
            let parameters = json!({
                "TransitGatewayRouteTableId": "$tgw-rtb:tgw", "DestinationCidrBlock": block,
                "TransitGatewayAttachmentId": "$vpn-attach-of:vpn1",
            });
            acts.push(call("", "CreateTransitGatewayRoute", parameters));
        }
        acts.push(Act::Machine(Machine::Device {
            name: (*name).into(),
            gateway: customer.into(),
            address: *address,
        }));
    }
}

/// Routes of a subnet to the offices.
pub(super) fn routes(dice: &mut Dice, network: &Network, subnet: &Subnet, acts: &mut Vec<Act>) {
    let table = format!("$rtb:t{}", subnet.name);
    let plan = network.vpn;
    if plan.vpc == Some(subnet.vpc) {
        if dice.chance(70) {
            let parameters = json!({ "RouteTableId": table, "GatewayId": "$vgw:vgw" });
            acts.push(call("", "EnableVgwRoutePropagation", parameters));
        }
        if dice.chance(40) {
            let block = *dice.pick(&["192.168.0.0/16", "192.168.10.0/24", "192.168.10.1/32"]);
            acts.push(route(&table, block, gateway()));
        }
    }
    if plan.transit && dice.chance(70) {
        let block = *dice.pick(&["192.168.0.0/16", "192.168.20.0/24"]);
        acts.push(route(&table, block, network.transit_target(subnet.vpc)));
    }
}

/// The VPN goes, or a part of it.
pub(super) fn fault(dice: &mut Dice, network: &Network) -> Act {
    let subnet = dice.pick(&network.subnets);
    let table = format!("$rtb:t{}", subnet.name);
    match dice.below(5) {
        0 => {
            let id = format!("$vpn:vpn{}", dice.below(2));
            call("", "DeleteVpnConnection", json!({ "VpnConnectionId": id }))
        }
        1 => {
            let ends = json!({ "VpnGatewayId": "$vgw:vgw", "VpcId": "$vpc:v0" });
            call("", "DetachVpnGateway", ends)
        }
        2 => {
            let parameters = json!({ "RouteTableId": table, "GatewayId": "$vgw:vgw" });
            call("", "DisableVgwRoutePropagation", parameters)
        }
        3 => {
            let parameters = json!({
                "VpnConnectionId": "$vpn:vpn0", "DestinationCidrBlock": OFFICES[0].2,
            });
            call("", "DeleteVpnConnectionRoute", parameters)
        }
        _ => {
            let block = *dice.pick(&["192.168.10.0/24", "192.168.0.0/16", "192.168.20.1/32"]);
            let to = network.target(dice, subnet.vpc);
            route(&table, block, to)
        }
    }
}
