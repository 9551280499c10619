//! The path answer, held against the packet that is then fired.

use wirelab_simulator::path::{PathReport, Probe, ProbeProtocol, explain};
use wirelab_simulator::{CapturePoint, DropReason, PacketDrop, World};

use super::Report;
use crate::plain::{Fragment, Packet};
use crate::run::Put;

/// What `path` says about the packet, if it can be asked about it.
pub(super) fn ask(world: &World, put: &Put, packet: &Packet) -> Option<PathReport> {
    let from = match &put.point {
        CapturePoint::Interface(id) => world.host_of_interface(id)?.spec().name.clone(),
        CapturePoint::HostInterface { host, .. } => host.clone(),
    };
    let protocol = match packet.protocol {
        6 if packet.opens() && packet.destination_port > 0 => {
            ProbeProtocol::Tcp(packet.destination_port)
        }
        17 if packet.destination_port > 0 => ProbeProtocol::Udp(packet.destination_port),
        _ => return None,
    };
    let asks = packet.fragment == Fragment::Whole && packet.dont_fragment;
    let size = (packet.protocol == 17).then(|| u16::try_from(packet.size).ok())?;
    let probe = Probe {
        from: from.into(),
        to: packet.destination,
        protocol,
        source_port: Some(packet.source_port),
        size: if packet.protocol == 17 { size } else { None },
    };
    let report = explain(world, &probe).ok()?;
    let first = report.forward.steps.first()?;
    (asks && first.source == packet.source).then_some(report)
}

/// The first deny of the path is the reason for which the packet was dropped.
pub(super) fn compare(
    asked: Option<&PathReport>,
    fired: Option<&DropReason>,
    packet: &Packet,
    report: &mut Report,
) {
    let Some(asked) = asked else {
        return;
    };
    if matches!(
        fired,
        Some(DropReason::Packet(PacketDrop::TtlExpired { .. }))
    ) {
        // In a circle: the path ends where it comes by again.
        return;
    }
    let said = asked.forward.blockers().next();
    report.check(said == fired, || {
        let text = |it: Option<&DropReason>| match it {
            Some(reason) => reason.to_string(),
            None => "it arrives".to_owned(),
        };
        format!(
            "{packet}: path says {}, and then {}",
            text(said),
            text(fired)
        )
    });
}
