//! Why an interface drops a packet: its check of addresses, and what it is attached to.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, InstanceId, NetworkInterfaceId};

use super::{ExplanationCode, Reason};

/// Reasons of network interfaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceDrop {
    /// Neither from nor to the interface's own addresses.
    SourceDestCheck {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Ingress: the destination is foreign; egress: the source is.
        direction: FlowDirection,
        /// That address.
        address: IpAddr,
    },
    /// The interface is not attached to an instance.
    NotAttached {
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// The interface's instance has no machine in this world.
    NoMachine {
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// The instance is not running.
    InstanceNotRunning {
        /// The instance.
        instance: InstanceId,
    },
}

impl Reason for InterfaceDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::SourceDestCheck { .. } => Some(ExplanationCode::EniSourceDestCheckRestriction),
            Self::NotAttached { .. } => Some(ExplanationCode::BadStateAttachment),
            Self::NoMachine { .. } => None,
            Self::InstanceNotRunning { .. } => Some(ExplanationCode::BadState),
        }
    }

    fn direction(&self) -> Option<FlowDirection> {
        match self {
            Self::SourceDestCheck { direction, .. } => Some(*direction),
            _ => None,
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for InterfaceDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceDestCheck { interface, direction, address } => write!(
                f, "source/destination check of {interface}: {} {address} is not its own",
                if *direction == FlowDirection::Egress { "source" } else { "destination" },
            ),
            Self::NotAttached { interface } => write!(f, "{interface} is not attached to an instance"),
            Self::NoMachine { interface } => write!(f, "no machine runs behind {interface}"),
            Self::InstanceNotRunning { instance } => write!(f, "{instance} is not running"),
        }
    }
}
