//! Random packets of every kind that has a value.

use std::net::IpAddr;

use proptest::prelude::*;
use wirelab_wire::{
    Bytes, IcmpError, IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields, Ipv4Fields,
    Ipv6Fields, Ipv6Fragment, TcpFlags, TcpOption, TcpSegment, Transport, UdpDatagram, Unreachable,
    protocol,
};

fn bytes(longest: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..=longest).prop_map(Bytes::from)
}

/// Ports that no dissector claims, and those of DNS, HTTP, SSH, BGP, NTP and SMTP.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        8 => 40000_u16..44000,
        2 => prop::sample::select(vec![22_u16, 25, 53, 80, 123, 179, 5432, 8080]),
    ]
}

fn option() -> impl Strategy<Value = TcpOption> {
    prop_oneof![
        Just(TcpOption::Nop),
        any::<u16>().prop_map(TcpOption::MaximumSegmentSize),
        any::<u8>().prop_map(TcpOption::WindowScale),
        Just(TcpOption::SackPermitted),
        any::<(u32, u32)>()
            .prop_map(|(value, echo_reply)| TcpOption::Timestamps { value, echo_reply }),
        prop::collection::vec(any::<(u32, u32)>(), 1..=3).prop_map(TcpOption::Sack),
        bytes(6).prop_map(|data| TcpOption::Unknown { kind: 200, data }),
    ]
}

/// At most 40 octets, filled up to a multiple of 4.
fn options() -> impl Strategy<Value = Vec<TcpOption>> {
    prop::collection::vec(option(), 0..6).prop_map(|mut options| {
        let len = |options: &[TcpOption]| options.iter().map(TcpOption::wire_len).sum::<usize>();
        while len(&options) > 40 {
            options.pop();
        }
        while len(&options) % 4 != 0 {
            options.push(TcpOption::EndOfList);
        }
        options
    })
}

fn tcp() -> impl Strategy<Value = Transport> {
    let numbers = any::<(u32, u32, u8, u16, u16)>();
    (40000_u16..44000, port(), numbers, options(), bytes(64)).prop_map(
        |(source_port, destination_port, numbers, options, mut payload)| {
            let (sequence, acknowledgment, flags, window, urgent_pointer) = numbers;
            if TcpFlags(flags).contains(TcpFlags::RST) {
                // What is said of data in a reset differs between releases of tcpdump.
                payload.clear();
            }
            Transport::Tcp(TcpSegment {
                source_port,
                destination_port,
                sequence,
                acknowledgment,
                flags: TcpFlags(flags),
                window,
                urgent_pointer,
                options: options.into(),
                payload,
            })
        },
    )
}

fn udp() -> impl Strategy<Value = Transport> {
    (port(), port(), bytes(64)).prop_map(|(source_port, destination_port, payload)| {
        Transport::Udp(UdpDatagram {
            source_port,
            destination_port,
            payload,
        })
    })
}

fn icmp() -> impl Strategy<Value = Transport> {
    let echo = any::<(bool, u16, u16)>();
    (echo, bytes(64)).prop_map(|((is_reply, identifier, sequence), payload)| {
        Transport::Icmp(if is_reply {
            IcmpMessage::EchoReply {
                identifier,
                sequence,
                payload,
            }
        } else {
            IcmpMessage::EchoRequest {
                identifier,
                sequence,
                payload,
            }
        })
    })
}

fn icmpv6() -> impl Strategy<Value = Transport> {
    let echo = any::<(bool, u16, u16)>();
    (echo, bytes(64)).prop_map(|((is_reply, identifier, sequence), payload)| {
        Transport::Icmpv6(if is_reply {
            Icmpv6Message::EchoReply {
                identifier,
                sequence,
                payload,
            }
        } else {
            Icmpv6Message::EchoRequest {
                identifier,
                sequence,
                payload,
            }
        })
    })
}

/// Of RFC 3692's protocols for experiments, which nobody dissects.
fn other() -> impl Strategy<Value = Transport> {
    (253_u8..=254, bytes(64)).prop_map(|(protocol, payload)| Transport::Other { protocol, payload })
}

/// A unicast host address of documentation and private blocks.
fn ipv4() -> impl Strategy<Value = IpAddr> {
    (0_u8..4, 1_u8..255).prop_map(|(third, last)| IpAddr::from([10, 0, third, last]))
}

fn ipv6() -> impl Strategy<Value = IpAddr> {
    (0_u16..4, 1_u16..0xffff)
        .prop_map(|(subnet, last)| IpAddr::from([0x2001, 0xdb8, 0, subnet, 0, 0, 0, last]))
}

fn whole_v4() -> impl Strategy<Value = IpPacket> {
    let transport = prop_oneof![tcp(), udp(), icmp(), other()];
    (ipv4(), ipv4(), any::<(u8, u8, u16, bool)>(), transport).prop_map(
        |(source, destination, (ttl, traffic_class, identification, dont_fragment), transport)| {
            let version = IpVersionFields::V4(Ipv4Fields {
                identification,
                dont_fragment,
                more_fragments: false,
                fragment_offset: 0,
            });
            IpPacket {
                header: IpHeader {
                    source,
                    destination,
                    ttl,
                    traffic_class,
                    version,
                },
                transport,
            }
        },
    )
}

fn whole_v6() -> impl Strategy<Value = IpPacket> {
    let transport = prop_oneof![tcp(), udp(), icmpv6(), other()];
    (ipv6(), ipv6(), any::<(u8, u8)>(), 0_u32..1 << 20, transport).prop_map(
        |(source, destination, (ttl, traffic_class), flow_label, transport)| IpPacket {
            header: IpHeader {
                source,
                destination,
                ttl,
                traffic_class,
                version: IpVersionFields::V6(Ipv6Fields {
                    flow_label,
                    fragment: None,
                }),
            },
            transport,
        },
    )
}

fn error() -> impl Strategy<Value = IcmpError> {
    prop_oneof![
        Just(IcmpError::TtlExceeded),
        Just(IcmpError::ReassemblyTimeExceeded),
        (0_u8..16, any::<u16>())
            .prop_map(|(code, mtu)| IcmpError::Unreachable(Unreachable::from_code(code, mtu))),
    ]
}

/// A whole packet, an error about one, or the first or a later fragment of one.
pub(crate) fn packet() -> impl Strategy<Value = IpPacket> {
    let whole = prop_oneof![3 => whole_v4(), 2 => whole_v6()];
    let about = prop_oneof![whole_v4(), whole_v6()];
    let reported = (about, error()).prop_map(|(about, error)| {
        let from = about.destination();
        about.icmp_error(from, error).unwrap_or(about)
    });
    let pieces = (whole_v4(), any::<prop::sample::Index>()).prop_map(|(mut whole, index)| {
        whole.transport = long(&whole.transport, 200);
        index.get(&whole.fragment(100)).clone()
    });
    prop_oneof![4 => whole, 1 => reported, 1 => pieces, 1 => piece_v6()]
}

/// A fragment of IPv6, an "atomic" one (RFC 6946), or "packet too big" about one.
fn piece_v6() -> impl Strategy<Value = IpPacket> {
    let pieces = (whole_v6(), any::<prop::sample::Index>(), any::<u32>());
    let pieces = pieces.prop_map(|(mut whole, index, identification)| {
        whole.transport = long(&whole.transport, 3000);
        index
            .get(&whole.fragment_ipv6(1300, identification))
            .clone()
    });
    let atomic = (whole_v6(), any::<u32>()).prop_map(|(mut whole, identification)| {
        whole.header = whole.header.with_fragment(Some(Ipv6Fragment {
            identification,
            ..Ipv6Fragment::default()
        }));
        whole
    });
    (prop_oneof![2 => pieces, 1 => atomic], any::<bool>()).prop_map(|(piece, is_reported)| {
        let needed = Unreachable::FragmentationNeeded { next_hop_mtu: 1290 };
        let error = piece.icmp_error(piece.destination(), IcmpError::Unreachable(needed));
        error.filter(|_| is_reported).unwrap_or(piece)
    })
}

/// An echo request or a datagram with that many octets of data.
fn long(transport: &Transport, length: usize) -> Transport {
    let (sequence, payload) = (1, Bytes::from(vec![7; length]));
    match *transport {
        Transport::Icmp(IcmpMessage::EchoRequest { identifier, .. }) => {
            Transport::Icmp(IcmpMessage::EchoRequest {
                identifier,
                sequence,
                payload,
            })
        }
        Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier, .. }) => {
            Transport::Icmpv6(Icmpv6Message::EchoRequest {
                identifier,
                sequence,
                payload,
            })
        }
        _ => Transport::Udp(UdpDatagram {
            source_port: 40000,
            destination_port: 40001,
            payload,
        }),
    }
}

/// Whether tcpdump reads payloads of this packet that random octets do not make sense for.
pub(crate) fn has_random_dns(packet: &IpPacket) -> bool {
    let ports = packet.ports().unwrap_or_default();
    matches!(packet.protocol(), protocol::TCP | protocol::UDP) && (ports.0 == 53 || ports.1 == 53)
}
