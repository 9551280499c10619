//! What any hop that forwards can find wrong with a packet.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ExplanationCode, Reason};

/// Reasons that lie in the packet: its length, its TTL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PacketDrop {
    /// Longer than the hop carries, with DF set or where nothing is fragmented.
    MtuExceeded {
        /// What the hop carries, in octets.
        mtu: u16,
        /// IP total length in octets.
        size: u32,
        /// Whether the sender was told, by Fragmentation Needed (ICMP 3/4) or Packet Too Big
        /// (ICMPv6 2).
        icmp_sent: bool,
    },
    /// The TTL reached zero.
    TtlExpired {
        /// Whether the sender was told, by Time Exceeded (ICMP 11/0, ICMPv6 3/0).
        icmp_sent: bool,
    },
}

impl Reason for PacketDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::MtuExceeded { .. } => None,
            Self::TtlExpired { .. } => None,
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for PacketDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MtuExceeded { mtu, size, icmp_sent } => write!(
                f, "{size} octets exceed the MTU {mtu}; {}",
                if *icmp_sent { "ICMP tells the sender" } else { "the sender is not told" },
            ),
            Self::TtlExpired { icmp_sent } => write!(
                f, "the TTL reached 0; {}",
                if *icmp_sent { "ICMP tells the sender" } else { "the sender is not told" },
            ),
        }
    }
}
