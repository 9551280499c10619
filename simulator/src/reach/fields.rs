//! Protocols, ports and ICMP messages cut where rules cut them.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::{
    FlowDirection, IpProtocol, NetworkAclId, PortRange, Resources, SecurityGroupId,
};

use super::ranges::{Interval, IpVersion, Ranges};
use crate::verdict::Hop;

/// Where the rules that a packet met change their mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// First ports of the pieces, for TCP and UDP alike.
    ports: BTreeSet<u32>,
    types: BTreeSet<u8>,
    codes: BTreeSet<u8>,
    protocols: BTreeSet<u8>,
}

/// Echo request and reply, which the network itself tells from the rest.
const ECHO_V4: [u8; 2] = [0, 8];
const ECHO_V6: [u8; 2] = [128, 129];
/// Errors, which quote another packet.
const ERRORS_V4: [u8; 5] = [3, 4, 5, 11, 12];
const ERRORS_V6: [u8; 4] = [1, 2, 3, 4];

impl Marks {
    fn add_rule(&mut self, protocol: IpProtocol, ports: Option<PortRange>, icmp: (i32, i32)) {
        let IpProtocol::Number(number) = protocol else {
            return;
        };
        match number {
            6 | 17 => {
                let ports = ports.unwrap_or(PortRange::ALL);
                self.ports.insert(ports.from.into());
                self.ports.insert(u32::from(ports.to) + 1);
            }
            1 | 58 => {
                self.types.extend(u8::try_from(icmp.0));
                self.codes.extend(u8::try_from(icmp.1));
            }
            other => {
                self.protocols.insert(other);
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.ports.extend(&other.ports);
        self.types.extend(&other.types);
        self.codes.extend(&other.codes);
        self.protocols.extend(&other.protocols);
    }

    /// The pieces of the port range.
    pub(crate) fn ports(&self) -> Vec<Interval> {
        let mut starts = self.ports.clone();
        starts.insert(0);
        starts.retain(|it| *it <= 65535);
        let ends = starts.iter().skip(1).map(|next| next - 1);
        let ends: Vec<u32> = ends.chain([65535]).collect();
        let pairs = starts.into_iter().zip(ends);
        let pieces = pairs.filter_map(|(low, high)| Interval::new(low.into(), high.into()));
        pieces.collect()
    }

    /// ICMP types: each that a rule names and those of pings alone, then errors, then the others.
    pub(super) fn types(&self, version: IpVersion) -> Vec<Ranges> {
        let (echo, errors): (&[u8], &[u8]) = match version {
            IpVersion::V4 => (&ECHO_V4, &ERRORS_V4),
            IpVersion::V6 => (&ECHO_V6, &ERRORS_V6),
        };
        let named = self.types.iter().chain(echo).copied().collect();
        let mut pieces = one_by_one(&named, &Interval::OCTET.into());
        let errors = Ranges::of(errors.iter().map(|it| Interval::single((*it).into())));
        if let Some(rest) = pieces.pop() {
            let parts = [rest.intersect(&errors), rest.subtract(&errors)];
            pieces.extend(parts.into_iter().filter(|it| !it.is_empty()));
        }
        pieces
    }

    /// ICMP codes, each named one alone and the others together; 0 is what queries have.
    pub(super) fn codes(&self) -> Vec<Ranges> {
        let mut named = self.codes.clone();
        named.insert(0);
        one_by_one(&named, &Interval::OCTET.into())
    }

    /// Protocols other than TCP, UDP and the version's ICMP.
    pub(super) fn other_protocols(&self, version: IpVersion) -> Vec<Ranges> {
        let with_fields = [6, 17, version.icmp()].map(|it| Interval::single(it.into()));
        let others = Ranges::from(Interval::OCTET).subtract(&Ranges::of(with_fields));
        // The other version's ICMP has rules of its own kind.
        let mut named = self.protocols.clone();
        named.extend([1, 58]);
        one_by_one(&named, &others)
    }
}

fn one_by_one(named: &BTreeSet<u8>, whole: &Ranges) -> Vec<Ranges> {
    let single = named.iter().map(|it| Ranges::single((*it).into()));
    let mut pieces: Vec<_> = single
        .filter(|it| !it.intersect(whole).is_empty())
        .collect();
    let rest = pieces
        .iter()
        .fold(whole.clone(), |rest, it| rest.subtract(it));
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// The marks of every list and group.
pub(crate) struct Rules {
    acls: BTreeMap<(NetworkAclId, bool), Marks>,
    groups: BTreeMap<(SecurityGroupId, bool), Marks>,
}

impl Rules {
    pub(crate) fn new(resources: &Resources) -> Self {
        let mut rules = Self {
            acls: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        for (id, acl) in &resources.network_acls {
            for entry in &acl.entries {
                let icmp = entry.icmp_type_code;
                let icmp = icmp.map_or((-1, -1), |it| (it.icmp_type.into(), it.code.into()));
                let marks = rules.acls.entry((id.clone(), entry.egress)).or_default();
                marks.add_rule(entry.protocol, entry.port_range, icmp);
            }
        }
        for (id, group) in &resources.security_groups {
            for rule in &group.rules {
                let marks = rules
                    .groups
                    .entry((id.clone(), rule.is_egress))
                    .or_default();
                let icmp = (rule.from_port, rule.to_port);
                marks.add_rule(rule.ip_protocol, rule.ports(), icmp);
            }
        }
        rules
    }

    /// Adds what the rules at a hop tell apart.
    pub(crate) fn at(&self, hop: &Hop, marks: &mut Marks) {
        match hop {
            Hop::NetworkAcl { acl, egress, .. } => {
                let own = self.acls.get(&(acl.clone(), *egress));
                own.into_iter().for_each(|it| marks.add(it));
            }
            Hop::SecurityGroup {
                groups, direction, ..
            } => {
                let egress = *direction == FlowDirection::Egress;
                for group in groups {
                    let own = self.groups.get(&(group.clone(), egress));
                    own.into_iter().for_each(|it| marks.add(it));
                }
            }
            _ => {}
        }
    }
}
