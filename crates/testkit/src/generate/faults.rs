//! What people and failures do to the network while it runs.

use serde_json::json;

use super::network::{Network, route};
use super::{Moment, call, dice, ipv6, nat, rules, vpn};
use crate::dice::Dice;
use crate::statement::Act;

/// How long the drawn traffic lasts at least, in milliseconds.
pub(super) const SPAN: u64 = 900_000;

pub(super) fn draw(seed: u64, network: &Network) -> Vec<Moment> {
    let mut dice = dice(seed, "faults");
    let many = dice.below(10);
    let mut moments = Vec::new();
    for _ in 0..many {
        let at = dice.between(0, SPAN);
        moments.push((at, fault(&mut dice, network)));
    }
    moments
}

fn fault(dice: &mut Dice, network: &Network) -> Act {
    if network.ipv6.any() && dice.chance(25) {
        return ipv6::fault(dice, network);
    }
    if !network.vpn.devices().is_empty() && dice.chance(20) {
        return vpn::fault(dice, network);
    }
    match dice.below(5) {
        0 | 1 => group_fault(dice, network),
        2 => list_fault(dice, network),
        3 => route_fault(dice, network),
        _ => machine_fault(dice, network),
    }
}

fn group_fault(dice: &mut Dice, network: &Network) -> Act {
    let vpc = dice.below(network.vpcs.len());
    let group = format!("$sg:v{vpc}g{}", dice.below(network.groups));
    match dice.below(5) {
        0 if dice.chance(30) => {
            rules::revoke_open_egress(&group, network.ipv6.any() && dice.chance(50))
        }
        0 | 1 => rules::revoke_first_inbound(group.trim_start_matches("$sg:")),
        2 => {
            let instance = dice.pick(&network.instances);
            let vpc = network.subnets[instance.subnet].vpc;
            let groups = [format!("$sg:v{vpc}g{}", dice.below(network.groups))];
            let id = format!("$eni:{}", instance.name);
            call(
                "",
                "ModifyNetworkInterfaceAttribute",
                json!({ "NetworkInterfaceId": id, "Groups": groups }),
            )
        }
        n => rules::authorize(dice, network, vpc, &group, n == 3),
    }
}

fn list_fault(dice: &mut Dice, network: &Network) -> Act {
    let Some(subnet) = network.lists.first() else {
        return group_fault(dice, network);
    };
    let id = format!("$acl:acl-{}", network.subnets[*subnet].name);
    match dice.below(4) {
        0 => {
            let other = dice.pick(&network.subnets);
            let parameters = json!({
                "AssociationId": format!("$aclassoc-of:{}", other.name), "NetworkAclId": id,
            });
            call("", "ReplaceNetworkAclAssociation", parameters)
        }
        1 => call(
            "",
            "DeleteNetworkAclEntry",
            json!({ "NetworkAclId": id, "RuleNumber": 150, "Egress": dice.chance(50) }),
        ),
        _ => rules::entry(dice, network, &id),
    }
}

fn route_fault(dice: &mut Dice, network: &Network) -> Act {
    let subnet = dice.pick(&network.subnets);
    let table = format!("$rtb:t{}", subnet.name);
    match dice.below(6) {
        0 => {
            let block = *dice.pick(&["0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24"]);
            let parameters = json!({ "RouteTableId": table, "DestinationCidrBlock": block });
            call("", "DeleteRoute", parameters)
        }
        1 => {
            let vpc = subnet.vpc;
            nat::fault(dice, network, vpc)
        }
        2 if network.transit => network.transit_route_fault(dice),
        3 if network.peered && dice.chance(30) => {
            let parameters = json!({ "VpcPeeringConnectionId": "$pcx:pcx" });
            call("", "DeleteVpcPeeringConnection", parameters)
        }
        3 if network.transit => network.attachment_fault(dice),
        _ => {
            let block = rules::ipv4_block(dice, network);
            let target = network.target(dice, subnet.vpc);
            route(&table, &block, target)
        }
    }
}

fn machine_fault(dice: &mut Dice, network: &Network) -> Act {
    let instance = dice.pick(&network.instances);
    let id = format!("$i:{}", instance.name);
    match dice.below(6) {
        0 => call("", "StopInstances", json!({ "InstanceIds": [id] })),
        1 => call("", "StartInstances", json!({ "InstanceIds": [id] })),
        2 => {
            let checks = json!({ "Value": dice.chance(50) });
            let interface = format!("$eni:{}", instance.name);
            let parameters = json!({ "NetworkInterfaceId": interface, "SourceDestCheck": checks });
            call("", "ModifyNetworkInterfaceAttribute", parameters)
        }
        3 => {
            let association = format!("$eipassoc-of:{}", instance.name);
            let parameters = json!({ "AssociationId": association });
            call("", "DisassociateAddress", parameters)
        }
        4 => call("", "RebootInstances", json!({ "InstanceIds": [id] })),
        _ => call("", "TerminateInstances", json!({ "InstanceIds": [id] })),
    }
}
