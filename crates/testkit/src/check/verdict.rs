//! How packets end, read from the simulator's events in the words of [`plain`](crate::plain).

use wirelab_model::FlowDirection;
use wirelab_simulator::{
    CapturePoint, DropReason, Dropped, EgressOnlyInternetGatewayDrop, Event, Hop, InterfaceDrop,
    InternetGatewayDrop, NatGatewayDrop, NetworkAclDrop, PacketDrop, PeeringDrop, RouteTableDrop,
    SecurityGroupDrop, TransitGatewayDrop, VpcDrop, VpnDrop,
};
use wirelab_wire::IpPacket;

use crate::plain::{Fate, Why};

/// The end of a packet, if the event is one.
pub(super) fn end(event: &Event) -> Option<(&IpPacket, Fate)> {
    match event {
        Event::Captured(captured) if !captured.outbound => {
            let to = match &captured.point {
                CapturePoint::Interface(id) => id.to_string(),
                CapturePoint::HostInterface { host, .. } => host.to_string(),
            };
            Some((captured.packet()?, Fate::Delivered(to)))
        }
        Event::Dropped(dropped) if !is_after_delivery(dropped) => {
            Some((&dropped.packet, Fate::Dropped(why(dropped))))
        }
        _ => None,
    }
}

/// Whether the packet had been delivered before: to a machine that then dropped it.
pub(super) fn is_after_delivery(dropped: &Dropped) -> bool {
    matches!(
        dropped.reason,
        DropReason::Host(_) | DropReason::Interface(InterfaceDrop::NoMachine { .. })
    )
}

fn why(dropped: &Dropped) -> Why {
    match &dropped.reason {
        DropReason::Interface(reason) => interface(reason),
        DropReason::SecurityGroup(reason) => security_group(reason),
        DropReason::NetworkAcl(NetworkAclDrop::Denied { subnet, entry, .. }) => {
            let what = if entry.egress {
                "network ACL out"
            } else {
                "network ACL in"
            };
            Why::new(what, subnet)
        }
        DropReason::RouteTable(RouteTableDrop::NoRoute { route_table, .. }) => {
            Why::new("no route", route_table)
        }
        DropReason::RouteTable(RouteTableDrop::Blackhole { route_table, .. }) => {
            Why::new("blackhole route", route_table)
        }
        DropReason::Packet(PacketDrop::MtuExceeded { .. }) => Why::new("MTU", hop(&dropped.hop)),
        DropReason::Packet(PacketDrop::TtlExpired { .. }) => Why::new("a circle", ""),
        DropReason::Vpc(VpcDrop::NotTransit { gateway, .. }) => {
            Why::new("VPC is no transit", gateway)
        }
        DropReason::Vpn(reason) => vpn(reason),
        DropReason::Vpc(
            VpcDrop::UnknownDestination { vpc, .. } | VpcDrop::OwnAddress { vpc, .. },
        ) => Why::new("unknown destination", vpc),
        DropReason::InternetGateway(reason) => internet_gateway(reason),
        DropReason::EgressOnlyInternetGateway(reason) => egress_only(reason),
        DropReason::NatGateway(reason) => nat_gateway(reason),
        DropReason::TransitGateway(reason) => transit_gateway(reason),
        DropReason::Peering(reason) => peering(reason),
        other => Why::new("other", other),
    }
}

fn interface(reason: &InterfaceDrop) -> Why {
    match reason {
        InterfaceDrop::SourceDestCheck {
            interface,
            direction,
            ..
        } => {
            let what = match direction {
                FlowDirection::Egress => "source check",
                FlowDirection::Ingress => "destination check",
            };
            Why::new(what, interface)
        }
        InterfaceDrop::NotAttached { interface } => Why::new("not attached", interface),
        InterfaceDrop::InstanceNotRunning { instance } => {
            Why::new("instance not running", instance)
        }
        other @ InterfaceDrop::NoMachine { .. } => Why::new("other", other),
    }
}

fn security_group(reason: &SecurityGroupDrop) -> Why {
    match reason {
        SecurityGroupDrop::NoRule {
            interface,
            direction,
            ..
        } => {
            let what = match direction {
                FlowDirection::Egress => "security group out",
                FlowDirection::Ingress => "security group in",
            };
            Why::new(what, interface)
        }
        SecurityGroupDrop::ConntrackAllowance { interface, .. } => {
            Why::new("tracking table full", interface)
        }
    }
}

fn internet_gateway(reason: &InternetGatewayDrop) -> Why {
    match reason {
        InternetGatewayDrop::NoPublicAddress {
            internet_gateway, ..
        } => Why::new("no public address", internet_gateway),
        InternetGatewayDrop::PrivateDestination {
            internet_gateway, ..
        } => Why::new("private destination", internet_gateway),
        InternetGatewayDrop::NoSuchPublicAddress { destination } => {
            Why::new("nobody has the public address", destination)
        }
        InternetGatewayDrop::NoInternetGateway { vpc } => Why::new("no internet gateway", vpc),
    }
}

fn egress_only(reason: &EgressOnlyInternetGatewayDrop) -> Why {
    match reason {
        EgressOnlyInternetGatewayDrop::ForeignSource { gateway, .. } => {
            Why::new("egress-only gateway: foreign source", gateway)
        }
        EgressOnlyInternetGatewayDrop::NotStartedInside { gateway, .. } => {
            Why::new("egress-only gateway: not asked for", gateway)
        }
    }
}

fn nat_gateway(reason: &NatGatewayDrop) -> Why {
    match reason {
        NatGatewayDrop::NotAvailable { nat_gateway, .. } => {
            Why::new("NAT gateway not available", nat_gateway)
        }
        NatGatewayDrop::NoMapping { nat_gateway } => {
            Why::new("NAT gateway has no such connection", nat_gateway)
        }
        NatGatewayDrop::MappingExpired { nat_gateway, .. } => {
            Why::new("NAT gateway does not know the connection", nat_gateway)
        }
        NatGatewayDrop::Unsupported { nat_gateway, .. } => {
            Why::new("NAT gateway does not forward it", nat_gateway)
        }
        other => Why::new("other", other),
    }
}

fn transit_gateway(reason: &TransitGatewayDrop) -> Why {
    match reason {
        TransitGatewayDrop::NotAttached {
            transit_gateway, ..
        } => Why::new("transit gateway not attached", transit_gateway),
        TransitGatewayDrop::NoZone {
            transit_gateway, ..
        } => Why::new("transit gateway not in the zone", transit_gateway),
        TransitGatewayDrop::NoRoute {
            transit_gateway, ..
        } => Why::new("no transit gateway route", transit_gateway),
        TransitGatewayDrop::Blackhole {
            transit_gateway, ..
        } => Why::new("transit gateway blackhole", transit_gateway),
        TransitGatewayDrop::NoIpv6Support { attachment, .. } => {
            Why::new("no IPv6 support", attachment)
        }
        TransitGatewayDrop::AttachmentState { attachment, .. } => {
            Why::new("transit gateway attachment down", attachment)
        }
    }
}

fn vpn(reason: &VpnDrop) -> Why {
    match reason {
        VpnDrop::NoRoute { gateway, .. } => Why::new("no VPN route", gateway),
        VpnDrop::TunnelDown { vpn_connection }
        | VpnDrop::PeerGone { vpn_connection, .. }
        | VpnDrop::NoGateway { vpn_connection } => Why::new("VPN tunnel down", vpn_connection),
        VpnDrop::NoCustomerGateway { vpn_connection } => {
            Why::new("VPN without a device", vpn_connection)
        }
        other => Why::new("other", other),
    }
}

fn peering(reason: &PeeringDrop) -> Why {
    match reason {
        PeeringDrop::NotActive { connection } => Why::new("peering not active", connection),
        PeeringDrop::ForeignSource { connection, .. } => {
            Why::new("peering takes no foreign source", connection)
        }
        PeeringDrop::EdgeToEdge { connection, .. } => {
            Why::new("peering is no way to elsewhere", connection)
        }
        PeeringDrop::UnknownDestination { connection, .. } => {
            Why::new("peering: unknown destination", connection)
        }
    }
}

fn hop(hop: &Hop) -> String {
    match hop {
        Hop::Interface(id) | Hop::SourceDestCheck(id) => id.to_string(),
        Hop::InternetGateway(id) => id.to_string(),
        Hop::EgressOnlyInternetGateway(id) => id.to_string(),
        Hop::VpcPeeringConnection(id) => id.to_string(),
        Hop::NatGateway(id) => id.to_string(),
        Hop::TransitGateway(id) => id.to_string(),
        Hop::VpnConnection(id) => id.to_string(),
        other => format!("{other:?}"),
    }
}
