//! Rules of security groups and entries of network ACLs.

use std::net::IpAddr;

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
                acts.push(revoke_open_egress(&id, false));
                if network.ipv6.any() {
                    acts.push(revoke_open_egress(&id, true));
                }
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

/// The rule that every new group is born with goes, or that for IPv6.
pub(super) fn revoke_open_egress(group: &str, ipv6: bool) -> Act {
    let open = if ipv6 {
        json!([{ "IpProtocol": "-1", "Ipv6Ranges": [{ "CidrIpv6": "::/0" }] }])
    } else {
        json!([{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])
    };
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
    let (key, peer) = peer(dice, network, vpc);
    let ipv6 = key == "Ipv6Ranges" || network.ipv6.any() && dice.chance(20);
    let ports = |protocol: &str, from: i32, to: i32| json!({ "IpProtocol": protocol, "FromPort": from, "ToPort": to });
    let mut permission = match (dice.below(10), ipv6) {
        (0 | 1, _) => json!({ "IpProtocol": "-1" }),
        (2, false) => ports("icmp", -1, -1),
        (3, false) => ports("icmp", 3, 4),
        (4, false) => ports("icmp", 8, 0),
        (2, true) => ports("icmpv6", -1, -1),
        (3, true) => ports("icmpv6", 2, 0),
        (4, true) => ports("icmpv6", 128, *dice.pick(&[-1, 0])),
        (5, _) => json!({ "IpProtocol": "47" }),
        (6, _) => ports("tcp", 0, 65535),
        (n, _) => {
            let (from, to) = port_range(dice);
            let protocol = if n == 7 { "udp" } else { "tcp" };
            ports(protocol, from.into(), to.into())
        }
    };
    permission[key] = peer;
    permission
}

/// Whom a rule is about.
fn peer(dice: &mut Dice, network: &Network, vpc: usize) -> (&'static str, Value) {
    if dice.chance(25) {
        // Of a peer now and then.
        let of = if network.peered && vpc < 2 && dice.chance(40) {
            1 - vpc
        } else {
            vpc
        };
        let other = format!("$sg:v{of}g{}", dice.below(network.groups));
        ("UserIdGroupPairs", json!([{ "GroupId": other }]))
    } else if dice.chance(12) {
        let list = if network.ipv6.any() && dice.chance(50) {
            "$pl:list6"
        } else {
            "$pl:list"
        };
        ("PrefixListIds", json!([{ "PrefixListId": list }]))
    } else {
        let block = block(dice, network);
        if block.contains(':') {
            ("Ipv6Ranges", json!([{ "CidrIpv6": block }]))
        } else {
            ("IpRanges", json!([{ "CidrIp": block }]))
        }
    }
}

fn port_range(dice: &mut Dice) -> (u16, u16) {
    let (one, other) = (*dice.pick(&PORTS), *dice.pick(&PORTS));
    (one.min(other), one.max(other))
}

/// Prefix lists for rules and routes: one, or one of each family.
pub(super) fn prefix_lists(seed: u64, network: &Network) -> Vec<Act> {
    let mut dice = dice(seed, "prefix list");
    let ipv4: Vec<_> = network
        .addresses()
        .into_iter()
        .filter(IpAddr::is_ipv4)
        .collect();
    let mut acts = vec![prefix_list(&mut dice, "list", "IPv4", &ipv4)];
    if network.ipv6.any() {
        let ipv6 = network.ipv6_addresses();
        acts.push(prefix_list(&mut dice, "list6", "IPv6", &ipv6));
    }
    acts
}

fn prefix_list(dice: &mut Dice, name: &str, family: &str, addresses: &[IpAddr]) -> Act {
    let mut blocks: Vec<_> = (0..3).map(|_| around(dice, addresses)).collect();
    blocks.sort();
    blocks.dedup();
    let entries: Vec<_> = blocks.iter().map(|it| json!({ "Cidr": it })).collect();
    let parameters = json!({
        "PrefixListName": name, "MaxEntries": 3, "AddressFamily": family, "Entries": entries,
    });
    call(name, "CreateManagedPrefixList", parameters)
}

/// A block around something that exists.
pub(super) fn block(dice: &mut Dice, network: &Network) -> String {
    around(dice, &network.addresses())
}

/// The same of IPv4.
pub(super) fn ipv4_block(dice: &mut Dice, network: &Network) -> String {
    let mut addresses = network.addresses();
    addresses.retain(IpAddr::is_ipv4);
    around(dice, &addresses)
}

fn around(dice: &mut Dice, addresses: &[IpAddr]) -> String {
    let address = *dice.pick(addresses);
    let length = if address.is_ipv4() {
        *dice.pick(&[0, 0, 0, 1, 8, 16, 16, 24, 25, 31, 32])
    } else {
        *dice.pick(&[0, 0, 0, 1, 32, 56, 56, 64, 65, 127, 128])
    };
    let block = ipnet::IpNet::new(address, length).expect("a length of the family");
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
                let entry = open_entry(&id, egress, 150, "CidrBlock", "0.0.0.0/0");
                acts.push(call("", "CreateNetworkAclEntry", entry));
            }
            if network.ipv6.any() && dice.chance(75) {
                let entry = open_entry(&id, egress, 151, "Ipv6CidrBlock", "::/0");
                acts.push(call("", "CreateNetworkAclEntry", entry));
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

fn open_entry(acl: &str, egress: bool, number: u16, family: &str, block: &str) -> Value {
    json!({
        "NetworkAclId": acl, "RuleNumber": number, "Protocol": "-1", "RuleAction": "allow",
        "Egress": egress, family: block,
    })
}

/// An entry more.
pub(super) fn entry(dice: &mut Dice, network: &Network, acl: &str) -> Act {
    let protocol = *dice.pick(&["-1", "6", "6", "6", "17", "1", "47"]);
    let action = if dice.chance(60) { "allow" } else { "deny" };
    let mut parameters = json!({
        "NetworkAclId": acl, "RuleNumber": dice.pick(&NUMBERS), "Protocol": protocol,
        "RuleAction": action, "Egress": dice.chance(50),
    });
    let block = block(dice, network);
    let ipv6 = block.contains(':');
    match protocol {
        "6" | "17" => {
            let (from, to) = port_range(dice);
            parameters["PortRange"] = json!({ "From": from, "To": to });
        }
        "1" if ipv6 => {
            let (icmp_type, code) = *dice.pick(&[(-1, -1), (128, -1), (128, 0), (129, 0), (2, 0)]);
            parameters["Protocol"] = "58".into();
            parameters["IcmpTypeCode"] = json!({ "Type": icmp_type, "Code": code });
        }
        "1" => {
            let (icmp_type, code) = *dice.pick(&[(-1, -1), (8, -1), (8, 0), (0, 0), (3, 4)]);
            parameters["IcmpTypeCode"] = json!({ "Type": icmp_type, "Code": code });
        }
        _ => {}
    }
    let family = if ipv6 { "Ipv6CidrBlock" } else { "CidrBlock" };
    parameters[family] = block.into();
    call("", "CreateNetworkAclEntry", parameters)
}
