//! What dropped a packet, as expectations name it.

use smol_str::SmolStr;
use wirelab_model::{FlowDirection, NetworkAclEntry};
use wirelab_simulator::{DropReason, Dropped, NetworkAclDrop, RouteTableDrop, SecurityGroupDrop};

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
                .is_none_or(|wanted| dropped.reason.direction() == Some(wanted))
            && self
                .rule_number
                .is_none_or(|wanted| rule(&dropped.reason) == Some(wanted))
    }

    fn at(&self, dropped: &Dropped) -> bool {
        let id = self.id.as_str();
        match &dropped.reason {
            DropReason::SecurityGroup(SecurityGroupDrop::NoRule { groups, .. }) => {
                groups.iter().any(|it| it.as_str() == id)
            }
            DropReason::RouteTable(
                RouteTableDrop::NoRoute { route_table, .. }
                | RouteTableDrop::Blackhole { route_table, .. },
            ) => route_table.as_str() == id,
            _ => dropped.hop.id() == Some(id),
        }
    }
}

/// Both final denies count as `*`.
fn rule(reason: &DropReason) -> Option<u16> {
    match reason {
        DropReason::NetworkAcl(NetworkAclDrop::Denied { entry, .. }) => {
            Some(entry.rule_number.min(NetworkAclEntry::DEFAULT_RULE_IPV4))
        }
        _ => None,
    }
}
