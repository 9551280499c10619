//! Why a route table leads a packet nowhere.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{RouteDestination, RouteTableId, RouteTarget};

use super::{ExplanationCode, Reason};

/// Reasons of route tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTableDrop {
    /// No route of the table matches.
    NoRoute {
        /// The table.
        route_table: RouteTableId,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// The route's target is gone or out of service.
    Blackhole {
        /// The table.
        route_table: RouteTableId,
        /// The route's block or prefix list.
        destination: RouteDestination,
        /// Where the route leads.
        target: RouteTarget,
    },
}

impl Reason for RouteTableDrop {
    fn code(&self) -> Option<ExplanationCode> {
        match self {
            Self::NoRoute { .. } => Some(ExplanationCode::NoRouteToDestination),
            Self::Blackhole { .. } => Some(ExplanationCode::BadStateRoute),
        }
    }
}

/// One sentence without a full stop.
impl fmt::Display for RouteTableDrop {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute { route_table, destination } =>
                write!(f, "no route of {route_table} matches {destination}"),
            Self::Blackhole { route_table, destination, target } =>
                write!(f, "route {destination} of {route_table} is a blackhole: {} is gone or not in service", TargetText(target)),
        }
    }
}

/// The id a route leads to, or `local`.
#[derive(Clone, Copy, Debug)]
pub struct TargetText<'a>(pub &'a RouteTarget);

impl TargetText<'_> {
    /// The id, or `local`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self.0 {
            RouteTarget::Local => "local",
            RouteTarget::InternetGateway(id) => id.as_str(),
            RouteTarget::VpnGateway(id) => id.as_str(),
            RouteTarget::EgressOnlyInternetGateway(id) => id.as_str(),
            RouteTarget::NatGateway(id) => id.as_str(),
            RouteTarget::NetworkInterface(id) => id.as_str(),
            RouteTarget::TransitGateway(id) => id.as_str(),
            RouteTarget::VpcPeeringConnection(id) => id.as_str(),
            RouteTarget::VpcEndpoint(id) => id.as_str(),
        }
    }
}

impl fmt::Display for TargetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
