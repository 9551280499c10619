//! Reachability Analyzer's words for what is in the way.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// An explanation code (Reachability Analyzer guide, "Explanation codes"). Only codes that
        /// a world can give are here: none of load balancers and firewalls.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum ExplanationCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ExplanationCode {
            /// As AWS writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// A component is out of service.
    BadState = "BAD_STATE",
    /// An attachment is missing or out of service.
    BadStateAttachment = "BAD_STATE_ATTACHMENT",
    /// A route is a blackhole.
    BadStateRoute = "BAD_STATE_ROUTE",
    /// A VPN connection is down.
    BadStateVpn = "BAD_STATE_VPN",
    /// No rule of the security groups applies.
    EniSgRulesMismatch = "ENI_SG_RULES_MISMATCH",
    /// The source/destination check refuses the address.
    EniSourceDestCheckRestriction = "ENI_SOURCE_DEST_CHECK_RESTRICTION",
    /// No private address leaves by an internet gateway.
    IgwDestinationAddressNotInRfc1918Egress = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS",
    /// No shared address (RFC 6598) leaves by an internet gateway.
    IgwDestinationAddressNotInRfc6598Egress = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS",
    /// Nobody behind the internet gateway has the destination address.
    IgwPrivateIpAssociationForIngress = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
    /// The source has no public address.
    IgwPublicIpAssociationForEgress = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS",
    /// A NAT gateway serves its own VPC alone.
    NgwRequiresSourceInVpc = "NGW_REQUIRES_SOURCE_IN_VPC",
    /// Nobody has the destination address.
    NoPossibleDestination = "NO_POSSIBLE_DESTINATION",
    /// No route of the table matches.
    NoRouteToDestination = "NO_ROUTE_TO_DESTINATION",
    /// A peering connection carries only what is from one of its VPCs to the other.
    PcxRequiresAddressInVpcCidr = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
    /// A component carries other protocols.
    ProtocolRestriction = "PROTOCOL_RESTRICTION",
    /// The network ACL of the subnet does not admit it.
    SubnetAclRestriction = "SUBNET_ACL_RESTRICTION",
    /// An attachment is associated with no transit gateway route table.
    TgwAttachMissingTgwRtbAssociation = "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION",
    /// The attachment has no subnet in the Availability Zone of the sender.
    TgwRouteAzRestriction = "TGW_ROUTE_AZ_RESTRICTION",
    /// The transit gateway's route is a blackhole.
    TgwRtbBadStateRoute = "TGW_RTB_BAD_STATE_ROUTE",
    /// No route of the transit gateway's table matches.
    TgwRtbCannotRoute = "TGW_RTB_CANNOT_ROUTE",
    /// The destination behind a virtual private gateway is no interface of its VPC.
    VgwPrivateIpAssociationForIngress = "VGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS",
    /// A gateway endpoint gives only what its prefix list holds.
    VpceGatewayEgressSourceAddressRestriction = "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION",
    /// A gateway endpoint carries TCP and pings alone.
    VpceGatewayProtocolRestriction = "VPCE_GATEWAY_PROTOCOL_RESTRICTION",
    /// The endpoint has no interface in the Availability Zone.
    VpceServiceNotInstalledInAz = "VPCE_SERVICE_NOT_INSTALLED_IN_AZ",
}

impl fmt::Display for ExplanationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
