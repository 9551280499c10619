//! Where a packet was judged and what became of it.
//!
//! Every drop names the resource, the rule and the direction, in one sentence a learner can act on.
//! Each component has its own file with its reasons, their sentences and Reachability Analyzer's
//! codes; a new one is a file, and a line in the list below.

mod code;
mod egress_only_internet_gateway;
mod hop;
mod host;
mod instance;
mod interface;
mod internet_gateway;
mod nat_gateway;
mod network_acl;
mod packet;
mod peering;
mod route_table;
mod security_group;
mod segment;
mod service;
mod transit_gateway;
mod vpc;
mod vpn;

use std::fmt;

use serde::{Deserialize, Serialize};
use wirelab_model::FlowDirection;

pub use code::ExplanationCode;
pub use egress_only_internet_gateway::EgressOnlyInternetGatewayDrop;
pub use hop::Hop;
pub use host::MachineDrop;
pub use instance::InstanceDrop;
pub use interface::InterfaceDrop;
pub use internet_gateway::InternetGatewayDrop;
pub use nat_gateway::NatGatewayDrop;
pub use network_acl::{EntryText, NetworkAclDrop};
pub use packet::PacketDrop;
pub use peering::PeeringDrop;
pub use route_table::{RouteTableDrop, TargetText};
pub use security_group::SecurityGroupDrop;
pub use segment::SegmentDrop;
pub use service::ServiceDrop;
pub use transit_gateway::TransitGatewayDrop;
pub use vpc::VpcDrop;
pub use vpn::{VpnDrop, VpnLimit};

/// What every component's reasons can say; `Display` is one sentence without a full stop.
trait Reason: fmt::Display {
    /// Reachability Analyzer's code, where one fits.
    fn code(&self) -> Option<ExplanationCode>;

    /// Whether flow logs show it as REJECT.
    fn is_reject(&self) -> bool {
        false
    }

    /// The direction that was refused, seen from the interface or subnet, if it has two.
    fn direction(&self) -> Option<FlowDirection> {
        None
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident($reason:ident),)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum DropReason {
            $($(#[$doc])* $name($reason),)*
        }

        impl DropReason {
            fn reason(&self) -> &dyn Reason {
                match self {
                    $(Self::$name(reason) => reason,)*
                }
            }
        }

        $(impl From<$reason> for DropReason {
            fn from(reason: $reason) -> Self {
                Self::$name(reason)
            }
        })*
    };
}

reasons! {
    /// An egress-only internet gateway.
    EgressOnlyInternetGateway(EgressOnlyInternetGatewayDrop),
    /// A machine.
    Host(MachineDrop),
    /// What an instance's network allows.
    Instance(InstanceDrop),
    /// A network interface.
    Interface(InterfaceDrop),
    /// An internet gateway, or the internet.
    InternetGateway(InternetGatewayDrop),
    /// A NAT gateway.
    NatGateway(NatGatewayDrop),
    /// A network ACL.
    NetworkAcl(NetworkAclDrop),
    /// Its length or its TTL, at any hop.
    Packet(PacketDrop),
    /// A VPC peering connection.
    Peering(PeeringDrop),
    /// A route table.
    RouteTable(RouteTableDrop),
    /// The security groups of an interface.
    SecurityGroup(SecurityGroupDrop),
    /// A segment outside AWS.
    Segment(SegmentDrop),
    /// A service of AWS's, or the endpoint that leads to it.
    Service(ServiceDrop),
    /// A transit gateway.
    TransitGateway(TransitGatewayDrop),
    /// The router of a VPC.
    Vpc(VpcDrop),
    /// A virtual private gateway or a VPN connection.
    Vpn(VpnDrop),
}

impl DropReason {
    /// Whether flow logs show it as REJECT: only security groups and network ACLs do.
    #[must_use]
    pub fn is_reject(&self) -> bool {
        self.reason().is_reject()
    }

    /// Reachability Analyzer's explanation code, where one fits.
    #[must_use]
    pub fn code(&self) -> Option<ExplanationCode> {
        self.reason().code()
    }

    /// The direction that was refused, seen from the interface or subnet, if it has two.
    #[must_use]
    pub fn direction(&self) -> Option<FlowDirection> {
        self.reason().direction()
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

pub(crate) const fn direction_word(direction: FlowDirection) -> &'static str {
    match direction {
        FlowDirection::Ingress => "inbound",
        FlowDirection::Egress => "outbound",
    }
}
