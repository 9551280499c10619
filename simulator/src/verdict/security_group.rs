//! Why the security groups of an interface drop a packet.

use std::fmt;

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, NetworkInterfaceId, SecurityGroupId};

use super::{ExplanationCode, Reason, direction_word};

/// Reasons of security groups and of their connection tracking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityGroupDrop {
    /// No rule of the interface's groups allows it, and no tracked connection does.
    NoRule {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Direction, seen from the interface.
        direction: FlowDirection,
        /// The groups on it.
        groups: Vec<SecurityGroupId>,
    },
    /// The interface's connection tracking table is full (`conntrack_allowance_exceeded`).
    ConntrackAllowance {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Entries.
        limit: u32,
    },
}

impl Reason for SecurityGroupDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoRule { .. } => Some(ExplanationCode::EniSgRulesMismatch),
            Self::ConntrackAllowance { .. } => None,
        }
    }

    fn is_reject(&self) -> bool {
        true
    }

    fn direction(&self) -> Option<FlowDirection> {
        match self {
            Self::NoRule { direction, .. } => Some(*direction),
            Self::ConntrackAllowance { .. } => None,
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for SecurityGroupDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule { interface, direction, groups } => write!(
                f, "no {} rule of {} on {interface} allows it",
                direction_word(*direction), list(groups),
            ),
            Self::ConntrackAllowance { interface, limit } =>
                write!(f, "the connection tracking table of {interface} is full ({limit} entries)"),
        }
    }
}

fn list(ids: &[SecurityGroupId]) -> String {
    let ids: Vec<_> = ids.iter().map(SecurityGroupId::as_str).collect();
    ids.join(", ")
}
