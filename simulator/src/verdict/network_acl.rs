//! Why a network ACL drops a packet.

use std::fmt;

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, NetworkAclEntry, NetworkAclId, RuleAction, SubnetId};

use super::{ExplanationCode, Reason};

/// Reasons of network ACLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkAclDrop {
    /// The first matching entry of the network ACL denies it.
    Denied {
        /// The list.
        acl: NetworkAclId,
        /// The subnet whose boundary is crossed.
        subnet: SubnetId,
        /// The entry, which says direction and number.
        entry: Box<NetworkAclEntry>,
    },
}

impl Reason for NetworkAclDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::Denied { .. } => Some(ExplanationCode::SubnetAclRestriction),
        }
    }

    fn is_reject(&self) -> bool {
        true
    }

    fn direction(&self) -> Option<FlowDirection> {
        let Self::Denied { entry, .. } = self;
        Some(if entry.egress {
            FlowDirection::Egress
        } else {
            FlowDirection::Ingress
        })
    }
}

/// One sentence without a full stop.
impl fmt::Display for NetworkAclDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { acl, entry, .. } => write!(
                f, "matched {} {} of {acl}",
                if entry.egress { "outbound" } else { "inbound" }, EntryText(entry),
            ),
        }
    }
}

/// `rule 200 deny tcp 32768-60999 to 10.0.1.0/24`; the final deny is `rule *`.
#[derive(Clone, Copy, Debug)]
pub struct EntryText<'a>(pub &'a NetworkAclEntry);

impl fmt::Display for EntryText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        if entry.is_default() {
            return f.write_str("rule * deny all");
        }
        let action = match entry.rule_action {
            RuleAction::Allow => "allow",
            RuleAction::Deny => "deny",
        };
        write!(f, "rule {} {action} {}", entry.rule_number, entry.protocol)?;
        if let Some(ports) = entry.port_range.filter(|ports| !ports.is_all()) {
            write!(f, " {ports}")?;
        }
        if let Some(icmp) = entry.icmp_type_code.filter(|icmp| icmp.icmp_type >= 0) {
            write!(f, " type {}", icmp.icmp_type)?;
            if icmp.code >= 0 {
                write!(f, " code {}", icmp.code)?;
            }
        }
        let word = if entry.egress { "to" } else { "from" };
        write!(f, " {word} {}", entry.cidr_block)
    }
}
