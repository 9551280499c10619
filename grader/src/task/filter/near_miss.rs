//! Packets that differ from real ones in the one field that matters.

use std::collections::BTreeSet;

use wirelab_wire::{Frame, IcmpMessage, TcpFlags, Transport, Unreachable};

/// Combinations of control bits that networks really carry.
const FLAGS: [TcpFlags; 9] = [
    TcpFlags::SYN,
    TcpFlags(0x12),
    TcpFlags::ACK,
    TcpFlags(0x18),
    TcpFlags(0x11),
    TcpFlags(0x19),
    TcpFlags::FIN,
    TcpFlags::RST,
    TcpFlags(0x14),
];

/// Codes of ICMP type 3 that are seen beside "fragmentation needed".
const CODES: [Unreachable; 5] = [
    Unreachable::Net,
    Unreachable::Host,
    Unreachable::Port,
    Unreachable::FragmentationNeeded { next_hop_mtu: 1280 },
    Unreachable::AdministrativelyProhibited,
];

/// Largest number of packets that are taken as patterns.
const PATTERNS: usize = 64;

/// Variations of the packets in a capture: every flag combination of one packet a flow and
/// direction, every other message of each ICMP error and echo.
pub(super) fn of(frames: &[&Frame]) -> Vec<Frame> {
    let mut seen = BTreeSet::new();
    let is_new = |frame: &&&Frame| seen.insert(pattern(frame));
    let patterns = frames.iter().filter(is_new).take(PATTERNS);
    patterns.flat_map(|frame| variations(frame)).collect()
}

/// Packets of one pattern have the same variations.
fn pattern(frame: &Frame) -> String {
    let packet = &frame.packet;
    let (source, destination) = (packet.header.source, packet.header.destination);
    let kind = match &packet.transport {
        Transport::Icmp(message) => format!("icmp {}", icmp_kind(message)),
        _ => format!("{:?}", packet.ports()),
    };
    format!("{source} {destination} {} {kind}", packet.protocol())
}

const fn icmp_kind(message: &IcmpMessage) -> u8 {
    match message {
        IcmpMessage::EchoReply { .. } => 0,
        IcmpMessage::DestinationUnreachable { .. } => 3,
        IcmpMessage::EchoRequest { .. } => 8,
        IcmpMessage::TimeExceeded { .. } => 11,
        IcmpMessage::Other { icmp_type, .. } => *icmp_type,
    }
}

fn variations(frame: &Frame) -> Vec<Frame> {
    let with = |transport: Transport| {
        let mut frame = frame.clone();
        frame.packet.transport = transport;
        frame
    };
    match &frame.packet.transport {
        Transport::Tcp(segment) => FLAGS
            .into_iter()
            .map(|flags| {
                let mut segment = segment.clone();
                segment.flags = flags;
                with(Transport::Tcp(segment))
            })
            .collect(),
        Transport::Icmp(IcmpMessage::DestinationUnreachable { quoted, .. }) => {
            let unreachable = CODES
                .into_iter()
                .map(|code| IcmpMessage::DestinationUnreachable {
                    code,
                    quoted: quoted.clone(),
                });
            let exceeded = IcmpMessage::TimeExceeded {
                code: 0,
                quoted: quoted.clone(),
            };
            // Code 4 of another type: parameter problem, RFC 792.
            let other = IcmpMessage::Other {
                icmp_type: 12,
                code: 4,
                rest: [0; 4],
                payload: quoted.clone(),
            };
            let all = unreachable.chain([exceeded, other]);
            all.map(|message| with(Transport::Icmp(message))).collect()
        }
        _ => Vec::new(),
    }
}
