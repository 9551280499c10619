//! Packets that differ from real ones in the one field that matters.

use std::collections::BTreeSet;

use std::net::IpAddr;

use wirelab_wire::{
    Frame, IcmpMessage, TcpFlags, TcpOption, TcpOptions, TcpSegment, Transport, Unreachable,
};

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

/// Largest number of payloads that are put behind other headers.
const PAYLOADS: usize = 256;

/// So many octets tell one payload from another.
const BEGINNING: usize = 8;

/// Variations of the packets in a capture: every flag combination of one packet a flow and
/// direction, every other message of each ICMP error and echo, every payload behind TCP headers of
/// other lengths.
pub(super) fn of(frames: &[&Frame]) -> Vec<Frame> {
    let mut seen = BTreeSet::new();
    let is_new = |frame: &&&Frame| seen.insert(pattern(frame));
    let patterns = frames.iter().filter(is_new).take(PATTERNS);
    let varied = patterns.flat_map(|frame| variations(frame));
    let mut begun = BTreeSet::new();
    let payloads = frames
        .iter()
        .filter(|frame| payload(frame).is_some_and(|payload| begun.insert(payload)))
        .take(PAYLOADS);
    varied
        .chain(payloads.flat_map(|frame| headers(frame)))
        .collect()
}

/// What tells a TCP segment with data from others: who sends it to whom, the port of the service
/// and how its data begin.
fn payload(frame: &Frame) -> Option<(IpAddr, IpAddr, u16, &[u8])> {
    let Transport::Tcp(segment) = &frame.packet.transport else {
        return None;
    };
    let header = &frame.packet.header;
    let service = segment.source_port.min(segment.destination_port);
    let beginning = &segment.payload[..segment.payload.len().min(BEGINNING)];
    (!beginning.is_empty()).then_some((header.source, header.destination, service, beginning))
}

/// The same data behind TCP headers of the other lengths that hosts send them with: bare, with
/// timestamps (RFC 7323), with two SACK blocks (RFC 2018), with timestamps and one.
fn headers(frame: &Frame) -> Vec<Frame> {
    let Transport::Tcp(segment) = &frame.packet.transport else {
        return Vec::new();
    };
    let (value, echo_reply) = segment.options.timestamps().unwrap_or((1, 1));
    let padded = |option: TcpOption| [TcpOption::Nop, TcpOption::Nop, option];
    let timestamps = padded(TcpOption::Timestamps { value, echo_reply });
    let edge = segment.acknowledgment;
    let block = |at: u32| (edge.wrapping_add(at), edge.wrapping_add(at + 1460));
    let sack = padded(TcpOption::Sack(vec![block(1460)]));
    let two = padded(TcpOption::Sack(vec![block(4380), block(1460)]));
    let options: [TcpOptions; 4] = [
        TcpOptions::NONE,
        timestamps.iter().cloned().collect(),
        two.into_iter().collect(),
        timestamps.iter().chain(&sack).cloned().collect(),
    ];
    let other = options
        .into_iter()
        .filter(|it| it.as_bytes().len() != segment.options.as_bytes().len());
    let with = |options| TcpSegment {
        options,
        ..segment.clone()
    };
    other
        .map(|options| with_transport(frame, Transport::Tcp(with(options))))
        .collect()
}

fn with_transport(frame: &Frame, transport: Transport) -> Frame {
    let mut frame = frame.clone();
    frame.packet.transport = transport;
    frame
}

/// The segment with other control bits, and with what a host sends beside those: a SYN has its
/// options and no data, a reset has neither, what else is sent has timestamps if the flow does.
fn with_flags(segment: &TcpSegment, flags: TcpFlags) -> TcpSegment {
    let mut segment = segment.clone();
    segment.flags = flags;
    let is_reset = flags.contains(TcpFlags::RST);
    if is_reset || flags.contains(TcpFlags::SYN) {
        segment.payload = wirelab_wire::Bytes::new();
    }
    if is_reset {
        segment.options = TcpOptions::NONE;
    } else if !flags.contains(TcpFlags::SYN) {
        let kept = segment.options.timestamps();
        let kept = kept.map(|(value, echo_reply)| TcpOption::Timestamps { value, echo_reply });
        let kept = kept.map(|option| [TcpOption::Nop, TcpOption::Nop, option]);
        segment.options = kept.into_iter().flatten().collect();
    }
    segment
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
    let with = |transport: Transport| with_transport(frame, transport);
    match &frame.packet.transport {
        Transport::Tcp(segment) => FLAGS
            .into_iter()
            .map(|flags| with(Transport::Tcp(with_flags(segment, flags))))
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

#[cfg(test)]
mod tests {
    use wirelab_wire::{Bytes, IpPacket, MacAddr};

    use super::*;

    fn frame(flags: TcpFlags, options: TcpOptions, payload: &'static [u8]) -> Frame {
        let segment = TcpSegment {
            source_port: 40_000,
            destination_port: 443,
            sequence: 1,
            acknowledgment: 1,
            flags,
            window: 64_240,
            urgent_pointer: 0,
            options,
            payload: Bytes::from_static(payload),
        };
        let end = |last| std::net::Ipv4Addr::new(10, 0, 1, last).into();
        Frame {
            destination: MacAddr::default(),
            source: MacAddr::default(),
            packet: IpPacket::tcp(end(1), end(2), segment),
        }
    }

    fn segments(frames: &[Frame]) -> Vec<&TcpSegment> {
        let segments = frames.iter().map(|frame| frame.packet.as_tcp());
        segments.map(|it| it.expect("a segment")).collect()
    }

    #[test]
    fn data_stand_behind_headers_of_every_length_and_a_reset_has_no_options() {
        let size = TcpOptions::from_iter([TcpOption::MaximumSegmentSize(1460)]);
        let syn = frame(TcpFlags::SYN, size, b"");
        let data = frame(TcpFlags(0x18), TcpOptions::NONE, b"GET / HTTP/1.1\r\n");
        let near = of(&[&syn, &data]);
        let all = segments(&near);
        let mut lengths: Vec<_> = all
            .iter()
            .filter(|it| it.payload.starts_with(b"GET "))
            .map(|it| it.options.as_bytes().len())
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        // Beside that of the capture, with none.
        assert_eq!(lengths, [12, 20, 24]);
        let resets = all.iter().filter(|it| it.flags.contains(TcpFlags::RST));
        assert!(resets.clone().count() > 1 && resets.clone().all(|it| it.options.is_empty()));
        let syns = all.iter().filter(|it| it.flags == TcpFlags::SYN);
        assert!(
            syns.clone()
                .all(|it| it.options.maximum_segment_size() == Some(1460))
        );
    }
}
