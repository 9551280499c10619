//! The packets a machine makes.

use std::net::{IpAddr, SocketAddr};

use wirelab_wire::{
    IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields, TcpSegment, Transport, UdpDatagram,
};

use super::tcp::Ends;

/// Linux's `ip_default_ttl`.
pub(crate) const DEFAULT_TTL: u8 = 64;

/// What the sender decides of an IPv4 header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip {
    pub(crate) identification: u16,
    pub(crate) dont_fragment: bool,
}

/// A header from `source` to `destination` with the default TTL.
pub(crate) fn header(source: IpAddr, destination: IpAddr, ip: Ip) -> IpHeader {
    let version = match destination {
        IpAddr::V4(_) => IpVersionFields::V4(Ipv4Fields {
            identification: ip.identification,
            dont_fragment: ip.dont_fragment,
            ..Ipv4Fields::default()
        }),
        IpAddr::V6(_) => IpVersionFields::V6(Ipv6Fields::default()),
    };
    IpHeader {
        source,
        destination,
        ttl: DEFAULT_TTL,
        traffic_class: 0,
        version,
    }
}

/// A TCP segment on its way.
pub(crate) fn tcp(ends: Ends, ip: Ip, segment: TcpSegment) -> IpPacket {
    IpPacket {
        header: header(ends.local.ip(), ends.remote.ip(), ip),
        transport: Transport::Tcp(segment),
    }
}

/// A UDP datagram on its way.
pub(crate) fn udp(from: SocketAddr, to: SocketAddr, ip: Ip, payload: bytes::Bytes) -> IpPacket {
    IpPacket {
        header: header(from.ip(), to.ip(), ip),
        transport: Transport::Udp(UdpDatagram {
            source_port: from.port(),
            destination_port: to.port(),
            payload,
        }),
    }
}
