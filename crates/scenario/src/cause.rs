//! What dropped a packet, as expectations name it.

use smol_str::SmolStr;
use wirelab_model::{FlowDirection, NetworkAclEntry};
use wirelab_simulator::{DropReason, Dropped, Hop};

/// `network_acl.db ingress *`: resource, direction, and for network ACLs the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// As the author wrote it.
    pub text: String,
    /// The kind of resource: `network_acl`, `security_group`, `route_table`, `vpn_connection`,
    /// `host`, ...
    pub kind: SmolStr,
    /// Its id, or the machine's name.
    pub id: SmolStr,
    /// Direction seen from the interface or subnet; `None`: either.
    pub direction: Option<FlowDirection>,
    /// Number of the network ACL's entry; 32767 for `*`.
    pub rule_number: Option<u16>,
}

impl Cause {
    /// Whether this is what dropped the packet.
    #[must_use]
    pub fn matches(&self, dropped: &Dropped) -> bool {
        self.at(dropped)
            && self
                .direction
                .is_none_or(|wanted| direction(&dropped.reason) == Some(wanted))
            && self
                .rule_number
                .is_none_or(|wanted| rule(&dropped.reason) == Some(wanted))
    }

    fn at(&self, dropped: &Dropped) -> bool {
        let id = self.id.as_str();
        match &dropped.reason {
            DropReason::SecurityGroup { groups, .. } => groups.iter().any(|it| it.as_str() == id),
            DropReason::NetworkAcl { acl, .. } => acl.as_str() == id,
            DropReason::NoRoute { route_table, .. } | DropReason::Blackhole { route_table, .. } => {
                route_table.as_str() == id
            }
            DropReason::Host { host, .. } => host == id,
            _ => hop_id(&dropped.hop) == Some(id),
        }
    }
}

fn direction(reason: &DropReason) -> Option<FlowDirection> {
    match reason {
        DropReason::SecurityGroup { direction, .. }
        | DropReason::SourceDestCheck { direction, .. } => Some(*direction),
        DropReason::NetworkAcl { entry, .. } if entry.egress => Some(FlowDirection::Egress),
        DropReason::NetworkAcl { .. } => Some(FlowDirection::Ingress),
        _ => None,
    }
}

/// Both final denies count as `*`.
fn rule(reason: &DropReason) -> Option<u16> {
    match reason {
        DropReason::NetworkAcl { entry, .. } => {
            Some(entry.rule_number.min(NetworkAclEntry::DEFAULT_RULE_IPV4))
        }
        _ => None,
    }
}

fn hop_id(hop: &Hop) -> Option<&str> {
    match hop {
        Hop::Interface(id) | Hop::SourceDestCheck(id) => Some(id.as_str()),
        Hop::SecurityGroup { interface, .. } => Some(interface.as_str()),
        Hop::NetworkAcl { acl, .. } => Some(acl.as_str()),
        Hop::RouteTable { route_table, .. } => Some(route_table.as_str()),
        Hop::InternetGateway(id) => Some(id.as_str()),
        Hop::NatGateway(id) => Some(id.as_str()),
        Hop::TransitGateway(id) => Some(id.as_str()),
        Hop::VpnGateway(id) => Some(id.as_str()),
        Hop::VpnConnection(id) => Some(id.as_str()),
        Hop::Vpc(id) => Some(id.as_str()),
        Hop::Segment(name) | Hop::Host(name) => Some(name),
        Hop::Internet => None,
    }
}
