//! Security groups: allow rules, unioned; stateful for what they track (`facts.md` 2.1).

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{
    IpProtocol, NetworkInterface, NetworkInterfaceId, RulePeer, SecurityGroupRule,
};

use super::packet::{Fragment, ICMP, ICMPV6, TCP, UDP};
use super::{Packet, Plain, owns};

impl Plain {
    /// Whether the groups of an interface let a packet out (`egress`) or in, and what that does to
    /// the tracked flows. `direct`: group references match. `tracked_anyway`: the flow passes
    /// something whose flows are always tracked.
    pub(super) fn groups_allow(
        &mut self,
        id: &NetworkInterfaceId,
        egress: bool,
        packet: &Packet,
        direct: bool,
        tracked_anyway: bool,
    ) -> bool {
        let limits = self.idle_timeouts(id);
        let now = self.now;
        let tracking = self.tracking.entry(id.clone()).or_default();
        if tracking.passes(now, egress, packet, &limits) {
            tracking.lets_follow(now, packet);
            return true;
        }
        let rules = self.rules_that_allow(id, egress, packet, direct);
        if rules.is_empty() {
            return false;
        }
        let untracked = matches!(packet.protocol, TCP | UDP)
            && !tracked_anyway
            && (rules.iter().any(is_for_everybody) && self.opposite_is_open(id, egress, packet)
                || self.answers_untracked(id, egress, packet, direct));
        let tracking = self.tracking.entry(id.clone()).or_default();
        tracking.lets_follow(now, packet);
        if !untracked {
            tracking.begin(now, egress, packet);
        }
        true
    }

    /// Whether a packet is the answer of a flow that the other direction's rules leave untracked.
    fn answers_untracked(
        &self,
        id: &NetworkInterfaceId,
        egress: bool,
        packet: &Packet,
        direct: bool,
    ) -> bool {
        let mut asked = packet.clone();
        std::mem::swap(&mut asked.source, &mut asked.destination);
        std::mem::swap(&mut asked.source_port, &mut asked.destination_port);
        let asked_by = self.rules_that_allow(id, !egress, &asked, direct);
        let is_open = self.opposite_is_open(id, !egress, packet);
        !packet.opens() && is_open && asked_by.iter().any(is_for_everybody)
    }

    fn rules_of(&self, id: &NetworkInterfaceId, egress: bool) -> Vec<SecurityGroupRule> {
        let groups = self.interface(id).groups.iter();
        let groups = groups.filter_map(|group| self.resources.security_groups.get(group));
        let rules = groups.flat_map(|group| group.rules.iter());
        rules
            .filter(|rule| rule.is_egress == egress)
            .cloned()
            .collect()
    }

    fn rules_that_allow(
        &self,
        id: &NetworkInterfaceId,
        egress: bool,
        packet: &Packet,
        direct: bool,
    ) -> Vec<SecurityGroupRule> {
        let peer = if egress {
            packet.destination
        } else {
            packet.source
        };
        let mut rules = self.rules_of(id, egress);
        rules.retain(|rule| {
            self.peer_matches(id, rule, peer, direct) && protocol_matches(rule, packet)
        });
        rules
    }

    fn peer_matches(
        &self,
        id: &NetworkInterfaceId,
        rule: &SecurityGroupRule,
        peer: IpAddr,
        direct: bool,
    ) -> bool {
        match &rule.peer {
            RulePeer::Cidr(block) => block.contains(&peer),
            RulePeer::PrefixList(list) => self.listed(list, peer).is_some(),
            RulePeer::Group(group) => {
                let vpc = &self.interface(id).vpc_id;
                let near = |other| other == vpc || self.are_peers(vpc, other);
                let carries = |it: &&Arc<NetworkInterface>| it.groups.contains(group);
                let members = self.resources.network_interfaces.values().filter(carries);
                let mut there = members.filter(|it| owns(it, peer));
                direct && there.any(|it| near(&it.vpc_id))
            }
        }
    }

    /// Whether the other direction allows everybody on every port.
    fn opposite_is_open(&self, id: &NetworkInterfaceId, egress: bool, packet: &Packet) -> bool {
        let ipv4 = packet.source.is_ipv4();
        self.rules_of(id, !egress).iter().any(|rule| {
            let every_port = match rule.ip_protocol {
                IpProtocol::All => true,
                IpProtocol::Number(number) => {
                    number == packet.protocol && rule.from_port == 0 && rule.to_port == 65535
                }
            };
            let family =
                matches!(&rule.peer, RulePeer::Cidr(block) if block.addr().is_ipv4() == ipv4);
            every_port && family && is_for_everybody(rule)
        })
    }
}

/// 0.0.0.0/0 or ::/0.
fn is_for_everybody(rule: &SecurityGroupRule) -> bool {
    matches!(&rule.peer, RulePeer::Cidr(block) if block.prefix_len() == 0)
}

fn protocol_matches(rule: &SecurityGroupRule, packet: &Packet) -> bool {
    let IpProtocol::Number(number) = rule.ip_protocol else {
        return true;
    };
    if number != packet.protocol {
        return false;
    }
    let within = |is: u16| rule.from_port <= i32::from(is) && i32::from(is) <= rule.to_port;
    let fits = |wanted: i32, is: u8| wanted == -1 || wanted == i32::from(is);
    match number {
        TCP | UDP if packet.fragment == Fragment::Later => {
            rule.from_port == 0 && rule.to_port == 65535
        }
        TCP | UDP => within(packet.destination_port),
        ICMP | ICMPV6 => match packet.icmp {
            Some((icmp_type, code)) => fits(rule.from_port, icmp_type) && fits(rule.to_port, code),
            None => rule.from_port == -1,
        },
        _ => true,
    }
}
