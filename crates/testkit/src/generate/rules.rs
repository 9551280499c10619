//! Rules of security groups and entries of network ACLs.

use serde_json::{Value, json};

use super::network::Network;
use super::{call, dice};
use crate::dice::Dice;
use crate::statement::Act;

/// Ports on edges.
pub(super) const PORTS: [u16; 16] = [
    0, 1, 7, 79, 80, 81, 443, 1023, 1024, 32767, 32768, 40000, 60999, 61000, 65534, 65535,
];
/// Rule numbers on edges.
const NUMBERS: [u16; 9] = [1, 2, 99, 100, 101, 102, 200, 32765, 32766];

pub(super) fn groups(seed: u64, network: &Network, acts: &mut Vec<Act>) {
    let mut dice = dice(seed, "security groups");
    for vpc in 0..network.vpcs.len() {
        for group in 0..network.groups {
            let name = format!("v{vpc}g{group}");
            let parameters = json!({
                "GroupName": name, "Description": "drawn", "VpcId": format!("$vpc:v{vpc}"),
            });
            acts.push(call(&name, "CreateSecurityGroup", parameters));
        }
    }
    for vpc in 0..network.vpcs.len() {
        for group in 0..network.groups {
            let id = format!("$sg:v{vpc}g{group}");
            if dice.chance(20) {
                acts.push(revoke_open_egress(&id));
                for _ in 0..1 + dice.below(3) {
                    acts.push(authorize(&mut dice, network, vpc, &id, true));
                }
            }
            for _ in 0..1 + dice.below(7) {
                acts.push(authorize(&mut dice, network, vpc, &id, false));
            }
        }
    }
}

/// The rule that every new group is born with goes.
pub(super) fn revoke_open_egress(group: &str) -> Act {
    let open = json!([{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }]);
    let parameters = json!({ "GroupId": group, "IpPermissions": open });
    call("", "RevokeSecurityGroupEgress", parameters)
}

/// The first inbound rule of a group goes.
pub(super) fn revoke_first_inbound(group: &str) -> Act {
    let rules = [format!("$sgr-of:{group}")];
    let parameters = json!({ "GroupId": format!("$sg:{group}"), "SecurityGroupRuleIds": rules });
    call("", "RevokeSecurityGroupIngress", parameters)
}

/// A rule more.
pub(super) fn authorize(
    dice: &mut Dice,
    network: &Network,
    vpc: usize,
    group: &str,
    egress: bool,
) -> Act {
    let operation = if egress {
        "AuthorizeSecurityGroupEgress"
    } else {
        "AuthorizeSecurityGroupIngress"
    };
    let permission = permission(dice, network, vpc);
    call(
        "",
        operation,
        json!({ "GroupId": group, "IpPermissions": [permission] }),
    )
}

fn permission(dice: &mut Dice, network: &Network, vpc: usize) -> Value {
    let mut permission = match dice.below(10) {
        0 | 1 => json!({ "IpProtocol": "-1" }),
        2 => json!({ "IpProtocol": "icmp", "FromPort": -1, "ToPort": -1 }),
        3 => json!({ "IpProtocol": "icmp", "FromPort": 3, "ToPort": 4 }),
        4 => json!({ "IpProtocol": "icmp", "FromPort": 8, "ToPort": 0 }),
        5 => json!({ "IpProtocol": "47" }),
        6 => json!({ "IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535 }),
        n => {
            let (from, to) = port_range(dice);
            let protocol = if n == 7 { "udp" } else { "tcp" };
            json!({ "IpProtocol": protocol, "FromPort": from, "ToPort": to })
        }
    };
    let peer = if dice.chance(25) {
        // Of a peer now and then.
        let of = if network.peered && vpc < 2 && dice.chance(40) {
            1 - vpc
        } else {
            vpc
        };
        let other = format!("$sg:v{of}g{}", dice.below(network.groups));
        ("UserIdGroupPairs", json!([{ "GroupId": other }]))
    } else if dice.chance(12) {
        ("PrefixListIds", json!([{ "PrefixListId": "$pl:list" }]))
    } else {
        ("IpRanges", json!([{ "CidrIp": block(dice, network) }]))
    };
    if let Some(members) = permission.as_object_mut() {
        members.insert(peer.0.to_owned(), peer.1);
    }
    permission
}

fn port_range(dice: &mut Dice) -> (u16, u16) {
    let (one, other) = (*dice.pick(&PORTS), *dice.pick(&PORTS));
    (one.min(other), one.max(other))
}

/// A prefix list for rules and routes.
pub(super) fn prefix_list(seed: u64, network: &Network) -> Act {
    let mut dice = dice(seed, "prefix list");
    let mut blocks: Vec<_> = (0..3).map(|_| block(&mut dice, network)).collect();
    blocks.sort();
    blocks.dedup();
    let entries: Vec<_> = blocks.iter().map(|it| json!({ "Cidr": it })).collect();
    let parameters = json!({
        "PrefixListName": "list", "MaxEntries": 3, "AddressFamily": "IPv4", "Entries": entries,
    });
    call("list", "CreateManagedPrefixList", parameters)
}

/// A block around something that exists.
pub(super) fn block(dice: &mut Dice, network: &Network) -> String {
    let address = *dice.pick(&network.addresses());
    let length = *dice.pick(&[0, 0, 0, 1, 8, 16, 16, 24, 25, 31, 32]);
    let block = ipnet::IpNet::new(address, length).expect("an IPv4 length");
    block.trunc().to_string()
}

pub(super) fn lists(seed: u64, network: &Network, acts: &mut Vec<Act>) {
    let mut dice = dice(seed, "network ACLs");
    for subnet in &network.lists {
        let place = &network.subnets[*subnet];
        let name = format!("acl-{}", place.name);
        let vpc = json!({ "VpcId": format!("$vpc:v{}", place.vpc) });
        acts.push(call(&name, "CreateNetworkAcl", vpc));
        let id = format!("$acl:{name}");
        for egress in [false, true] {
            // Without it most worlds would be silent.
            if dice.chance(75) {
                acts.push(call("", "CreateNetworkAclEntry", open_entry(&id, egress)));
            }
        }
        for _ in 0..dice.below(6) {
            acts.push(entry(&mut dice, network, &id));
        }
        let parameters = json!({
            "AssociationId": format!("$aclassoc-of:{}", place.name), "NetworkAclId": id,
        });
        acts.push(call("", "ReplaceNetworkAclAssociation", parameters));
    }
}

fn open_entry(acl: &str, egress: bool) -> Value {
    json!({
        "NetworkAclId": acl, "RuleNumber": 150, "Protocol": "-1", "RuleAction": "allow",
        "Egress": egress, "CidrBlock": "0.0.0.0/0",
    })
}

/// An entry more.
pub(super) fn entry(dice: &mut Dice, network: &Network, acl: &str) -> Act {
    let protocol = *dice.pick(&["-1", "6", "6", "6", "17", "1", "47"]);
    let action = if dice.chance(60) { "allow" } else { "deny" };
    let mut parameters = json!({
        "NetworkAclId": acl, "RuleNumber": dice.pick(&NUMBERS), "Protocol": protocol,
        "RuleAction": action, "Egress": dice.chance(50), "CidrBlock": block(dice, network),
    });
    let extra = match protocol {
        "6" | "17" => {
            let (from, to) = port_range(dice);
            Some(("PortRange", json!({ "From": from, "To": to })))
        }
        "1" => {
            let (icmp_type, code) = *dice.pick(&[(-1, -1), (8, -1), (8, 0), (0, 0), (3, 4)]);
            Some(("IcmpTypeCode", json!({ "Type": icmp_type, "Code": code })))
        }
        _ => None,
    };
    if let (Some(members), Some((key, value))) = (parameters.as_object_mut(), extra) {
        members.insert(key.to_owned(), value);
    }
    call("", "CreateNetworkAclEntry", parameters)
}
