//! Network ACL: stateless, ordered, at the subnet's boundary only.
//!
//! Amazon VPC User Guide, "Control subnet traffic with network access control lists"
//! (`facts.md` 2.2). The port range of an entry is matched against the destination port. Protocols
//! other than TCP, UDP and ICMP ignore it. Of a fragment that holds no ports, an allow entry is
//! held against addresses and protocol alone and a deny entry with a port range does not match, as
//! on common routers; AWS documents nothing.

use std::net::IpAddr;
use std::sync::Arc;

use wirelab_model::{
    IpNet, NetworkAcl, NetworkAclEntry, NetworkAclId, PortRange, RuleAction, SubnetId,
};
use wirelab_wire::IpPacket;

use super::header::Header;
use super::{SubnetIndex, Transit, Walk};
use crate::block;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, NetworkAclDrop};

/// A list as the fabric reads it: both directions sorted by rule number.
#[derive(Clone, Debug)]
pub(crate) struct Acl {
    pub(crate) id: NetworkAclId,
    source: Arc<NetworkAcl>,
    inbound: Vec<Entry>,
    outbound: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    block: IpNet,
    protocol: Option<u8>,
    ports: PortRange,
    icmp: (i16, i16),
    allow: bool,
    /// Where the entry is in `source.entries`.
    at: u32,
}

impl Acl {
    pub(crate) fn new(source: &Arc<NetworkAcl>) -> Self {
        Self {
            id: source.network_acl_id.clone(),
            source: Arc::clone(source),
            inbound: compile(&source.entries, false),
            outbound: compile(&source.entries, true),
        }
    }

    /// The first entry that matches. `None` only if the list lacks its final deny.
    pub(crate) fn decide(&self, header: &Header, egress: bool) -> Option<&NetworkAclEntry> {
        let (entries, address) = if egress {
            (&self.outbound, header.destination)
        } else {
            (&self.inbound, header.source)
        };
        let found = entries
            .iter()
            .find(|entry| entry.matches(header, address))?;
        Some(&self.source.entries[found.at as usize])
    }
}

fn compile(entries: &[NetworkAclEntry], egress: bool) -> Vec<Entry> {
    let mut compiled: Vec<_> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.egress == egress)
        .map(|(at, entry)| (entry.rule_number, Entry::new(entry, at)))
        .collect();
    compiled.sort_by_key(|(number, _)| *number);
    compiled.into_iter().map(|(_, entry)| entry).collect()
}

impl Entry {
    fn new(entry: &NetworkAclEntry, at: usize) -> Self {
        Self {
            block: entry.cidr_block.trunc(),
            protocol: super::header::number(entry.protocol),
            ports: entry.port_range.unwrap_or(PortRange::ALL),
            icmp: entry
                .icmp_type_code
                .map_or((-1, -1), |icmp| (icmp.icmp_type, icmp.code)),
            allow: entry.rule_action == RuleAction::Allow,
            at: u32::try_from(at).expect("a list has fewer than 2^32 entries"),
        }
    }

    fn matches(&self, header: &Header, address: IpAddr) -> bool {
        if !block::holds(&self.block, address)
            || self.protocol.is_some_and(|it| it != header.protocol)
        {
            return false;
        }
        match self.protocol {
            Some(6 | 17) if header.later_fragment => self.allow || self.ports.is_all(),
            Some(6 | 17) => self.ports.contains(header.destination_port),
            Some(1 | 58) if header.later_fragment => self.allow || self.icmp.0 < 0,
            Some(1 | 58) => self.matches_icmp(header),
            _ => true,
        }
    }

    fn matches_icmp(&self, header: &Header) -> bool {
        let (icmp_type, code) = header.icmp;
        (self.icmp.0 < 0 || self.icmp.0 == i16::from(icmp_type))
            && (self.icmp.1 < 0 || self.icmp.1 == i16::from(code))
    }
}

impl<W: Watch> Walk<'_, W> {
    /// Whether the subnet's list lets the packet cross the boundary.
    pub(crate) fn network_acl(
        &mut self,
        subnet: SubnetIndex,
        header: &Header,
        egress: bool,
        transit: &Transit,
    ) -> bool {
        let subnet = self.plan.subnet(subnet);
        let Some(acl) = subnet.acl.map(|at| self.plan.acl(at)) else {
            return true;
        };
        let entry = acl.decide(header, egress);
        let hop = || hop(acl, &subnet.id, egress);
        if let Some(entry) = entry
            && entry.rule_action == RuleAction::Allow
        {
            self.watch.pass(&transit.packet, || {
                (hop(), PassDetail::Entry(Box::new(entry.clone())))
            });
            return true;
        }
        let reason = NetworkAclDrop::Denied {
            acl: acl.id.clone(),
            subnet: subnet.id.clone(),
            entry: Box::new(
                entry
                    .cloned()
                    .unwrap_or_else(|| final_deny(&transit.packet, egress)),
            ),
        };
        self.watch.deny(transit, hop(), reason);
        false
    }
}

impl<W> Walk<'_, W> {
    /// What [`Self::network_acl`] would say, told to nobody.
    pub(super) fn acl_allows(&self, subnet: SubnetIndex, header: &Header, egress: bool) -> bool {
        let acl = self.plan.subnet(subnet).acl.map(|at| self.plan.acl(at));
        acl.is_none_or(|acl| {
            let decisive = acl.decide(header, egress);
            decisive.is_some_and(|it| it.rule_action == RuleAction::Allow)
        })
    }
}

fn hop(acl: &Acl, subnet: &SubnetId, egress: bool) -> Hop {
    Hop::NetworkAcl {
        acl: acl.id.clone(),
        subnet: subnet.clone(),
        egress,
    }
}

/// The final deny of a list that was given without it.
fn final_deny(packet: &IpPacket, egress: bool) -> NetworkAclEntry {
    let is_ipv4 = packet.source().is_ipv4();
    NetworkAclEntry {
        cidr_block: if is_ipv4 {
            IpNet::V4(wirelab_model::Ipv4Net::default())
        } else {
            IpNet::V6(wirelab_model::Ipv6Net::default())
        },
        egress,
        protocol: wirelab_model::IpProtocol::All,
        port_range: None,
        icmp_type_code: None,
        rule_action: RuleAction::Deny,
        rule_number: if is_ipv4 {
            NetworkAclEntry::DEFAULT_RULE_IPV4
        } else {
            NetworkAclEntry::DEFAULT_RULE_IPV6
        },
    }
}
