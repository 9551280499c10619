//! Network ACL: ordered, stateless (`facts.md` 2.2).

use wirelab_model::{IpProtocol, NetworkAclEntry, RuleAction, SubnetId};

use super::packet::{Fragment, ICMP, ICMPV6, TCP, UDP};
use super::{Packet, Plain};

impl Plain {
    /// Whether the subnet's list lets the packet out (`egress`) or in: lowest number first, the
    /// first match decides, and what nothing matches is denied.
    pub(super) fn acl_allows(&self, subnet: &SubnetId, egress: bool, packet: &Packet) -> bool {
        let lists = self.resources.network_acls.values();
        let mut of_subnet =
            lists.filter(|it| it.associations.iter().any(|it| it.subnet_id == *subnet));
        let Some(list) = of_subnet.next() else {
            return false;
        };
        let one_way = list.entries.iter().filter(|it| it.egress == egress);
        let matching = one_way.filter(|it| matches(it, egress, packet));
        let first = matching.min_by_key(|it| it.rule_number);
        first.is_some_and(|it| it.rule_action == RuleAction::Allow)
    }
}

fn matches(entry: &NetworkAclEntry, egress: bool, packet: &Packet) -> bool {
    let peer = if egress {
        packet.destination
    } else {
        packet.source
    };
    entry.cidr_block.contains(&peer) && protocol_matches(entry, packet)
}

/// Ports count for TCP and UDP, type and code for ICMP; `-1` and every other protocol have neither.
fn protocol_matches(entry: &NetworkAclEntry, packet: &Packet) -> bool {
    let IpProtocol::Number(number) = entry.protocol else {
        return true;
    };
    if number != packet.protocol {
        return false;
    }
    match number {
        TCP | UDP => match entry.port_range {
            None => true,
            // A later fragment has no ports: what allows some of them lets it pass, what denies
            // some of them does not stop it. AWS documents nothing.
            Some(range) if packet.fragment == Fragment::Later => {
                range.is_all() || entry.rule_action == RuleAction::Allow
            }
            Some(range) => {
                range.from <= packet.destination_port && packet.destination_port <= range.to
            }
        },
        ICMP | ICMPV6 => match (entry.icmp_type_code, packet.icmp) {
            (None, _) => true,
            (Some(wanted), Some((icmp_type, code))) => {
                let fits = |wanted: i16, is: u8| wanted == -1 || wanted == i16::from(is);
                fits(wanted.icmp_type, icmp_type) && fits(wanted.code, code)
            }
            (Some(_), None) => entry.rule_action == RuleAction::Allow,
        },
        _ => true,
    }
}
