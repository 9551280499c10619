//! Security groups: allow rules only, the union of all groups of an interface, stateful.
//!
//! Amazon VPC User Guide, "Security group rules"; EC2 User Guide, "Security group connection
//! tracking" (`facts.md` 2.1). A TCP or UDP flow is *untracked* if a rule with peer 0.0.0.0/0
//! (::/0) allows it and the other direction allows 0.0.0.0/0 (::/0) on every port: then each packet
//! is judged by the rules of its own direction, and a revoked rule stops it at once. Every other
//! flow is tracked, and so is, whatever the rules, what passes a NAT gateway.

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{
    FlowDirection, IpNet, PortRange, PrefixListId, ReferenceOver, Resources, RulePeer,
    SecurityGroup, SecurityGroupId, SecurityGroupRule, SecurityGroupRuleId,
};
use wirelab_wire::{QuotedPacket, protocol};

use super::header::{FlowKey, Header};
use super::lpm::Lpm;
use super::{InterfaceIndex, Transit, Walk};
use crate::block;
use crate::config::IcmpRelated;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, SecurityGroupDrop};

/// The rules of all groups that one or more interfaces carry together.
#[derive(Clone, Debug)]
pub(crate) struct GroupSet {
    pub(crate) ids: Vec<SecurityGroupId>,
    inbound: RuleList,
    outbound: RuleList,
}

#[derive(Clone, Debug, Default)]
struct RuleList {
    rules: Vec<Rule>,
    /// Whether the list allows every port of every peer: by protocol (TCP, UDP) and IP version.
    open: [[bool; 2]; 2],
}

#[derive(Clone, Debug)]
struct Rule {
    id: SecurityGroupRuleId,
    protocol: Option<u8>,
    ports: PortRange,
    icmp: (i32, i32),
    peer: Peer,
}

#[derive(Clone, Debug)]
enum Peer {
    Block(IpNet),
    /// The blocks of a prefix list.
    Blocks(Arc<Lpm<()>>),
    /// Index of the group's member list.
    Members(u32),
}

impl GroupSet {
    /// Compiles `groups`; `members` gives the index of the member list of a referenced group,
    /// `resources` the prefix lists.
    pub(crate) fn new(
        ids: &[SecurityGroupId],
        groups: &[&SecurityGroup],
        resources: &Resources,
        mut members: impl FnMut(&SecurityGroupId) -> u32,
    ) -> Self {
        let mut set = Self {
            ids: ids.to_vec(),
            inbound: RuleList::default(),
            outbound: RuleList::default(),
        };
        let rules = groups
            .iter()
            .flat_map(|group| group.rules.iter().map(move |rule| (*group, rule)));
        for (group, rule) in rules {
            let list = if rule.is_egress {
                &mut set.outbound
            } else {
                &mut set.inbound
            };
            let peer = match &rule.peer {
                RulePeer::Cidr(block) => Peer::Block(block.trunc()),
                RulePeer::Group(peer) if is_live(group, rule, peer, resources) => {
                    Peer::Members(members(peer))
                }
                RulePeer::Group(_) => Peer::Blocks(Arc::default()),
                RulePeer::PrefixList(list) => Peer::Blocks(blocks(list, resources)),
            };
            list.add(Rule::new(rule, peer));
        }
        set
    }

    const fn list(&self, direction: FlowDirection) -> &RuleList {
        match direction {
            FlowDirection::Ingress => &self.inbound,
            FlowDirection::Egress => &self.outbound,
        }
    }
}

/// Whether the rule's reference can match anything: what it names is there, and joined to the VPC.
fn is_live(
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
    peer: &SecurityGroupId,
    resources: &Resources,
) -> bool {
    let peer = resources.security_groups.get(peer);
    let over = peer.and_then(|it| resources.reference_over(&group.vpc_id, &it.vpc_id));
    match over {
        None => false,
        Some(ReferenceOver::TransitGateway(_)) => !rule.is_egress,
        Some(ReferenceOver::SameVpc | ReferenceOver::Peering(_)) => true,
    }
}

/// The blocks of a prefix list; none of a list that is gone.
fn blocks(list: &PrefixListId, resources: &Resources) -> Arc<Lpm<()>> {
    let mut blocks = Lpm::default();
    let list = resources.managed_prefix_lists.get(list);
    for block in list.iter().flat_map(|it| it.blocks()) {
        blocks.insert(block, ());
    }
    Arc::new(blocks)
}

impl RuleList {
    fn add(&mut self, compiled: Rule) {
        if let Peer::Block(block) = compiled.peer
            && block.prefix_len() == 0
            && compiled.ports.is_all()
        {
            let version = usize::from(matches!(block, IpNet::V6(_)));
            for (at, number) in [protocol::TCP, protocol::UDP].into_iter().enumerate() {
                self.open[at][version] |= compiled.protocol.is_none_or(|it| it == number);
            }
        }
        self.rules.push(compiled);
    }

    fn is_open(&self, number: u8, is_ipv4: bool) -> bool {
        let version = usize::from(!is_ipv4);
        match number {
            protocol::TCP => self.open[0][version],
            protocol::UDP => self.open[1][version],
            _ => false,
        }
    }
}

impl Rule {
    fn new(rule: &SecurityGroupRule, peer: Peer) -> Self {
        Self {
            id: rule.security_group_rule_id.clone(),
            protocol: super::header::number(rule.ip_protocol),
            ports: rule.ports().unwrap_or(PortRange::ALL),
            icmp: (rule.from_port, rule.to_port),
            peer,
        }
    }

    fn is_for_anybody(&self) -> bool {
        matches!(self.peer, Peer::Block(block) if block.prefix_len() == 0)
    }

    fn matches(
        &self,
        header: &Header,
        peer: IpAddr,
        members: &[Vec<IpAddr>],
        direct: bool,
    ) -> bool {
        self.protocol.is_none_or(|it| it == header.protocol)
            && self.matches_ports(header)
            && match &self.peer {
                Peer::Block(block) => block::holds(block, peer),
                Peer::Blocks(blocks) => blocks.lookup(peer).is_some(),
                // A reference never matches what a middlebox forwarded or translated.
                Peer::Members(at) => direct && members[*at as usize].binary_search(&peer).is_ok(),
            }
    }

    fn matches_ports(&self, header: &Header) -> bool {
        match self.protocol {
            // The first fragment is judged by its ports, the others follow it.
            Some(_) if header.later_fragment => false,
            Some(protocol::TCP | protocol::UDP) => self.ports.contains(header.destination_port),
            Some(protocol::ICMP | protocol::ICMPV6) => {
                let (icmp_type, code) = header.icmp;
                (self.icmp.0 < 0 || self.icmp.0 == i32::from(icmp_type))
                    && (self.icmp.1 < 0 || self.icmp.1 == i32::from(code))
            }
            _ => true,
        }
    }
}

/// What the groups said.
enum Decision {
    Tracked,
    Related,
    Rule { at: usize, tracked: bool },
    Refused,
}

impl<W: Watch> Walk<'_, W> {
    /// Whether the groups of `interface` let the packet pass in `direction`. `auto_tracked`: the
    /// flow passes something whose flows are always tracked; asked of new flows only.
    pub(crate) fn security_group(
        &mut self,
        interface: InterfaceIndex,
        direction: FlowDirection,
        header: &Header,
        transit: &Transit,
        auto_tracked: impl FnOnce(&Self) -> bool,
    ) -> bool {
        let plan = self.plan;
        let nic = plan.interface(interface);
        let groups = plan.groups(nic.groups);
        let decision = self.decide(interface, direction, header, transit, auto_tracked);
        let hop = || Hop::SecurityGroup {
            interface: nic.id.clone(),
            groups: groups.ids.clone(),
            direction,
        };
        let detail = match decision {
            Decision::Refused => {
                let reason = SecurityGroupDrop::NoRule {
                    interface: nic.id.clone(),
                    direction,
                    groups: groups.ids.clone(),
                };
                self.watch.deny(transit, hop(), reason);
                if W::GOES_ON {
                    // As if the missing rule were there: its answers would be let through.
                    self.track(interface, direction, header, transit);
                }
                return false;
            }
            Decision::Rule { at, tracked } => {
                if !tracked {
                    let table = &mut self.state.interface(interface).conntrack;
                    table.remember_fragments(self.now, &transit.packet);
                } else if !self.track(interface, direction, header, transit) {
                    let limit = self.conntrack_limit(interface);
                    self.conntrack_exceeded(interface);
                    let interface = nic.id.clone();
                    let reason = SecurityGroupDrop::ConntrackAllowance { interface, limit };
                    self.watch.deny(transit, hop(), reason);
                    return false;
                }
                Some(at)
            }
            Decision::Tracked | Decision::Related => None,
        };
        self.watch.pass(&transit.packet, || {
            let rule = detail.map(|at| groups.list(direction).rules[at].id.clone());
            (hop(), rule.map_or(PassDetail::Tracked, PassDetail::Rule))
        });
        true
    }

    /// Whether the groups of `interface` would let out a packet that something else has dropped:
    /// no flow begins with it or lives on by it.
    pub(super) fn would_let_out(
        &self,
        interface: InterfaceIndex,
        header: &Header,
        transit: &Transit,
    ) -> bool {
        let (direction, nic) = (FlowDirection::Egress, self.plan.interface(interface));
        let is_tracked = self
            .state
            .interfaces
            .get(interface.get())
            .is_some_and(|it| {
                (it.conntrack).would_accept(self.now, header, direction, &transit.packet)
            });
        let rules = &self.plan.groups(nic.groups).outbound.rules;
        let (members, direct) = (&self.plan.members, transit.direct);
        let mut matching = rules.iter();
        is_tracked || matching.any(|it| it.matches(header, header.destination, members, direct))
    }

    fn decide(
        &mut self,
        interface: InterfaceIndex,
        direction: FlowDirection,
        header: &Header,
        transit: &Transit,
        auto_tracked: impl FnOnce(&Self) -> bool,
    ) -> Decision {
        let nic = self.plan.interface(interface);
        let groups = self.plan.groups(nic.groups);
        let table = &mut self.state.interface(interface).conntrack;
        if table.accepts(self.now, header, direction, &transit.packet, &nic.timeouts) {
            return Decision::Tracked;
        }
        if self.config.icmp_related == IcmpRelated::Related
            && let Some(flow) = quoted_flow(transit, direction)
            && (table.knows(self.now, &flow)
                || self.passes_untracked(groups, &flow, transit.direct))
        {
            return Decision::Related;
        }
        let peer = match direction {
            FlowDirection::Ingress => header.source,
            FlowDirection::Egress => header.destination,
        };
        let list = groups.list(direction);
        let matches = |rule: &&Rule| rule.matches(header, peer, &self.plan.members, transit.direct);
        let Some(at) = list.rules.iter().position(|rule| matches(&rule)) else {
            return Decision::Refused;
        };
        let opposite = match direction {
            FlowDirection::Ingress => &groups.outbound,
            FlowDirection::Egress => &groups.inbound,
        };
        let is_ipv4 = peer.is_ipv4();
        let anybody = |list: &RuleList, header: &Header| {
            let mut rules = list.rules.iter().filter(|rule| rule.is_for_anybody());
            rules.any(|rule| rule.matches(header, peer, &self.plan.members, transit.direct))
        };
        let untracked = !auto_tracked(self)
            && ((opposite.is_open(header.protocol, is_ipv4) && anybody(list, header))
                // Or the packet answers a flow that is untracked in the other direction.
                || (list.is_open(header.protocol, is_ipv4)
                    && !header.opens_tcp()
                    && anybody(opposite, &header.mirrored())));
        let tracked = !untracked;
        Decision::Rule { at, tracked }
    }

    /// Whether a flow passes without being tracked, since rules let all of it pass to and from
    /// anybody: then no table can know it, and an error about it belongs to it all the same.
    fn passes_untracked(&self, groups: &GroupSet, flow: &FlowKey, direct: bool) -> bool {
        let out = flow.header();
        let (protocol, is_ipv4) = (out.protocol, out.destination.is_ipv4());
        let anybody = |list: &RuleList, header: &Header| {
            let mut rules = list.rules.iter().filter(|rule| rule.is_for_anybody());
            let members = &self.plan.members;
            rules.any(|rule| rule.matches(header, out.destination, members, direct))
        };
        let (inbound, outbound) = (&groups.inbound, &groups.outbound);
        (outbound.is_open(protocol, is_ipv4) && anybody(inbound, &out.mirrored()))
            || (inbound.is_open(protocol, is_ipv4) && anybody(outbound, &out))
    }

    fn track(
        &mut self,
        interface: InterfaceIndex,
        direction: FlowDirection,
        header: &Header,
        transit: &Transit,
    ) -> bool {
        let timeouts = &self.plan.interface(interface).timeouts;
        let limit = self.conntrack_limit(interface);
        let table = &mut self.state.interface(interface).conntrack;
        let tracked = table.track(self.now, header, direction, timeouts, limit);
        if tracked {
            table.remember_fragments(self.now, &transit.packet);
        }
        tracked
    }
}

/// The flow that an ICMP error is about, seen from the interface's owner.
fn quoted_flow(transit: &Transit, direction: FlowDirection) -> Option<FlowKey> {
    let quoted = QuotedPacket::parse(transit.packet.quoted()?).ok()?;
    let sent = FlowKey::of_quoted(&quoted);
    // An error that comes in is about a packet that went out, and the other way round.
    Some(match direction {
        FlowDirection::Ingress => sent,
        FlowDirection::Egress => sent.mirrored(),
    })
}
