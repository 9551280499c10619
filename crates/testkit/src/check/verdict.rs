//! How packets end, read from the simulator's events in the words of [`plain`](crate::plain).

use wirelab_model::FlowDirection;
use wirelab_simulator::{CapturePoint, DropReason, Dropped, Event, Hop};
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
            Some((&captured.frame.packet, Fate::Delivered(to)))
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
        DropReason::Host { .. } | DropReason::NoMachine { .. }
    )
}

fn why(dropped: &Dropped) -> Why {
    let (what, at) = match &dropped.reason {
        DropReason::SecurityGroup {
            interface,
            direction,
            ..
        } => match direction {
            FlowDirection::Egress => ("security group out", interface.to_string()),
            FlowDirection::Ingress => ("security group in", interface.to_string()),
        },
        DropReason::NetworkAcl { subnet, entry, .. } => {
            let what = if entry.egress {
                "network ACL out"
            } else {
                "network ACL in"
            };
            (what, subnet.to_string())
        }
        DropReason::SourceDestCheck {
            interface,
            direction,
            ..
        } => match direction {
            FlowDirection::Egress => ("source check", interface.to_string()),
            FlowDirection::Ingress => ("destination check", interface.to_string()),
        },
        DropReason::NoRoute { route_table, .. } => ("no route", route_table.to_string()),
        DropReason::Blackhole { route_table, .. } => ("blackhole route", route_table.to_string()),
        DropReason::MtuExceeded { .. } => ("MTU", hop(&dropped.hop)),
        DropReason::UnknownDestination { vpc, .. } => ("unknown destination", vpc.to_string()),
        DropReason::NotAttached { interface } => ("not attached", interface.to_string()),
        DropReason::InstanceNotRunning { instance } => {
            ("instance not running", instance.to_string())
        }
        reason => gateway(reason),
    };
    Why::new(what, at)
}

fn gateway(reason: &DropReason) -> (&'static str, String) {
    match reason {
        DropReason::NoPublicAddress {
            internet_gateway, ..
        } => ("no public address", internet_gateway.to_string()),
        DropReason::NoSuchPublicAddress { destination } => {
            ("nobody has the public address", destination.to_string())
        }
        DropReason::NoInternetGateway { vpc } => ("no internet gateway", vpc.to_string()),
        DropReason::NatNotAvailable { nat_gateway, .. } => {
            ("NAT gateway not available", nat_gateway.to_string())
        }
        DropReason::NatNoMapping { nat_gateway } => (
            "NAT gateway has no such connection",
            nat_gateway.to_string(),
        ),
        DropReason::NatMappingExpired { nat_gateway, .. } => (
            "NAT gateway does not know the connection",
            nat_gateway.to_string(),
        ),
        DropReason::NatUnsupported { nat_gateway, .. } => {
            ("NAT gateway does not forward it", nat_gateway.to_string())
        }
        DropReason::TransitNotAttached {
            transit_gateway, ..
        } => ("transit gateway not attached", transit_gateway.to_string()),
        DropReason::TransitNoZone {
            transit_gateway, ..
        } => (
            "transit gateway not in the zone",
            transit_gateway.to_string(),
        ),
        DropReason::TransitNoRoute {
            transit_gateway, ..
        } => ("no transit gateway route", transit_gateway.to_string()),
        DropReason::TransitBlackhole {
            transit_gateway, ..
        } => ("transit gateway blackhole", transit_gateway.to_string()),
        DropReason::TtlExpired { .. } => ("a circle", String::new()),
        other => ("other", other.to_string()),
    }
}

fn hop(hop: &Hop) -> String {
    match hop {
        Hop::Interface(id) | Hop::SourceDestCheck(id) => id.to_string(),
        Hop::InternetGateway(id) => id.to_string(),
        Hop::NatGateway(id) => id.to_string(),
        Hop::TransitGateway(id) => id.to_string(),
        other => format!("{other:?}"),
    }
}
