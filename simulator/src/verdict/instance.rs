//! Why an instance's network allowances drop a packet.

use std::fmt;

use serde::{Deserialize, Serialize};
use wirelab_model::{FlowDirection, InstanceId, NetworkInterfaceId};

use super::{ExplanationCode, Reason, direction_word};

/// Reasons of instances' allowances (the ena driver's counters).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceDrop {
    /// More bits than the instance's network carries (`bw_in_allowance_exceeded`,
    /// `bw_out_allowance_exceeded`).
    Bandwidth {
        /// The instance.
        instance: InstanceId,
        /// In or out.
        direction: FlowDirection,
        /// What it carries now: its baseline, its burst, or what it may send to the internet.
        bits_per_second: u64,
    },
    /// More packets than the instance's network carries (`pps_allowance_exceeded`).
    Packets {
        /// The instance.
        instance: InstanceId,
        /// In or out.
        direction: FlowDirection,
        /// What it carries, in both directions together.
        packets_per_second: u64,
    },
    /// More packets to link-local services than an interface may send
    /// (`linklocal_allowance_exceeded`).
    LinkLocal {
        /// The interface.
        interface: NetworkInterfaceId,
        /// What it may send.
        packets_per_second: u64,
    },
}

impl Reason for InstanceDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::Bandwidth { .. } | Self::Packets { .. } | Self::LinkLocal { .. } => None,
        }
    }

    fn direction(&self) -> Option<FlowDirection> {
        match self {
            Self::Bandwidth { direction, .. } | Self::Packets { direction, .. } => Some(*direction),
            Self::LinkLocal { .. } => Some(FlowDirection::Egress),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for InstanceDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bandwidth { instance, direction, bits_per_second } => write!(
                f, "{instance} has used its {} bandwidth of {} Mbps",
                direction_word(*direction), bits_per_second / 1_000_000,
            ),
            Self::Packets { instance, direction, packets_per_second } => write!(
                f, "{instance} has used its {packets_per_second} packets a second ({})",
                direction_word(*direction),
            ),
            Self::LinkLocal { interface, packets_per_second } => write!(
                f, "{interface} has used its {packets_per_second} packets a second to link-local \
                    services",
            ),
        }
    }
}
