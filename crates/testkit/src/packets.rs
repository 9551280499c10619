//! Packets from shapes, and answers to packets.

use std::net::{IpAddr, SocketAddr};

use wirelab_wire::{
    Bytes, IpHeader, IpPacket, IpVersionFields, TcpFlags, TcpOption, TcpSegment, Transport,
};

use crate::statement::{Answer, Shape};

/// The packet of a shape, number `number` of the run. It has no more data than fit in `mtu`, that
/// of the sender's interface: its kernel would not send more.
pub(crate) fn packet(
    shape: &Shape,
    (from, to): (IpAddr, IpAddr),
    number: u32,
    mtu: u16,
) -> IpPacket {
    let headers = if from.is_ipv4() { 20 } else { 40 };
    let headers = headers + if shape.protocol == 6 { 24 } else { 8 };
    let data = Bytes::from(vec![b'w'; usize::from(shape.data.min(mtu - headers))]);
    let mut packet = match shape.protocol {
        6 => IpPacket::tcp(from, to, segment(shape, number).with_payload(data)),
        17 => {
            let source = SocketAddr::new(from, shape.source_port);
            IpPacket::udp(source, SocketAddr::new(to, shape.destination_port), data)
        }
        1 | 58 => IpPacket::echo_request(from, to, shape.source_port, 1, data),
        protocol => IpPacket::new(
            IpHeader::new(from, to),
            Transport::Other {
                protocol,
                payload: data,
            },
        ),
    };
    packet.header = packet.header.with_dont_fragment(shape.dont_fragment);
    if let IpVersionFields::V4(fields) = &mut packet.header.version {
        fields.identification = number as u16;
    }
    packet
}

/// The packet as it is put on the wire: whole, or in two fragments.
pub(crate) fn on_the_wire(shape: &Shape, mut packet: IpPacket) -> Vec<IpPacket> {
    if !shape.in_fragments || !packet.source().is_ipv4() {
        return vec![packet];
    }
    packet.header = packet.header.with_dont_fragment(false);
    let half = packet.total_len() / 16 * 8 + 24;
    packet.fragment(u16::try_from(half).unwrap_or(u16::MAX))
}

fn segment(shape: &Shape, number: u32) -> TcpSegment {
    let acknowledged = if shape.flags.contains(TcpFlags::ACK) {
        number.wrapping_mul(1000)
    } else {
        0
    };
    let segment = TcpSegment::new(shape.source_port, shape.destination_port, shape.flags)
        .with_numbers(number, acknowledged)
        .with_window(64240);
    if shape.flags.contains(TcpFlags::SYN) {
        segment.with_options(vec![TcpOption::MaximumSegmentSize(8961)])
    } else {
        segment
    }
}

/// What the machine that got `packet` sends back; `None` to what nobody answers.
pub(crate) fn answer(
    packet: &IpPacket,
    answer: &Answer,
    number: u32,
    mtu: u16,
) -> Option<IpPacket> {
    let flow = packet.five_tuple();
    let shape = Shape {
        protocol: flow.protocol,
        source_port: flow.destination_port,
        destination_port: flow.source_port,
        flags: answer.flags,
        data: answer.data,
        dont_fragment: false,
        in_fragments: false,
    };
    match packet.protocol() {
        _ if packet.quoted().is_some() || packet.is_fragment() => None,
        1 | 58 => packet.echo_reply(),
        _ => {
            let ends = (flow.destination, flow.source);
            Some(self::packet(&shape, ends, number, mtu))
        }
    }
}
