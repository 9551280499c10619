//! Worlds whose machines talk by themselves: nothing is lost without a word.

use wirelab_model::SimDuration;
use wirelab_simulator::{DropReason, Event, NatGatewayDrop, PacketDrop};
use wirelab_wire::IpPacket;

use super::verdict::{end, is_after_delivery};
use super::{Report, in_order, logs};
use crate::plain::Fate;
use crate::run::Run;
use crate::statement::Script;

/// Longer than anything that the machines do after their programs have ended.
const QUIET: SimDuration = SimDuration::from_secs(400);

pub(super) fn examine(script: &Script) -> Report {
    let mut run = Run::new(script);
    let mut report = Report::default();
    let mut events = Vec::new();
    for statement in &script.statements {
        run.perform(statement);
        events.extend(run.events());
    }
    run.advance(run.now + QUIET);
    events.extend(run.events());
    conservation(&events, &mut report);
    in_order(&events, &mut report);
    logs::with_captures(&events, &mut report);
    report.refused = run.refused().len() as u64;
    report
}

/// What machines sent and the network made is what was delivered and dropped.
fn conservation(events: &[Event], report: &mut Report) {
    let (mut sent, mut made, mut ended) = (0_i64, 0_i64, 0_i64);
    let later = |packet: &IpPacket| i64::from(packet.header.is_later_fragment());
    for event in events {
        if let Event::Captured(captured) = event
            && captured.outbound
        {
            sent += 1;
            // Of a datagram that the network cuts, the pieces after the first are made by it.
            made -= captured.packet().map_or(0, later);
        }
        if let Event::Dropped(dropped) = event
            && !is_after_delivery(dropped)
        {
            made += i64::from(network_answers(&dropped.reason));
        }
        if let Some((packet, fate)) = end(event) {
            ended += 1;
            made += later(packet);
            match fate {
                Fate::Delivered(_) => report.end("delivered"),
                Fate::Dropped(why) => report.end(why.what),
            }
        }
    }
    report.packets += u64::try_from(sent).unwrap_or(0);
    report.check(sent + made == ended, || {
        format!("{sent} packets were sent, {made} made by the network, and {ended} ended")
    });
}

fn network_answers(reason: &DropReason) -> bool {
    match reason {
        DropReason::Packet(PacketDrop::MtuExceeded { icmp_sent, .. })
        | DropReason::Packet(PacketDrop::TtlExpired { icmp_sent }) => *icmp_sent,
        DropReason::NatGateway(NatGatewayDrop::MappingExpired { rst_sent, .. }) => *rst_sent,
        _ => false,
    }
}
