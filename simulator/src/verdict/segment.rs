//! Why a segment outside AWS drops a packet.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ExplanationCode, Reason};

/// Reasons of segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentDrop {
    /// Nobody on the segment has the next hop's address.
    NoNeighbor {
        /// The segment.
        segment: SmolStr,
        /// The next hop.
        next_hop: IpAddr,
    },
}

impl Reason for SegmentDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoNeighbor { .. } => None,
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for SegmentDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNeighbor { segment, next_hop } =>
                write!(f, "nobody on segment `{segment}` has the address {next_hop}"),
        }
    }
}
